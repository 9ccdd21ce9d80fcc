"""Sign-in with Amazon: tokens that were taken, and links between customers and Amazon accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "buyer_tokens",
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_url"], ["installations.api_url"], name=op.f("fk_buyer_tokens_api_url")),
        sa.PrimaryKeyConstraint("api_url", "token_hash", name=op.f("pk_buyer_tokens")),
    )
    op.create_index("ix_buyer_tokens_taken", "buyer_tokens", ["taken_at"], unique=False)
    op.create_table(
        "buyer_links",
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("buyer_id", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_url"], ["installations.api_url"], name=op.f("fk_buyer_links_api_url")),
        sa.PrimaryKeyConstraint("api_url", "merchant_id", "customer_id", name=op.f("pk_buyer_links")),
        sa.UniqueConstraint(
            "api_url", "merchant_id", "buyer_id", name=op.f("uq_buyer_links_api_url_merchant_id_buyer_id")
        ),
    )
