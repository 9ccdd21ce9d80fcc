"""What happened to schedules long ago, to be deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state <> 'due'")
    op.create_index("ix_billing_events_done", "billing_events", ["at"], sqlite_where=where, postgresql_where=where)
