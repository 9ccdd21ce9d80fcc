"""Whose agreements ended long ago, to be forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state = 'Closed' AND buyer_id IS NOT NULL")
    op.create_index("ix_agreements_ended", "agreements", ["status_at"], sqlite_where=where, postgresql_where=where)
