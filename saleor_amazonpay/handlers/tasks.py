"""The table of background tasks: names as they are stored with the jobs, and what each runs."""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.handlers import notifications, operations, report_transaction_event
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.queue import Args
from saleor_amazonpay.jobs.registry import Tasks
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage.engine import Session

_JOB_BUDGET = 20.0  # seconds of CV2 work in one run, below the claim's lease
_MOST_TAKEN_UP = 100
_SWEEP_SECONDS = 5.0  # at most; never rarer than claims run out


def register(tasks: Tasks, services: Services) -> None:
    """Tell the engine what to run; called once, before it starts."""

    async def carry_out(args: Args) -> None:
        deadline = Deadline(services.clock, _JOB_BUDGET)
        await operations.resume(services, str(args["operation_id"]), deadline, waiting_caller=False)

    async def poll(args: Args) -> None:
        await operations.look_again(services, str(args["operation_id"]), Deadline(services.clock, _JOB_BUDGET))

    async def deliver_reports(args: Args) -> None:
        await report_transaction_event.deliver(services, str(args["payment_id"]))

    async def handle_notification(args: Args) -> None:
        await notifications.handle(services, str(args["message_id"]), Deadline(services.clock, _JOB_BUDGET))

    async def take_up_stranded() -> None:
        await services.database.run(lambda session: _take_up_stranded(session, services))

    sweep_seconds = min(_SWEEP_SECONDS, services.settings.claim_seconds)
    tasks.register(operations.CARRY_OUT, carry_out)
    tasks.register(operations.POLL, poll)
    tasks.register(operations.DELIVER_REPORTS, deliver_reports)
    tasks.register(notifications.HANDLE_NOTIFICATION, handle_notification)
    tasks.register_periodic("take_up_stranded_operations", take_up_stranded, seconds=sweep_seconds)


def _take_up_stranded(session: Session, services: Services) -> None:
    """Operations whose process died with the claim: nobody announced them and nobody holds their payment."""
    now = services.clock.now()
    for id_ in operation_rows.stranded(session, now=now, before=now - timedelta(seconds=1), limit=_MOST_TAKEN_UP):
        services.jobs.defer(session, operations.CARRY_OUT, key=id_, args={"operation_id": id_})
