"""What happened to schedules: their history, and an outbox to the merchant's endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, text, update

from saleor_amazonpay.storage.due import Promise, is_after
from saleor_amazonpay.storage.engine import Row, Session, Statement
from saleor_amazonpay.storage.tables import billing_events
from saleor_amazonpay.storage.times import from_micros, to_micros

DUE, DELIVERED, DEAD, KEPT = "due", "delivered", "dead", "kept"


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """``detail`` is the ``data`` of what the merchant's endpoint is sent."""

    id: int
    api_url: str
    schedule_id: str
    renewal_id: str | None
    type: str
    at: datetime
    detail: Mapping[str, Any]
    state: str
    attempts: int
    last_error: str | None


_FIELDS = ("api_url", "schedule_id", "renewal_id", "type", "at", "detail", "state", "attempts", "due_at", "last_error")
_ADD = Statement(insert(billing_events).values({name: bindparam(name) for name in _FIELDS}))
_OF_SCHEDULE = Statement(
    select(billing_events)
    .where(billing_events.c.schedule_id == bindparam("schedule_id"), billing_events.c.id < bindparam("before"))
    .order_by(billing_events.c.id.desc())
    .limit(bindparam("limit"))
)
_FIRST_DUE = Statement(
    select(billing_events)
    .where(billing_events.c.schedule_id == bindparam("schedule_id"), text("state = 'due'"))
    .order_by(billing_events.c.id)
    .limit(1)
)
OVERDUE = Statement(
    select(billing_events.c.schedule_id.label("id"), billing_events.c.state, billing_events.c.due_at.label("at"))
    .where(
        text("state = 'due'"),
        is_after(billing_events.c.due_at, billing_events.c.schedule_id),
        billing_events.c.due_at <= bindparam("moment"),
    )
    .order_by(billing_events.c.due_at, billing_events.c.schedule_id)
    .limit(bindparam("limit"))
)
_MOVE = Statement(
    update(billing_events)
    .where(billing_events.c.id == bindparam("event_id"), text("state = 'due'"))
    .values(
        state=bindparam("new_state"),
        attempts=billing_events.c.attempts + 1,
        due_at=bindparam("new_due_at"),
        last_error=bindparam("new_error"),
    )
)
_NEWEST = 2**62


def add(
    session: Session,
    *,
    api_url: str,
    schedule_id: str,
    renewal_id: str | None,
    type_: str,
    at: datetime,
    detail: Mapping[str, Any],
    is_delivered: bool,
) -> None:
    """``is_delivered``: there is an endpoint that is told; else the event is only kept."""
    row = {
        "api_url": api_url,
        "schedule_id": schedule_id,
        "renewal_id": renewal_id,
        "type": type_,
        "at": to_micros(at),
        "detail": json.dumps(detail, ensure_ascii=False),
        "state": DUE if is_delivered else KEPT,
        "attempts": 0,
        "due_at": to_micros(at),
        "last_error": None,
    }
    session.execute(_ADD, row)


def of_schedule(session: Session, schedule_id: str, *, limit: int, before: int = _NEWEST) -> list[BillingEvent]:
    """The newest first."""
    rows = session.all(_OF_SCHEDULE, {"schedule_id": schedule_id, "before": before, "limit": limit})
    return [_event(row) for row in rows]


def first_due(session: Session, schedule_id: str) -> BillingEvent | None:
    """The oldest not delivered yet: an endpoint hears of a schedule in order."""
    row = session.one(_FIRST_DUE, {"schedule_id": schedule_id})
    return _event(row) if row else None


def overdue(session: Session, *, now: datetime, limit: int, after: Promise | None = None) -> list[Promise]:
    """Schedules with something to tell, for whom a job should be under way; the page after ``after``."""
    start = {"after": after.at, "after_id": after.id} if after else {"after": 0, "after_id": ""}
    rows = session.all(OVERDUE, {"moment": to_micros(now), "limit": limit, **start})
    return [Promise(row.id, row.state, row.at) for row in rows]


def move(session: Session, event_id: int, state: str, *, due_at: datetime, error: str | None = None) -> None:
    values = {"event_id": event_id, "new_state": state, "new_due_at": to_micros(due_at), "new_error": error}
    session.execute(_MOVE, values)


def _event(row: Row) -> BillingEvent:
    return BillingEvent(
        id=row.id,
        api_url=row.api_url,
        schedule_id=row.schedule_id,
        renewal_id=row.renewal_id,
        type=row.type,
        at=from_micros(row.at),
        detail=json.loads(row.detail),
        state=row.state,
        attempts=row.attempts,
        last_error=row.last_error,
    )
