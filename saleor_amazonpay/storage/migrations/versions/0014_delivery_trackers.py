"""What Amazon was told of parcels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_trackers",
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("charge_permission_id", sa.Text(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("fulfillment_id", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("carrier_code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_url"], ["installations.api_url"], name=op.f("fk_delivery_trackers_api_url")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_delivery_trackers_payment_id")),
        sa.PrimaryKeyConstraint(
            "api_url", "charge_permission_id", "tracking_number", name=op.f("pk_delivery_trackers")
        ),
    )
    op.create_index(op.f("ix_delivery_trackers_payment_id"), "delivery_trackers", ["payment_id"], unique=False)
