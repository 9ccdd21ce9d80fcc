"""Renewals: one row for every period of a schedule that came due, unique by agreement and period. Source: DESIGN §8."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, select, text, tuple_

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.billing import OPEN, RenewalState, Step
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.storage.billing.changes import Changes
from saleor_amazonpay.storage.due import Promise, is_after
from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import renewals
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Renewal:
    """One row of ``renewals``; see tables.py for the columns."""

    id: str
    schedule_id: str
    agreement_id: str
    api_url: str
    period: date
    due_at: datetime
    state: RenewalState
    step: Step
    attempt: int
    retries: int
    checkout_id: str | None
    transaction_id: str | None
    order_id: str | None
    order_number: str | None
    currency: Currency
    amount: Money | None
    reason_code: str | None
    message: str | None
    first_declined_at: datetime | None
    grace_until: datetime | None
    next_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    settled_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def request_key(self) -> str:
        """Of the present attempt: the same for every repeat of it, never the same for another."""
        return keys.idempotency_key("renewal", self.api_url, self.id, self.attempt)


def renewal_id(agreement_id: str, period: date) -> str:
    return keys.reference("renewal", agreement_id, period.isoformat())


_THE_ONE = renewals.c.id == bindparam("id")
_BY_ID = Statement(select(renewals).where(_THE_ONE))
_BY_ID_LOCKED = Statement(select(renewals).where(_THE_ONE).with_for_update())
_BY_TRANSACTION = Statement(
    select(renewals).where(
        renewals.c.api_url == bindparam("api_url"), renewals.c.transaction_id == bindparam("transaction_id")
    )
)
_OF_SCHEDULE = Statement(
    select(renewals)
    .where(
        renewals.c.schedule_id == bindparam("schedule_id"),
        renewals.c.due_at < bindparam("before", type_=renewals.c.due_at.type),
    )
    .order_by(renewals.c.due_at.desc())
    .limit(bindparam("limit"))
)
_PAGE = Statement(
    select(renewals)
    .where(
        renewals.c.api_url == bindparam("api_url"),
        tuple_(renewals.c.due_at, renewals.c.id)
        < tuple_(bindparam("before_time", type_=renewals.c.due_at.type), bindparam("before_id")),
    )
    .order_by(renewals.c.due_at.desc(), renewals.c.id.desc())
    .limit(bindparam("limit"))
)
_LAST_PERIOD = Statement(
    select(renewals.c.period)
    .where(renewals.c.agreement_id == bindparam("agreement_id"))
    .order_by(renewals.c.period.desc())
    .limit(1)
)
DUE = Statement(
    select(renewals.c.id, renewals.c.state, renewals.c.next_at.label("at"))
    .where(
        text("next_at IS NOT NULL"),
        is_after(renewals.c.next_at, renewals.c.id),
        renewals.c.next_at <= bindparam("moment"),
    )
    .order_by(renewals.c.next_at, renewals.c.id)
    .limit(bindparam("limit"))
)
_INSERT = Statement(insert_ignore(renewals))


def by_id(session: Session, id_: str, *, lock: bool = False) -> Renewal | None:
    """Of whichever tenant: compare ``api_url`` before anything is done or told."""
    row = session.one(_BY_ID_LOCKED if lock else _BY_ID, {"id": id_})
    return _renewal(row) if row else None


def by_transaction(session: Session, api_url: str, transaction_id: str) -> Renewal | None:
    """The renewal whose present attempt is that Saleor transaction."""
    row = session.one(_BY_TRANSACTION, {"api_url": api_url, "transaction_id": transaction_id})
    return _renewal(row) if row else None


def of_schedule(session: Session, schedule_id: str, *, before: datetime, limit: int) -> list[Renewal]:
    """The newest first, from just before ``before`` on."""
    rows = session.all(_OF_SCHEDULE, {"schedule_id": schedule_id, "before": to_micros(before), "limit": limit})
    return [_renewal(row) for row in rows]


def page(session: Session, api_url: str, *, before: tuple[datetime, str], limit: int) -> list[Renewal]:
    """The tenant's, newest first, from just before ``before`` (due time and id) on."""
    at, id_ = before
    rows = session.all(_PAGE, {"api_url": api_url, "before_time": to_micros(at), "before_id": id_, "limit": limit})
    return [_renewal(row) for row in rows]


def last_period(session: Session, agreement_id: str) -> date | None:
    """The latest period of the agreement that was ever dealt with, whatever the schedule."""
    found = session.scalar(_LAST_PERIOD, {"agreement_id": agreement_id})
    return date.fromisoformat(found) if found else None


def due(session: Session, *, now: datetime, limit: int, after: Promise | None = None) -> list[Promise]:
    """The open ones to be looked at, the longest due first, over all tenants; the page after ``after``."""
    start = {"after": after.at, "after_id": after.id} if after else {"after": 0, "after_id": ""}
    rows = session.all(DUE, {"moment": to_micros(now), "limit": limit, **start})
    return [Promise(row.id, row.state, row.at) for row in rows]


def add(session: Session, renewal: Renewal) -> bool:
    """False where that period of the agreement has a renewal already."""
    return session.execute(_INSERT, {name: _cell(getattr(renewal, name)) for name in Renewal.__slots__}) == 1


_CHANGEABLE = (
    "amount",
    "attempt",
    "checkout_id",
    "first_declined_at",
    "grace_until",
    "message",
    "next_at",
    "order_id",
    "order_number",
    "reason_code",
    "retries",
    "settled_at",
    "state",
    "step",
    "transaction_id",
    "updated_at",
    "version",
)


def change(session: Session, renewal: Renewal, now: datetime, **values: Any) -> None:
    """Set some columns, money and times in their own types; the caller has the newest version, and the row locked."""
    _change(session, renewal.id, {**values, "updated_at": now, "version": renewal.version + 1})


def _cell(value: Any) -> Any:
    if isinstance(value, Money):
        return value.minor
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


_change = Changes(renewals, _CHANGEABLE, _cell)


def _renewal(row: Row) -> Renewal:
    currency = Currency(row.currency)
    return Renewal(
        id=row.id,
        schedule_id=row.schedule_id,
        agreement_id=row.agreement_id,
        api_url=row.api_url,
        period=date.fromisoformat(row.period),
        due_at=from_micros(row.due_at),
        state=RenewalState(row.state),
        step=Step(row.step),
        attempt=row.attempt,
        retries=row.retries,
        checkout_id=row.checkout_id,
        transaction_id=row.transaction_id,
        order_id=row.order_id,
        order_number=row.order_number,
        currency=currency,
        amount=None if row.amount is None else Money(row.amount, currency),
        reason_code=row.reason_code,
        message=row.message,
        first_declined_at=maybe_from_micros(row.first_declined_at),
        grace_until=maybe_from_micros(row.grace_until),
        next_at=maybe_from_micros(row.next_at),
        version=row.version,
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        settled_at=maybe_from_micros(row.settled_at),
    )
