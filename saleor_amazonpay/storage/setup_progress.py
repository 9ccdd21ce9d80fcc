"""What a tenant has already done, asked as cheaply as its first page deserves."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, exists, select

from saleor_amazonpay.storage.engine import Session, Statement
from saleor_amazonpay.storage.tables import accounts, notifications, payments

_PAID = Statement(
    select(accounts.c.environment)
    .where(
        accounts.c.api_url == bindparam("tenant"),
        exists().where(
            and_(
                payments.c.api_url == accounts.c.api_url,
                payments.c.account_id == accounts.c.id,
                payments.c.charge_permission_id.is_not(None),
            )
        ),
    )
    .distinct()
)
_NOTIFIED = Statement(
    select(notifications.c.account_id).where(notifications.c.api_url == bindparam("tenant")).distinct()
)


def paid_environments(session: Session, api_url: str) -> frozenset[str]:
    """Where a buyer has paid: ``sandbox``, ``live``, both or none."""
    return frozenset(row.environment for row in session.all(_PAID, {"tenant": api_url}))


def notified_accounts(session: Session, api_url: str) -> frozenset[str]:
    """The accounts whose notification address Amazon has used within the inbox's retention."""
    return frozenset(row.account_id for row in session.all(_NOTIFIED, {"tenant": api_url}))
