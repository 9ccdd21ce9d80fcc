"""PAYMENT_GATEWAY_INITIALIZE_SESSION: what a storefront needs to show the button, and a session's contents for review.

Source: DESIGN §5; amazon-pay-cv2.md §5.1-5.2.
"""

from __future__ import annotations

from typing import Any

from saleor_amazonpay.amazonpay import CheckoutSession, CreateCheckoutSessionConfig, requests
from saleor_amazonpay.amazonpay.payloads import (
    CheckoutSessionPayload,
    MerchantMetadata,
    WebCheckoutDetails,
    fit_store_name,
    to_json,
)
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.errors import AmazonPayError, AppError, ConfigurationError
from saleor_amazonpay.handlers import addresses, button, delivery, problems, terms
from saleor_amazonpay.handlers.agreements import asking
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import check_origins
from saleor_amazonpay.saleor.answers import GatewayAnswer
from saleor_amazonpay.saleor.data import GatewayInitializeData, parse_gateway_initialize
from saleor_amazonpay.saleor.events import PaymentGatewayInitializeSession
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.installations import Installation


async def handle(
    services: Services, installation: Installation, event: PaymentGatewayInitializeSession, deadline: Deadline
) -> GatewayAnswer:
    """No CV2 call, unless a checkout session is to be shown."""
    try:
        data = parse_gateway_initialize(event.data)
        account = await services.directory.account_for_channel(installation.api_url, event.source_object.channel.slug)
        amount = button.payable(account, event.money(), may_be_nothing=data.asks_for_agreement)
        check_origins(
            account,
            checkoutReviewReturnUrl=data.checkout_review_return_url,
            checkoutCancelUrl=data.checkout_cancel_url,
        )
        config = _review_config(services, account, event, data, amount)
    except DataErrors as wrong:
        return GatewayAnswer(errors=wrong.as_json())
    except (ConfigurationError, MoneyError) as wrong:
        if isinstance(wrong, ConfigurationError):
            await problems.channel_unusable(services, installation.api_url, event.source_object.channel.slug, wrong)
        return GatewayAnswer(errors=[_error(wrong)])
    amazon_pay = button.configuration(
        services,
        account,
        event.source_object,
        amount,
        placement=data.placement,
        config=config,
    )
    if data.amazon_checkout_session_id is None:
        return GatewayAnswer(amazon_pay=amazon_pay)
    try:
        session = await _session(services, installation, account, event, data.amazon_checkout_session_id, deadline)
    except DataErrors as wrong:
        return GatewayAnswer(amazon_pay=amazon_pay, errors=wrong.as_json())
    except AmazonPayError as failed:
        return GatewayAnswer(amazon_pay=amazon_pay, errors=[_error(failed)])
    return GatewayAnswer(amazon_pay=amazon_pay, checkout_session=session)


def _error(error: AppError | MoneyError) -> dict[str, str]:
    if isinstance(error, AppError):
        return {"code": error.code, "message": error.public_message}
    return {"code": "AMOUNT_NOT_PAYABLE", "message": str(error)}


def _review_config(
    services: Services,
    account: Account,
    event: PaymentGatewayInitializeSession,
    data: GatewayInitializeData,
    amount: Money,
) -> CreateCheckoutSessionConfig | None:
    """The signed payload of the review flow; APB's is made by transactionInitialize, when the amount is final.

    Raises:
        NothingDeliverable: something ships, and no address a buyer could choose would do.
        DataErrors: the agreement that is asked for cannot be had.
    """
    agreed = asking.asked(account, data, amount, event.source_object)
    if data.flow != "review" or data.checkout_review_return_url is None:
        return None
    options, source = account.options, event.source_object
    ships = source.is_shipping_required
    payload = CheckoutSessionPayload(
        web_checkout_details=WebCheckoutDetails(
            checkout_review_return_url=data.checkout_review_return_url,
            checkout_cancel_url=data.checkout_cancel_url,
        ),
        store_id=account.store_id,
        charge_permission_type=agreed.charge_permission_type.value if agreed else None,
        recurring_metadata=terms.recurring_metadata(agreed),
        payment_method_on_file_metadata=terms.on_file_metadata(agreed, amount),
        delivery_specifications=delivery.specifications(options, source.channel.country_codes) if ships else None,
        merchant_metadata=MerchantMetadata(merchant_store_name=fit_store_name(options.store_name))
        if options.store_name
        else None,
    )
    return services.directory.signed_button(account, to_json(payload).decode())


async def _session(
    services: Services,
    installation: Installation,
    account: Account,
    event: PaymentGatewayInitializeSession,
    session_id: str,
    deadline: Deadline,
) -> dict[str, Any]:
    """The session for the review page; buyer data is never shown to a source that another one's payment is bound to."""
    bound = await services.database.read(
        lambda session: payment_rows.source_of_session(session, installation.api_url, session_id)
    )
    if bound not in {None, event.source_object.id}:
        message = "This Amazon Pay session belongs to another checkout."
        raise DataErrors([DataError("data.amazonCheckoutSessionId", "INVALID", message)])
    answer = await services.amazon(account).execute(requests.get_checkout_session(session_id), budget=deadline.left)
    return review_of(answer.value, event.source_object.is_shipping_required)


def review_of(session: CheckoutSession, is_shipping_required: bool) -> dict[str, Any]:  # noqa: FBT001
    """What a review page shows; addresses in the form Saleor's mutations take."""
    shipping = addresses.to_saleor(session.shipping_address)
    billing = addresses.to_saleor(session.billing_address)
    missing = [f"shippingAddress.{name}" for name in shipping.missing] if is_shipping_required else []
    missing += [f"billingAddress.{name}" for name in billing.missing] if session.billing_address else []
    buyer = session.buyer
    return {
        "amazonCheckoutSessionId": session.checkout_session_id,
        "state": session.state,
        "reasonCode": session.reason_code or None,
        "buyer": {"name": buyer.name, "email": buyer.email, "phoneNumber": buyer.phone_number} if buyer else None,
        "shippingAddress": shipping.address,
        "billingAddress": billing.address,
        "paymentDescriptor": session.payment_descriptor,
        "missingFields": missing,
        "constraints": list(session.constraint_ids),
        "changeAddress": {"amazonCheckoutSessionId": session.checkout_session_id, "changeAction": "changeAddress"},
        "changePayment": {"amazonCheckoutSessionId": session.checkout_session_id, "changeAction": "changePayment"},
    }
