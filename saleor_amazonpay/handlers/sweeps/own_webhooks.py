"""After an upgrade every Saleor's webhooks are made those of the new manifest; daily it is looked whether they are.

A Saleor that cannot be reached stands behind the others and is asked again.
"""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.handlers import own_webhooks
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each
from saleor_amazonpay.storage import installations as installation_rows

SECONDS = 60.0
_EVERY = timedelta(days=1)
_AGAIN = timedelta(minutes=10)  # where the last look did not succeed


async def run(services: Services) -> None:
    now, mark = services.clock.now(), own_webhooks.manifest_mark(services)
    tenants = await services.database.read(
        lambda session: installation_rows.with_old_webhooks(
            session, mark=mark, looked_before=now - _EVERY, tried_before=now - _AGAIN, limit=ROWS
        )
    )
    await each(services, "own_webhooks", tenants, lambda api_url: _look(services, api_url))


async def _look(services: Services, api_url: str) -> None:
    now = services.clock.now()
    await services.database.run(lambda session: installation_rows.put_off_webhooks(session, api_url, now))
    installation = (await services.directory.tenant(api_url)).installation
    await own_webhooks.repair(services, installation)
