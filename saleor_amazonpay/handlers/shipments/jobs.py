"""The job of shipments, for the table of tasks."""

from __future__ import annotations

from collections.abc import Mapping

from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.shipments import trackers
from saleor_amazonpay.jobs.queue import Args
from saleor_amazonpay.jobs.registry import Handler


def by_name(services: Services, budget: float) -> Mapping[str, Handler]:
    """``budget`` is the seconds of CV2 work in one run."""

    async def tell_amazon(args: Args) -> None:
        await trackers.tell_amazon(
            services,
            str(args["api_url"]),
            str(args["charge_permission_id"]),
            str(args["tracking_number"]),
            Deadline(services.clock, budget),
        )

    return {trackers.TELL_AMAZON: tell_amazon}
