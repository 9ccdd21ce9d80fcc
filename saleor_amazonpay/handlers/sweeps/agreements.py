"""Agreements looked at in their turn: what no notification told, what was to be closed, what is about to lapse."""

from __future__ import annotations

from saleor_amazonpay.handlers.agreements import looking
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, row_deadline
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreements import Agreement

SECONDS = 60.0


async def run(services: Services) -> None:
    now = services.clock.now()
    found = await services.database.read(lambda session: agreement_rows.due(session, now=now, limit=ROWS))
    await each(services, "agreements", found, lambda known: _look(services, known))


async def _look(services: Services, known: Agreement) -> None:
    await looking.look(services, known.id, row_deadline(services))
