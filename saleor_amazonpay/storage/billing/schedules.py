"""Billing schedules: when an agreement is charged next, and for which goods. Source: DESIGN §8."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import bindparam, case, insert, select, text, tuple_, update

from saleor_amazonpay.domain.billing import ChosenLine, Policy, ScheduleState
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.recurrence import Recurrence, Unit, time_zone
from saleor_amazonpay.storage.billing.changes import Changes
from saleor_amazonpay.storage.engine import Row, Session, Statement
from saleor_amazonpay.storage.tables import schedules
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Schedule:
    """One row of ``schedules``; see tables.py for the columns. ``recurrence`` is six of them."""

    id: str
    api_url: str
    agreement_id: str
    request_key: str
    request_hash: str
    template_order_id: str
    lines: tuple[ChosenLine, ...] | None
    channel_slug: str
    currency: Currency
    amount: Money | None
    recurrence: Recurrence
    last_date: date | None
    policy: Policy
    state: ScheduleState
    reason: str | None
    next_number: int
    next_at: datetime | None
    open_renewal_id: str | None
    last_amount: Money | None
    untold_since: datetime | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None

    @property
    def next_date(self) -> date:
        """The local date of the occurrence looked at next."""
        return self.recurrence.date_of(self.next_number)

    @property
    def has_ended(self) -> bool:
        return self.state is ScheduleState.ENDED


_THE_ONE = schedules.c.id == bindparam("id")
_BY_ID = Statement(select(schedules).where(_THE_ONE))
_BY_ID_LOCKED = Statement(select(schedules).where(_THE_ONE).with_for_update())
_BY_REQUEST = Statement(
    select(schedules).where(
        schedules.c.api_url == bindparam("api_url"), schedules.c.request_key == bindparam("request_key")
    )
)
_OF_AGREEMENT = Statement(
    select(schedules)
    .where(schedules.c.agreement_id == bindparam("agreement_id"))
    .order_by(schedules.c.created_at.desc(), schedules.c.id.desc())
)
_OF_TEMPLATE = Statement(
    select(schedules)
    .where(
        schedules.c.api_url == bindparam("api_url"),
        schedules.c.template_order_id == bindparam("template_order_id"),
        schedules.c.state != ScheduleState.ENDED.value,
    )
    .limit(1)
)
_PAGE = Statement(
    select(schedules)
    .where(
        schedules.c.api_url == bindparam("api_url"),
        tuple_(schedules.c.created_at, schedules.c.id)
        < tuple_(bindparam("before_time", type_=schedules.c.created_at.type), bindparam("before_id")),
    )
    .order_by(schedules.c.created_at.desc(), schedules.c.id.desc())
    .limit(bindparam("limit"))
)
DUE = Statement(
    select(schedules.c.id)
    .where(text("next_at IS NOT NULL"), schedules.c.next_at <= bindparam("moment"))
    .order_by(schedules.c.next_at)
    .limit(bindparam("limit"))
)
_INSERT = Statement(insert(schedules))
_UNTOLD_SINCE = bindparam("moment", type_=schedules.c.untold_since.type)
_TO_BE_TOLD = Statement(
    update(schedules)
    .where(schedules.c.id == bindparam("schedule_id"))
    .values(
        untold_since=case(
            (schedules.c.untold_since >= _UNTOLD_SINCE, schedules.c.untold_since + 1), else_=_UNTOLD_SINCE
        )
    )
)
_TOLD = Statement(
    update(schedules)
    .where(schedules.c.id == bindparam("schedule_id"), schedules.c.untold_since == _UNTOLD_SINCE)
    .values(untold_since=None)
)


def by_id(session: Session, schedule_id: str, *, lock: bool = False) -> Schedule | None:
    """Of whichever tenant: compare ``api_url`` before anything is done or told."""
    row = session.one(_BY_ID_LOCKED if lock else _BY_ID, {"id": schedule_id})
    return _schedule(row) if row else None


def by_request(session: Session, api_url: str, request_key: str) -> Schedule | None:
    """The schedule that this client request has made already."""
    row = session.one(_BY_REQUEST, {"api_url": api_url, "request_key": request_key})
    return _schedule(row) if row else None


def of_agreement(session: Session, agreement_id: str) -> list[Schedule]:
    """Newest first; at most the first has not ended."""
    return [_schedule(row) for row in session.all(_OF_AGREEMENT, {"agreement_id": agreement_id})]


def of_template(session: Session, api_url: str, template_order_id: str) -> Schedule | None:
    """One that has not ended and bills that order's goods."""
    row = session.one(_OF_TEMPLATE, {"api_url": api_url, "template_order_id": template_order_id})
    return _schedule(row) if row else None


def page(session: Session, api_url: str, *, before: tuple[datetime, str], limit: int) -> list[Schedule]:
    """The tenant's, newest first, from just older than ``before`` (creation time and id) on."""
    at, id_ = before
    rows = session.all(_PAGE, {"api_url": api_url, "before_time": to_micros(at), "before_id": id_, "limit": limit})
    return [_schedule(row) for row in rows]


def due(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Ids of those due, the longest due first, over all tenants."""
    return [row.id for row in session.all(DUE, {"moment": to_micros(now), "limit": limit})]


def add(session: Session, schedule: Schedule) -> None:
    """Raises UniqueViolation: the agreement has one that has not ended, or the request key is taken."""
    session.execute(_INSERT, _columns(schedule))


def to_be_told(session: Session, schedule_id: str, now: datetime) -> None:
    """Saleor is owed how the schedule stands; each promise is later than the one before."""
    session.execute(_TO_BE_TOLD, {"schedule_id": schedule_id, "moment": to_micros(now)})


def told(session: Session, schedule: Schedule) -> None:
    """The promise is kept that ``schedule`` was read with; one made meanwhile stays."""
    if schedule.untold_since is not None:
        session.execute(_TOLD, {"schedule_id": schedule.id, "moment": to_micros(schedule.untold_since)})


_CHANGEABLE = (
    "amount",
    "at",
    "anchor",
    "ended_at",
    "every",
    "last_amount",
    "last_date",
    "lines",
    "next_at",
    "next_number",
    "open_renewal_id",
    "policy",
    "reason",
    "state",
    "template_order_id",
    "unit",
    "updated_at",
    "zone",
)


def change(session: Session, schedule_id: str, now: datetime, **values: Any) -> None:
    """Set some columns; money, times and the recurrence in their own types."""
    recurrence = values.pop("recurrence", None)
    cells = _recurrence_columns(recurrence) if recurrence else {}
    _change(session, schedule_id, {**values, **cells, "updated_at": now})


def _cell(value: Any) -> Any:
    if isinstance(value, Money):
        return value.minor
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Policy | tuple):
        return msgspec.json.encode(value).decode()
    return str(value) if isinstance(value, StrEnum) else value


_change = Changes(schedules, _CHANGEABLE, _cell)


def _recurrence_columns(recurrence: Recurrence) -> dict[str, Any]:
    return {
        "unit": str(recurrence.unit),
        "every": recurrence.every,
        "anchor": recurrence.anchor.isoformat(),
        "at": recurrence.at.isoformat("minutes"),
        "zone": recurrence.zone.key,
    }


def _columns(schedule: Schedule) -> dict[str, Any]:
    cells = {name: _cell(getattr(schedule, name)) for name in Schedule.__slots__ if name != "recurrence"}
    return {**cells, **_recurrence_columns(schedule.recurrence)}


def _schedule(row: Row) -> Schedule:
    currency = Currency(row.currency)
    return Schedule(
        id=row.id,
        api_url=row.api_url,
        agreement_id=row.agreement_id,
        request_key=row.request_key,
        request_hash=row.request_hash,
        template_order_id=row.template_order_id,
        lines=msgspec.json.decode(row.lines, type=tuple[ChosenLine, ...]) if row.lines else None,
        channel_slug=row.channel_slug,
        currency=currency,
        amount=None if row.amount is None else Money(row.amount, currency),
        recurrence=Recurrence(
            anchor=date.fromisoformat(row.anchor),
            unit=Unit(row.unit),
            every=row.every,
            at=time.fromisoformat(row.at),
            zone=time_zone(row.zone),
        ),
        last_date=date.fromisoformat(row.last_date) if row.last_date else None,
        policy=msgspec.json.decode(row.policy, type=Policy),
        state=ScheduleState(row.state),
        reason=row.reason,
        next_number=row.next_number,
        next_at=maybe_from_micros(row.next_at),
        open_renewal_id=row.open_renewal_id,
        last_amount=None if row.last_amount is None else Money(row.last_amount, currency),
        untold_since=maybe_from_micros(row.untold_since),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        ended_at=maybe_from_micros(row.ended_at),
    )
