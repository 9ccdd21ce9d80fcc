"""Agreements: buyers' standing consents to be charged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("channel_slug", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("charge_permission_id", sa.Text(), nullable=False),
        sa.Column("charge_permission_type", sa.Text(), nullable=False),
        sa.Column("buyer_id", sa.Text(), nullable=True),
        sa.Column("payment_descriptor", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("frequency_unit", sa.Text(), nullable=True),
        sa.Column("frequency_value", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("status_at", sa.BigInteger(), nullable=False),
        sa.Column("amount_limit", sa.BigInteger(), nullable=True),
        sa.Column("amount_balance", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("last_charged_at", sa.BigInteger(), nullable=True),
        sa.Column("closing_since", sa.BigInteger(), nullable=True),
        sa.Column("closing_reason", sa.Text(), nullable=True),
        sa.Column("watch_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_agreements_account_id")),
        sa.ForeignKeyConstraint(["api_url"], ["installations.api_url"], name=op.f("fk_agreements_api_url")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
        sa.UniqueConstraint("api_url", "charge_permission_id", name=op.f("uq_agreements_api_url_charge_permission_id")),
    )
    op.create_index(op.f("ix_agreements_account_id"), "agreements", ["account_id"], unique=False)
    op.create_index("ix_agreements_customer", "agreements", ["api_url", "customer_id"], unique=False)
    op.create_index("ix_agreements_page", "agreements", ["api_url", "created_at", "id"], unique=False)
    op.create_index(
        "ix_agreements_watch",
        "agreements",
        ["watch_at"],
        unique=False,
        sqlite_where=sa.text("watch_at IS NOT NULL"),
        postgresql_where=sa.text("watch_at IS NOT NULL"),
    )
