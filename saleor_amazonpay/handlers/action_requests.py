"""Charge, refund and cancel requests: one story, told by the three handlers named after their events.

Saleor's mutation has returned long ago; the task that calls us re-sends on 5xx with an empty body and takes any JSON
for the outcome, so these never raise once the payload was read. Source: DESIGN §4 rules 1, 6, 9, §6 cases 5, 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import OperationKind, OperationState
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers import chronicle, conclusions, links, operations, order_number
from saleor_amazonpay.handlers.operations import UNFINISHED, Claimed
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.saleor.answers import ActionAnswer
from saleor_amazonpay.saleor.events import (
    TransactionCancelationRequested,
    TransactionChargeRequested,
    TransactionEvent,
    TransactionRefundRequested,
)
from saleor_amazonpay.storage import due, reports, timeline
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

ActionEvent = TransactionChargeRequested | TransactionRefundRequested | TransactionCancelationRequested

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One sending of a request: what is asked, by which tenant, and the hash that tells a repeat from a new one."""

    installation: Installation
    kind: OperationKind
    event: ActionEvent
    body_hash: str

    @property
    def granted_refund_id(self) -> str | None:
        granted = getattr(self.event, "granted_refund", None)
        return granted.id if granted else None


async def handle(services: Services, request: Request, deadline: Deadline) -> ActionAnswer:
    """The outcome if it is known in time, else an asynchronous answer whose outcome will be reported."""
    try:
        payment = await services.database.read(
            lambda session: payment_rows.find(session, request.installation.api_url, request.event.transaction.id)
        )
        if payment is None:
            return _nothing_done(request, "This app has no Amazon Pay payment for the transaction.")
        chronicle.about(payment)
        amount = request.event.money()
        account = await services.directory.account(payment.api_url, payment.account_id)
        await _name_order(services, payment, request, deadline)
        begun = await services.database.run(lambda session: _begin(session, services, account, request, amount))
    except MoneyError as wrong:
        return _nothing_done(request, str(wrong))
    except AppError as fault:
        log.warning("action_request_not_begun", kind=request.kind, code=fault.code)
        return _nothing_done(request, fault.public_message or "Nothing was done because of a fault; ask again.")
    except Exception:
        log.exception("action_request_not_begun", kind=request.kind)
        return _nothing_done(request, "Nothing was done because of an internal fault; ask again.")
    if begun is None:
        return _nothing_done(request, "Saleor's event of this request was not found in the payload; ask again.")
    return await _finish(services, account, payment, begun, deadline)


async def _finish(
    services: Services, account: Account, payment: Payment, begun: Claimed | Operation, deadline: Deadline
) -> ActionAnswer:
    operation = begun.operation if isinstance(begun, Claimed) else begun
    try:
        operation = await operations.finish_within(services, account, begun, deadline)
        if operation.state in UNFINISHED and not operation.announced:
            operation = await services.database.run(lambda session: _announce(session, services, payment, operation.id))
        return await services.database.read(lambda session: _answer(session, account, operation))
    except Exception:
        # The intent is committed: a job finishes it and reports with the operation's derived reference.
        log.exception("action_request_interrupted", operation=operation.id)
        return ActionAnswer(psp_reference=operation.psp_reference or operations.derived_reference(payment, operation))


def _nothing_done(request: Request, message: str) -> ActionAnswer:
    """A failure of which nothing is stored; its reference is its own, so that no other failure collides with it."""
    return ActionAnswer(
        psp_reference=keys.reference("refused", request.installation.api_url, request.body_hash),
        result=conclusions.ACTION_FAILURES[request.kind],
        message=message,
    )


def _begin(
    session: Session, services: Services, account: Account, request: Request, amount: Money
) -> Claimed | Operation | None:
    """The operation of this request, new or known; None when the payload does not show the request's event."""
    payment = payment_rows.by_transaction(session, account.api_url, request.event.transaction.id)
    if payment is None:
        return None
    seen = {(one.psp_reference, one.type or "") for one in request.event.transaction.events if one.psp_reference}
    reports.drop_seen(session, payment.id, seen)
    _note_order(session, services, payment, request.event)
    currency = payment.amount.currency
    repeated = operation_rows.by_body(session, payment.id, request.body_hash, currency)
    key = None if repeated else _identity(session, payment, request)
    if repeated is not None or key is None:
        return repeated
    known = operation_rows.by_request(session, payment.id, request.kind, key, currency)
    return known or _begin_new(session, services, account, payment, request, key, amount)


async def _name_order(services: Services, payment: Payment, request: Request, deadline: Deadline) -> None:
    """Whatever is captured or released now may close the permission: this is the last moment to tell Amazon."""
    order = request.event.transaction.order
    if order is not None and payment.order_number is None and request.kind in _MAY_CLOSE:
        await order_number.tell_in_time(services, payment, order.id, order.number, deadline)


_MAY_CLOSE = frozenset({OperationKind.CHARGE, OperationKind.CANCEL})


def _note_order(session: Session, services: Services, payment: Payment, event: ActionEvent) -> None:
    """The transaction belongs to an order whose number Amazon does not show yet: the next sweep sees to it."""
    now = services.clock.now()
    is_put_off = payment.sweep_at is None or payment.sweep_at > now
    if event.transaction.order is not None and payment.order_number is None and is_put_off:
        due.sweep_at(session, payment.id, now)


def _begin_new(
    session: Session,
    services: Services,
    account: Account,
    payment: Payment,
    request: Request,
    key: str,
    amount: Money,
) -> Claimed | Operation:
    now = services.clock.now()
    operation = operations.new_operation(
        payment,
        request.kind,
        key,
        Money(max(amount.minor, 0), payment.amount.currency),  # Saleor asks for less than nothing when refunds cross
        now=now,
        body_hash=request.body_hash,
        granted_refund_id=request.granted_refund_id,
    )
    earlier = operations.same_again(session, services, operation)
    operation_rows.insert(session, operation)
    timeline.add(
        session,
        payment.id,
        "request",
        now,
        event=request.kind,
        amount=str(amount),
        key=key,
        by=_asked_by(request, key),
        granted_refund=request.granted_refund_id,
    )
    if payment.amount.currency is not amount.currency:
        message = Message(_OTHER_CURRENCY, currency=payment.amount.currency, amount=amount)
        return operations.refuse(session, services, account, payment, operation, str(message))
    if earlier is not None:
        return operations.refuse(session, services, account, payment, operation, _wait_message(services, earlier))
    return operations.begin(session, services, account, payment, operation, waiting_caller=True)


def _asked_by(request: Request, key: str) -> str | None:
    """Whoever Saleor names as the one who made the request; nobody for granted refunds and for its own jobs."""
    asked = next((event for event in request.event.request_events if event.idempotency_key == key), None)
    return asked.created_by.id if asked is not None and asked.created_by is not None else None


def _identity(session: Session, payment: Payment, request: Request) -> str | None:
    """The ``idempotencyKey`` of the request's event: the newest matching one that no other request has claimed.

    When all are claimed this is a re-sending whose body differs, and the newest one is meant.
    """
    if request.event.idempotency_key:
        return request.event.idempotency_key
    matching: list[TransactionEvent] = [event for event in request.event.request_events if event.idempotency_key]
    claimed = operation_rows.request_keys(session, payment.id, request.kind)
    unclaimed = [event.idempotency_key for event in matching if event.idempotency_key not in claimed]
    return next(iter(unclaimed), matching[0].idempotency_key if matching else None)


def _wait_message(services: Services, earlier: Operation) -> str:
    seconds = services.settings.same_request_seconds
    if earlier.state is OperationState.SETTLED:
        return str(Message(_JUST_DONE[earlier.kind], amount=earlier.amount, seconds=seconds))
    return str(Message(_UNDER_WAY[earlier.kind], amount=earlier.amount))


_OTHER_CURRENCY = marked("The payment is in {currency}; {amount} was asked for.")
_JUST_DONE = {
    OperationKind.CHARGE: marked("{amount} was charged a moment ago. If you mean it once more, wait {seconds} s."),
    OperationKind.REFUND: marked("{amount} was refunded a moment ago. If you mean it once more, wait {seconds} s."),
    OperationKind.CANCEL: marked("{amount} was cancelled a moment ago. If you mean it once more, wait {seconds} s."),
}
_UNDER_WAY = {
    OperationKind.CHARGE: marked("A charge of {amount} is still under way; ask again when it has ended."),
    OperationKind.REFUND: marked("A refund of {amount} is still under way; ask again when it has ended."),
    OperationKind.CANCEL: marked("A cancel of {amount} is still under way; ask again when it has ended."),
}
FILLED: Final = (_OTHER_CURRENCY, *_JUST_DONE.values(), *_UNDER_WAY.values())
"""The sentences of refusals that hold figures; a refusal is kept as its English text."""


def _announce(session: Session, services: Services, payment: Payment, operation_id: str) -> Operation:
    """Fix the reference of an operation that is in other hands, before Saleor is told it (case 5).

    Those hands may be a webhook whose process is dead: from now on a job answers for the operation.
    """
    payment_rows.by_id(session, payment.id, lock=True)
    operation = operation_rows.by_id(session, operation_id, payment.amount.currency)
    if operation is None:
        raise LookupError(operation_id)
    if operation.state in UNFINISHED and not operation.announced:
        operation = operations.announced(payment, operation)
        operation_rows.update_(session, operation)
        operations.carry_out_later(session, services, payment, operation)
    return operation


def _answer(session: Session, account: Account, operation: Operation) -> ActionAnswer:
    payment = payment_rows.by_id(session, operation.payment_id)
    if payment is None:
        raise LookupError(operation.payment_id)
    actions = payment_rows.balances(session, payment, account.options.policy).actions()
    reference = operation.psp_reference or operations.derived_reference(payment, operation)
    if operation.state is not OperationState.SETTLED or operation.announced:
        return ActionAnswer(psp_reference=reference)  # its actions come with the report: see ActionAnswer
    return ActionAnswer(
        psp_reference=reference,
        result=operation.result,
        amount=operation.result_amount if operation.result_amount and operation.result_amount.is_positive else None,
        time=operation.result_time,
        message=operation.message or "",
        external_url=links.seller_central(account.region, payment.charge_permission_id),
        actions=actions,
    )
