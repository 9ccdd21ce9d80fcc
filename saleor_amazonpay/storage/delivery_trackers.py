"""What Amazon was told of parcels: one row for each charge permission and tracking number (saleor-contract.md §10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, select, update

from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import delivery_trackers
from saleor_amazonpay.storage.times import from_micros, to_micros

DUE, SENT, REFUSED = "due", "sent", "refused"


@dataclass(frozen=True, slots=True)
class DeliveryTracker:
    """``reason_code`` is Amazon's where it refused."""

    api_url: str
    charge_permission_id: str
    tracking_number: str
    payment_id: str
    fulfillment_id: str
    order_number: str
    carrier_code: str
    state: str
    reason_code: str | None
    created_at: datetime
    updated_at: datetime


_THE_ONE = (
    delivery_trackers.c.api_url == bindparam("tenant"),
    delivery_trackers.c.charge_permission_id == bindparam("permission"),
    delivery_trackers.c.tracking_number == bindparam("number"),
)
_GET = Statement(select(delivery_trackers).where(*_THE_ONE))
_OF_PAYMENT = Statement(
    select(delivery_trackers)
    .where(delivery_trackers.c.payment_id == bindparam("payment"))
    .order_by(delivery_trackers.c.created_at, delivery_trackers.c.tracking_number)
)
_INSERT = Statement(insert_ignore(delivery_trackers))
_UPDATE = Statement(
    update(delivery_trackers)
    .where(*_THE_ONE)
    .values(
        state=bindparam("new_state"),
        carrier_code=bindparam("new_carrier"),
        reason_code=bindparam("new_reason"),
        updated_at=bindparam("now"),
    )
)


def get(session: Session, api_url: str, charge_permission_id: str, tracking_number: str) -> DeliveryTracker | None:
    row = session.one(_GET, _key(api_url, charge_permission_id, tracking_number))
    return _tracker(row) if row else None


def of_payment(session: Session, payment_id: str) -> Sequence[DeliveryTracker]:
    return [_tracker(row) for row in session.all(_OF_PAYMENT, {"payment": payment_id})]


def add(session: Session, tracker: DeliveryTracker) -> bool:
    """True when it is to be sent: new, or refused before and now with another carrier."""
    row = {name: getattr(tracker, name) for name in DeliveryTracker.__slots__}
    row |= {"created_at": to_micros(tracker.created_at), "updated_at": to_micros(tracker.updated_at)}
    if session.execute(_INSERT, row) == 1:
        return True
    known = get(session, tracker.api_url, tracker.charge_permission_id, tracker.tracking_number)
    if known is None or known.state != REFUSED or known.carrier_code == tracker.carrier_code:
        return False
    settle(session, replace(known, carrier_code=tracker.carrier_code), DUE, None, now=tracker.updated_at)
    return True


def settle(session: Session, tracker: DeliveryTracker, state: str, reason_code: str | None, *, now: datetime) -> None:
    key = _key(tracker.api_url, tracker.charge_permission_id, tracker.tracking_number)
    news = {"new_state": state, "new_carrier": tracker.carrier_code, "new_reason": reason_code, "now": to_micros(now)}
    session.execute(_UPDATE, key | news)


def _key(api_url: str, charge_permission_id: str, tracking_number: str) -> dict[str, str]:
    return {"tenant": api_url, "permission": charge_permission_id, "number": tracking_number}


def _tracker(row: Row) -> DeliveryTracker:
    return DeliveryTracker(
        api_url=row.api_url,
        charge_permission_id=row.charge_permission_id,
        tracking_number=row.tracking_number,
        payment_id=row.payment_id,
        fulfillment_id=row.fulfillment_id,
        order_number=row.order_number,
        carrier_code=row.carrier_code,
        state=row.state,
        reason_code=row.reason_code,
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
    )
