"""The review flow: the buyer chose address and card on the shop's side of Amazon, and approves on Amazon's pay page.

One commit (binding the session), one CV2 call (Update Checkout Session, which can be repeated without harm). Its
answer also says where the buyer told Amazon to ship: goods that go elsewhere are outside Amazon's guarantee.
Source: DESIGN §5, §6 cases 3, 13; amazon-pay-cv2.md §3.5, §5.1 steps 5-6; amazonpay-plugins.md §P check 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from saleor_amazonpay.amazonpay import ApiRequest, CheckoutSession, requests
from saleor_amazonpay.amazonpay.payloads import WebCheckoutDetails
from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.states import ChargePermissionType, PaymentState
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.domain.transitions import SESSION_FAILURE
from saleor_amazonpay.errors import AmazonPayRejected, AmazonPayUnavailable, AmazonPayUnresolved
from saleor_amazonpay.handlers import addresses, operations, terms
from saleor_amazonpay.handlers.conclusions import message_for
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import SessionEvent, refused, undecided
from saleor_amazonpay.saleor.answers import SessionAnswer
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

_SESSION_FIELD = "data.amazonCheckoutSessionId"

_SESSION_REFUSALS: Mapping[str, str] = {
    "ResourceNotFound": "Amazon Pay does not know this checkout session for this account.",
    "InvalidCheckoutSessionStatus": "This Amazon Pay session is finished or expired; start again with the button.",
    "CheckoutSessionCanceled": "This Amazon Pay session was cancelled; start again with the button.",
}


_ADDRESS_FIELD = "shippingAddress"
_COPY_IT = "Copy it from checkoutSession.shippingAddress, which paymentGatewayInitialize answers, to the checkout."


async def begin(
    services: Services, account: Account, payment: Payment, event: SessionEvent, deadline: Deadline
) -> SessionAnswer:
    """Bind the buyer's session to the payment and send the buyer on to Amazon."""
    services.chronicle.note(payment.id, "request", event="transaction_initialize_session", amount=str(payment.amount))
    obstacle = await services.database.run(lambda session: _bind(session, services, payment))
    if obstacle is not None:
        return refused(payment.api_url, event, obstacle, [DataError(_SESSION_FIELD, "INVALID", obstacle)])
    return await send_buyer_on(services, account, payment, event, deadline)


def _bind(session: Session, services: Services, payment: Payment) -> str | None:
    """Bind the checkout session to the payment; otherwise why it cannot be (case 3)."""
    if payment_rows.begin(session, payment):
        return None
    known, holder = payment_rows.with_rival(session, payment)
    if known is not None and not known.is_undecided:
        return "This transaction is decided already; start a new one."
    if holder is not None:
        if not holder.is_undecided:
            return "This Amazon Pay session is used by another payment; start again with the button."
        if holder.source_id != payment.source_id:
            return "This Amazon Pay session belongs to another checkout."
        _replace(session, services, holder)
    payment_rows.save(session, payment)
    return None


def _replace(session: Session, services: Services, older: Payment) -> None:
    """A newer transaction of the same source takes the open session over; the older one is told so."""
    now = services.clock.now()
    payment_rows.change(session, older.id, now, state=PaymentState.REPLACED, session_id=None)
    fact = Fact(
        reference=keys.reference("replaced", older.api_url, older.transaction_id),
        type=SESSION_FAILURE[older.action_type],
        amount=older.amount,
        time=now,
        message="Replaced by a newer Amazon Pay transaction of the same checkout.",
    )
    operations.owe_without_actions(session, services, older, fact)


async def send_buyer_on(
    services: Services, account: Account, payment: Payment, event: SessionEvent, deadline: Deadline
) -> SessionAnswer:
    """Update the session and answer with Amazon's redirect URL; also what repairs an update that was lost."""
    try:
        with services.chronicle.following(payment.id):
            answer = await services.amazon(account).execute(_update(account, payment), budget=deadline.left)
    except AmazonPayRejected as refusal:
        message = _SESSION_REFUSALS.get(refusal.reason_code, message_for(refusal.reason_code))
        await services.database.run(lambda session: _unbind(session, services, payment))
        errors = [DataError(_SESSION_FIELD, "INVALID", message)] if refusal.reason_code in _SESSION_REFUSALS else []
        return refused(payment.api_url, event, message, errors)
    except (AmazonPayUnavailable, AmazonPayUnresolved):
        message = "Amazon Pay did not answer in time; call transactionProcess to go on."
        return undecided(event, message, status="processing", amazonCheckoutSessionId=payment.session_id)
    unlike = _agreement_error(payment, answer.value)
    if unlike is not None:
        await services.database.run(lambda session: _unbind(session, services, payment))
        return refused(payment.api_url, event, unlike.message, [unlike])
    differing = address_errors(event, answer.value)
    if differing and account.options.address_mismatch == "refuse":
        await services.database.run(lambda session: _unbind(session, services, payment))
        return refused(payment.api_url, event, DataErrors(differing).public_message, differing)
    if differing:
        await services.database.run(lambda session: _warn(session, services, payment, differing))
    return await _redirect(services, payment, event, answer.value)


def address_errors(event: SessionEvent, session: CheckoutSession) -> list[DataError]:
    """Where the checkout ships elsewhere than the buyer told Amazon, field by field; nothing where nothing ships."""
    source = event.source_object
    if not source.is_shipping_required or session.shipping_address is None:
        return []  # without an address where one is due Amazon leaves a constraint, and no redirect URL
    if source.shipping_address is None:
        return [DataError(_ADDRESS_FIELD, "REQUIRED", f"The checkout has no delivery address. {_COPY_IT}")]
    return [
        DataError(f"{_ADDRESS_FIELD}.{name}", "INVALID", f"Differs from the buyer's choice at Amazon. {_COPY_IT}")
        for name in addresses.same_place(source.shipping_address, session.shipping_address)
    ]


def _warn(session: Session, services: Services, payment: Payment, differing: Sequence[DataError]) -> None:
    """The merchant takes the risk (account option ``addressMismatch``), and is told of it in the transaction."""
    now, names = services.clock.now(), [error.field for error in differing]
    timeline.add(session, payment.id, "decision", now, address_differs=names)
    fact = Fact(
        reference=keys.reference("address", payment.api_url, payment.transaction_id),
        type=Event.INFO,
        amount=payment.amount,
        time=now,
        message=f"The goods go elsewhere than the buyer told Amazon Pay ({', '.join(names)}): no Amazon guarantee.",
    )
    operations.owe_without_actions(session, services, payment, fact)


async def _redirect(
    services: Services, payment: Payment, event: SessionEvent, updated: CheckoutSession
) -> SessionAnswer:
    url = updated.amazon_pay_redirect_url
    if url:
        return undecided(
            event,
            "The buyer has to approve the payment at Amazon Pay.",
            status="awaiting_buyer",
            amazonPayRedirectUrl=url,
            amazonCheckoutSessionId=payment.session_id,
        )
    left = ", ".join(updated.constraint_ids) or "no redirect URL"
    message = f"The Amazon Pay session is not ready to be paid ({left}); start again with the button."
    await services.database.run(lambda session: _unbind(session, services, payment))
    return refused(payment.api_url, event, message, [DataError(_SESSION_FIELD, "INVALID", message)])


def _unbind(session: Session, services: Services, payment: Payment) -> None:
    """The session cannot serve this payment; the storefront goes on with a new transaction."""
    current = payment_rows.by_id(session, payment.id, lock=True)
    if current is not None and current.is_undecided and current.session_id == payment.session_id:
        now = services.clock.now()
        payment_rows.change(session, payment.id, now, state=PaymentState.FAILED, session_id=None)


def _upgraded(payment: Payment) -> Literal["Recurring"] | None:
    """A session opened for one purchase can still become a recurring agreement, the only change Amazon knows (§6.4)."""
    asked = payment.agreement_terms
    is_recurring = asked is not None and asked.charge_permission_type == ChargePermissionType.RECURRING
    return "Recurring" if is_recurring else None


def _agreement_error(payment: Payment, session: CheckoutSession) -> DataError | None:
    """What the buyer was asked at the button and what the shop asks now have to be the same."""
    opened_for = session.charge_permission_type or ChargePermissionType.ONE_TIME
    asked = payment.agreement_terms
    wanted = asked.charge_permission_type if asked else ChargePermissionType.ONE_TIME
    if opened_for == wanted:
        return None
    on_file = ChargePermissionType.PAYMENT_METHOD_ON_FILE in {opened_for, wanted}
    message = f"The buyer opened this Amazon Pay session for {opened_for}, and {wanted} is asked for; send the same."
    return DataError("data.paymentMethodOnFile" if on_file else "data.recurring", "INVALID", message)


def _update(account: Account, payment: Payment) -> ApiRequest[CheckoutSession]:
    return requests.update_checkout_session(
        payment.session_id or "",
        web_checkout_details=WebCheckoutDetails(checkout_result_return_url=payment.result_url),
        payment_details=terms.payment_details(account.options, payment),
        recurring_metadata=terms.recurring_metadata(payment.agreement_terms),
        charge_permission_type=_upgraded(payment),
        merchant_metadata=terms.merchant_metadata(account.options, payment),
    )
