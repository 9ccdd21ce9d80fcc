"""Whether the Saleor that installed the app again has signed with the keys it shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installations", sa.Column("keys_proven_at", sa.BigInteger(), server_default="1", nullable=False))
