"""What the buyer agrees to at Amazon: amount, intent and the words shown, whatever the flow (DESIGN §6 case 13)."""

from __future__ import annotations

from saleor_amazonpay.amazonpay.payloads import (
    Frequency,
    MerchantMetadata,
    PaymentDetails,
    PaymentMethodOnFileMetadata,
    RecurringMetadata,
    fit_store_name,
)
from saleor_amazonpay.domain.agreements import AgreementTerms
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ActionType, ChargePermissionType, PaymentIntent
from saleor_amazonpay.storage.accounts import AccountOptions
from saleor_amazonpay.storage.payments import Payment


def payment_details(options: AccountOptions, payment: Payment) -> PaymentDetails:
    """No amount where a payment method is only put on file (§6.7)."""
    if is_set_up_only(payment):
        return PaymentDetails(payment_intent=PaymentIntent.CONFIRM.value)
    intent = payment_intent(options, payment)
    with_capture = intent is PaymentIntent.AUTHORIZE_WITH_CAPTURE
    return PaymentDetails(
        payment_intent=intent.value,
        can_handle_pending_authorization=may_be_pending(options, intent),
        charge_amount=payment.amount,
        presentment_currency=payment.amount.currency,
        soft_descriptor=options.soft_descriptor if with_capture else None,
    )


def payment_intent(options: AccountOptions, payment: Payment) -> PaymentIntent:
    """Captured at once only where Saleor asked for CHARGE and the account follows Saleor.

    Nothing to pay is only agreed to (case 14).
    """
    if not payment.amount.is_positive:
        return PaymentIntent.CONFIRM
    charge = payment.action_type == ActionType.CHARGE and options.capture_policy == "followSaleor"
    return PaymentIntent.AUTHORIZE_WITH_CAPTURE if charge else PaymentIntent.AUTHORIZE


def may_be_pending(options: AccountOptions, intent: PaymentIntent) -> bool:
    """Whether Amazon may take its time to decide (case 13); not with a capture at once, which it does not allow."""
    return options.pending_authorization and intent is PaymentIntent.AUTHORIZE


def is_set_up_only(payment: Payment) -> bool:
    terms = payment.agreement_terms
    on_file = terms is not None and terms.charge_permission_type is ChargePermissionType.PAYMENT_METHOD_ON_FILE
    return on_file and not payment.amount.is_positive


def on_file_metadata(terms: AgreementTerms | None, amount: Money) -> PaymentMethodOnFileMetadata | None:
    if terms is None or terms.charge_permission_type is not ChargePermissionType.PAYMENT_METHOD_ON_FILE:
        return None
    return PaymentMethodOnFileMetadata(setup_only=not amount.is_positive)


def recurring_metadata(terms: AgreementTerms | None) -> RecurringMetadata | None:
    """How often and how much, as Amazon tells the buyer (§6.1)."""
    if terms is None or terms.frequency is None:
        return None
    frequency = Frequency(unit=terms.frequency.unit.value, value=str(terms.frequency.value))
    return RecurringMetadata(frequency=frequency, amount=terms.amount)


def merchant_metadata(options: AccountOptions, payment: Payment, *, reference: str | None = None) -> MerchantMetadata:
    """The reference is Saleor's transaction, by which a session proves that it is this payment's (case 2).

    ``reference`` replaces it once there is an order.
    """
    return MerchantMetadata(
        merchant_reference_id=reference or payment.transaction_id,
        merchant_store_name=fit_store_name(options.store_name) if options.store_name else None,
        note_to_buyer=options.note_to_buyer,
    )
