"""What the merchant does with agreements: lists them, reads one anew, ends one, charges one for an order or checkout.

A charge goes through Saleor (transactionInitialize with ``flow: "stored"``, as this app), so that it is a payment like
any other; the caller's idempotency key becomes Saleor's, and with it Amazon's. Source: DESIGN §8, §6 case 12.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import ActionType, ChargeChannel, ChargeInitiator
from saleor_amazonpay.errors import AppError, SaleorError, SaleorRefused, SaleorUnavailable
from saleor_amazonpay.handlers import named_orders
from saleor_amazonpay.handlers.agreements import closing, looking
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import agreement_charges as charge_rows
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreement_charges import AgreementCharge
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session

MOST_LISTED = 100
_LONGEST_KEY = 128
_LONGEST_REASON = 255
_SALEOR_SECONDS = 20.0  # Saleor waits 18 s for our own webhook
_NEWEST = datetime.max.replace(tzinfo=UTC), ""


class AgreementErrorCode(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    CLOSED = "CLOSED"
    SUSPENDED = "SUSPENDED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    KEY_TAKEN = "KEY_TAKEN"
    SALEOR_REFUSED = "SALEOR_REFUSED"
    SALEOR_UNAVAILABLE = "SALEOR_UNAVAILABLE"
    AMAZON_PAY_UNAVAILABLE = "AMAZON_PAY_UNAVAILABLE"


class AgreementRefused(AppError):
    """Nothing was charged or changed; ``field`` is the input's, None where it concerns all."""

    status = 422
    code = "AGREEMENT_REFUSED"

    def __init__(self, error: AgreementErrorCode, message: Message | str, field: str | None = None) -> None:
        super().__init__(message)
        self.error, self.field = error, field


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """``source_id`` is an order's or checkout's, or an order's number; ``amount`` is in major units of ``currency``."""

    agreement_id: str
    source_id: str
    amount: str
    currency: str
    idempotency_key: str
    action: ActionType = ActionType.CHARGE
    initiator: ChargeInitiator = ChargeInitiator.MERCHANT_RECURRING
    channel: ChargeChannel = ChargeChannel.WEB

    @property
    def body_hash(self) -> str:
        asked = {**asdict(self), "idempotency_key": None}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Charged:
    """``result`` is the type of Saleor's event: a ``*_SUCCESS``, a ``*_FAILURE``, or still open."""

    transaction_id: str
    result: str
    psp_reference: str
    message: str
    amount: Money


async def listed(services: Services, api_url: str, *, customer_id: str | None, after: str | None) -> list[Agreement]:
    """The tenant's, newest first, from just after the agreement ``after`` on; or all of one customer."""

    def look(session: Session) -> list[Agreement]:
        if customer_id is not None:
            return agreement_rows.of_customer(session, api_url, customer_id)[:MOST_LISTED]
        last = agreement_rows.by_id(session, after) if after else None
        known = last is not None and last.api_url == api_url
        before = (last.created_at, last.id) if last is not None and known else _NEWEST
        return agreement_rows.page(session, api_url, before=before, limit=MOST_LISTED)

    return await services.database.read(look)


async def found(services: Services, api_url: str, agreement_id: str) -> Agreement:
    """Raises AgreementRefused: there is none of that id in this Saleor."""
    known = await services.database.read(lambda session: agreement_rows.by_id(session, agreement_id))
    if known is None or known.api_url != api_url:
        raise AgreementRefused(AgreementErrorCode.NOT_FOUND, Message("There is no such agreement."), "id")
    return known


async def refresh(services: Services, api_url: str, agreement_id: str, deadline: Deadline) -> Agreement:
    """The agreement as Amazon has it now. Raises AgreementRefused."""
    known = await found(services, api_url, agreement_id)
    try:
        return await looking.look(services, known.id, deadline) or known
    except RetryLater as absence:
        message = Message("Amazon Pay cannot be asked now; try again in a moment.")
        raise AgreementRefused(AgreementErrorCode.AMAZON_PAY_UNAVAILABLE, message) from absence


async def close(
    services: Services, api_url: str, agreement_id: str, *, reason: str, by: str, deadline: Deadline
) -> Agreement:
    """End it for good. Raises AgreementRefused."""
    known = await found(services, api_url, agreement_id)
    if len(reason) > _LONGEST_REASON:
        message = Message("Amazon Pay takes a reason of {most} characters at most.", most=_LONGEST_REASON)
        raise AgreementRefused(AgreementErrorCode.INVALID, message, "reason")
    return await closing.close(services, known, reason=reason or "Ended by the merchant.", by=by, deadline=deadline)


async def charge(services: Services, api_url: str, asked: ChargeRequest, *, by: str) -> Charged:
    """Charge it for an order or checkout; asked again with the same key, the same charge answers.

    Raises:
        AgreementRefused: nothing was charged, and why.
    """
    agreement = await found(services, api_url, asked.agreement_id)
    amount = _amount(asked, agreement)
    _check_key(asked)
    asked = await _named(services, api_url, asked)
    is_known = await services.database.read(lambda session: _is_known(session, api_url, asked))
    if not is_known:
        _check_chargeable(agreement, amount)
        is_ours = await services.database.run(lambda session: _remember(session, services, api_url, asked, by))
        if not is_ours:
            await services.database.read(lambda session: _is_known(session, api_url, asked))
    return await _through_saleor(services, api_url, agreement, asked, amount)


async def charge_by_hand(
    services: Services, api_url: str, asked: ChargeRequest, *, by: str, deadline: Deadline
) -> Charged:
    """Charge it from the app's own page: what is left of the month is read from Amazon before anything is asked.

    Raises:
        AgreementRefused: nothing was charged, and why.
    """
    asked = await _named(services, api_url, asked)
    if not await services.database.read(lambda session: _is_known(session, api_url, asked)):
        agreement = await refresh(services, api_url, asked.agreement_id, deadline)
        _check_balance(agreement, _amount(asked, agreement))
    return await charge(services, api_url, asked, by=by)


async def _named(services: Services, api_url: str, asked: ChargeRequest) -> ChargeRequest:
    """By Saleor's id, so that an order is the same under its number. Raises AgreementRefused."""
    if not asked.source_id:
        raise AgreementRefused(AgreementErrorCode.REQUIRED, Message("Name the order or checkout."), "sourceId")
    try:
        source_id = await named_orders.source_id(services, api_url, asked.source_id, kinds=("Order", "Checkout"))
    except named_orders.UnknownOrder as unknown:
        raise AgreementRefused(AgreementErrorCode.NOT_FOUND, unknown.sentence, "sourceId") from unknown
    except SaleorError as absence:
        message = Message("Saleor cannot be asked now; try again.")
        raise AgreementRefused(AgreementErrorCode.SALEOR_UNAVAILABLE, message) from absence
    return replace(asked, source_id=source_id)


def _check_balance(agreement: Agreement, amount: Money) -> None:
    """Raises AgreementRefused: more than Amazon takes in what is left of the month, or at all."""
    _check_chargeable(agreement, amount)
    left = agreement.amount_balance
    if left is not None and amount > left:
        message = Message(
            "Amazon Pay lets {left} more be charged this month; {amount} was asked for.", left=left, amount=amount
        )
        raise AgreementRefused(AgreementErrorCode.LIMIT_EXCEEDED, message, "amount")


def _amount(asked: ChargeRequest, agreement: Agreement) -> Money:
    if asked.currency != agreement.currency:
        message = Message("This agreement is charged in {currency}.", currency=agreement.currency)
        raise AgreementRefused(AgreementErrorCode.INVALID, message, "currency")
    try:
        amount = Money.parse(asked.amount, asked.currency)
    except MoneyError as wrong:
        example = Money(100000, agreement.currency).amount
        message = Message("Write an amount of {currency} like {example}.", currency=agreement.currency, example=example)
        raise AgreementRefused(AgreementErrorCode.INVALID, message, "amount") from wrong
    if not amount.is_positive:
        raise AgreementRefused(AgreementErrorCode.INVALID, Message("Enter an amount above zero."), "amount")
    return amount


def _check_key(asked: ChargeRequest) -> None:
    key = asked.idempotency_key
    if not key.strip():
        message = Message("Give a key of your own for this charge; with the same key it is never made twice.")
        raise AgreementRefused(AgreementErrorCode.REQUIRED, message, "idempotencyKey")
    if len(key) > _LONGEST_KEY or not key.isprintable():
        message = Message("A key has {most} printable characters at most.", most=_LONGEST_KEY)
        raise AgreementRefused(AgreementErrorCode.INVALID, message, "idempotencyKey")


def _check_chargeable(agreement: Agreement, amount: Money) -> None:
    """What is known already; Amazon is read, and has the last word, when the charge is made."""
    if agreement.is_closed:
        message = Message("This agreement has ended; the customer has to agree to a new one.")
        raise AgreementRefused(AgreementErrorCode.CLOSED, message, "id")
    if agreement.customer_id is None:
        message = Message("This agreement's customer was erased; nobody can be charged.")
        raise AgreementRefused(AgreementErrorCode.CLOSED, message, "id")
    limit = agreement.amount_limit
    if limit is not None and amount > limit:
        message = Message(
            "Amazon Pay lets this agreement be charged {limit} in a calendar month; {amount} was asked for.",
            limit=limit,
            amount=amount,
        )
        raise AgreementRefused(AgreementErrorCode.LIMIT_EXCEEDED, message, "amount")


def _is_known(session: Session, api_url: str, asked: ChargeRequest) -> bool:
    known = charge_rows.get(session, api_url, asked.idempotency_key)
    if known is not None and known.body_hash != asked.body_hash:
        message = Message("This key was used for another charge. Nothing was charged; take a new key for a new charge.")
        raise AgreementRefused(AgreementErrorCode.KEY_TAKEN, message, "idempotencyKey")
    return known is not None


def _remember(session: Session, services: Services, api_url: str, asked: ChargeRequest, by: str) -> bool:
    new = AgreementCharge(
        api_url=api_url,
        idempotency_key=asked.idempotency_key,
        agreement_id=asked.agreement_id,
        body_hash=asked.body_hash,
        asked_by=by,
        transaction_id=None,
        created_at=services.clock.now(),
    )
    return charge_rows.insert(session, new)


async def _through_saleor(
    services: Services, api_url: str, agreement: Agreement, asked: ChargeRequest, amount: Money
) -> Charged:
    data = {
        "flow": "stored",
        "paymentMethodId": agreement.id,
        "chargeInitiator": asked.initiator,
        "chargeChannel": asked.channel,
    }
    variables = {
        "id": asked.source_id,
        "gateway": {"id": services.settings.manifest_app_id, "data": data},
        "amount": amount.amount,
        "action": asked.action,
        "idempotencyKey": keys.reference("charge", api_url, asked.idempotency_key),
    }
    payload = await _initialized(services, api_url, variables)
    transaction_id, event = str(payload["transaction"]["id"]), payload["transactionEvent"] or {}
    await services.database.run(
        lambda session: charge_rows.tell(session, api_url, asked.idempotency_key, transaction_id)
    )
    return Charged(
        transaction_id=transaction_id,
        result=str(event.get("type") or ""),
        psp_reference=str(event.get("pspReference") or ""),
        message=str(event.get("message") or ""),
        amount=amount,
    )


async def _initialized(services: Services, api_url: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    tenant = await services.directory.tenant(api_url)
    try:
        answer = await services.saleor.execute(
            "mutations/transaction_initialize",
            variables,
            api_url=api_url,
            token=tenant.installation.token,
            timeout=_SALEOR_SECONDS,
        )
    except SaleorUnavailable as absence:
        message = Message("Saleor did not answer in time. Ask again with the same key: nothing is charged twice.")
        raise AgreementRefused(AgreementErrorCode.SALEOR_UNAVAILABLE, message) from absence
    except SaleorRefused as refusal:
        raise AgreementRefused(AgreementErrorCode.SALEOR_REFUSED, refusal.public_message) from refusal
    payload: Mapping[str, Any] = answer["transactionInitialize"]
    errors = payload.get("errors") or []
    if errors or not payload.get("transaction"):
        said = " ".join(str(error.get("message")) for error in errors) or "Saleor made no transaction."
        raise AgreementRefused(AgreementErrorCode.SALEOR_REFUSED, said, "sourceId")
    return payload
