"""A customer's agreements, newest first, by one index; SQLite took the whole tenant's otherwise."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_agreements_owner", "agreements", ["api_url", "customer_id", "created_at", "id"])
    op.drop_index("ix_agreements_customer", "agreements")
