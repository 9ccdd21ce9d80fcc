"""What a sweep has to look at now: each query has an index of its own and touches only what is due.

The conditions are the very words of the indexes in tables.py: SQLite uses a partial index only for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, delete, or_, select, text, update

from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Session, Statement
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.tables import (
    billing_events,
    charges,
    installations,
    notifications,
    operations,
    payments,
    reports,
    schedules,
    timeline,
    tokenizations,
)
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros

_LIMIT: BindParameter[int] = bindparam("limit")
_MOMENT: BindParameter[int] = bindparam("moment")

_BEFORE: BindParameter[int] = bindparam("before")


def is_after(at: ColumnElement[int], id_: ColumnElement[str]) -> ColumnElement[bool]:
    """Of pages ordered by (at, id), what comes after the last row of the one before."""
    after: BindParameter[int] = bindparam("after")
    return and_(at >= after, or_(at > after, id_ > bindparam("after_id")))


AWAITING = Statement(
    select(payments.c.id)
    .where(text("state IN ('initialized', 'awaiting_buyer')"), payments.c.sweep_at <= _MOMENT)
    .order_by(payments.c.sweep_at)
    .limit(_LIMIT)
)
NUMBERLESS = Statement(
    select(payments.c.id)
    .where(text("state = 'active' AND order_number IS NULL"), payments.c.sweep_at <= _MOMENT)
    .order_by(payments.c.sweep_at)
    .limit(_LIMIT)
)
AUDITS = Statement(
    select(payments.c.id)
    .where(text("state = 'active'"), payments.c.audit_at <= _MOMENT)
    .order_by(payments.c.audit_at)
    .limit(_LIMIT)
)
AUTHORIZED = Statement(
    select(charges.c.payment_id, charges.c.charge_id, charges.c.created_at, charges.c.expires_at)
    .where(text("state = 'Authorized'"), charges.c.look_at <= _MOMENT)
    .order_by(charges.c.look_at)
    .limit(_LIMIT)
)
ANNOUNCED = Statement(
    select(operations.c.id, operations.c.state, operations.c.created_at.label("at"))
    .join(payments, payments.c.id == operations.c.payment_id)
    .where(
        text("operations.state <> 'settled'"),
        operations.c.announced == 1,
        is_after(operations.c.created_at, operations.c.id),
        operations.c.created_at < _BEFORE,
        payments.c.claimed_until <= _MOMENT,
    )
    .order_by(operations.c.created_at, operations.c.id)
    .limit(_LIMIT)
)
OWED_REPORTS = Statement(
    select(reports.c.payment_id.label("id"), reports.c.state, reports.c.due_at.label("at"))
    .where(text("state = 'due'"), is_after(reports.c.due_at, reports.c.payment_id), reports.c.due_at < _BEFORE)
    .order_by(reports.c.due_at, reports.c.payment_id)
    .limit(_LIMIT)
)
COMPLETING = Statement(
    select(tokenizations.c.id, tokenizations.c.state, tokenizations.c.updated_at.label("at"))
    .where(
        text("state = 'completing'"),
        is_after(tokenizations.c.updated_at, tokenizations.c.id),
        tokenizations.c.updated_at < _BEFORE,
    )
    .order_by(tokenizations.c.updated_at, tokenizations.c.id)
    .limit(_LIMIT)
)
UNTOLD_SCHEDULES = Statement(
    select(schedules.c.id, schedules.c.state, schedules.c.untold_since.label("at"))
    .where(
        text("untold_since IS NOT NULL"),
        is_after(schedules.c.untold_since, schedules.c.id),
        schedules.c.untold_since < _BEFORE,
    )
    .order_by(schedules.c.untold_since, schedules.c.id)
    .limit(_LIMIT)
)
_TENANTS = Statement(
    select(installations.c.api_url)
    .where(installations.c.state == "active", installations.c.api_url > bindparam("after"))
    .order_by(installations.c.api_url)
    .limit(_LIMIT)
)
_RECENT = Statement(
    select(payments.c.transaction_id)
    .where(payments.c.api_url == bindparam("api_url"), payments.c.state == "active")
    .order_by(payments.c.updated_at.desc())
    .limit(_LIMIT)
)
_BUSY = Statement(
    select(operations.c.id)
    .where(operations.c.payment_id == bindparam("payment_id"), operations.c.state != "settled")
    .limit(1)
)
_OWED = Statement(
    select(reports.c.id).where(reports.c.payment_id == bindparam("payment_id"), reports.c.state == "due").limit(1)
)
_SET_SWEEP = Statement(
    update(payments).where(payments.c.id == bindparam("payment_id")).values(sweep_at=bindparam("new_at"))
)
_SET_AUDIT = Statement(
    update(payments).where(payments.c.id == bindparam("payment_id")).values(audit_at=bindparam("new_at"))
)
_SET_LOOK = Statement(
    update(charges)
    .where(charges.c.payment_id == bindparam("in_payment"), charges.c.charge_id == bindparam("the_charge"))
    .values(look_at=bindparam("new_at"))
)
OLD_TIMELINE = Statement(select(timeline.c.id).where(timeline.c.at < _MOMENT).order_by(timeline.c.at).limit(_LIMIT))
OLD_NOTIFICATIONS = Statement(
    select(notifications.c.message_id)
    .where(notifications.c.received_at < _MOMENT)
    .order_by(notifications.c.received_at)
    .limit(_LIMIT)
)
OLD_REPORTS = Statement(
    select(reports.c.id)
    .where(text("state = 'delivered'"), reports.c.delivered_at < _MOMENT)
    .order_by(reports.c.delivered_at)
    .limit(_LIMIT)
)
OLD_BILLING_EVENTS = Statement(
    select(billing_events.c.id)
    .where(text("state <> 'due'"), billing_events.c.at < _MOMENT)
    .order_by(billing_events.c.at)
    .limit(_LIMIT)
)
_IDS: BindParameter[Sequence[str]] = bindparam("ids", expanding=True)
_DROP_TIMELINE = Statement(delete(timeline).where(timeline.c.id.in_(_IDS)))
_DROP_NOTIFICATIONS = Statement(delete(notifications).where(notifications.c.message_id.in_(_IDS)))
_DROP_REPORTS = Statement(delete(reports).where(reports.c.id.in_(_IDS)))
_DROP_BILLING_EVENTS = Statement(delete(billing_events).where(billing_events.c.id.in_(_IDS)))


@dataclass(frozen=True, slots=True)
class OpenAuthorization:
    payment_id: str
    charge_id: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Promise:
    """Something a job has to finish: an operation, a renewal, what somebody has to be told. ``at`` (µs) orders them."""

    id: str
    state: str
    at: int


def announced(
    session: Session, *, now: datetime, since: datetime, before: datetime, after: Promise | None, limit: int
) -> Sequence[Promise]:
    """Announced operations nobody has in hand, begun between ``since`` and ``before``; the page after ``after``."""
    return _promises(session, ANNOUNCED, since, before, after, limit, moment=to_micros(now))


def owed_reports(
    session: Session, *, now: datetime, since: datetime, before: datetime, after: Promise | None, limit: int
) -> Sequence[Promise]:
    """Payments with a report due between ``since`` and ``before``; the page after ``after``."""
    del now
    return _promises(session, OWED_REPORTS, since, before, after, limit)


def completing_tokenizations(
    session: Session, *, now: datetime, since: datetime, before: datetime, after: Promise | None, limit: int
) -> Sequence[Promise]:
    """Agreements without a purchase that were being completed between ``since`` and ``before``."""
    del now
    return _promises(session, COMPLETING, since, before, after, limit)


def untold_schedules(
    session: Session, *, now: datetime, since: datetime, before: datetime, after: Promise | None, limit: int
) -> Sequence[Promise]:
    """Schedules that changed between ``since`` and ``before`` without Saleor having been told."""
    del now
    return _promises(session, UNTOLD_SCHEDULES, since, before, after, limit)


def _promises(
    session: Session,
    statement: Statement,
    since: datetime,
    before: datetime,
    after: Promise | None,
    limit: int,
    **more: int,
) -> list[Promise]:
    start = (after.at, after.id) if after else (to_micros(since), "")
    row = {"after": start[0], "after_id": start[1], "before": to_micros(before), "limit": limit}
    return [Promise(row.id, row.state, row.at) for row in session.all(statement, {**row, **more})]


def awaiting(session: Session, *, now: datetime, limit: int) -> Sequence[str]:
    """Payments whose buyer has not come back."""
    return _ids(session, AWAITING, now, limit)


def numberless(session: Session, *, now: datetime, limit: int) -> Sequence[str]:
    """Payments whose order may have a number by now."""
    return _ids(session, NUMBERLESS, now, limit)


def audits(session: Session, *, now: datetime, limit: int) -> Sequence[str]:
    return _ids(session, AUDITS, now, limit)


def open_authorizations(session: Session, *, now: datetime, limit: int) -> Sequence[OpenAuthorization]:
    rows = session.all(AUTHORIZED, {"moment": to_micros(now), "limit": limit})
    return [
        OpenAuthorization(row.payment_id, row.charge_id, from_micros(row.created_at), maybe_from_micros(row.expires_at))
        for row in rows
    ]


def tenants(session: Session, *, after: str, limit: int) -> Sequence[str]:
    return [row.api_url for row in session.all(_TENANTS, {"after": after, "limit": limit})]


def recent_transactions(session: Session, api_url: str, *, limit: int) -> Sequence[str]:
    """Saleor's ids of the tenant's payments that changed last."""
    return [row.transaction_id for row in session.all(_RECENT, {"api_url": api_url, "limit": limit})]


def is_busy(session: Session, payment: Payment) -> bool:
    """Something is under way, or not told yet: amounts may differ for good reason."""
    row = {"payment_id": payment.id}
    return session.one(_BUSY, row) is not None or session.one(_OWED, row) is not None


def sweep_at(session: Session, payment_id: str, at: datetime | None) -> None:
    session.execute(_SET_SWEEP, {"payment_id": payment_id, "new_at": to_micros(at) if at else None})


def audit_at(session: Session, payment_id: str, at: datetime | None) -> None:
    session.execute(_SET_AUDIT, {"payment_id": payment_id, "new_at": to_micros(at) if at else None})


def look_at(session: Session, payment_id: str, charge_id: str, at: datetime | None) -> None:
    values = {"in_payment": payment_id, "the_charge": charge_id, "new_at": to_micros(at) if at else None}
    session.execute(_SET_LOOK, values)


def drop_old(session: Session, *, timeline_before: datetime, inbox_before: datetime, limit: int) -> int:
    """How many rows were deleted; at most ``limit`` of each table."""
    return (
        _drop(session, OLD_TIMELINE, _DROP_TIMELINE, timeline_before, limit)
        + _drop(session, OLD_REPORTS, _DROP_REPORTS, timeline_before, limit)
        + _drop(session, OLD_BILLING_EVENTS, _DROP_BILLING_EVENTS, timeline_before, limit)
        + _drop(session, OLD_NOTIFICATIONS, _DROP_NOTIFICATIONS, inbox_before, limit)
    )


def payment_of(session: Session, payment_id: str) -> Payment:
    found = payment_rows.by_id(session, payment_id)
    if found is None:
        raise LookupError(f"payment {payment_id} does not exist")
    return found


def _ids(session: Session, statement: Statement, now: datetime, limit: int) -> list[str]:
    return [row.id for row in session.all(statement, {"moment": to_micros(now), "limit": limit})]


def _drop(session: Session, old: Statement, drop: Statement, before: datetime, limit: int) -> int:
    ids = [row[0] for row in session.all(old, {"moment": to_micros(before), "limit": limit})]
    return session.execute(drop, {"ids": ids}) if ids else 0
