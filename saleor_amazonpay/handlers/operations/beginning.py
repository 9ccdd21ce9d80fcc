"""How an operation begins: refused at once, recognised as one asked before, or begun with its first round planned."""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.domain.states import OperationState
from saleor_amazonpay.handlers import conclusions
from saleor_amazonpay.handlers.conclusions import Decided
from saleor_amazonpay.handlers.operations import deferring, identity, rounds, settling
from saleor_amazonpay.handlers.operations.claims import Claimed
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment


def begin(
    session: Session,
    services: Services,
    account: Account,
    payment: Payment,
    operation: Operation,
    *,
    waiting_caller: bool,
) -> Claimed | Operation:
    """Take the payment and commit the plan; the bare operation when it waits for another one, or is settled already."""
    fence = payment_rows.take_claim(session, payment.id, now=services.clock.now(), lease=services.lease)
    if fence is None:
        if operation.state is OperationState.WAITING or not waiting_caller:
            deferring.carry_out(session, services, payment, operation, delay=1)
        return operation
    if operation.state is OperationState.WAITING:
        if operation_rows.has_unresolved(session, payment.id):
            payment_rows.release_claim(session, payment.id, fence)
            deferring.carry_out(session, services, payment, operation, delay=services.settings.poll_seconds)
            return operation  # what is left to charge or release is not known before that one is
        return rounds.plan(session, services, account, payment, operation, fence, waiting_caller=waiting_caller)
    return rounds.resumed(session, payment, operation, fence)


def start_later(session: Session, services: Services, payment: Payment, operation: Operation) -> bool:
    """Have a job carry out an operation of our own; False, and nothing more, where its request key is known."""
    is_new = operation_rows.insert(session, identity.announced(payment, operation))
    if is_new:
        deferring.carry_out(session, services, payment, operation, delay=0)
    return is_new


def carry_out_later(session: Session, services: Services, payment: Payment, operation: Operation) -> None:
    """Have a job look after an operation that somebody else has in hand, once that claim has run out."""
    deferring.carry_out(session, services, payment, operation, delay=services.settings.claim_seconds)


def same_again(session: Session, services: Services, operation: Operation) -> Operation | None:
    """The operation of the same kind and amount that is under way, or succeeded just now (case 6)."""
    window = timedelta(seconds=services.settings.same_request_seconds)
    return operation_rows.same_again(session, operation, now=services.clock.now(), window=window)


def refuse(
    session: Session, services: Services, account: Account, payment: Payment, operation: Operation, message: str
) -> Operation:
    """Settle a request that is not even planned; asked again, it gives the same answer."""
    failure = conclusions.failure_of(payment, operation.kind)
    refused = Decided(failure, operation.amount, services.clock.now(), message)
    return settling.settle_decided(session, services, account, payment, operation, refused, waiting_caller=True)
