"""A customer agrees without a purchase: Saleor's tokenization, on Amazon's page of the one-click button.

Nothing is charged, so no payment begins; Complete is repeated with one derived key until the agreement is stored.
Source: saleor-contract.md §6.6; DESIGN §6 case 14; amazon-pay-cv2.md §5.4, §6.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from saleor_amazonpay.amazonpay import CheckoutSession, requests
from saleor_amazonpay.amazonpay.payloads import (
    CheckoutSessionPayload,
    MerchantMetadata,
    PaymentDetails,
    WebCheckoutDetails,
    fit_store_name,
    to_json,
)
from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.agreements import AgreementTerms
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import ChargePermissionType, CheckoutSessionState, PaymentIntent
from saleor_amazonpay.domain.transitions import reason_message
from saleor_amazonpay.errors import AmazonPayError, AmazonPayRejected
from saleor_amazonpay.handlers import button, terms
from saleor_amazonpay.handlers.agreements import births
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.saleor.answers import MethodAnswer
from saleor_amazonpay.saleor.data import TokenizationData
from saleor_amazonpay.storage import tokenizations as rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.tokenizations import Tokenization

FINISH_TOKENIZATION = "finish_tokenization"

_SAFETY_NET = timedelta(minutes=1)
_NOT_THEIRS = "There is no such agreement under way for this customer; begin again."


async def begin(
    services: Services, account: Account, new: Tokenization, data: TokenizationData, *, language: str
) -> MethodAnswer:
    """Remember and sign; the buyer goes to Amazon with it. No CV2 call is made."""
    await services.database.run(lambda session: rows.insert(session, new))
    config = services.directory.signed_button(account, _payload(account, new, data))
    shown = button.appearance(
        services, account, currency=new.currency, language=language, product_type="PayOnly", placement="Other"
    )
    amazon_pay = shown | {"createCheckoutSessionConfig": config}
    return MethodAnswer(result="ADDITIONAL_ACTION_REQUIRED", id=new.id, data={"amazonPay": amazon_pay})


def new_tokenization(
    services: Services,
    account: Account,
    *,
    channel_slug: str,
    customer_id: str,
    currency: str,
    agreed: AgreementTerms,
    issued_at: str,
) -> Tokenization:
    """Its id is derived from the request, so that the very same request is the same tokenization."""
    now = services.clock.now()
    return Tokenization(
        id=keys.reference("tokenization", account.api_url, customer_id, channel_slug, issued_at),
        api_url=account.api_url,
        account_id=account.id,
        channel_slug=channel_slug,
        customer_id=customer_id,
        currency=Currency(currency),
        agreement_terms=agreed,
        state=rows.AWAITING_BUYER,
        session_id=None,
        agreement_id=None,
        message=None,
        created_at=now,
        updated_at=now,
    )


def _payload(account: Account, new: Tokenization, data: TokenizationData) -> str:
    agreed, options = new.agreement_terms, account.options
    payload = CheckoutSessionPayload(
        web_checkout_details=WebCheckoutDetails(
            checkout_result_return_url=data.checkout_result_return_url,
            checkout_cancel_url=data.checkout_cancel_url,
            checkout_mode="ProcessOrder",
        ),
        store_id=account.store_id,
        charge_permission_type=agreed.charge_permission_type.value,
        recurring_metadata=terms.recurring_metadata(agreed),
        payment_method_on_file_metadata=terms.on_file_metadata(agreed, Money.zero(new.currency)),
        payment_details=PaymentDetails(payment_intent=PaymentIntent.CONFIRM.value, charge_amount=_amount(new)),
        merchant_metadata=MerchantMetadata(
            merchant_reference_id=new.id,
            merchant_store_name=fit_store_name(options.store_name) if options.store_name else None,
            note_to_buyer=options.note_to_buyer,
        ),
    )
    return to_json(payload).decode()


def _amount(new: Tokenization) -> Money | None:
    """A recurring agreement is completed with zero, a payment method on file with nothing at all (§6.7)."""
    on_file = new.agreement_terms.charge_permission_type is ChargePermissionType.PAYMENT_METHOD_ON_FILE
    return None if on_file else Money.zero(new.currency)


async def process(
    services: Services, api_url: str, customer_id: str, id_: str, session_id: str, deadline: Deadline
) -> MethodAnswer:
    """The buyer is back; asked twice it answers twice the same."""
    known = await services.database.read(lambda session: rows.by_id(session, id_))
    if known is None or (known.api_url, known.customer_id) != (api_url, customer_id):
        return MethodAnswer(result="FAILED_TO_TOKENIZE", error=_NOT_THEIRS)
    if known.state in {rows.DONE, rows.FAILED}:
        return _answer(known)
    try:
        return _answer(await _finish(services, known, session_id.lower(), deadline))
    except AmazonPayError:
        return MethodAnswer(result="PENDING", id=known.id)


async def finish(services: Services, id_: str, deadline: Deadline) -> None:
    """What a crash or a time-out left between Amazon's agreement and ours.

    Raises:
        RetryLater: Amazon cannot be asked now.
    """
    known = await services.database.read(lambda session: rows.by_id(session, id_))
    if known is None or known.state != rows.COMPLETING or known.session_id is None:
        return
    try:
        await _finish(services, known, known.session_id, deadline)
    except AmazonPayError as absence:
        raise RetryLater(None, f"Amazon Pay cannot be asked: {absence.code}") from absence


async def _finish(services: Services, known: Tokenization, session_id: str, deadline: Deadline) -> Tokenization:
    """Raises AmazonPayUnavailable or AmazonPayUnresolved: nothing is known yet."""
    account = await services.directory.account(known.api_url, known.account_id)
    client = services.amazon(account)
    session = await _read(services, account, session_id, deadline)
    reference = session.merchant_metadata.merchant_reference_id if session and session.merchant_metadata else None
    if session is None or reference != known.id:
        return replace(known, message="This Amazon Pay session does not belong to the agreement.")
    if session.state == CheckoutSessionState.OPEN:
        known = replace(known, state=rows.COMPLETING, session_id=session_id)
        await services.database.run(lambda database: _completing(database, services, known))
        key = keys.idempotency_key(known.api_url, known.id, "complete")
        complete = requests.complete_checkout_session(session_id, charge_amount=_amount(known), idempotency_key=key)
        try:
            session = (await client.execute(complete, budget=deadline.left)).value
        except AmazonPayRejected:
            session = await _read(services, account, session_id, deadline) or session
    return await services.database.run(lambda database: _conclude(database, services, known, session))


async def _read(services: Services, account: Account, session_id: str, deadline: Deadline) -> CheckoutSession | None:
    request = requests.get_checkout_session(session_id)
    try:
        return (await services.amazon(account).execute(request, budget=deadline.left)).value
    except AmazonPayRejected:
        return None


def _completing(session: Session, services: Services, known: Tokenization) -> None:
    rows.change(session, known, services.clock.now())
    services.jobs.defer(
        session,
        FINISH_TOKENIZATION,
        key=known.id,
        args={"tokenization_id": known.id},
        run_at=services.clock.now() + _SAFETY_NET,
        priority=services.turns.priority(known.api_url),
    )


def _conclude(session: Session, services: Services, known: Tokenization, seen: CheckoutSession) -> Tokenization:
    now = services.clock.now()
    if seen.state == CheckoutSessionState.OPEN:  # the buyer is not through yet
        waiting = replace(known, state=rows.AWAITING_BUYER)
        rows.change(session, waiting, now)
        return replace(waiting, message="The buyer has not finished at Amazon Pay yet.")
    if seen.state != CheckoutSessionState.COMPLETED or not seen.charge_permission_id:
        reason = reason_message(seen.reason_code, "Amazon Pay cancelled it; begin again.")
        ended = replace(known, state=rows.FAILED, message=reason)
        rows.change(session, ended, now)
        return ended
    born = births.agreement(
        api_url=known.api_url,
        account_id=known.account_id,
        channel_slug=known.channel_slug,
        customer_id=known.customer_id,
        charge_permission_id=seen.charge_permission_id,
        charge_permission_type=seen.charge_permission_type or known.agreement_terms.charge_permission_type,
        currency=known.currency,
        terms=known.agreement_terms,
        now=now,
        agreed_at=known.created_at,
    )
    births.insert(session, services, born)
    done = replace(known, state=rows.DONE, agreement_id=born.id)
    rows.change(session, done, now)
    return done


def _answer(known: Tokenization) -> MethodAnswer:
    if known.state == rows.DONE:
        return MethodAnswer(result="SUCCESSFULLY_TOKENIZED", id=known.agreement_id)
    if known.state == rows.FAILED:
        return MethodAnswer(result="FAILED_TO_TOKENIZE", error=known.message or "Amazon Pay cancelled it; begin again.")
    errors = [{"field": "data.amazonCheckoutSessionId", "code": "INVALID", "message": known.message or ""}]
    return MethodAnswer(result="ADDITIONAL_ACTION_REQUIRED", id=known.id, data={"errors": errors})
