"""What is promised and has no job: its job was lost, however that came about, and it gets another.

An announced operation, a report that is due, an agreement being completed, and what Saleor is to be told of a schedule
are finished by a job that was deferred with them in one transaction. The queue is at least once, but this is money: the
promise is compared with the queue all the same. A job given up stays given up until someone retries it (see
``dead_jobs``). Other rows are looked at by sweeps of their own, job or no job: agreements by ``agreements``, renewals
and what the merchant's endpoint is owed by ``billing.scanning``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from saleor_amazonpay.domain.states import OperationState
from saleor_amazonpay.handlers.agreements.tokenizing import FINISH_TOKENIZATION
from saleor_amazonpay.handlers.billing.events import TELL_SALEOR
from saleor_amazonpay.handlers.operations import CARRY_OUT, DELIVER_REPORTS, LAST_LOOK, POLL
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage.due import Promise
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)

SECONDS = 15.0
PAGE = 500
_LEFT_ALONE = timedelta(seconds=5)  # whoever made the promise may be about to keep it


@dataclass(frozen=True, slots=True)
class _Kind:
    """One sort of promise: how it is read page by page, and the job that keeps it."""

    page: Callable[..., Sequence[Promise]]
    task_of: Callable[[Promise], str]
    argument: str


_KINDS = (
    _Kind(due.announced, lambda it: POLL if it.state == OperationState.PENDING.value else CARRY_OUT, "operation_id"),
    _Kind(due.owed_reports, lambda _it: DELIVER_REPORTS, "payment_id"),
    _Kind(due.completing_tokenizations, lambda _it: FINISH_TOKENIZATION, "tokenization_id"),
    _Kind(due.untold_schedules, lambda _it: TELL_SALEOR, "schedule_id"),
)


async def run(services: Services) -> None:
    """Walk through all that is open, a page to a transaction."""
    for kind in _KINDS:
        page = await _look_at(services, kind, None)
        while len(page) == PAGE:
            page = await _look_at(services, kind, page[-1])


async def _look_at(services: Services, kind: _Kind, after: Promise | None) -> Sequence[Promise]:
    return await services.database.run(lambda session: _look(session, services, kind, after))


def _look(session: Session, services: Services, kind: _Kind, after: Promise | None) -> Sequence[Promise]:
    now = services.clock.now()
    page = kind.page(session, now=now, since=now - LAST_LOOK, before=now - _LEFT_ALONE, after=after, limit=PAGE)
    for task in {kind.task_of(promise) for promise in page}:
        keys = [promise.id for promise in page if kind.task_of(promise) == task]
        for key in services.jobs.without_job(session, task, keys):
            log.warning("job_was_lost", task=task, key=key)
            services.jobs.defer(session, task, key=key, args={kind.argument: key})
    return page
