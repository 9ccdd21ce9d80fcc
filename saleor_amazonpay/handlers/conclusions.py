"""What the answers to an operation's calls mean: one function per kind, from rows and calls to an outcome.

Source: DESIGN §6 (the table, cases 1, 4-8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from saleor_amazonpay.amazonpay import MESSAGES, CheckoutSession
from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.states import (
    SESSION_OPERATIONS,
    CallState,
    ChargePermissionState,
    ChargeState,
    CheckoutSessionState,
    OperationKind,
    OperationState,
    RefundState,
)
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.domain.transitions import (
    CHARGE_TO_CAPTURE_RESULT,
    CHARGE_TO_SESSION_RESULT,
    SESSION_ACTION_REQUIRED,
    SESSION_FAILURE,
    reason_message,
)
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage.engine import Row
from saleor_amazonpay.storage.operations import Call, Operation
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.times import from_micros


@dataclass(frozen=True, slots=True)
class Decided:
    """Settled. ``reference`` None: the operation's own derived one. ``extra_facts`` are reported beside it.

    ``reason_code`` is Amazon's word for a failure, where Amazon had one.
    """

    result: Event
    amount: Money
    time: datetime
    message: str = ""
    reference: str | None = None
    is_reported: bool = True
    extra_facts: Sequence[Fact] = ()
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """Not settled: RUNNING (an outcome is unknown, the same bytes again) or PENDING (Amazon decides later).

    ``result``: what a session event is told meanwhile, the ``*_REQUEST`` of a charge Amazon itself calls pending.
    """

    state: OperationState
    reference: str | None = None
    result: Event | None = None
    amount: Money | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """The refusal came from stale news, which has been read since: plan once more."""


Conclusion = Decided | Undecided | Again


@dataclass(frozen=True, slots=True)
class Rows:
    """The payment's charges by id, the operation's refunds, and the checkout session as read in this round."""

    charges: Mapping[str, Row]
    refunds: Sequence[Row] = field(default=())
    session: CheckoutSession | None = None


ACTION_FAILURES: Mapping[OperationKind, Event] = {
    OperationKind.CHARGE: Event.CHARGE_FAILURE,
    OperationKind.REFUND: Event.REFUND_FAILURE,
    OperationKind.OVER_REFUND: Event.REFUND_FAILURE,
    OperationKind.CANCEL: Event.CANCEL_FAILURE,
    OperationKind.REAUTHORIZE: Event.INFO,
}

# Refusals that mean "the object is not as you think": read back, then plan again.
_STALE_NEWS = frozenset({"InvalidChargeStatus", "InvalidChargePermissionStatus", "TransactionAmountExceeded"})

# Refusals after which the rest of a refund is planned once more (case 7; amazon-pay-cv2.md §4.5).
_RETRIED = _STALE_NEWS | {"ProcessingFailure"}

MAX_ROUNDS = 3  # plans made for one operation


_REFUNDED = marked("Refunded by Amazon Pay: {ids}")
_REFUNDED_IN_PART = marked("Amazon Pay refunded {amount} of {asked}: {ids}")
_NOT_HELD_AGAIN = marked("The rest could not be held again: {why}")
FILLED: Final = (_REFUNDED, _REFUNDED_IN_PART, _NOT_HELD_AGAIN)
"""The sentences that something is filled into; an outcome is kept with its English text."""


def message_for(reason_code: str | None) -> str:
    """What Amazon's refusal means to the person who reads it."""
    return MESSAGES.get(reason_code or "", marked("Amazon Pay refused the request."))


def failure_of(payment: Payment, kind: OperationKind) -> Event:
    return SESSION_FAILURE[payment.action_type] if kind in SESSION_OPERATIONS else ACTION_FAILURES[kind]


def conclude(payment: Payment, operation: Operation, calls: Sequence[Call], rows: Rows, now: datetime) -> Conclusion:
    """The meaning of a round in which every call is answered, or of a later look at what Amazon was deciding."""
    if not any(call.attempt == operation.attempt for call in calls):
        return Again()  # a round that only read
    return _CONCLUSIONS[operation.kind](payment, operation, calls, rows, now)


def _complete(payment: Payment, operation: Operation, calls: Sequence[Call], rows: Rows, now: datetime) -> Conclusion:
    if rows.charges:
        return _session_charge(payment, operation, next(iter(rows.charges.values())))
    call, session = calls[-1], rows.session
    failure = SESSION_FAILURE[payment.action_type]
    if session is not None and session.state == CheckoutSessionState.COMPLETED and not payment.amount.is_positive:
        return _agreed(payment, operation, session, now)
    if session is not None and session.state == CheckoutSessionState.OPEN:
        if call.reason_code in {"AmountMismatch", "CurrencyMismatch"}:
            return _refused(failure, operation, call.reason_code, now)
        waiting = SESSION_ACTION_REQUIRED[payment.action_type]
        return Decided(
            waiting, operation.amount, now, marked("The buyer has not finished at Amazon Pay yet."), is_reported=False
        )
    if session is not None and session.state == CheckoutSessionState.CANCELED:
        reason = session.reason_code
        message = reason_message(reason, marked("Amazon Pay cancelled the checkout."))
        return Decided(failure, operation.amount, now, message, reason_code=reason)
    return _refused(failure, operation, call.reason_code, now)


def _refused(failure: Event, operation: Operation, reason_code: str | None, now: datetime) -> Decided:
    return Decided(failure, operation.amount, now, message_for(reason_code), reason_code=reason_code)


def _agreed(payment: Payment, operation: Operation, session: CheckoutSession, now: datetime) -> Conclusion:
    """Nothing was to be paid: the buyer has agreed, and the permission is what there is to tell (case 14)."""
    time, agreed = session.last_updated or now, marked("Agreed to at Amazon Pay; nothing was charged.")
    reference = payment.charge_permission_id
    return Decided(Event.AUTHORIZATION_SUCCESS, operation.amount, time, agreed, reference=reference)


def _charge_agreement(
    payment: Payment, operation: Operation, calls: Sequence[Call], rows: Rows, now: datetime
) -> Conclusion:
    call = calls[-1]
    if call.state is CallState.REJECTED:
        if call.reason_code in _STALE_NEWS:
            return Again()
        return _refused(SESSION_FAILURE[payment.action_type], operation, call.reason_code, now)
    charge = rows.charges.get(call.amazon_id or "")
    return Undecided(OperationState.RUNNING) if charge is None else _session_charge(payment, operation, charge)


def _session_charge(payment: Payment, operation: Operation, charge: Row) -> Conclusion:
    result = CHARGE_TO_SESSION_RESULT.get(charge.state)
    time = from_micros(charge.updated_at)
    waits_for_buyer = payment.agreement_id is not None and payment.redirect_url is not None
    if _has_only_expired(payment, charge) and not waits_for_buyer:
        amount = Money(charge.amount, operation.amount.currency)
        message = marked("Paid with Amazon Pay; the hold has expired, and Amazon decides again when it is charged.")
        authorized_at = from_micros(charge.created_at)
        return Decided(Event.AUTHORIZATION_SUCCESS, amount, authorized_at, message, reference=charge.charge_id)
    if result is None:
        message = reason_message(charge.reason_code, marked("Amazon Pay did not approve the payment."))
        failure = SESSION_FAILURE[payment.action_type]
        return Decided(failure, operation.amount, time, message, reason_code=charge.reason_code)
    booked = charge.captured if result is Event.CHARGE_SUCCESS else charge.amount
    amount = Money(booked, operation.amount.currency)
    if result in {Event.AUTHORIZATION_REQUEST, Event.CHARGE_REQUEST}:
        told = SESSION_ACTION_REQUIRED[payment.action_type] if waits_for_buyer else result
        return Undecided(OperationState.PENDING, charge.charge_id, told, amount, time)
    return Decided(result, amount, time, marked("Paid with Amazon Pay."), reference=charge.charge_id)


def _has_only_expired(payment: Payment, charge: Row) -> bool:
    """The buyer paid and the hold ran out before we heard of it: the permission still bears the amount (case 4)."""
    return (
        charge.state == ChargeState.CANCELED
        and charge.reason_code == "ExpiredUnused"
        and payment.charge_permission_state == ChargePermissionState.CHARGEABLE
    )


def _charge(_payment: Payment, operation: Operation, calls: Sequence[Call], rows: Rows, now: datetime) -> Conclusion:
    call = calls[-1]
    charge = rows.charges.get(call.charge_id or call.amazon_id or "")
    if call.state is CallState.REJECTED:
        return _charge_refused(operation, call, charge, now)
    if charge is None:
        return Undecided(OperationState.RUNNING)
    result = CHARGE_TO_CAPTURE_RESULT.get(charge.state)
    time = from_micros(charge.updated_at)
    if result is None:
        return Undecided(OperationState.PENDING, reference=charge.charge_id)
    if result is Event.CHARGE_FAILURE:
        message = reason_message(charge.reason_code, marked("Amazon Pay did not capture the charge."))
        return Decided(result, operation.amount, time, message, reason_code=charge.reason_code)
    captured = Money(charge.captured, operation.amount.currency)
    return Decided(result, captured, time, marked("Captured by Amazon Pay."), reference=charge.charge_id)


def _charge_refused(operation: Operation, call: Call, charge: Row | None, now: datetime) -> Conclusion:
    """Captured, expired or cancelled elsewhere meanwhile: the rest may still be chargeable, so plan again."""
    changed = charge is not None and charge.state != ChargeState.AUTHORIZED
    if changed or call.reason_code in _STALE_NEWS:
        return Again()
    return _refused(Event.CHARGE_FAILURE, operation, call.reason_code, now)


def _refund(_payment: Payment, operation: Operation, calls: Sequence[Call], rows: Rows, now: datetime) -> Conclusion:
    if any(row.state == RefundState.REFUND_INITIATED for row in rows.refunds):
        return Undecided(OperationState.PENDING)
    refunded = [row for row in rows.refunds if row.state == RefundState.REFUNDED]
    amount = total((Money(row.amount, operation.amount.currency) for row in refunded), operation.amount.currency)
    if amount >= operation.amount:
        return _refunded(operation, refunded, amount)
    reasons = _refusals_of_round(operation, calls, rows)
    if operation.attempt < MAX_ROUNDS and reasons and _RETRIED.issuperset(reasons):
        return Again()
    if amount.is_positive:
        return _refunded(operation, refunded, amount)
    reason = next(iter(reasons), None)
    message = reason_message(reason, message_for(reason))
    return Decided(Event.REFUND_FAILURE, operation.amount, now, message, reason_code=reason)


def _refusals_of_round(operation: Operation, calls: Sequence[Call], rows: Rows) -> list[str]:
    """Why parts of the latest round came to nothing, whether refused at once or declined later."""
    current = [call for call in calls if call.attempt == operation.attempt]
    declined = {row.refund_id: row.reason_code for row in rows.refunds if row.state == RefundState.DECLINED}
    refused = [call.reason_code for call in current if call.state is CallState.REJECTED]
    refused += [declined[call.amazon_id] for call in current if call.amazon_id in declined]
    return [reason or "" for reason in refused]


def _refunded(operation: Operation, refunded: Sequence[Row], amount: Money) -> Decided:
    """One sum for Saleor; when it took several refunds at Amazon each is told as INFO with its own id."""
    time = max(from_micros(row.updated_at) for row in refunded)
    parts = [] if len(refunded) == 1 else [_part(row, operation) for row in refunded]
    ids = ", ".join(row.refund_id for row in refunded)
    message = Message(_REFUNDED, ids=ids)
    if amount < operation.amount:
        message = Message(_REFUNDED_IN_PART, amount=amount, asked=operation.amount, ids=ids)
    return Decided(Event.REFUND_SUCCESS, amount, time, str(message), extra_facts=parts)


def _part(row: Row, operation: Operation) -> Fact:
    amount = Money(row.amount, operation.amount.currency)
    message = f"Part of a refund of {operation.amount}: {amount} on {row.charge_id}"
    return Fact(row.refund_id, Event.INFO, amount, from_micros(row.updated_at), message)


def _cancel(payment: Payment, operation: Operation, calls: Sequence[Call], rows: Rows, now: datetime) -> Conclusion:
    current = [call for call in calls if call.attempt == operation.attempt]
    refusals = [call.reason_code or "ProcessingFailure" for call in current if not _is_released(payment, call, rows)]
    if operation.attempt < MAX_ROUNDS and not _STALE_NEWS.isdisjoint(refusals):
        return Again()
    released = _cancelled_charges(operation, calls, rows) if refusals else _rest(payment, rows)
    if refusals and not released.is_positive:
        return _refused(Event.CANCEL_FAILURE, operation, refusals[-1], now)
    times = [from_micros(row.updated_at) for row in rows.charges.values() if row.state == ChargeState.CANCELED]
    return Decided(Event.CANCEL_SUCCESS, released, max(times, default=now), marked("Released by Amazon Pay."))


def _is_released(payment: Payment, call: Call, rows: Rows) -> bool:
    if call.charge_id is None:
        return payment.charge_permission_state == ChargePermissionState.CLOSED
    charge = rows.charges.get(call.charge_id)
    return charge is not None and charge.state == ChargeState.CANCELED


def _cancelled_charges(operation: Operation, calls: Sequence[Call], rows: Rows) -> Money:
    """What the operation released although the permission stays open; each charge once, however often it was tried."""
    ids = {call.charge_id for call in calls}
    ended = (row.amount for row in rows.charges.values() if row.charge_id in ids and row.state == ChargeState.CANCELED)
    return Money(sum(ended), operation.amount.currency)


def _rest(payment: Payment, rows: Rows) -> Money:
    """All that was neither captured nor released before: nothing of it can be charged any more."""
    taken = sum(row.captured if row.state == ChargeState.CAPTURED else row.amount for row in _standing(rows))
    rest = payment.amount - payment.released - Money(taken, payment.amount.currency)
    return max(rest, Money.zero(payment.amount.currency))


def _standing(rows: Rows) -> Sequence[Row]:
    ended = {ChargeState.CANCELED, ChargeState.DECLINED}
    return [row for row in rows.charges.values() if row.state not in ended]


def _reauthorize(
    payment: Payment, operation: Operation, calls: Sequence[Call], rows: Rows, now: datetime
) -> Conclusion:
    """Holding the rest changes no amount in Saleor (case 4); it is told as INFO so that staff can see it."""
    call = calls[-1]
    charge = rows.charges.get(call.amazon_id or "")
    if charge is not None and charge.state == ChargeState.AUTHORIZATION_INITIATED:
        return Undecided(OperationState.PENDING)
    if charge is not None and charge.state == ChargeState.AUTHORIZED:
        held = Money(charge.amount, operation.amount.currency)
        return Decided(
            Event.INFO, held, from_micros(charge.updated_at), marked("The rest is held again."), charge.charge_id
        )
    reason = charge.reason_code if charge is not None else call.reason_code
    message = Message(_NOT_HELD_AGAIN, why=reason_message(reason, message_for(reason)))
    adjusted = Fact(
        f"{operation.id}-adjustment",
        Event.AUTHORIZATION_ADJUSTMENT,
        _gross(payment, rows),
        now,
        marked("The rest is no longer authorized at Amazon Pay."),
    )
    return Decided(Event.INFO, operation.amount, now, str(message), extra_facts=[adjusted])


def _gross(payment: Payment, rows: Rows) -> Money:
    """What an ADJUSTMENT must carry: still held + charged + cancelled (case 4)."""
    currency = payment.amount.currency
    held = (row.amount for row in rows.charges.values() if row.state == ChargeState.AUTHORIZED)
    captured = (row.captured for row in rows.charges.values() if row.state == ChargeState.CAPTURED)
    return Money(sum(held) + sum(captured), currency) + payment.released


_CONCLUSIONS: Mapping[OperationKind, Callable[[Payment, Operation, Sequence[Call], Rows, datetime], Conclusion]] = {
    OperationKind.COMPLETE: _complete,
    OperationKind.CHARGE_AGREEMENT: _charge_agreement,
    OperationKind.CHARGE: _charge,
    OperationKind.REFUND: _refund,
    OperationKind.OVER_REFUND: _refund,
    OperationKind.CANCEL: _cancel,
    OperationKind.REAUTHORIZE: _reauthorize,
}
