"""Orders of CV1 being taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cv1_adoptions",
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("permission_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("claim_fence", sa.BigInteger(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_url"], ["installations.api_url"], name=op.f("fk_cv1_adoptions_api_url")),
        sa.PrimaryKeyConstraint("api_url", "permission_id", name=op.f("pk_cv1_adoptions")),
    )
