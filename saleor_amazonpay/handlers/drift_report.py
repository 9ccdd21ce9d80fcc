"""What the merchant reads of amounts that differ, and asks to be compared again."""

from __future__ import annotations

from collections.abc import Sequence

from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import drift as drift_rows
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.drift import Drift
from saleor_amazonpay.storage.engine import Session


async def of_tenant(services: Services, api_url: str, *, limit: int) -> tuple[int, Sequence[Drift]]:
    """How many of the tenant's payments differ, and the first ``limit`` of them."""
    return await services.database.read(
        lambda session: (drift_rows.count(session, api_url), drift_rows.of_tenant(session, api_url, limit=limit))
    )


async def compare_soon(services: Services, api_url: str, transaction_id: str) -> bool:
    """Have the next sweep compare a payment; False where the tenant has none of that transaction."""

    def put_forward(session: Session) -> bool:
        payment = payment_rows.find(session, api_url, transaction_id)
        if payment is not None:
            due.audit_at(session, payment.id, services.clock.now())
        return payment is not None

    return await services.database.run(put_forward)
