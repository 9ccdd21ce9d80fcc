"""Whether the Saleor that installed the app again has signed with the keys it shows; why an operation failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installations", sa.Column("keys_proven_at", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("operations", sa.Column("reason_code", sa.Text(), nullable=True))
