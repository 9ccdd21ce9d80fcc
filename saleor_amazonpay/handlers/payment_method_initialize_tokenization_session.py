"""PAYMENT_METHOD_INITIALIZE_TOKENIZATION_SESSION: sign what the customer is to agree to.

Source: saleor-contract.md §6.6.
"""

from __future__ import annotations

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.agreements import asking, tokenizing
from saleor_amazonpay.handlers.button import payable
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import check_origins
from saleor_amazonpay.saleor.answers import MethodAnswer
from saleor_amazonpay.saleor.data import parse_tokenization
from saleor_amazonpay.saleor.events import PaymentMethodInitializeTokenizationSession
from saleor_amazonpay.saleor.shapes import DataErrors
from saleor_amazonpay.storage.installations import Installation


async def handle(
    services: Services,
    installation: Installation,
    event: PaymentMethodInitializeTokenizationSession,
    _deadline: Deadline,
) -> MethodAnswer:
    """No CV2 call: Amazon makes the session at the click."""
    slug, customer_id = event.channel.slug, event.user.id
    try:
        data = parse_tokenization(event.data)
        account = await services.directory.account_for_channel(installation.api_url, slug)
        nothing = payable(account, Money.parse(0, event.channel.currency_code), may_be_nothing=True)
        check_origins(
            account,
            checkoutResultReturnUrl=data.checkout_result_return_url,
            checkoutCancelUrl=data.checkout_cancel_url,
        )
        agreed = asking.needed(asking.asked(account, data, nothing, None, customer_id=customer_id))
    except DataErrors as wrong:
        return _failed(wrong.public_message, wrong.as_json())
    except ConfigurationError as wrong:
        await problems.channel_unusable(services, installation.api_url, slug, wrong)
        return _failed(wrong.public_message, [{"code": wrong.code, "message": wrong.public_message}])
    except MoneyError as wrong:
        return _failed(str(wrong), [{"code": "AMOUNT_NOT_PAYABLE", "message": str(wrong)}])
    new = tokenizing.new_tokenization(
        services,
        account,
        channel_slug=slug,
        customer_id=customer_id,
        currency=event.channel.currency_code,
        agreed=agreed,
        issued_at=event.issued_at.isoformat(),
    )
    return await tokenizing.begin(services, account, new, data, language="")


def _failed(message: str, errors: list[dict[str, str]]) -> MethodAnswer:
    return MethodAnswer(result="FAILED_TO_TOKENIZE", error=message, data={"errors": errors})
