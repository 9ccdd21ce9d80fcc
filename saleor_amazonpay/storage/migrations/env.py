"""Run by Alembic. The connection, and the transaction it is in, come from ``storage.migrate``."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,  # SQLite changes a column by copying its table
    transaction_per_migration=False,
)
context.run_migrations()
