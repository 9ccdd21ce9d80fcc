"""What our own payment of a renewal has come to: read from our rows, which know more than Saleor's answer says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from saleor_amazonpay.domain.billing import Step
from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.states import OperationKind, OperationState, TransactionEventType
from saleor_amazonpay.handlers import operations
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import reports
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

_BEGUN = frozenset({TransactionEventType.AUTHORIZATION_SUCCESS, TransactionEventType.CHARGE_SUCCESS})
_CLOSED = "AgreementClosed"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    UNDECIDED = "undecided"  # Amazon, or we, are not through
    UNKNOWN = "unknown"  # no such payment, or no such operation, here


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    reason_code: str = ""
    message: str = ""


def authorization(session: Session, renewal: Renewal, agreement: Agreement) -> Result:
    """Whether the renewal's transaction holds its money."""
    payment = _payment(session, renewal)
    if payment is None:
        return Result(Outcome.UNKNOWN)
    found = operation_rows.of_payment(session, payment.id, payment.amount.currency)
    return _result(session, next((it for it in found if it.kind is OperationKind.CHARGE_AGREEMENT), None), agreement)


def capture(session: Session, renewal: Renewal, agreement: Agreement) -> Result:
    return _of_ours(session, renewal, OperationKind.CHARGE, agreement)


def cancellation(session: Session, renewal: Renewal, agreement: Agreement) -> Result:
    return _of_ours(session, renewal, OperationKind.CANCEL, agreement)


def is_through(session: Session, renewal: Renewal, agreement: Agreement) -> bool:
    """What the renewal's step waits for is settled; also false where it waits for nothing."""
    ask = _ASKED.get(renewal.step)
    return ask is not None and ask(session, renewal, agreement).outcome in {Outcome.DONE, Outcome.REFUSED}


_ASKED: Mapping[Step, Callable[[Session, Renewal, Agreement], Result]] = {
    Step.INITIALIZE: authorization,
    Step.CAPTURE: capture,
    Step.CANCEL: cancellation,
}


def start(session: Session, services: Services, renewal: Renewal, kind: OperationKind) -> bool:
    """Have a job capture or release the renewal's money; the same attempt never starts a second one.

    False where there is no such payment.
    """
    payment = _payment(session, renewal)
    if payment is None:
        return False
    amount = renewal.amount or payment.amount
    operation = operations.new_operation(payment, kind, renewal.request_key, amount, now=services.clock.now())
    operations.start_later(session, services, payment, operation)
    return True


def is_untold(session: Session, renewal: Renewal) -> bool:
    """Saleor does not know yet what its transaction has come to: a report is still to be delivered."""
    payment = _payment(session, renewal)
    return payment is not None and bool(reports.due(session, payment.id))


def is_captured(session: Session, renewal: Renewal) -> bool:
    """Whether Amazon has captured what the renewal comes to, whoever asked for it."""
    payment = _payment(session, renewal)
    if payment is None or renewal.amount is None:
        return False
    captured = total(
        (Money(row.captured, renewal.currency) for row in payment_rows.charge_rows(session, payment.id)),
        renewal.currency,
    )
    return captured >= renewal.amount


def _payment(session: Session, renewal: Renewal) -> Payment | None:
    if renewal.transaction_id is None:
        return None
    return payment_rows.find(session, renewal.api_url, renewal.transaction_id)


def _of_ours(session: Session, renewal: Renewal, kind: OperationKind, agreement: Agreement) -> Result:
    payment = _payment(session, renewal)
    if payment is None:
        return Result(Outcome.UNKNOWN)
    currency = payment.amount.currency
    found = operation_rows.by_request(session, payment.id, kind, renewal.request_key, currency)
    return _result(session, found, agreement)


def _result(session: Session, operation: Operation | None, agreement: Agreement) -> Result:
    if operation is None:
        return Result(Outcome.UNKNOWN)
    if operation.state is not OperationState.SETTLED or operation.result is None:
        return Result(Outcome.UNDECIDED)
    if operation.result in _BEGUN or operation.result is TransactionEventType.CANCEL_SUCCESS:
        return Result(Outcome.DONE)
    return Result(Outcome.REFUSED, _reason(session, operation, agreement), operation.message or "")


def _reason(session: Session, operation: Operation, agreement: Agreement) -> str:
    """Amazon's reasonCode; where we refused by ourselves, why the agreement could not be charged."""
    calls = operation_rows.calls_of(session, operation.id, operation.amount.currency)
    codes = [call.reason_code for call in calls if call.reason_code]
    if codes:
        return codes[-1]
    if agreement.is_closed:
        return _CLOSED
    if not agreement.is_chargeable:
        return next(iter(agreement.reasons), "ChargePermissionNotChargeable")
    if agreement.amount_balance is not None and operation.amount > agreement.amount_balance:
        return "PeriodicAmountExceeded"
    return ""
