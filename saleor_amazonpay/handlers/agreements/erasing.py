"""What is forgotten of a customer: agreements are ended first, since nobody is left to charge.

Amounts, charges and the permission's id stay for the books; what tells whose they were goes.
"""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.handlers.agreements import closing
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import tokenizations
from saleor_amazonpay.storage.engine import Session

_REASON = "The customer was erased."
_SECONDS = 10.0


async def erase_customer(services: Services, api_url: str, customer_id: str, *, by: str) -> int:
    """How many agreements were the customer's; each is ended, and nobody's from now on."""
    owned = await services.database.read(lambda session: agreement_rows.of_customer(session, api_url, customer_id))
    for known in owned:
        await closing.close(services, known, reason=_REASON, by=by, deadline=Deadline(services.clock, _SECONDS))

    def forget(session: Session) -> None:
        now = services.clock.now()
        for known in owned:
            agreement_rows.change(session, known.id, now, customer_id=None, buyer_id=None, payment_descriptor=None)

    await services.database.run(forget)
    return len(owned)


async def forget_old(services: Services, *, limit: int) -> int:
    """Buyers of agreements that ended long ago, and tokenizations nobody will come back to; how many rows."""
    before = services.clock.now() - timedelta(days=services.settings.buyer_data_retention_days)

    def forget(session: Session) -> int:
        forgotten = agreement_rows.forget_buyers(session, ended_before=before, limit=limit)
        return forgotten + tokenizations.drop_old(session, before=before, limit=limit)

    return await services.database.run(forget)
