"""An id, or a call of CV1, in the words of both APIs and of Seller Central: what it is, how it stands, what to do.

Ids of payments made with CV2 are explained too: Seller Central and the settlement reports show them in CV1's words.
Source: amazon-pay-cv2.md §12, §13.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from saleor_amazonpay.amazonpay import Charge, ChargePermission, Price, Refund
from saleor_amazonpay.domain.cv1 import calls, limits
from saleor_amazonpay.domain.cv1.calls import Cv1Call
from saleor_amazonpay.domain.cv1.identifiers import Cv1Id, Cv1Kind, NotACv1Id, authorization_id_of
from saleor_amazonpay.domain.cv1.states import cv1_word
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import ChargePermissionState, ChargeState, RefundState
from saleor_amazonpay.errors import AmazonPayError, AmazonPayRejected
from saleor_amazonpay.handlers.cv1.finding import reading_of
from saleor_amazonpay.handlers.cv1.reading import request_for
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session

Named = tuple[str, str]
AmazonObject = ChargePermission | Charge | Refund


@dataclass(frozen=True, slots=True)
class Explanation:
    """Texts for a person; ``problem`` says why something is missing.

    ``names``: the id under every name it goes by. ``amounts``: Amazon's, by name.
    """

    asked: str
    subject: str = ""
    call: Cv1Call | None = None
    names: Sequence[Named] = ()
    account: str = ""
    cv2_state: str = ""
    cv1_state: str = ""
    reasons: Sequence[str] = ()
    amounts: Sequence[tuple[str, Money]] = ()
    transaction_id: str = ""
    order_number: str = ""
    advice: Sequence[Message | str] = ()
    problem: Message | str = ""
    can_be_adopted: bool = False


_SUBJECTS: Final[Mapping[Cv1Kind, str]] = {
    Cv1Kind.ORDER_REFERENCE: marked("Order Reference (CV1), Charge Permission of one order (CV2)"),
    Cv1Kind.BILLING_AGREEMENT: marked("Billing Agreement (CV1), Recurring Charge Permission (CV2)"),
    Cv1Kind.AUTHORIZATION: marked("Authorization (CV1), Charge (CV2)"),
    Cv1Kind.CAPTURE: marked("Capture (CV1), Charge (CV2)"),
    Cv1Kind.REFUND: marked("Refund (CV1 and CV2)"),
}

_ADVICE: Final[Mapping[tuple[type[Any], str], str]] = {
    (ChargePermission, ChargePermissionState.CHARGEABLE): marked("It can be charged."),
    (ChargePermission, ChargePermissionState.NON_CHARGEABLE): marked(
        "A charge on an Order Reference is tried all the same; if Amazon refuses it, the buyer has to update the "
        "payment method on the Amazon Pay page."
    ),
    (ChargePermission, ChargePermissionState.CLOSED): marked(
        "Nothing new can be charged. What is authorized can still be captured or cancelled, what is captured refunded."
    ),
    (Charge, ChargeState.AUTHORIZATION_INITIATED): marked("Amazon is still deciding it; at most 24 hours."),
    (Charge, ChargeState.AUTHORIZED): marked("It can be captured or cancelled until it expires."),
    (Charge, ChargeState.CAPTURE_INITIATED): marked("The capture is under way."),
    (Charge, ChargeState.CAPTURED): marked("It can be refunded, in up to 10 parts."),
    (Charge, ChargeState.CANCELED): marked(
        "It has ended. If the Order Reference is less than 180 days old and Open, charge it anew; if it was captured "
        "and refunded to the limit, nothing is left to do."
    ),
    (Charge, ChargeState.DECLINED): marked(
        "Amazon declined it; charge anew, or ask the buyer for another payment method."
    ),
    (Refund, RefundState.REFUND_INITIATED): marked("Amazon is still deciding it."),
    (Refund, RefundState.REFUNDED): marked("The buyer has the money back."),
    (Refund, RefundState.DECLINED): marked("Amazon declined it; give the money back another way."),
}


@dataclass(slots=True)
class _Seen:
    """What was found for an id."""

    account: Account | None = None
    object: AmazonObject | None = None
    problem: Message | str = ""
    transaction_id: str = ""
    order_number: str = ""
    is_agreement: bool = False


async def explain(services: Services, api_url: str, asked: str, deadline: Deadline) -> Explanation:
    """``asked`` is an id of either API, or the name of a CV1 call; what cannot be explained says why."""
    asked = asked.strip()
    call = calls.find_call(asked)
    if call is not None:
        return Explanation(asked, marked("A call of CV1"), call)
    try:
        id_ = Cv1Id.parse(asked)
    except NotACv1Id as wrong:
        return Explanation(asked, problem=str(wrong))
    seen = await _look(services, api_url, id_, deadline)
    return _explanation(services, id_, seen)


async def _look(services: Services, api_url: str, id_: Cv1Id, deadline: Deadline) -> _Seen:
    seen, accounts = await services.database.read(lambda session: _stored(session, services, api_url, id_))
    fitting = [each for each in accounts if (each.region, each.environment) == (id_.region, id_.environment)]
    if not fitting:
        seen.problem = Message(
            "No Amazon Pay account of region {region} and environment {environment} is set up.",
            region=id_.region,
            environment=id_.environment,
        )
    for account in fitting:
        try:
            answer = await services.amazon(account).execute(request_for(id_), budget=deadline.left)
        except AmazonPayRejected:
            seen.problem = Message("Amazon Pay does not know it for the accounts set up here.")
        except AmazonPayError as absence:
            seen.problem = absence.sentence
        else:
            seen.account, seen.object, seen.problem = account, answer.value, ""
            break
    return seen


def _stored(session: Session, services: Services, api_url: str, id_: Cv1Id) -> tuple[_Seen, list[Account]]:
    """What we know of it, and the accounts that may have made it."""
    seen = _Seen()
    payment = payment_rows.by_permission(session, api_url, id_.permission_id)
    if payment is not None:
        seen.transaction_id, seen.order_number = payment.transaction_id, payment.order_number or ""
    seen.is_agreement = agreement_rows.by_permission(session, api_url, id_.permission_id) is not None
    accounts = account_rows.of_tenant(session, api_url, services.secrets)
    return seen, [account for account in accounts if account.state != "locked"]


def _explanation(services: Services, id_: Cv1Id, seen: _Seen) -> Explanation:
    object_ = seen.object
    state = object_.state if object_ is not None else ""
    return Explanation(
        asked=id_.text,
        subject=_SUBJECTS[id_.kind],
        names=[*_names(id_, object_)],
        account=seen.account.name if seen.account else "",
        cv2_state=state,
        cv1_state=cv1_word(id_.kind, state, reading_of(services)) if state else "",
        reasons=object_.reason_codes if object_ is not None else (),
        amounts=[*_amounts(object_)],
        transaction_id=seen.transaction_id,
        order_number=seen.order_number,
        advice=[*_advice(id_, seen)],
        problem=seen.problem,
        can_be_adopted=object_ is not None and not seen.transaction_id and not seen.is_agreement,
    )


def _names(id_: Cv1Id, object_: AmazonObject | None) -> Iterator[Named]:
    parent = "AmazonBillingAgreementId" if id_.text[0] in "BC" else "AmazonOrderReferenceId"
    yield f"{parent}, chargePermissionId", id_.permission_id
    if id_.kind in {Cv1Kind.AUTHORIZATION, Cv1Kind.CAPTURE}:
        yield "AmazonAuthorizationId (Seller Central)", authorization_id_of(id_.cv2_id)
        yield "AmazonCaptureId, AmazonTransactionId, chargeId", id_.cv2_id
    if id_.kind is Cv1Kind.REFUND:
        yield "AmazonRefundId, refundId", id_.cv2_id
    if isinstance(object_, Refund) and object_.charge_id:
        yield "of AmazonCaptureId, chargeId", object_.charge_id
    metadata = None if object_ is None or isinstance(object_, Refund) else object_.merchant_metadata
    if metadata is not None and metadata.merchant_reference_id:
        name = "SellerOrderId" if isinstance(object_, ChargePermission) else "SellerReferenceId"
        yield f"{name}, merchantReferenceId", metadata.merchant_reference_id


def _amounts(object_: AmazonObject | None) -> Iterator[tuple[str, Money]]:
    match object_:
        case ChargePermission(limits=given) if given is not None:
            prices: list[tuple[str, Price | None]] = [
                (marked("limit"), given.amount_limit),
                (marked("still chargeable"), given.amount_balance),
            ]
        case Charge():
            prices = [
                (marked("authorized"), object_.charge_amount),
                (marked("captured"), object_.capture_amount),
                (marked("refunded"), object_.refunded_amount),
            ]
        case Refund():
            prices = [(marked("refund"), object_.refund_amount)]
        case _:
            prices = []
    for name, price in prices:
        money = _money(price)
        if money is not None:
            yield name, money


def _money(price: Price | None) -> Money | None:
    try:
        return price.money() if price is not None else None
    except MoneyError:
        return None


_BILL_IT: Final = Message("Adopt it to bill the customer from Saleor.")


def _advice(id_: Cv1Id, seen: _Seen) -> Iterator[Message | str]:
    object_ = seen.object
    if object_ is None:
        return
    known = _ADVICE.get((type(object_), object_.state))
    if known is not None:
        yield known
    if object_.expires is not None and object_.state not in {ChargePermissionState.CLOSED, ChargeState.CANCELED}:
        yield Message("It ends on {time} UTC.", time=f"{object_.expires:%Y-%m-%d %H:%M}")
    captured = _money(object_.capture_amount) if isinstance(object_, Charge) else None
    if captured is not None:
        most = limits.over_amount_limit(captured)
        yield Message("Amazon refunds at most {amount} on it; from Saleor what was captured.", amount=most)
    if id_.kind is Cv1Kind.BILLING_AGREEMENT:
        yield Message("It is an agreement of this app.") if seen.is_agreement else _BILL_IT
    elif not seen.transaction_id:
        yield Message("Adopt it to charge, refund and cancel it from Saleor.")
