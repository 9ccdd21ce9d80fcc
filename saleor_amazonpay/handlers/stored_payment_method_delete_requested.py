"""STORED_PAYMENT_METHOD_DELETE_REQUESTED: the customer ends an agreement. Source: saleor-contract.md §6.6."""

from __future__ import annotations

from saleor_amazonpay.handlers.agreements import closing, stored
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor.answers import MethodAnswer
from saleor_amazonpay.saleor.events import StoredPaymentMethodDeleteRequested
from saleor_amazonpay.storage.installations import Installation

_REASON = "Ended by the customer in the shop."


async def handle(
    services: Services, installation: Installation, event: StoredPaymentMethodDeleteRequested, deadline: Deadline
) -> MethodAnswer:
    """It is gone for the customer as soon as it is asked; Amazon is told until it has confirmed."""
    customer_id = event.user.id
    owned = await stored.owned(services, installation.api_url, customer_id, event.payment_method_id)
    if owned is None:
        return MethodAnswer(result="FAILED_TO_DELETE", error=stored.NOT_THEIRS)
    await closing.close(services, owned, reason=_REASON, by=customer_id, deadline=deadline)
    return MethodAnswer(result="SUCCESSFULLY_DELETED")
