"""Which schedules and renewals are due: each look goes through an index that holds nothing else.

A period becomes a renewal in the transaction that moves its schedule on; the renewal's id is its agreement and period,
so that neither two replicas nor a restored backup bill it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from saleor_amazonpay.domain.billing import CatchUp, Periods, RenewalState, ScheduleState, sort_out
from saleor_amazonpay.handlers.billing import events, settling
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.messages import marked
from saleor_amazonpay.storage.billing import events as event_rows
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.due import Promise
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)

SECONDS: Final = 15.0
ROWS: Final = 100  # taken up in one look
PAGE: Final = 500  # of what is overdue, in one transaction
_RUN_SECONDS: Final = 45.0
_MOST_MISSED: Final = 200  # periods accounted for in one transaction
_OVERDUE: Final = timedelta(seconds=10)  # a job of its own should have it by then
_MISSED = marked("Not billed in time; the catch-up policy leaves it out.")


async def run(services: Services) -> None:
    """Take up everything due; a schedule that fails is logged and the others have their turn."""
    deadline = Deadline(services.clock, _RUN_SECONDS)
    failed: set[str] = set()
    while not deadline.is_over:
        now = services.clock.now()
        ids = await services.database.read(lambda session, now=now: schedule_rows.due(session, now=now, limit=ROWS))  # type: ignore[misc]
        fresh = [id_ for id_ in ids if id_ not in failed]
        for id_ in fresh:
            try:
                await services.database.run(lambda session, id_=id_: take_up(session, services, id_))  # type: ignore[misc]
            except Exception:
                failed.add(id_)
                log.exception("schedule_not_taken_up", schedule=id_)
        services.metrics.swept("schedules", done=len(fresh) - len(failed & {*fresh}), failed=len(failed & {*fresh}))
        if len(ids) < ROWS or not fresh:
            break
    for take_up_page in (_overdue_renewals, _overdue_events):
        await _every_page(services, take_up_page, deadline)


def take_up(session: Session, services: Services, schedule_id: str) -> None:
    """Make a renewal of the period that is billed now, and account for those that were missed."""
    now = services.clock.now()
    schedule = settling.locked_schedule(session, schedule_id)
    if schedule.state is not ScheduleState.ACTIVE or schedule.next_at is None or schedule.next_at > now:
        return
    due = _due(schedule, now_range=schedule.recurrence.due(schedule.next_number, now))
    if not due:
        settling.go_on(session, services, schedule)
        return
    periods = _sorted(schedule, due, services)
    settling.account_for(session, services, schedule, periods.missed, RenewalState.MISSED, message=_MISSED)
    schedule_rows.change(session, schedule.id, now, next_number=periods.next_number, next_at=None)
    if periods.billed is not None:
        renewal = settling.new_renewal(schedule, periods.billed, now)
        if renewal_rows.add(session, renewal):
            schedule_rows.change(session, schedule.id, now, open_renewal_id=renewal.id)
            settling.carry_on(session, services, renewal)
    settling.go_on(session, services, settling.locked_schedule(session, schedule.id))


def _due(schedule: Schedule, now_range: range) -> range:
    """Those not after the schedule's last date."""
    stop = now_range.stop
    while schedule.last_date is not None and stop > now_range.start:
        if schedule.recurrence.date_of(stop - 1) <= schedule.last_date:
            break
        stop -= 1
    return range(now_range.start, stop)


def _sorted(schedule: Schedule, due: range, services: Services) -> Periods:
    policy = schedule.policy.catch_up
    if len(due) > _MOST_MISSED and policy is not CatchUp.BILL_ALL:
        some = due[:_MOST_MISSED]
        return Periods(some, None, some.stop)
    last_due_at = schedule.recurrence.moment_of(due[-1])
    return sort_out(due, last_due_at, services.clock.now(), policy)


async def _every_page(
    services: Services,
    take_up_page: Callable[[Session, Services, Promise | None], list[Promise]],
    deadline: Deadline,
) -> None:
    """Jobs for what should have one, whether it was lost or is only made now; a page to a transaction."""
    after: Promise | None = None
    while not deadline.is_over:
        page = await services.database.run(lambda session, last=after: take_up_page(session, services, last))  # type: ignore[misc]
        if len(page) < PAGE:
            return
        after = page[-1]


def _overdue_renewals(session: Session, services: Services, after: Promise | None) -> list[Promise]:
    """Retries whose day has come, steps put off, renewals whose job was lost."""
    page = renewal_rows.due(session, now=services.clock.now() - _OVERDUE, limit=PAGE, after=after)
    for found in page:
        renewal = renewal_rows.by_id(session, found.id)
        if renewal is not None:
            settling.carry_on(session, services, renewal)
    return page


def _overdue_events(session: Session, services: Services, after: Promise | None) -> list[Promise]:
    """Events that an endpoint has not taken yet, and whose job was lost."""
    page = event_rows.overdue(session, now=services.clock.now() - _OVERDUE, limit=PAGE, after=after)
    for schedule_id in dict.fromkeys(found.id for found in page):
        schedule = schedule_rows.by_id(session, schedule_id)
        if schedule is not None:
            events.deliver(session, services, schedule.api_url, schedule.id)
    return page
