"""What is done for agreements in the background."""

from __future__ import annotations

from collections.abc import Mapping

from saleor_amazonpay.handlers import reconcile
from saleor_amazonpay.handlers.agreements import births, looking, tokenizing
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.queue import Args
from saleor_amazonpay.jobs.registry import Handler


def by_name(services: Services, seconds: float) -> Mapping[str, Handler]:
    """Each task with what it runs, ``seconds`` of CV2 work at most."""

    async def look_at_agreement(args: Args) -> None:
        await looking.look(services, str(args["agreement_id"]), Deadline(services.clock, seconds))

    async def reconcile_payment(args: Args) -> None:
        await reconcile.payment(services, str(args["payment_id"]), Deadline(services.clock, seconds))

    async def finish_tokenization(args: Args) -> None:
        await tokenizing.finish(services, str(args["tokenization_id"]), Deadline(services.clock, seconds))

    return {
        births.LOOK_AT_AGREEMENT: look_at_agreement,
        looking.RECONCILE_PAYMENT: reconcile_payment,
        tokenizing.FINISH_TOKENIZATION: finish_tokenization,
    }
