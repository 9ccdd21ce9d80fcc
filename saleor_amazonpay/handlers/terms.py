"""What the buyer agrees to at Amazon: amount, intent and the words shown, whatever the flow (DESIGN §6 case 13)."""

from __future__ import annotations

from saleor_amazonpay.amazonpay.payloads import MerchantMetadata, PaymentDetails, fit_store_name
from saleor_amazonpay.domain.states import ActionType, PaymentIntent
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.payments import Payment


def payment_details(account: Account, payment: Payment) -> PaymentDetails:
    options = account.options
    intent = payment_intent(account, payment)
    with_capture = intent is PaymentIntent.AUTHORIZE_WITH_CAPTURE
    return PaymentDetails(
        payment_intent=intent.value,
        can_handle_pending_authorization=options.pending_authorization and not with_capture,
        charge_amount=payment.amount,
        presentment_currency=payment.amount.currency,
        soft_descriptor=options.soft_descriptor if with_capture else None,
    )


def payment_intent(account: Account, payment: Payment) -> PaymentIntent:
    """Captured at once only where Saleor asked for CHARGE and the account follows Saleor."""
    charge = payment.action_type == ActionType.CHARGE and account.options.capture_policy == "followSaleor"
    return PaymentIntent.AUTHORIZE_WITH_CAPTURE if charge else PaymentIntent.AUTHORIZE


def merchant_metadata(account: Account, payment: Payment, *, reference: str | None = None) -> MerchantMetadata:
    """The reference is Saleor's transaction, by which a session proves that it is this payment's (case 2).

    ``reference`` replaces it once there is an order.
    """
    options = account.options
    return MerchantMetadata(
        merchant_reference_id=reference or payment.transaction_id,
        merchant_store_name=fit_store_name(options.store_name) if options.store_name else None,
        note_to_buyer=options.note_to_buyer,
    )
