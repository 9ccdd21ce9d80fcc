"""Jobs that were given up: the tenants they belong to are told, until someone lets them run again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.jobs.queue import DeadJob
from saleor_amazonpay.storage import notifications as inbox
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import problems as problem_rows
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
        problems.raise_in(session, services, api_url, KEY, _message(jobs), critical=True)
    for problem in problem_rows.with_key(session, KEY):
        if problem.api_url not in by_tenant:
            problems.cure_in(session, services, problem.api_url, KEY)


def _message(jobs: Sequence[DeadJob]) -> str:
    names = ", ".join(sorted({job.task for job in jobs}))
    return (
        f"The Amazon Pay app gave up {len(jobs)} background job(s) after many attempts ({names}). "
        "Amounts in Saleor may be out of date; ask whoever runs the app to look at its log and retry them."
    )


def _tenant_of(session: Session, job: DeadJob) -> str | None:
    args: Mapping[str, object] = job.args
    if "api_url" in args:
        return str(args["api_url"])
    if "message_id" in args:
        received = inbox.by_id(session, str(args["message_id"]))
        return received.api_url if received else None
    payment_id = args.get("payment_id") or operation_rows.payment_id_of(session, str(args.get("operation_id", "")))
    payment = payment_rows.by_id(session, str(payment_id)) if payment_id else None
    return payment.api_url if payment else None
