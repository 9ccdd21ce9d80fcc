"""One round of an operation: planned with its calls committed, ended with what was seen of them.

A refusal that turns out to be stale news ends a round with the plan of the next one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.plans import Plan, Refusal, Wait
from saleor_amazonpay.domain.states import (
    ChargePermissionState,
    OperationKind,
    OperationState,
    PaymentState,
    RefundState,
)
from saleor_amazonpay.errors import ClaimLost
from saleor_amazonpay.handlers import conclusions, mirror, planning
from saleor_amazonpay.handlers.conclusions import MAX_ROUNDS, Again, Decided, Undecided
from saleor_amazonpay.handlers.operations import deferring, settling
from saleor_amazonpay.handlers.operations.claims import Claimed, Observations
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
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
) -> Claimed | Operation:
    """Commit the calls of the next round; the bare operation when it must wait, or is refused without a call."""
    now = services.clock.now()
    balances = payment_rows.balances(session, payment, account.options.policy)
    planned = planning.plan(operation, balances, _done(session, payment, operation))
    if isinstance(planned, Refusal) and _may_be_cured(payment, operation):
        planned = Plan([], operation.amount)  # nothing to send, but something to read
    if isinstance(planned, Plan):
        calls = planning.calls_for(payment, operation, planned, account.options)
        operation_rows.insert_calls(session, calls, now=now)
        running = operation.with_(state=OperationState.RUNNING)
        operation_rows.update_(session, running)
        if operation.kind is OperationKind.COMPLETE:
            payment_rows.change(session, payment.id, now, state=PaymentState.COMPLETING)
        return Claimed(payment, running, calls, fence, is_resumed=False)
    payment_rows.release_claim(session, payment.id, fence)
    if isinstance(planned, Wait):
        deferring.carry_out(session, services, payment, operation, delay=services.settings.poll_seconds)
        return operation
    is_ours = operation.kind is OperationKind.REAUTHORIZE
    refused = Decided(
        conclusions.failure_of(operation.kind), operation.amount, now, planned.message, is_reported=not is_ours
    )
    return settling.settle_decided(
        session, services, account, payment, operation, refused, waiting_caller=waiting_caller
    )


def _may_be_cured(payment: Payment, operation: Operation) -> bool:
    """A buyer can make a permission chargeable again without our hearing of it: look before saying no (rule 2)."""
    return (
        operation.attempt == 1
        and operation.kind in mirror.NEEDS_PERMISSION
        and payment.charge_permission_state == ChargePermissionState.NON_CHARGEABLE
    )


def _done(session: Session, payment: Payment, operation: Operation) -> Money:
    """What earlier rounds of a refund have refunded already."""
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
        timeline.add(
            session,
            locked.id,
            "call",
            now,
            operation=call.operation_name,
            state=call.state,
            amazon_id=call.amazon_id,
            reason_code=call.reason_code,
            amount=str(call.amount),
        )
    mirror.write(session, locked, claimed.operation, seen.objects, now=now)
    payment = payment_rows.by_id(session, locked.id) or locked
    conclusion = settling.conclude(session, payment, claimed.operation, seen, now)
    if isinstance(conclusion, Again) and claimed.operation.attempt < MAX_ROUNDS:
        again = claimed.operation.with_(attempt=claimed.operation.attempt + 1, state=OperationState.WAITING)
        operation_rows.update_(session, again)
        return plan(session, services, account, payment, again, claimed.fence, waiting_caller=waiting_caller)
    payment_rows.release_claim(session, payment.id, claimed.fence)
    if isinstance(conclusion, Undecided):
        payment_rows.restate(session, payment, payment_rows.balances(session, payment, account.options.policy))
        return settling.leave_open(session, services, payment, claimed.operation, conclusion)
    decided = conclusion if isinstance(conclusion, Decided) else _given_up(claimed.operation, now)
    return settling.settle_decided(
        session, services, account, payment, claimed.operation, decided, waiting_caller=waiting_caller
    )


def _as_announced(session: Session, claimed: Claimed) -> Claimed:
    """A request that waited for us may have told Saleor a reference when its own time was over: that one stays."""
    operation = claimed.operation
    stored = operation_rows.by_id(session, operation.id, operation.amount.currency) or operation
    told = operation.with_(announced=stored.announced, psp_reference=stored.psp_reference)
    return replace(claimed, operation=told)


def _given_up(operation: Operation, now: datetime) -> Decided:
    message = "Amazon Pay kept refusing because the payment changed meanwhile; look at it in Amazon Pay."
    return Decided(conclusions.failure_of(operation.kind), operation.amount, now, message)
