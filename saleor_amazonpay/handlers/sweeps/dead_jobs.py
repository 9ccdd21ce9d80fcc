"""Jobs that were given up: the tenants they belong to are told, until someone lets them run again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.jobs.queue import DeadJob
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import notifications as inbox
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage import tokenizations as tokenization_rows
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.engine import Session

SECONDS = 300.0
KEY = "jobs"
_MOST = 100


async def run(services: Services) -> None:
    dead = await services.jobs.dead_jobs(_MOST)
    await services.database.run(lambda session: _tell(session, services, dead))


def _tell(session: Session, services: Services, dead: Sequence[DeadJob]) -> None:
    by_tenant: defaultdict[str, list[DeadJob]] = defaultdict(list)
    for job in dead:
        if (api_url := _tenant_of(session, job)) is not None:
            by_tenant[api_url].append(job)
    for api_url, jobs in by_tenant.items():
        problems.raise_in(session, services, api_url, KEY, _sentence(jobs), critical=True)
    for problem in problem_rows.with_key(session, KEY):
        if problem.api_url not in by_tenant:
            problems.cure_in(session, services, problem.api_url, KEY)


def _sentence(jobs: Sequence[DeadJob]) -> Message:
    return Message(
        "The Amazon Pay app gave up {count} background job(s) after many attempts ({names}). Amounts in Saleor may be "
        "out of date; ask whoever runs the app to look at its log and retry them.",
        count=len(jobs),
        names=", ".join(sorted({job.task for job in jobs})),
    )


def _tenant_of(session: Session, job: DeadJob) -> str | None:
    args: Mapping[str, object] = job.args
    if "api_url" in args:
        return str(args["api_url"])
    for name, find in _OWNERS.items():
        if name in args:
            owner = find(session, str(args[name]))
            return owner.api_url if owner else None
    return None


class _Owned(Protocol):
    @property
    def api_url(self) -> str: ...


def _of_operation(session: Session, operation_id: str) -> _Owned | None:
    payment_id = operation_rows.payment_id_of(session, operation_id)
    return payment_rows.by_id(session, payment_id) if payment_id else None


_OWNERS: Mapping[str, Callable[[Session, str], _Owned | None]] = {
    "message_id": inbox.by_id,
    "payment_id": payment_rows.by_id,
    "operation_id": _of_operation,
    "agreement_id": agreement_rows.by_id,
    "tokenization_id": tokenization_rows.by_id,
    "schedule_id": schedule_rows.by_id,
    "renewal_id": renewal_rows.by_id,
}
"""What a job is about, by the name of its argument: a row that knows its tenant."""
