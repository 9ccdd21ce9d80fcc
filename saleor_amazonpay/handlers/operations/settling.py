"""An outcome becomes a fact: the operation settled, its report owed, whoever waited for the payment woken."""

from __future__ import annotations

from datetime import datetime

from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.states import (
    REFUNDS,
    SESSION_OPERATIONS,
    AfterPartialCapture,
    OperationKind,
    OperationState,
    PaymentState,
)
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.handlers import agreements, conclusions, mirror, problems
from saleor_amazonpay.handlers.billing import calling
from saleor_amazonpay.handlers.conclusions import Conclusion, Decided, Undecided
from saleor_amazonpay.handlers.operations import deferring, identity, owing
from saleor_amazonpay.handlers.operations.claims import Observations
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment


def settle_decided(
    session: Session,
    services: Services,
    account: Account,
    payment: Payment,
    operation: Operation,
    decided: Decided,
    *,
    waiting_caller: bool,
) -> Operation:
    """The decided operation as stored, with everything that follows from it in the same transaction."""
    now = services.clock.now()
    own_reference = operation.psp_reference or decided.reference or identity.derived_reference(payment, operation)
    settled = operation.with_(
        state=OperationState.SETTLED,
        psp_reference=own_reference,
        result=decided.result,
        result_amount=decided.amount,
        result_time=decided.time,
        message=decided.message,
        settled_at=now,
        reason_code=decided.reason_code,
    )
    operation_rows.update_(session, settled)
    after = _payment_after(session, payment, settled, now)
    timeline.add(
        session,
        payment.id,
        "decision",
        now,
        operation=operation.kind,
        result=decided.result,
        amount=str(decided.amount),
        reference=own_reference,
        message=decided.message,
    )
    balances = payment_rows.balances(session, after, account.options.policy)
    payment_rows.restate(session, after, balances)
    answered_now = waiting_caller and not operation.announced
    if decided.is_reported and not (answered_now and _is_about_nothing(decided)):
        owing.owe(session, services, payment, owing.fact_of(settled), balances, in_the_answer=answered_now)
    for extra in decided.extra_facts:
        owing.owe(session, services, payment, extra, balances, in_the_answer=False)
    _tell_of_shortfall(session, services, payment, settled)
    _follow_up(session, services, account, after, settled, balances)
    return settled


def _is_about_nothing(decided: Decided) -> bool:
    """A refusal of nothing, or of less than nothing, which Saleor asks for when refunds cross.

    Saleor books the answer with the amount it asked for, however odd, and no report could name that amount again.
    """
    return decided.result in _FAILURES and not decided.amount.is_positive


_FAILURES = frozenset({Event.CHARGE_FAILURE, Event.REFUND_FAILURE, Event.CANCEL_FAILURE})


def _tell_of_shortfall(session: Session, services: Services, payment: Payment, settled: Operation) -> None:
    """Saleor takes a granted refund for done however little was refunded (case 7)."""
    if settled.granted_refund_id is None or settled.result is not Event.REFUND_SUCCESS or settled.result_amount is None:
        return
    missing = settled.amount - settled.result_amount
    if missing.is_positive:
        sentence = Message(
            "Amazon Pay refunded {amount} of a granted refund of {granted} on transaction {transaction}; {missing} is "
            "missing. Refund it another way.",
            amount=settled.result_amount,
            granted=settled.amount,
            transaction=payment.transaction_id,
            missing=missing,
        )
        key = problems.key_of("refund", settled.id)
        problems.raise_in(session, services, payment.api_url, key, sentence, critical=True)


_PAYMENT_AFTER_COMPLETE = {
    Event.AUTHORIZATION_SUCCESS: PaymentState.ACTIVE,
    Event.CHARGE_SUCCESS: PaymentState.ACTIVE,
    Event.AUTHORIZATION_FAILURE: PaymentState.FAILED,
    Event.CHARGE_FAILURE: PaymentState.FAILED,
    Event.AUTHORIZATION_ACTION_REQUIRED: PaymentState.AWAITING_BUYER,
    Event.CHARGE_ACTION_REQUIRED: PaymentState.AWAITING_BUYER,
}


def _payment_after(session: Session, payment: Payment, operation: Operation, now: datetime) -> Payment:
    if operation.kind in SESSION_OPERATIONS and operation.result is not None:
        payment_rows.change(session, payment.id, now, state=_PAYMENT_AFTER_COMPLETE[operation.result])
    if operation.result is Event.CANCEL_SUCCESS and operation.result_amount is not None:
        payment_rows.change(session, payment.id, now, released=payment.released + operation.result_amount)
    return payment_rows.by_id(session, payment.id) or payment


def _follow_up(
    session: Session, services: Services, account: Account, payment: Payment, operation: Operation, balances: Balances
) -> None:
    """What a settled operation sets off: an agreement, its renewal, the rest held again, and whoever waited."""
    agreements.follow(session, services, payment, operation)
    calling.follow(session, services, payment, operation)
    if _leaves_rest_to_hold(account, operation, balances):
        hold = identity.new_operation(
            payment, OperationKind.REAUTHORIZE, operation.id, balances.unused, now=services.clock.now()
        )
        operation_rows.insert(session, hold)
    for other in operation_rows.of_payment(session, payment.id, payment.amount.currency):
        if other.state is OperationState.WAITING:
            deferring.carry_out(session, services, payment, other, delay=0)


def _leaves_rest_to_hold(account: Account, operation: Operation, balances: Balances) -> bool:
    return (
        account.options.policy is AfterPartialCapture.REAUTHORIZE
        and operation.kind is OperationKind.CHARGE
        and operation.result is Event.CHARGE_SUCCESS
        and balances.unused.is_positive
    )


def leave_open(
    session: Session, services: Services, payment: Payment, operation: Operation, undecided: Undecided
) -> Operation:
    """Announce what is not decided yet, and see to it that it will be."""
    now = services.clock.now()
    open_ = identity.announced(payment, operation, undecided.reference).with_(
        state=undecided.state,
        result=undecided.result,
        result_amount=undecided.amount,
        result_time=undecided.time,
    )
    operation_rows.update_(session, open_)
    is_pending = undecided.state is OperationState.PENDING
    if operation.kind in SESSION_OPERATIONS and is_pending:
        payment_rows.change(session, payment.id, now, state=PaymentState.PENDING)
    delay = deferring.next_look(now - operation.created_at, services.settings.poll_seconds)
    if delay is not None:
        take_up = deferring.look_again if is_pending else deferring.carry_out
        take_up(session, services, payment, open_, delay=delay)
    return open_


def settle_pending(session: Session, services: Services, account: Account, payment: Payment) -> None:
    """Settle the pending operations that our copy of Amazon's objects now decides; the caller has the payment locked.

    One that would need another round is left to its own look (``look_again``).
    """
    now = services.clock.now()
    for operation in operation_rows.of_payment(session, payment.id, payment.amount.currency):
        if operation.state is OperationState.PENDING:
            conclusion = conclude(session, payment, operation, Observations(), now)
            if isinstance(conclusion, Decided):
                settle_decided(session, services, account, payment, operation, conclusion, waiting_caller=False)


def conclude(session: Session, payment: Payment, operation: Operation, seen: Observations, now: datetime) -> Conclusion:
    """What the operation's calls and our copy of Amazon's objects say by now."""
    if not seen.is_complete:
        return Undecided(OperationState.RUNNING)
    calls = operation_rows.calls_of(session, operation.id, payment.amount.currency)
    refunds = payment_rows.refund_rows(session, payment.id) if operation.kind in REFUNDS else []
    rows = conclusions.Rows(
        charges={row.charge_id: row for row in payment_rows.charge_rows(session, payment.id)},
        refunds=[row for row in refunds if row.operation_id == operation.id],
        session=mirror.checkout_session(seen.objects),
    )
    return conclusions.conclude(payment, operation, calls, rows, now)
