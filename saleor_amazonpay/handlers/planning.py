"""From a request to committed calls: the plan by its kind, and for each step the CV2 request with its key and bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from saleor_amazonpay.amazonpay import ApiRequest, requests
from saleor_amazonpay.amazonpay.payloads import MerchantMetadata
from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.plans import (
    CancelCharge,
    CaptureCharge,
    ClosePermission,
    CreateCharge,
    CreateRefund,
    Plan,
    Refusal,
    Step,
    Wait,
    plan_cancel,
    plan_charge,
    plan_reauthorize,
    plan_refund,
)
from saleor_amazonpay.domain.states import CallState, OperationKind
from saleor_amazonpay.storage.accounts import AccountOptions
from saleor_amazonpay.storage.operations import Call, Operation
from saleor_amazonpay.storage.payments import Payment

_PLANS: Mapping[OperationKind, Callable[[Balances, Money], Plan | Refusal | Wait]] = {
    OperationKind.CHARGE: plan_charge,
    OperationKind.REFUND: plan_refund,
    OperationKind.CANCEL: plan_cancel,
    OperationKind.REAUTHORIZE: plan_reauthorize,
}


def plan(operation: Operation, balances: Balances, done: Money) -> Plan | Refusal | Wait:
    """What to send for an operation; completing a session needs no arithmetic, its amount was fixed with the session.

    ``done`` is what earlier rounds brought about already: a later round of a refund plans only the rest (case 7).
    """
    if operation.kind is OperationKind.COMPLETE:
        return Plan([], operation.amount)
    return _PLANS[operation.kind](balances, operation.amount - done)


def calls_for(payment: Payment, operation: Operation, planned: Plan, options: AccountOptions) -> list[Call]:
    """The calls of one round, ready to be committed. Positions and attempts make every key its own."""
    if operation.kind is OperationKind.COMPLETE:
        return [_call(payment, operation, 0, _complete(payment, operation), None, operation.amount)]
    return [
        _call(
            payment,
            operation,
            position,
            _request(payment, operation, step, position, options),
            _charge(step),
            step.amount,
        )
        for position, step in enumerate(planned.steps)
    ]


def _call(
    payment: Payment,
    operation: Operation,
    position: int,
    request: ApiRequest[Any],
    charge_id: str | None,
    amount: Money,
) -> Call:
    if payment.amount.currency is not amount.currency:
        raise ValueError("an operation has its payment's currency")
    return Call(
        operation_id=operation.id,
        attempt=operation.attempt,
        position=position,
        operation_name=request.operation,
        method=request.method,
        resource=request.resource,
        body=request.body.decode(),
        idempotency_key=request.idempotency_key,
        charge_id=charge_id,
        amount=amount,
        state=CallState.COMMITTED,
    )


def _key(payment: Payment, operation: Operation, position: int) -> str:
    return keys.idempotency_key(
        payment.api_url,
        payment.transaction_id,
        operation.kind,
        operation.request_key,
        operation.attempt,
        position,
    )


def _charge(step: Step) -> str | None:
    return getattr(step, "charge_id", None)


def _complete(payment: Payment, operation: Operation) -> ApiRequest[Any]:
    return requests.complete_checkout_session(
        operation.request_key,
        charge_amount=payment.amount,
        idempotency_key=_key(payment, operation, 0),
    )


def _order_number(payment: Payment) -> MerchantMetadata | None:
    """What later charges of an order carry, so that Seller Central and settlement show it."""
    return MerchantMetadata(merchant_reference_id=payment.order_number) if payment.order_number else None


def _request(
    payment: Payment, operation: Operation, step: Step, position: int, options: AccountOptions
) -> ApiRequest[Any]:
    key = _key(payment, operation, position)
    match step:
        case CaptureCharge():
            return requests.capture_charge(
                step.charge_id,
                capture_amount=step.amount,
                soft_descriptor=options.soft_descriptor,
                idempotency_key=key,
            )
        case CreateCharge():
            return requests.create_charge(
                payment.charge_permission_id or "",
                charge_amount=step.amount,
                capture_now=step.capture_now,
                soft_descriptor=options.soft_descriptor if step.capture_now else None,
                merchant_metadata=_order_number(payment),
                idempotency_key=key,
            )
        case CreateRefund():
            return requests.create_refund(
                step.charge_id,
                refund_amount=step.amount,
                soft_descriptor=options.soft_descriptor,
                idempotency_key=key,
            )
        case CancelCharge():
            return requests.cancel_charge(step.charge_id, cancellation_reason="Cancelled in Saleor.")
        case ClosePermission():
            return requests.close_charge_permission(
                payment.charge_permission_id or "",
                closure_reason="Cancelled in Saleor.",
                cancel_pending_charges=False,
            )
