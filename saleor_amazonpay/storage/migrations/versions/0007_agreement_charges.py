"""Agreements are charged: by customers, by the merchant's scheduler, and agreed to without a purchase."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tokenizations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("channel_slug", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("agreement_terms", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_tokenizations_account_id")),
        sa.ForeignKeyConstraint(["api_url"], ["installations.api_url"], name=op.f("fk_tokenizations_api_url")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokenizations")),
    )
    op.create_index("ix_tokenizations_created", "tokenizations", ["created_at"], unique=False)
    op.create_table(
        "agreement_charges",
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_agreement_charges_agreement_id")),
        sa.ForeignKeyConstraint(["api_url"], ["installations.api_url"], name=op.f("fk_agreement_charges_api_url")),
        sa.PrimaryKeyConstraint("api_url", "idempotency_key", name=op.f("pk_agreement_charges")),
    )
    op.create_index("ix_agreement_charges_agreement", "agreement_charges", ["agreement_id", "created_at"], unique=False)
    op.create_index("ix_agreements_expiry", "agreements", ["api_url", "expires_at"], unique=False)
    op.create_index("ix_agreements_state", "agreements", ["api_url", "state", "status_at"], unique=False)
    op.add_column("payments", sa.Column("agreement_terms", sa.Text(), nullable=True))
    op.add_column("payments", sa.Column("agreement_id", sa.Text(), nullable=True))
    op.add_column("payments", sa.Column("charge_initiator", sa.Text(), nullable=True))
    op.add_column("payments", sa.Column("charge_channel", sa.Text(), nullable=True))
