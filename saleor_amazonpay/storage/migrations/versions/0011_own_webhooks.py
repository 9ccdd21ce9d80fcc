"""Which manifest's webhooks each Saleor has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installations", sa.Column("manifest_mark", sa.Text(), nullable=True))
    op.add_column("installations", sa.Column("webhooks_looked_at", sa.BigInteger(), nullable=False, server_default="0"))
