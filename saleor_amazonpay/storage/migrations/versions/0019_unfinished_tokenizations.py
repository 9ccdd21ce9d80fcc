"""Agreements without a purchase whose completion nobody has concluded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state = 'completing'")
    op.create_index(
        "ix_tokenizations_completing", "tokenizations", ["updated_at"], sqlite_where=where, postgresql_where=where
    )
