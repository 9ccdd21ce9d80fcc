"""What is done for billing schedules in the background: names as they are stored with the jobs, and what each runs."""

from __future__ import annotations

from collections.abc import Mapping

from saleor_amazonpay.handlers.billing import events, outgoing, renewing, scanning, settling, telling
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.jobs.queue import Args
from saleor_amazonpay.jobs.registry import Handler

SCAN = scanning.run
SCAN_SECONDS = scanning.SECONDS


def by_name(services: Services) -> Mapping[str, Handler]:
    async def carry_on(args: Args) -> None:
        await renewing.carry_on(services, str(args["renewal_id"]))

    async def tell_saleor(args: Args) -> None:
        await telling.tell_saleor(services, str(args["schedule_id"]))

    async def deliver(args: Args) -> None:
        await outgoing.deliver(services, str(args["schedule_id"]))

    return {settling.CARRY_ON: carry_on, events.TELL_SALEOR: tell_saleor, events.DELIVER_EVENTS: deliver}
