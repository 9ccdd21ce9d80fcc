"""One round of an operation: planned with its calls committed, ended with what was seen of them.

A refusal that turns out to be stale news ends a round with the plan of the next one. Where our copy of Amazon's objects
is not enough to plan on, a round without calls comes first, which only reads.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.domain.balances import Balances, RefundPart
from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.plans import Plan, Refusal, Wait
from saleor_amazonpay.domain.states import (
    REFUNDS,
    SESSION_OPERATIONS,
    AfterPartialCapture,
    ChargePermissionState,
    ChargeState,
    OperationKind,
    OperationState,
    PaymentState,
    RefundState,
)
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.errors import ClaimLost
from saleor_amazonpay.handlers import chronicle, conclusions, mirror, planning
from saleor_amazonpay.handlers.conclusions import MAX_ROUNDS, Again, Decided, Undecided
from saleor_amazonpay.handlers.operations import deferring, settling
from saleor_amazonpay.handlers.operations.claims import Claimed, Observations
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import marked
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment


def plan(
    session: Session,
    services: Services,
    account: Account,
    payment: Payment,
    operation: Operation,
    fence: int,
    *,
    waiting_caller: bool,
    has_read: bool = False,
) -> Claimed | Operation:
    """Commit the calls of the next round; the bare operation when it must wait, or is settled without a call.

    ``has_read``: what the plan depends on was read in this claim.
    """
    now = services.clock.now()
    balances = payment_rows.balances(session, payment, account.options.policy)
    planned = planning.plan(payment, operation, balances, _done(session, payment, operation))
    if not has_read and _is_to_be_read(payment, operation, planned, balances):
        running = operation.with_(state=OperationState.RUNNING)
        operation_rows.update_(session, running)
        return Claimed(
            payment, running, [], fence, is_resumed=False, first_readings=_first_readings(operation, balances)
        )
    if any(charge.refunded_unheard.is_positive for charge in balances.charges):
        due.audit_at(session, payment.id, now)  # a refund nobody told us of: the merchant is to hear what differs
    if isinstance(planned, Plan) and (planned.steps or operation.kind is OperationKind.COMPLETE):
        calls = planning.calls_for(payment, operation, planned, account.options)
        operation_rows.insert_calls(session, calls, now=now)
        running = operation.with_(state=OperationState.RUNNING)
        operation_rows.update_(session, running)
        if operation.kind in SESSION_OPERATIONS:
            payment_rows.change(session, payment.id, now, state=PaymentState.COMPLETING)
        return Claimed(payment, running, calls, fence, is_resumed=False)
    payment_rows.release_claim(session, payment.id, fence)
    if isinstance(planned, Wait):
        deferring.carry_out(session, services, payment, operation, delay=services.settings.poll_seconds)
        return operation
    decided = _without_a_call(payment, operation, planned, now)
    return settling.settle_decided(
        session, services, account, payment, operation, decided, waiting_caller=waiting_caller
    )


def resumed(session: Session, payment: Payment, operation: Operation, fence: int) -> Claimed:
    """A round begun by another actor, or by us before Saleor stopped waiting; one that only reads, reads again."""
    calls = operation_rows.calls_of(session, operation.id, payment.amount.currency)
    balances = payment_rows.balances(session, payment, AfterPartialCapture.KEEP)
    return Claimed(payment, operation, calls, fence, first_readings=_first_readings(operation, balances))


def _is_to_be_read(payment: Payment, operation: Operation, planned: Plan | Refusal | Wait, balances: Balances) -> bool:
    """Rule 2: a refund never trusts the copy, and a buyer can cure a permission without our hearing of it.

    Amazon's over-refund allowance would let a refund pass that repeats one made in Seller Central (case 7). A standing
    permission changes with the month and with what other orders charge on it: it is read before it begins a payment
    (amazon-pay-cv2.md §6.7), and before a charge on it is refused.
    """
    if operation.kind is OperationKind.CHARGE_AGREEMENT:
        return True
    if operation.kind in REFUNDS:
        return operation.amount.is_positive and bool(_first_readings(operation, balances))
    is_suspended = payment.charge_permission_state == ChargePermissionState.NON_CHARGEABLE
    may_change = is_suspended or is_standing(payment.charge_permission_type)
    return isinstance(planned, Refusal) and may_change and operation.kind in mirror.NEEDS_PERMISSION


def _first_readings(operation: Operation, balances: Balances) -> list[mirror.Reading]:
    """The charges a refund may fall on (captured, and not refunded wholly by refunds we know), then what is in flight.

    Amazon's allowance beyond the capture is there on every captured charge.
    In this order a refund that is decided meanwhile is never counted twice: as in flight, and in its charge's figure.
    """
    if operation.kind not in REFUNDS:
        return []
    captured = [charge for charge in balances.charges if charge.state == ChargeState.CAPTURED]
    is_beyond = operation.kind is OperationKind.OVER_REFUND
    bearing = [charge for charge in captured if is_beyond or (charge.captured - charge.refunded).is_positive]
    in_flight = [refund.refund_id for charge in bearing for refund in charge.refunds if _is_in_flight(refund)]
    return [
        *((charge.charge_id, requests.get_charge(charge.charge_id)) for charge in bearing),
        *((refund_id, requests.get_refund(refund_id)) for refund_id in in_flight),
    ]


def _is_in_flight(refund: RefundPart) -> bool:
    return refund.state == RefundState.REFUND_INITIATED


def _without_a_call(payment: Payment, operation: Operation, planned: Plan | Refusal, now: datetime) -> Decided:
    """Refused before Amazon was asked; or, on a standing permission, given up without anything to release."""
    if isinstance(planned, Plan):
        message = marked("Nothing was held at Amazon Pay; the rest of this payment will not be charged.")
        return Decided(Event.CANCEL_SUCCESS, planned.amount, now, message)
    is_ours = operation.kind in {OperationKind.REAUTHORIZE, OperationKind.OVER_REFUND}
    failure = conclusions.failure_of(payment, operation.kind)
    return Decided(failure, operation.amount, now, planned.message, is_reported=not is_ours)


def _done(session: Session, payment: Payment, operation: Operation) -> Money:
    """What earlier rounds of a refund have refunded already."""
    if operation.kind not in REFUNDS:
        return Money.zero(payment.amount.currency)
    refunded = (
        Money(row.amount, payment.amount.currency)
        for row in payment_rows.refund_rows(session, payment.id)
        if row.operation_id == operation.id and row.state == RefundState.REFUNDED
    )
    return total(refunded, payment.amount.currency)


def settle(
    session: Session,
    services: Services,
    account: Account,
    claimed: Claimed,
    seen: Observations,
    *,
    waiting_caller: bool,
) -> Operation | Claimed:
    """Write down what was seen and what it means; a new ``Claimed`` when it means another round.

    Raises:
        ClaimLost: our lease ran out and another actor has the payment; nothing of this round is written.
    """
    now = services.clock.now()
    locked = payment_rows.by_id(session, claimed.payment.id, lock=True)
    if locked is None or locked.claim_fence != claimed.fence:
        raise ClaimLost
    claimed = _as_announced(session, claimed)
    for call in seen.calls:
        operation_rows.update_call(session, call, now=now)
    chronicle.write_sendings(session, locked.id, seen.sendings)
    mirror.write(session, locked, claimed.operation, seen.objects, now=now)
    payment = payment_rows.by_id(session, locked.id) or locked
    conclusion = settling.conclude(session, payment, claimed.operation, seen, now)
    has_only_read = not claimed.current
    if isinstance(conclusion, Again) and (has_only_read or claimed.operation.attempt < MAX_ROUNDS):
        attempt = claimed.operation.attempt + (0 if has_only_read else 1)
        again = claimed.operation.with_(attempt=attempt, state=OperationState.WAITING)
        operation_rows.update_(session, again)
        return plan(
            session, services, account, payment, again, claimed.fence, waiting_caller=waiting_caller, has_read=True
        )
    payment_rows.release_claim(session, payment.id, claimed.fence)
    if isinstance(conclusion, Undecided):
        payment_rows.restate(session, payment, payment_rows.balances(session, payment, account.options.policy))
        return settling.leave_open(session, services, payment, claimed.operation, conclusion)
    decided = conclusion if isinstance(conclusion, Decided) else _given_up(payment, claimed.operation, now)
    return settling.settle_decided(
        session, services, account, payment, claimed.operation, decided, waiting_caller=waiting_caller
    )


def _as_announced(session: Session, claimed: Claimed) -> Claimed:
    """A request that waited for us may have told Saleor a reference when its own time was over: that one stays."""
    operation = claimed.operation
    stored = operation_rows.by_id(session, operation.id, operation.amount.currency) or operation
    told = operation.with_(announced=stored.announced, psp_reference=stored.psp_reference)
    return replace(claimed, operation=told)


def _given_up(payment: Payment, operation: Operation, now: datetime) -> Decided:
    message = marked("Amazon Pay kept refusing because the payment changed meanwhile; look at it in Amazon Pay.")
    return Decided(conclusions.failure_of(payment, operation.kind), operation.amount, now, message)
