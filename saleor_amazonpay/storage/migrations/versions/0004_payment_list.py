"""The merchant's list of payments: their status, its indexes, and what staff asked for on the app's own pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# domain/payment_status.py once more, for the payments that are there already.
_CAPTURED = (
    "COALESCE((SELECT SUM(captured) FROM charges"
    " WHERE charges.payment_id = payments.id AND charges.state = 'Captured'), 0)"
)
_REFUNDED = (
    "COALESCE((SELECT SUM(amount) FROM refunds"
    " WHERE refunds.payment_id = payments.id AND refunds.state = 'Refunded'), 0)"
)
_HELD = "EXISTS (SELECT 1 FROM charges WHERE charges.payment_id = payments.id AND charges.state = 'Authorized')"
_DECIDED_LATER = (
    "EXISTS (SELECT 1 FROM charges WHERE charges.payment_id = payments.id"
    " AND charges.state IN ('AuthorizationInitiated', 'CaptureInitiated'))"
)
_CHARGEABLE = (
    f"({_HELD} OR (charge_permission_state = 'Chargeable' AND charge_permission_balance > 0"
    f" AND amount > {_CAPTURED} + released))"
)
_STATUS = f"""
CASE
  WHEN state IN ('initialized', 'awaiting_buyer') THEN 'awaiting_buyer'
  WHEN state IN ('completing', 'pending') THEN 'processing'
  WHEN state IN ('failed', 'replaced') THEN state
  WHEN {_CAPTURED} > 0 AND {_CHARGEABLE} THEN 'partially_captured'
  WHEN {_CAPTURED} > 0 AND {_REFUNDED} >= {_CAPTURED} THEN 'refunded'
  WHEN {_CAPTURED} > 0 AND {_REFUNDED} > 0 THEN 'partially_refunded'
  WHEN {_CAPTURED} > 0 THEN 'captured'
  WHEN {_CHARGEABLE} THEN 'authorized'
  WHEN {_DECIDED_LATER} THEN 'processing'
  ELSE 'canceled'
END
"""


def upgrade() -> None:
    op.add_column("payments", sa.Column("order_id", sa.Text(), nullable=True))
    op.add_column("payments", sa.Column("status", sa.Text(), server_default="awaiting_buyer", nullable=False))
    op.execute(f"UPDATE payments SET status = {_STATUS}")  # noqa: S608 - constants only
    op.create_index("ix_payments_list", "payments", ["api_url", "created_at", "id"])
    op.create_index("ix_payments_list_status", "payments", ["api_url", "status", "created_at", "id"])
    op.create_index("ix_payments_list_channel", "payments", ["api_url", "channel_slug", "created_at", "id"])
    op.create_index("ix_payments_list_account", "payments", ["account_id", "created_at", "id"])
    op.create_index("ix_payments_source", "payments", ["api_url", "source_id"])
    _partial("ix_payments_list_customer", "payments", ["api_url", "customer_id", "created_at", "id"], "customer_id")
    _partial("ix_payments_order_number", "payments", ["api_url", "order_number"], "order_number")
    _partial("ix_payments_order_id", "payments", ["api_url", "order_id"], "order_id")
    _partial("ix_operations_reference", "operations", ["psp_reference"], "psp_reference")
    op.create_table(
        "staff_actions",
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("form_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_staff_actions_payment_id")),
        sa.PrimaryKeyConstraint("payment_id", "form_id", name=op.f("pk_staff_actions")),
    )


def _partial(name: str, table: str, columns: list[str], given: str) -> None:
    where = sa.text(f"{given} IS NOT NULL")
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
