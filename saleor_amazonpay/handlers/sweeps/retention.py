"""What is kept only for a time: timeline, delivered reports, events of schedules, handled notifications, token hashes.

Names, addresses and e-mail addresses of buyers are never stored, only passed on; ids and amounts are.
"""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.handlers.agreements import erasing
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import sign_in as sign_in_rows

SECONDS = 3600.0
_ROWS = 1000  # of each table in one transaction
_BATCHES = 50


async def run(services: Services) -> None:
    now, settings = services.clock.now(), services.settings
    timeline_before = now - timedelta(days=settings.timeline_retention_days)
    inbox_before = now - timedelta(days=settings.inbox_retention_days)
    await services.database.run(lambda session: sign_in_rows.forget_tokens(session, inbox_before))
    for _ in range(_BATCHES):
        dropped = await services.database.run(
            lambda session: due.drop_old(
                session, timeline_before=timeline_before, inbox_before=inbox_before, limit=_ROWS
            )
        )
        dropped += await erasing.forget_old(services, limit=_ROWS)
        services.metrics.swept("retention", done=dropped)
        if not dropped:
            return
