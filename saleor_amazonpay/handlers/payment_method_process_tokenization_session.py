"""PAYMENT_METHOD_PROCESS_TOKENIZATION_SESSION: the customer is back from Amazon. Source: saleor-contract.md §6.6."""

from __future__ import annotations

from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.handlers.agreements import tokenizing
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor.answers import MethodAnswer
from saleor_amazonpay.saleor.data import parse_tokenization_process
from saleor_amazonpay.saleor.events import PaymentMethodProcessTokenizationSession
from saleor_amazonpay.saleor.shapes import DataErrors
from saleor_amazonpay.storage.installations import Installation


async def handle(
    services: Services, installation: Installation, event: PaymentMethodProcessTokenizationSession, deadline: Deadline
) -> MethodAnswer:
    """Wrong data decides nothing: the customer calls again with the right session."""
    try:
        session_id = parse_tokenization_process(event.data).amazon_checkout_session_id
        api_url, customer_id = installation.api_url, event.user.id
        return await tokenizing.process(services, api_url, customer_id, event.id, session_id, deadline)
    except DataErrors as wrong:
        return MethodAnswer(result="ADDITIONAL_ACTION_REQUIRED", id=event.id, data={"errors": wrong.as_json()})
    except ConfigurationError as wrong:
        return MethodAnswer(result="FAILED_TO_TOKENIZE", error=wrong.public_message)
