"""Agreements looked at in their turn: what no notification told, what was to be closed, what is about to lapse."""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.agreements import looking, problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, row_deadline
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage.agreements import Agreement

SECONDS = 60.0
TELLING_SECONDS = 3600.0
_MOST_PAGES = 1000
_UNREADABLE = timedelta(minutes=15)


async def run(services: Services) -> None:
    now = services.clock.now()
    found = await services.database.read(lambda session: agreement_rows.due(session, now=now, limit=ROWS))
    await each(services, "agreements", found, lambda known: _look(services, known))


async def tell_merchants(services: Services) -> None:
    """What every merchant should know of their agreements, tenant by tenant."""
    after = ""
    for _ in range(_MOST_PAGES):
        page = await services.database.read(lambda session, last=after: due.tenants(session, after=last, limit=ROWS))  # type: ignore[misc]
        await each(services, "agreement_problems", page, lambda api_url: problems.look(services, api_url))
        if len(page) < ROWS:
            return
        after = page[-1]


async def _look(services: Services, known: Agreement) -> None:
    """One that cannot be read now has its turn again later: it must not stand before the others for ever."""
    try:
        await looking.look(services, known.id, row_deadline(services))
    except (AppError, RetryLater):
        now = services.clock.now()
        await services.database.run(
            lambda session: agreement_rows.change(session, known.id, now, watch_at=now + _UNREADABLE)
        )
        raise
