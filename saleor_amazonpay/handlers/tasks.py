"""The table of background tasks: names as they are stored with the jobs, and what each runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from saleor_amazonpay.domain.states import SESSION_OPERATIONS
from saleor_amazonpay.handlers import notifications, operations, problems, report_transaction_event, surplus
from saleor_amazonpay.handlers.agreements import jobs as agreement_jobs
from saleor_amazonpay.handlers.billing import dunning
from saleor_amazonpay.handlers.billing import jobs as billing_jobs
from saleor_amazonpay.handlers.cv1 import adopting
from saleor_amazonpay.handlers.disputes import jobs as dispute_jobs
from saleor_amazonpay.handlers.rate_limits import background
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.settlements import importing as settlements
from saleor_amazonpay.handlers.shipments import jobs as shipment_jobs
from saleor_amazonpay.handlers.sweeps import (
    agreements,
    authorizations,
    cancelled_orders,
    dead_jobs,
    drift,
    jobless,
    order_numbers,
    own_webhooks,
    problem_checks,
    retention,
    sessions,
    undelivered_requests,
)
from saleor_amazonpay.jobs.queue import Args
from saleor_amazonpay.jobs.registry import Handler, Tasks
from saleor_amazonpay.observability.logging import forget_names, name_in_log
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation

_JOB_BUDGET = 20.0  # seconds of CV2 work in one run, below the claim's lease
_MOST_TAKEN_UP = 100
_SWEEP_SECONDS = 5.0  # at most; never rarer than claims run out

_SWEEPS: Mapping[str, tuple[Callable[[Services], Awaitable[None]], float]] = {
    "sweep_sessions": (sessions.run, sessions.SECONDS),
    "sweep_authorizations": (authorizations.run, authorizations.SECONDS),
    "sweep_order_numbers": (order_numbers.run, order_numbers.SECONDS),
    "sweep_schedules": (billing_jobs.SCAN, billing_jobs.SCAN_SECONDS),
    "sweep_drift": (drift.run, drift.SECONDS),
    "sweep_undelivered_requests": (undelivered_requests.run, undelivered_requests.SECONDS),
    "sweep_own_webhooks": (own_webhooks.run, own_webhooks.SECONDS),
    "sweep_cancelled_orders": (cancelled_orders.run, cancelled_orders.SECONDS),
    "sweep_dead_jobs": (dead_jobs.run, dead_jobs.SECONDS),
    "sweep_jobless": (jobless.run, jobless.SECONDS),
    "sweep_agreements": (agreements.run, agreements.SECONDS),
    "sweep_agreement_problems": (agreements.tell_merchants, agreements.TELLING_SECONDS),
    "sweep_settlements": (settlements.run, settlements.SECONDS),
    "sweep_disputes": (dispute_jobs.run, dispute_jobs.SECONDS),
    "sweep_problems": (problem_checks.run, problem_checks.SECONDS),
    "sweep_retention": (retention.run, retention.SECONDS),
}
"""Each name with what it runs and the seconds between runs, over all replicas."""

_LOOKS: Mapping[str, Callable[[Services, str], Awaitable[None]]] = {
    undelivered_requests.LOOK: undelivered_requests.look,
    cancelled_orders.LOOK: cancelled_orders.look,
}
"""What a sweep leaves to a job of each tenant's own."""


def register(tasks: Tasks, services: Services) -> None:
    """Tell the engine what to run; called once, before it starts."""

    async def carry_out(args: Args) -> None:
        deadline = Deadline(services.clock, _JOB_BUDGET)
        done = await operations.resume(services, str(args["operation_id"]), deadline, waiting_caller=False)
        await _look_for_surplus(services, done)

    async def poll(args: Args) -> None:
        deadline = Deadline(services.clock, _JOB_BUDGET)
        await _look_for_surplus(services, await operations.look_again(services, str(args["operation_id"]), deadline))

    async def deliver_reports(args: Args) -> None:
        await report_transaction_event.deliver(services, str(args["payment_id"]))

    async def handle_notification(args: Args) -> None:
        await notifications.handle(services, str(args["message_id"]), Deadline(services.clock, _JOB_BUDGET))
        await dunning.after_notification(services, str(args["message_id"]))

    async def deliver_problem(args: Args) -> None:
        await problems.deliver(services, str(args["api_url"]), str(args["key"]))

    async def take_up_stranded() -> None:
        await services.database.run(lambda session: _take_up_stranded(session, services))

    by_name: Mapping[str, Handler] = {
        operations.CARRY_OUT: carry_out,
        operations.POLL: poll,
        operations.DELIVER_REPORTS: deliver_reports,
        notifications.HANDLE_NOTIFICATION: handle_notification,
        problems.DELIVER_PROBLEM: deliver_problem,
        **{name: _for_tenant(services, look) for name, look in _LOOKS.items()},
        adopting.FOLLOW: _follow_cv1_order(services),
    }
    all_tasks = {
        **by_name,
        **agreement_jobs.by_name(services, _JOB_BUDGET),
        **billing_jobs.by_name(services),
        **shipment_jobs.by_name(services, _JOB_BUDGET),
        **dispute_jobs.by_name(services, _JOB_BUDGET),
    }
    for name, handler in all_tasks.items():
        tasks.register(name, _in_background(services, name, handler))
    sweep_seconds = min(_SWEEP_SECONDS, services.settings.claim_seconds)
    tasks.register_periodic("take_up_stranded_operations", take_up_stranded, seconds=sweep_seconds)
    for name, (run, seconds) in _SWEEPS.items():
        tasks.register_periodic(name, _sweep(name, services, run), seconds=seconds)


def _follow_cv1_order(services: Services) -> Handler:
    async def follow(args: Args) -> None:
        deadline, was_authorized = Deadline(services.clock, _JOB_BUDGET), bool(args["was_authorized"])
        await adopting.follow(services, str(args["payment_id"]), deadline, was_authorized=was_authorized)

    return follow


def _for_tenant(services: Services, look: Callable[[Services, str], Awaitable[None]]) -> Handler:
    async def run(args: Args) -> None:
        await look(services, str(args["api_url"]))

    return run


def _sweep(name: str, services: Services, run: Callable[[Services], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def sweep() -> None:
        with background(), _told_apart(services, name):
            await run(services)

    return sweep


def _in_background(services: Services, name: str, handler: Handler) -> Handler:
    """What a job asks of Amazon yields to the storefront."""

    async def run(args: Args) -> None:
        with background(), _told_apart(services, name):
            await handler(args)

    return run


@contextmanager
def _told_apart(services: Services, name: str) -> Iterator[None]:
    """Each job in the log and in traces by its name; what the one before was about is forgotten."""
    forget_names()
    name_in_log(job=name)
    with services.tracing.job(name):
        yield


async def _look_for_surplus(services: Services, operation: Operation) -> None:
    """What began a payment with nobody waiting may find the checkout paid otherwise meanwhile."""
    if operation.kind not in SESSION_OPERATIONS or not operation.is_settled:
        return
    payment = await services.database.read(lambda session: due.payment_of(session, operation.payment_id))
    account = await services.directory.account(payment.api_url, payment.account_id)
    await surplus.look(services, account, payment, operation)


def _take_up_stranded(session: Session, services: Services) -> None:
    """Operations whose process died with the claim: nobody announced them and nobody holds their payment."""
    now = services.clock.now()
    for id_ in operation_rows.stranded(session, now=now, before=now - timedelta(seconds=1), limit=_MOST_TAKEN_UP):
        services.jobs.defer(session, operations.CARRY_OUT, key=id_, args={"operation_id": id_})
