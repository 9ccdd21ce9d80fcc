"""A payment's beginning writes two indexes less: one was the start of another, one is of use only once granted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    granted = sa.text("charge_permission_id IS NOT NULL")
    op.create_index(
        "ix_payments_charge_permission",
        "payments",
        ["api_url", "charge_permission_id"],
        sqlite_where=granted,
        postgresql_where=granted,
    )
    op.drop_index("ix_payments_permission", "payments")
    op.drop_index("ix_payments_account_id", "payments")
