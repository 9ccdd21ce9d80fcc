"""From a request to committed calls: the plan by its kind, and for each step the CV2 request with its key and bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from saleor_amazonpay.amazonpay import ApiRequest, requests
from saleor_amazonpay.amazonpay.payloads import MerchantMetadata
from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.cv1 import states as cv1
from saleor_amazonpay.domain.cv1.plans import plan_cancel as plan_cv1_cancel
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
    plan_agreement_charge,
    plan_cancel,
    plan_charge,
    plan_over_refund,
    plan_reauthorize,
    plan_refund,
)
from saleor_amazonpay.domain.states import (
    CallState,
    ChargeChannel,
    ChargeInitiator,
    ChargePermissionState,
    ChargePermissionType,
    OperationKind,
    PaymentIntent,
)
from saleor_amazonpay.handlers import terms
from saleor_amazonpay.storage.accounts import AccountOptions
from saleor_amazonpay.storage.operations import Call, Operation
from saleor_amazonpay.storage.payments import Payment

Plans = Mapping[OperationKind, Callable[[Balances, Money], Plan | Refusal | Wait]]

_PLANS: Plans = {
    OperationKind.CHARGE_AGREEMENT: plan_agreement_charge,
    OperationKind.CHARGE: plan_charge,
    OperationKind.REFUND: plan_refund,
    OperationKind.OVER_REFUND: plan_over_refund,
    OperationKind.CANCEL: plan_cancel,
    OperationKind.REAUTHORIZE: plan_reauthorize,
}

_PLANS_OF_FLOW: Mapping[str, Plans] = {cv1.FLOW: {**_PLANS, OperationKind.CANCEL: plan_cv1_cancel}}


def plan(payment: Payment, operation: Operation, balances: Balances, done: Money) -> Plan | Refusal | Wait:
    """What to send for an operation; completing a session needs no arithmetic, its amount was fixed with the session.

    ``done`` is what earlier rounds brought about already: a later round of a refund plans only the rest (case 7).
    """
    if operation.kind is OperationKind.COMPLETE:
        return Plan([], operation.amount)
    if operation.attempt > 1:
        balances = replace(balances, charged_on={ChargePermissionState.CHARGEABLE})  # anything else was tried
    return _PLANS_OF_FLOW.get(payment.flow, _PLANS)[operation.kind](balances, operation.amount - done)


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
        charge_amount=None if terms.is_set_up_only(payment) else payment.amount,
        idempotency_key=_key(payment, operation, 0),
    )


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
            return _create_charge(payment, operation, step, key, options)
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
                cancel_pending_charges=step.cancels_pending,
            )


def _create_charge(
    payment: Payment, operation: Operation, step: CreateCharge, key: str, options: AccountOptions
) -> ApiRequest[Any]:
    wanted = _of_agreement(payment, options) if operation.kind is OperationKind.CHARGE_AGREEMENT else _later(payment)
    wanted = {"capture_now": step.capture_now, **wanted}
    return requests.create_charge(
        payment.charge_permission_id or "",
        charge_amount=step.amount,
        soft_descriptor=options.soft_descriptor if wanted["capture_now"] else None,
        idempotency_key=key,
        **wanted,
        **_who_charges(payment),
    )


def _of_agreement(payment: Payment, options: AccountOptions) -> dict[str, Any]:
    """A charge that begins a payment: the same intent and words as at a checkout session."""
    intent = terms.payment_intent(options, payment)
    return {
        "capture_now": intent is PaymentIntent.AUTHORIZE_WITH_CAPTURE,
        "can_handle_pending_authorization": terms.may_be_pending(options, intent) or None,
        "merchant_metadata": terms.merchant_metadata(options, payment, reference=payment.order_number),
        "checkout_result_return_url": payment.result_url if _is_on_file(payment) else None,
    }


def _is_on_file(payment: Payment) -> bool:
    """Only a saved wallet's buyer may be asked to confirm a charge (§6.7)."""
    return payment.charge_permission_type == ChargePermissionType.PAYMENT_METHOD_ON_FILE


def _later(payment: Payment) -> dict[str, Any]:
    """A charge of the rest carries the order's number, so that Seller Central and settlement show it."""
    number = payment.order_number
    return {"merchant_metadata": MerchantMetadata(merchant_reference_id=number) if number else None}


def _who_charges(payment: Payment) -> Mapping[str, Any]:
    """Amazon wants to know it of every charge on a standing permission (§6.2)."""
    if not is_standing(payment.charge_permission_type):
        return {}
    return {
        "charge_initiator": payment.charge_initiator or ChargeInitiator.MERCHANT_UNSCHEDULED.value,
        "channel": payment.charge_channel or ChargeChannel.WEB.value,
    }
