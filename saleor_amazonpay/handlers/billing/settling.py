"""How a period ends, and what becomes of its schedule: each function is one transaction's work on locked rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from saleor_amazonpay.domain.billing import MONEY_STEPS, RenewalState, ScheduleState, Step
from saleor_amazonpay.domain.states import OperationKind
from saleor_amazonpay.errors import ConflictError
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.billing import events
from saleor_amazonpay.handlers.billing.events import EventType
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session

CARRY_ON = "carry_on_renewal"

_EVENTS: Mapping[RenewalState, EventType] = {
    RenewalState.BILLED: EventType.RENEWAL_BILLED,
    RenewalState.SKIPPED: EventType.RENEWAL_SKIPPED,
    RenewalState.MISSED: EventType.RENEWAL_MISSED,
    RenewalState.GIVEN_UP: EventType.RENEWAL_GIVEN_UP,
    RenewalState.CANCELED: EventType.RENEWAL_CANCELED,
}
WAITS_FOR: Mapping[Step, OperationKind] = {
    Step.INITIALIZE: OperationKind.CHARGE_AGREEMENT,
    Step.CAPTURE: OperationKind.CHARGE,
    Step.CANCEL: OperationKind.CANCEL,
}
"""The operation of its own payment that a renewal's step is through with, once that is settled."""
AGREEMENT_ENDED = marked("The buyer's agreement at Amazon Pay has ended.")
_LAST_DATE = marked("Its last date has passed.")


class Overtaken(ConflictError):
    """Somebody else has moved the renewal on since it was read: nothing of ours is written."""

    code = "OVERTAKEN"


def locked_schedule(session: Session, schedule_id: str) -> Schedule:
    found = schedule_rows.by_id(session, schedule_id, lock=True)
    if found is None:
        raise LookupError(f"schedule {schedule_id} does not exist")
    return found


def locked(session: Session, renewal: Renewal) -> tuple[Schedule, Renewal]:
    """Both rows, the schedule's first, as every transaction locks them.

    Raises:
        Overtaken: the renewal is not what the caller has seen.
    """
    schedule = locked_schedule(session, renewal.schedule_id)
    found = renewal_rows.by_id(session, renewal.id, lock=True)
    if found is None or found.version != renewal.version:
        raise Overtaken
    return schedule, found


def carry_on(session: Session, services: Services, renewal: Renewal, *, at: datetime | None = None) -> None:
    """Have the renewal's next step taken, at once or at a time."""
    services.jobs.defer(
        session,
        CARRY_ON,
        key=renewal.id,
        args={"renewal_id": renewal.id},
        run_at=at,
        priority=services.turns.priority(renewal.api_url),
    )


def has_money_at_stake(renewal: Renewal) -> bool:
    """Something may be authorized or captured for it: it comes to its end whatever is asked meanwhile."""
    return renewal.state is RenewalState.RUNNING and renewal.step in MONEY_STEPS


def settle(
    session: Session, services: Services, schedule: Schedule, renewal: Renewal, state: RenewalState, **detail: Any
) -> None:
    """The period has ended; the schedule looks at the next one, which may be due already."""
    now = services.clock.now()
    known = {name: detail[name] for name in ("reason_code", "message") if name in detail}
    renewal_rows.change(session, renewal, now, state=state, step=Step.DONE, next_at=None, settled_at=now, **known)
    events.record(session, services, schedule, _EVENTS[state], renewal, **detail)
    if state is RenewalState.CANCELED and renewal.order_id is not None:
        sentence = Message(
            "Order {order} of subscription {schedule} is made and not paid; cancel it, or charge.",
            order=renewal.order_number,
            schedule=schedule.id,
        )
        problems.raise_in(session, services, renewal.api_url, problem_key(schedule.id), sentence, critical=True)
    elif state is not RenewalState.GIVEN_UP:
        problems.cure_in(session, services, renewal.api_url, problem_key(renewal.schedule_id))
    last = {"last_amount": renewal.amount} if state is RenewalState.BILLED and renewal.amount else {}
    schedule_rows.change(session, schedule.id, now, open_renewal_id=None, **last)
    go_on(session, services, locked_schedule(session, schedule.id))


def go_on(session: Session, services: Services, schedule: Schedule) -> None:
    """Set when the schedule is looked at next: never while it is not active, has a renewal open, or is over."""
    if schedule.has_ended or schedule.open_renewal_id is not None:
        return
    if schedule.last_date is not None and schedule.next_date > schedule.last_date:
        end(session, services, schedule, reason=_LAST_DATE)
        return
    is_active = schedule.state is ScheduleState.ACTIVE
    next_at = schedule.recurrence.moment_of(schedule.next_number) if is_active else None
    schedule_rows.change(session, schedule.id, services.clock.now(), next_at=next_at)


def end(session: Session, services: Services, schedule: Schedule, *, reason: str) -> None:
    """For good. An open renewal goes with it, unless money is at stake: that one still comes to its end."""
    if schedule.has_ended:
        return
    now = services.clock.now()
    schedule_rows.change(
        session, schedule.id, now, state=ScheduleState.ENDED, reason=reason, next_at=None, ended_at=now
    )
    open_ = open_renewal(session, schedule)
    if open_ is not None and not has_money_at_stake(open_):
        settle(session, services, locked_schedule(session, schedule.id), open_, RenewalState.CANCELED, message=reason)
    events.record(session, services, schedule, EventType.SCHEDULE_ENDED, reason=reason)


def end_with_agreement(session: Session, services: Services, agreement_id: str) -> None:
    """Nothing can be billed any more: nobody waits for the next period to be told so."""
    for schedule in schedule_rows.of_agreement(session, agreement_id)[:1]:
        end(session, services, locked_schedule(session, schedule.id), reason=AGREEMENT_ENDED)


def pause(session: Session, services: Services, schedule: Schedule, *, reason: str) -> None:
    if schedule.state is not ScheduleState.ACTIVE:
        return
    schedule_rows.change(
        session, schedule.id, services.clock.now(), state=ScheduleState.PAUSED, reason=reason, next_at=None
    )
    events.record(session, services, schedule, EventType.SCHEDULE_PAUSED, reason=reason)


def open_renewal(session: Session, schedule: Schedule) -> Renewal | None:
    """The schedule's renewal that is not settled, its row locked."""
    if schedule.open_renewal_id is None:
        return None
    found = renewal_rows.by_id(session, schedule.open_renewal_id, lock=True)
    return found if found is not None and found.is_open else None


def account_for(
    session: Session,
    services: Services,
    schedule: Schedule,
    numbers: range,
    state: RenewalState,
    *,
    message: str,
) -> None:
    """One settled row for each period that is not billed; one that was dealt with before stays as it is."""
    now = services.clock.now()
    for number in numbers:
        renewal = new_renewal(schedule, number, now, state=state, message=message)
        if renewal_rows.add(session, renewal):
            events.record(session, services, schedule, _EVENTS[state], renewal, message=message)


def new_renewal(
    schedule: Schedule,
    number: int,
    now: datetime,
    *,
    state: RenewalState = RenewalState.RUNNING,
    message: str | None = None,
) -> Renewal:
    """The row of an occurrence; its id is derived, so that a period is always the same renewal."""
    period, is_open = schedule.recurrence.date_of(number), state is RenewalState.RUNNING
    return Renewal(
        id=renewal_rows.renewal_id(schedule.agreement_id, period),
        schedule_id=schedule.id,
        agreement_id=schedule.agreement_id,
        api_url=schedule.api_url,
        period=period,
        due_at=schedule.recurrence.moment_of(number),
        state=state,
        step=Step.CHECKOUT if is_open else Step.DONE,
        attempt=1,
        retries=0,
        checkout_id=None,
        transaction_id=None,
        order_id=None,
        order_number=None,
        currency=schedule.currency,
        amount=None,
        reason_code=None,
        message=message,
        first_declined_at=None,
        grace_until=None,
        next_at=now if is_open else None,
        version=1,
        created_at=now,
        updated_at=now,
        settled_at=None if is_open else now,
    )


def problem_key(schedule_id: str) -> str:
    return problems.key_of("schedule", schedule_id)
