"""What an operation is called: its id, its derived reference, and when that reference becomes fixed."""

from __future__ import annotations

from datetime import datetime

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import SESSION_OPERATIONS, OperationKind, OperationState
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment


def new_operation(
    payment: Payment,
    kind: OperationKind,
    request_key: str,
    amount: Money,
    *,
    now: datetime,
    body_hash: str | None = None,
    granted_refund_id: str | None = None,
) -> Operation:
    """A request as an operation: its id follows from tenant, transaction, kind and ``request_key`` alone (rule 1)."""
    return Operation(
        id=keys.reference("op", payment.api_url, payment.transaction_id, kind, request_key),
        payment_id=payment.id,
        kind=kind,
        request_key=request_key,
        body_hash=body_hash,
        granted_refund_id=granted_refund_id,
        amount=amount,
        state=OperationState.WAITING,
        attempt=1,
        psp_reference=None,
        announced=False,
        result=None,
        result_amount=None,
        result_time=None,
        message=None,
        created_at=now,
        settled_at=None,
    )


def derived_reference(payment: Payment, operation: Operation) -> str:
    """Our own reference of an operation, for facts told before, or without, an Amazon id (case 5)."""
    return keys.reference(operation.kind, payment.api_url, payment.transaction_id, operation.request_key)


def announced(payment: Payment, operation: Operation, reference: str | None = None) -> Operation:
    """The operation once its outcome is owed as a report, its reference fixed from now on (case 5).

    A session event that is not decided tells Saleor no reference, so that the charge's own id can still become it.
    """
    tells_reference = operation.kind not in SESSION_OPERATIONS or reference is not None
    derived = derived_reference(payment, operation) if tells_reference else None
    return operation.with_(announced=True, psp_reference=operation.psp_reference or reference or derived)
