"""What is done for disputes in the background."""

from __future__ import annotations

from collections.abc import Mapping

from saleor_amazonpay.handlers.disputes import answering, reading
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, row_deadline
from saleor_amazonpay.jobs.queue import Args
from saleor_amazonpay.jobs.registry import Handler
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage.due import payment_of
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

SECONDS = 300.0


def by_name(services: Services, seconds: float) -> Mapping[str, Handler]:
    """Each task with what it runs, ``seconds`` of CV2 work at most."""

    async def send_answer(args: Args) -> None:
        deadline = Deadline(services.clock, seconds)
        await answering.send(services, str(args["api_url"]), str(args["dispute_id"]), deadline)

    return {answering.SEND_ANSWER: send_answer}


async def run(services: Services) -> None:
    """Read open disputes again: a notification may be lost, and a deadline passes without one."""
    now = services.clock.now()
    found = await services.database.read(lambda session: dispute_rows.due(session, now=now, limit=ROWS))
    await each(services, "disputes", found, lambda key: _look(services, *key))


async def _look(services: Services, api_url: str, dispute_id: str) -> None:
    payment = await services.database.run(lambda session: _put_off(session, services, api_url, dispute_id))
    if payment is not None:
        await reading.read(services, payment, dispute_id, row_deadline(services))


def _put_off(session: Session, services: Services, api_url: str, dispute_id: str) -> Payment | None:
    found = dispute_rows.get(session, api_url, dispute_id)
    if found is None:
        return None
    dispute_rows.look_at(session, api_url, dispute_id, services.clock.now() + reading.OFTEN)
    return payment_of(session, found.payment_id)
