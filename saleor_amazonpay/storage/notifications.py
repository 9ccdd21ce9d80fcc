"""The inbox of Amazon's notifications, unique by message id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import accounts, notifications
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Received:
    """One notification. ``account_id`` says where it was delivered, ``merchant_id`` whose object it names."""

    message_id: str
    api_url: str
    account_id: str
    merchant_id: str
    object_type: str
    object_id: str
    charge_permission_id: str
    state: str
    received_at: datetime


_INSERT = Statement(insert_ignore(notifications))
_BY_ID = Statement(select(notifications).where(notifications.c.message_id == bindparam("message_id")))
_CLOSE = Statement(
    update(notifications)
    .where(notifications.c.message_id == bindparam("in_message_id"))
    .values(state=bindparam("new_state"), note=bindparam("new_note"), handled_at=bindparam("new_handled_at"))
)
_LAST = Statement(
    select(func.max(notifications.c.received_at)).where(notifications.c.account_id == bindparam("account_id"))
)
_LAST_OF_ALL = Statement(select(func.max(notifications.c.received_at)))
_TENANT_OF = Statement(select(accounts.c.api_url).where(accounts.c.id == bindparam("account_id")))


def newest(session: Session) -> datetime | None:
    """When the newest notification came, whoever's it is."""
    value = session.scalar(_LAST_OF_ALL)
    return None if value is None else from_micros(value)


def insert(session: Session, received: Received) -> bool:
    """False when the message was received before."""
    values = {
        "message_id": received.message_id,
        "api_url": received.api_url,
        "account_id": received.account_id,
        "merchant_id": received.merchant_id,
        "object_type": received.object_type,
        "object_id": received.object_id,
        "charge_permission_id": received.charge_permission_id,
        "state": received.state,
        "note": None,
        "received_at": to_micros(received.received_at),
        "handled_at": None,
    }
    return session.execute(_INSERT, values) == 1


def by_id(session: Session, message_id: str) -> Received | None:
    row = session.one(_BY_ID, {"message_id": message_id})
    return _received(row) if row else None


def close(session: Session, message_id: str, state: str, note: str | None, now: datetime) -> None:
    """``handled``, or ``ignored`` with the reason."""
    session.execute(
        _CLOSE,
        {"in_message_id": message_id, "new_state": state, "new_note": note, "new_handled_at": to_micros(now)},
    )


def last_received(session: Session, account_id: str) -> datetime | None:
    """When the account's URL last got a notification: what the set-up check list shows."""
    value = session.scalar(_LAST, {"account_id": account_id})
    return None if value is None else from_micros(value)


def tenant_of(session: Session, account_id: str) -> str | None:
    """Whose URL this is."""
    api_url: str | None = session.scalar(_TENANT_OF, {"account_id": account_id})
    return api_url


def _received(row: Row) -> Received:
    return Received(
        message_id=row.message_id,
        api_url=row.api_url,
        account_id=row.account_id,
        merchant_id=row.merchant_id,
        object_type=row.object_type,
        object_id=row.object_id,
        charge_permission_id=row.charge_permission_id,
        state=row.state,
        received_at=from_micros(row.received_at),
    )
