"""PAYMENT_GATEWAY_INITIALIZE_TOKENIZATION_SESSION: what a storefront needs to offer an agreement without a purchase.

Source: saleor-contract.md §6.6.
"""

from __future__ import annotations

from saleor_amazonpay.domain.money import Currency
from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.handlers import button, problems
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor.answers import MethodAnswer
from saleor_amazonpay.saleor.data import check_tokenization_gateway
from saleor_amazonpay.saleor.events import PaymentGatewayInitializeTokenizationSession
from saleor_amazonpay.saleor.shapes import DataErrors
from saleor_amazonpay.storage.installations import Installation


async def handle(
    services: Services,
    installation: Installation,
    event: PaymentGatewayInitializeTokenizationSession,
    _deadline: Deadline,
) -> MethodAnswer:
    """No CV2 call."""
    slug = event.channel.slug
    try:
        check_tokenization_gateway(event.data)
        account = await services.directory.account_for_channel(installation.api_url, slug)
    except DataErrors as wrong:
        faults = {"errors": wrong.as_json()}
        return MethodAnswer(result="FAILED_TO_INITIALIZE", error=wrong.public_message, data=faults)
    except ConfigurationError as wrong:
        await problems.channel_unusable(services, installation.api_url, slug, wrong)
        faults = {"errors": [{"code": wrong.code, "message": wrong.public_message}]}
        return MethodAnswer(result="FAILED_TO_INITIALIZE", error=wrong.public_message, data=faults)
    known = event.channel.currency_code
    currency = Currency(known) if known in set(Currency) else None
    shown = button.appearance(
        services, account, currency=currency, language="", product_type="PayOnly", placement="Other"
    )
    offers = ["recurring", *(["paymentMethodOnFile"] if account.options.payment_method_on_file else [])]
    return MethodAnswer(result="SUCCESSFULLY_INITIALIZED", data={"amazonPay": shown, "offers": offers})
