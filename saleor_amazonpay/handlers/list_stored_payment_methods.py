"""LIST_STORED_PAYMENT_METHODS: the customer's agreements. Source: saleor-contract.md §6.6."""

from __future__ import annotations

from saleor_amazonpay.handlers.agreements import stored
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor.answers import MethodsAnswer
from saleor_amazonpay.saleor.events import ListStoredPaymentMethods
from saleor_amazonpay.storage.installations import Installation


async def handle(
    services: Services, installation: Installation, event: ListStoredPaymentMethods, _deadline: Deadline
) -> MethodsAnswer:
    """No CV2 call: the shopper waits for every app's list."""
    listed = await stored.listed(services, installation.api_url, event.user.id, event.channel)
    return MethodsAnswer(methods=listed)
