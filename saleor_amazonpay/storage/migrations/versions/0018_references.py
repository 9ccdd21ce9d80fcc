"""What the merchant calls a payment and its charges, and settlement lines that several payments could have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("merchant_reference", sa.Text(), nullable=True))
    op.add_column("charges", sa.Column("merchant_reference", sa.Text(), nullable=True))
    op.add_column(
        "settlement_reports", sa.Column("ambiguous", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("settlement_lines", sa.Column("candidates", sa.Text(), nullable=True))
    where = sa.text("merchant_reference IS NOT NULL")
    op.create_index(
        "ix_payments_reference",
        "payments",
        ["api_url", "merchant_reference"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_index(
        "ix_charges_reference", "charges", ["merchant_reference"], sqlite_where=where, postgresql_where=where
    )
