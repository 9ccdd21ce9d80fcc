"""Operations (what is to be done with a payment) and their calls (each CV2 request, stored before it is sent)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select, update

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import CallState, OperationKind, OperationState, TransactionEventType
from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import calls, operations, payments
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Operation:
    """``announced``: Saleor was answered asynchronously, so the outcome is owed as a report with ``psp_reference``."""

    id: str
    payment_id: str
    kind: OperationKind
    request_key: str
    body_hash: str | None
    granted_refund_id: str | None
    amount: Money
    state: OperationState
    attempt: int
    psp_reference: str | None
    announced: bool
    result: TransactionEventType | None
    result_amount: Money | None
    result_time: datetime | None
    message: str | None
    created_at: datetime
    settled_at: datetime | None
    reason_code: str | None = None  # Amazon's word for why it failed

    @property
    def is_settled(self) -> bool:
        return self.state is OperationState.SETTLED

    def with_(self, **changes: Any) -> Operation:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Call:
    """One CV2 request of an operation: the idempotency key and the very bytes, fixed before the first sending."""

    operation_id: str
    attempt: int
    position: int
    operation_name: str
    method: str
    resource: str
    body: str
    idempotency_key: str | None
    charge_id: str | None
    amount: Money
    state: CallState
    amazon_id: str | None = None
    reason_code: str | None = None

    @property
    def is_answered(self) -> bool:
        return self.state in {CallState.DONE, CallState.REJECTED}


_INSERT = Statement(insert_ignore(operations))
_BY_ID = Statement(select(operations).where(operations.c.id == bindparam("id")))
_BY_REQUEST = Statement(
    select(operations).where(
        operations.c.payment_id == bindparam("payment_id"),
        operations.c.kind == bindparam("kind"),
        operations.c.request_key == bindparam("request_key"),
    )
)
_BY_BODY = Statement(
    select(operations).where(
        operations.c.payment_id == bindparam("payment_id"), operations.c.body_hash == bindparam("body_hash")
    )
)
_REQUEST_KEYS = Statement(
    select(operations.c.request_key).where(
        operations.c.payment_id == bindparam("payment_id"), operations.c.kind == bindparam("kind")
    )
)
_SAME_AGAIN = Statement(
    select(operations)
    .where(
        operations.c.payment_id == bindparam("payment_id"),
        operations.c.kind == bindparam("kind"),
        operations.c.amount == bindparam("amount"),
        func.coalesce(operations.c.granted_refund_id, "") == bindparam("granted_refund_id"),
        or_(
            operations.c.state != OperationState.SETTLED.value,
            and_(
                operations.c.settled_at > bindparam("since"),
                operations.c.result.in_(["CHARGE_SUCCESS", "REFUND_SUCCESS", "CANCEL_SUCCESS"]),
            ),
        ),
    )
    .order_by(operations.c.created_at.desc())
    .limit(1)
)
_UNRESOLVED = Statement(
    select(operations.c.id)
    .where(
        operations.c.payment_id == bindparam("payment_id"),
        operations.c.state == OperationState.RUNNING.value,
    )
    .limit(1)
)
_OF_PAYMENT = Statement(
    select(operations)
    .where(operations.c.payment_id == bindparam("payment_id"))
    .order_by(operations.c.created_at, operations.c.id)
)
_UPDATE = Statement(
    update(operations)
    .where(operations.c.id == bindparam("operation_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "state",
                "attempt",
                "psp_reference",
                "announced",
                "result",
                "result_amount",
                "result_time",
                "message",
                "settled_at",
                "reason_code",
            )
        }
    )
)
# Begun by a process that died: not announced, so no job has them, and their payment's claim has run out.
_STRANDED = Statement(
    select(operations.c.id)
    .join(payments, payments.c.id == operations.c.payment_id)
    .where(
        operations.c.state != OperationState.SETTLED.value,
        operations.c.announced == 0,
        operations.c.created_at < bindparam("before"),
        payments.c.claimed_until <= bindparam("moment"),
    )
    .order_by(operations.c.created_at)
    .limit(bindparam("limit"))
)
_INSERT_CALL = Statement(insert_ignore(calls))
_CALLS = Statement(
    select(calls).where(calls.c.operation_id == bindparam("operation_id")).order_by(calls.c.attempt, calls.c.position)
)
_UPDATE_CALL = Statement(
    update(calls)
    .where(
        calls.c.operation_id == bindparam("in_operation"),
        calls.c.attempt == bindparam("in_attempt"),
        calls.c.position == bindparam("in_position"),
    )
    .values(
        state=bindparam("new_state"),
        amazon_id=bindparam("new_amazon_id"),
        reason_code=bindparam("new_reason_code"),
        updated_at=bindparam("new_updated_at"),
    )
)


def insert(session: Session, operation: Operation) -> bool:
    """False when this very request is known already (same payment, kind and request key)."""
    return session.execute(_INSERT, _columns(operation)) == 1


def by_id(session: Session, operation_id: str, currency: Currency) -> Operation | None:
    row = session.one(_BY_ID, {"id": operation_id})
    return _operation(row, currency) if row else None


def payment_id_of(session: Session, operation_id: str) -> str | None:
    row = session.one(_BY_ID, {"id": operation_id})
    return row.payment_id if row else None


def by_request(
    session: Session, payment_id: str, kind: OperationKind, key: str, currency: Currency
) -> Operation | None:
    row = session.one(_BY_REQUEST, {"payment_id": payment_id, "kind": kind.value, "request_key": key})
    return _operation(row, currency) if row else None


def by_body(session: Session, payment_id: str, body_hash: str, currency: Currency) -> Operation | None:
    """The operation a byte-identical request began: the same body is the same request (DESIGN §4 rule 9)."""
    row = session.one(_BY_BODY, {"payment_id": payment_id, "body_hash": body_hash})
    return _operation(row, currency) if row else None


def request_keys(session: Session, payment_id: str, kind: OperationKind) -> set[str]:
    return {row.request_key for row in session.all(_REQUEST_KEYS, {"payment_id": payment_id, "kind": kind.value})}


def same_again(session: Session, operation: Operation, *, now: datetime, window: timedelta) -> Operation | None:
    """An unsettled, or just now successful, operation of the same kind and amount (case 6)."""
    row = session.one(
        _SAME_AGAIN,
        {
            "payment_id": operation.payment_id,
            "kind": operation.kind.value,
            "amount": operation.amount.minor,
            "granted_refund_id": operation.granted_refund_id or "",
            "since": to_micros(now - window),
        },
    )
    return _operation(row, operation.amount.currency) if row else None


def has_unresolved(session: Session, payment_id: str) -> bool:
    """Whether some call on the payment was sent and its outcome is not known yet."""
    return session.one(_UNRESOLVED, {"payment_id": payment_id}) is not None


def of_payment(session: Session, payment_id: str, currency: Currency) -> list[Operation]:
    return [_operation(row, currency) for row in session.all(_OF_PAYMENT, {"payment_id": payment_id})]


def stranded(session: Session, *, now: datetime, before: datetime, limit: int) -> list[str]:
    """Unannounced operations begun before ``before`` whose payment nobody has claimed any more."""
    rows = session.all(_STRANDED, {"moment": to_micros(now), "before": to_micros(before), "limit": limit})
    return [row.id for row in rows]


def update_(session: Session, operation: Operation) -> None:
    columns = _columns(operation)
    changed = ("state", "attempt", "psp_reference", "announced", "result", "result_amount", "result_time")
    values = {f"new_{name}": columns[name] for name in (*changed, "message", "settled_at", "reason_code")}
    session.execute(_UPDATE, {"operation_id": operation.id, **values})


def insert_calls(session: Session, new_calls: Sequence[Call], *, now: datetime) -> None:
    for call in new_calls:
        session.execute(
            _INSERT_CALL,
            {
                "operation_id": call.operation_id,
                "attempt": call.attempt,
                "position": call.position,
                "operation_name": call.operation_name,
                "method": call.method,
                "resource": call.resource,
                "body": call.body,
                "idempotency_key": call.idempotency_key,
                "charge_id": call.charge_id,
                "amount": call.amount.minor,
                "state": call.state.value,
                "amazon_id": None,
                "reason_code": None,
                "updated_at": to_micros(now),
            },
        )


def calls_of(session: Session, operation_id: str, currency: Currency) -> list[Call]:
    return [_call(row, currency) for row in session.all(_CALLS, {"operation_id": operation_id})]


def update_call(session: Session, call: Call, *, now: datetime) -> None:
    session.execute(
        _UPDATE_CALL,
        {
            "in_operation": call.operation_id,
            "in_attempt": call.attempt,
            "in_position": call.position,
            "new_state": call.state.value,
            "new_amazon_id": call.amazon_id,
            "new_reason_code": call.reason_code,
            "new_updated_at": to_micros(now),
        },
    )


def _operation(row: Row, currency: Currency) -> Operation:
    return Operation(
        id=row.id,
        payment_id=row.payment_id,
        kind=OperationKind(row.kind),
        request_key=row.request_key,
        body_hash=row.body_hash,
        granted_refund_id=row.granted_refund_id,
        amount=Money(row.amount, currency),
        state=OperationState(row.state),
        attempt=row.attempt,
        psp_reference=row.psp_reference,
        announced=bool(row.announced),
        result=TransactionEventType(row.result) if row.result else None,
        result_amount=None if row.result_amount is None else Money(row.result_amount, currency),
        result_time=maybe_from_micros(row.result_time),
        message=row.message,
        created_at=from_micros(row.created_at),
        settled_at=maybe_from_micros(row.settled_at),
        reason_code=row.reason_code,
    )


def _columns(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "payment_id": operation.payment_id,
        "kind": operation.kind.value,
        "request_key": operation.request_key,
        "body_hash": operation.body_hash,
        "granted_refund_id": operation.granted_refund_id,
        "amount": operation.amount.minor,
        "state": operation.state.value,
        "attempt": operation.attempt,
        "psp_reference": operation.psp_reference,
        "announced": int(operation.announced),
        "result": operation.result.value if operation.result else None,
        "result_amount": operation.result_amount.minor if operation.result_amount else None,
        "result_time": to_micros(operation.result_time) if operation.result_time else None,
        "message": operation.message,
        "created_at": to_micros(operation.created_at),
        "settled_at": to_micros(operation.settled_at) if operation.settled_at else None,
        "reason_code": operation.reason_code,
    }


def _call(row: Row, currency: Currency) -> Call:
    return Call(
        operation_id=row.operation_id,
        attempt=row.attempt,
        position=row.position,
        operation_name=row.operation_name,
        method=row.method,
        resource=row.resource,
        body=row.body,
        idempotency_key=row.idempotency_key,
        charge_id=row.charge_id,
        amount=Money(row.amount, currency),
        state=CallState(row.state),
        amazon_id=row.amazon_id,
        reason_code=row.reason_code,
    )
