"""What is forgotten of a customer: agreements are ended first, since nobody is left to charge.

Amounts, charges and the permission's id stay for the books; what tells whose they were goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from saleor_amazonpay.handlers.agreements import closing
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import sign_in, tokenizations
from saleor_amazonpay.storage.engine import Session

_REASON = "The customer was erased."
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was the customer's, and is nobody's from now on."""

    agreements: int
    payments: int


async def erase_customer(services: Services, api_url: str, customer_id: str, *, by: str) -> Erased:
    """Each agreement is ended first; while Amazon cannot be asked, a job goes on with that."""
    owned = await services.database.read(lambda session: agreement_rows.of_customer(session, api_url, customer_id))
    for known in owned:
        await closing.close(services, known, reason=_REASON, by=by, deadline=Deadline(services.clock, _SECONDS))

    def forget(session: Session) -> int:
        now = services.clock.now()
        for known in owned:
            agreement_rows.change(session, known.id, now, customer_id=None, buyer_id=None, payment_descriptor=None)
        tokenizations.drop_of_customer(session, api_url, customer_id)
        sign_in.unlink(session, api_url, customer_id)
        return payment_rows.forget_customer(session, api_url, customer_id)

    return Erased(len(owned), await services.database.run(forget))


async def forget_old(services: Services, *, limit: int) -> int:
    """Buyers of agreements that ended long ago, and tokenizations nobody will come back to; how many rows."""
    now, most = services.clock.now(), services.settings.buyer_data_retention_days
    before = now - timedelta(days=most)

    def forget(session: Session) -> int:
        forgotten = agreement_rows.forget_buyers(session, ended_before=before, limit=limit)
        for account_id, days in account_rows.forgetting_sooner(session).items():
            sooner = now - timedelta(days=min(days, most))
            forgotten += agreement_rows.forget_buyers(session, ended_before=sooner, limit=limit, account_id=account_id)
        return forgotten + tokenizations.drop_old(session, before=before, limit=limit)

    return await services.database.run(forget)
