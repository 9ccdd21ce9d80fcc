"""Since when Saleor is to be told how a schedule stands: whoever lost the job of it is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("untold_since", sa.BigInteger(), nullable=True))
    where = sa.text("untold_since IS NOT NULL")
    op.create_index("ix_schedules_untold", "schedules", ["untold_since"], sqlite_where=where, postgresql_where=where)
