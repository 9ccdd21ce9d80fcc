"""The Additional Payment Button (APB): one click to Amazon's pay page, no review page, no session known before.

Amazon makes the session from the payload signed here, so the payload carries amount, address and our reference; by that
reference the session that comes back proves that it is this transaction's. Source: DESIGN §5, §6 case 2;
amazon-pay-cv2.md §5.4.
"""

from __future__ import annotations

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.amazonpay.payloads import (
    AddressDetails,
    CheckoutSessionPayload,
    WebCheckoutDetails,
    to_json,
)
from saleor_amazonpay.errors import AmazonPayRejected
from saleor_amazonpay.handlers import addresses, button, terms
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import refused, undecided
from saleor_amazonpay.saleor.answers import SessionAnswer
from saleor_amazonpay.saleor.data import ApbData
from saleor_amazonpay.saleor.events import TransactionInitializeSession
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

_SESSION_FIELD = "data.amazonCheckoutSessionId"


async def begin(
    services: Services, account: Account, payment: Payment, event: TransactionInitializeSession, data: ApbData
) -> SessionAnswer:
    """Sign the payload of this very amount and address; no CV2 call is made."""
    try:
        payload = _payload(account, payment, event, data)
    except DataErrors as wrong:
        return refused(payment.api_url, event, wrong.public_message, wrong.errors)
    is_new = await services.database.run(lambda session: _remember(session, services, payment))
    if not is_new:
        return refused(payment.api_url, event, "This transaction is decided already; start a new one.")
    config = services.directory.signed_button(account, payload)
    return undecided(
        event,
        "The buyer has to pay at Amazon Pay.",
        status="awaiting_buyer",
        amazonPay=button.configuration(services, account, event.source_object, payment.amount, config=config),
    )


def _address(event: TransactionInitializeSession) -> AddressDetails | None:
    """Raises DataErrors: something ships, and Amazon cannot take the address as it is."""
    source = event.source_object
    if not source.is_shipping_required:
        return None
    converted = addresses.to_amazon(source.shipping_address)
    if converted.details is None:
        raise DataErrors(converted.errors)
    return converted.details


def _remember(session: Session, services: Services, payment: Payment) -> bool:
    known = payment_rows.by_transaction(session, payment.api_url, payment.transaction_id)
    if known is not None and not known.is_undecided:
        return False
    payment_rows.save(session, payment)
    now = services.clock.now()
    timeline.add(session, payment.id, "request", now, event="transaction_initialize_session", flow="apb")
    return True


def _payload(account: Account, payment: Payment, event: TransactionInitializeSession, data: ApbData) -> str:
    """Raises DataErrors: Amazon cannot take the address."""
    agreed = payment.agreement_terms
    payload = CheckoutSessionPayload(
        web_checkout_details=WebCheckoutDetails(
            checkout_result_return_url=payment.result_url,
            checkout_cancel_url=data.checkout_cancel_url,
            checkout_mode="ProcessOrder",
        ),
        store_id=account.store_id,
        charge_permission_type=agreed.charge_permission_type.value if agreed else None,
        recurring_metadata=terms.recurring_metadata(agreed),
        payment_method_on_file_metadata=terms.on_file_metadata(agreed, payment.amount),
        payment_details=terms.payment_details(account.options, payment),
        merchant_metadata=terms.merchant_metadata(account.options, payment),
        address_details=_address(event),
    )
    return to_json(payload).decode()


async def recognize(
    services: Services, account: Account, payment: Payment, session_id: str, deadline: Deadline
) -> Payment:
    """Bind the session Amazon made at the click, if it carries our reference and amount (case 2).

    Raises:
        DataErrors: it is not this transaction's.
        AmazonPayUnavailable: it cannot be read now.
    """
    try:
        with services.chronicle.following(payment.id):
            request = requests.get_checkout_session(session_id)
            found = (await services.amazon(account).execute(request, budget=deadline.left)).value
    except AmazonPayRejected as refusal:
        raise _foreign() from refusal
    reference = found.merchant_metadata.merchant_reference_id if found.merchant_metadata else None
    if reference != payment.transaction_id:
        raise _foreign()
    bound = await services.database.run(lambda session: _bind(session, services, payment, session_id))
    if bound is None:
        raise _foreign()
    return bound


def _bind(session: Session, services: Services, payment: Payment, session_id: str) -> Payment | None:
    """The payment with its session, or as it was decided meanwhile; None where the session is another's."""
    current = payment_rows.by_id(session, payment.id, lock=True)
    if current is None or current.session_id == session_id or not current.is_undecided:
        return current
    if payment_rows.by_session(session, payment.api_url, session_id) is not None:
        return None
    payment_rows.change(session, payment.id, services.clock.now(), session_id=session_id)
    return payment_rows.by_id(session, payment.id)


def _foreign() -> DataErrors:
    message = "This Amazon Pay session does not belong to the transaction."
    return DataErrors([DataError(_SESSION_FIELD, "INVALID", message)])
