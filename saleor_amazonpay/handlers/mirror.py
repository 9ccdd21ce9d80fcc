"""Our copy of Amazon's objects: what to read back, and how what was read is written down (DESIGN §4 rule 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from saleor_amazonpay.amazonpay import ApiRequest, Charge, ChargePermission, CheckoutSession, Price, Refund, requests
from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import (
    REFUNDS,
    CallState,
    ChargePermissionState,
    ChargeState,
    OperationKind,
    RefundState,
)
from saleor_amazonpay.domain.transitions import (
    CHARGE_PERMISSION_TRANSITIONS,
    CHARGE_TRANSITIONS,
    REFUND_TRANSITIONS,
    Advance,
    advance,
)
from saleor_amazonpay.handlers import agreements
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Call, Operation
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.times import to_micros

AmazonObject = CheckoutSession | ChargePermission | Charge | Refund
Reading = tuple[str, ApiRequest[Any]]
"""An object's id, and the request that reads it."""

MAX_READINGS = 30  # of one round: a permission bears 25 charges (amazon-pay-cv2.md §4.4)

NEEDS_PERMISSION = frozenset(
    {OperationKind.CHARGE_AGREEMENT, OperationKind.CHARGE, OperationKind.CANCEL, OperationKind.REAUTHORIZE}
)


def amazon_id(object_: AmazonObject) -> str | None:
    match object_:
        case CheckoutSession():
            return object_.checkout_session_id
        case ChargePermission():
            return object_.charge_permission_id
        case Charge():
            return object_.charge_id
        case Refund():
            return object_.refund_id


def checkout_session(objects: Iterable[AmazonObject]) -> CheckoutSession | None:
    """The session as last seen."""
    sessions = [object_ for object_ in objects if isinstance(object_, CheckoutSession)]
    return sessions[-1] if sessions else None


def next_reading(
    payment: Payment,
    operation: Operation,
    calls: Sequence[Call],
    objects: Sequence[AmazonObject],
    absent: AbstractSet[str],
    *,
    first: Sequence[Reading] = (),
) -> Reading | None:
    """The next object the outcome depends on and that was not seen in this round; ``absent`` are those answered 404.

    ``first`` is what a round without calls reads before anything is planned.
    """
    known = {amazon_id(object_) for object_ in objects} | absent
    for id_, request in _wanted(payment, operation, calls, objects, first):
        if id_ not in known:
            return id_, request
    return None


def _wanted(
    payment: Payment,
    operation: Operation,
    calls: Sequence[Call],
    objects: Sequence[AmazonObject],
    first: Sequence[Reading],
) -> Iterator[Reading]:
    if not calls:
        yield from first
    if operation.kind is OperationKind.COMPLETE:
        yield from _wanted_after_complete(operation, objects)
        return
    refused = [call for call in calls if call.state is CallState.REJECTED]
    for call in refused:
        if call.charge_id:
            yield call.charge_id, requests.get_charge(call.charge_id)
    permission = payment.charge_permission_id
    is_changed = not calls or refused or _leaves_balance(payment, operation)
    if permission and operation.kind in NEEDS_PERMISSION and is_changed:
        yield permission, requests.get_charge_permission(permission)


def _wanted_after_complete(
    operation: Operation, objects: Sequence[AmazonObject]
) -> Iterator[tuple[str, ApiRequest[Any]]]:
    """The session tells whether it was completed and by which charge; its id is the operation's request key.

    Where the charge has ended since, its permission tells whether that is the end of the payment (case 4).
    """
    session = checkout_session(objects)
    if session is None:
        yield operation.request_key, requests.get_checkout_session(operation.request_key)
    elif session.charge_id:
        yield session.charge_id, requests.get_charge(session.charge_id)
        has_ended = any(isinstance(it, Charge) and it.state == ChargeState.CANCELED for it in objects)
        if has_ended and session.charge_permission_id:
            yield session.charge_permission_id, requests.get_charge_permission(session.charge_permission_id)


def _leaves_balance(payment: Payment, operation: Operation) -> bool:
    """A charge below the whole changes what the permission can still bear; a charge of everything leaves nothing."""
    return operation.kind is not OperationKind.CANCEL and operation.amount < payment.amount


def undecided(session: Session, payment: Payment, operation: Operation) -> list[ApiRequest[Any]]:
    """The objects of a pending operation that Amazon is still deciding."""
    if operation.kind in REFUNDS:
        return [
            requests.get_refund(row.refund_id)
            for row in payment_rows.refund_rows(session, payment.id)
            if row.operation_id == operation.id and row.state == RefundState.REFUND_INITIATED
        ]
    return [
        requests.get_charge(row.charge_id)
        for row in payment_rows.charge_rows(session, payment.id)
        if row.state in {ChargeState.AUTHORIZATION_INITIATED, ChargeState.CAPTURE_INITIATED}
    ]


def write(
    session: Session, payment: Payment, operation: Operation | None, objects: Sequence[AmazonObject], *, now: datetime
) -> None:
    """Bring the copy up to date; states only move forward, so late news changes nothing."""
    known: dict[str, str] = {}
    if any(isinstance(object_, Charge) for object_ in objects):
        known |= {row.charge_id: row.state for row in payment_rows.charge_rows(session, payment.id)}
    if any(isinstance(object_, Refund) for object_ in objects):
        known |= {row.refund_id: row.state for row in payment_rows.refund_rows(session, payment.id)}
    for object_ in objects:
        match object_:
            case CheckoutSession():
                _write_session(session, payment, object_, now)
            case ChargePermission():
                _write_permission(session, payment, object_, now)
            case Charge() if object_.charge_id:
                if advance(CHARGE_TRANSITIONS, known.get(object_.charge_id), object_.state) is not Advance.STALE:
                    _write_charge(session, payment, object_, now)
                    known[object_.charge_id] = object_.state
            case Refund() if object_.refund_id:
                if advance(REFUND_TRANSITIONS, known.get(object_.refund_id), object_.state) is not Advance.STALE:
                    _write_refund(session, payment, operation, object_, now)
                    known[object_.refund_id] = object_.state


def _write_session(session: Session, payment: Payment, object_: CheckoutSession, now: datetime) -> None:
    """An open session says where the buyer goes; a completed one names its permission."""
    if object_.amazon_pay_redirect_url and object_.amazon_pay_redirect_url != payment.redirect_url:
        payment_rows.change(session, payment.id, now, redirect_url=object_.amazon_pay_redirect_url)
    if not object_.charge_permission_id or payment.charge_permission_id:
        return
    payment_rows.change(
        session,
        payment.id,
        now,
        charge_permission_id=object_.charge_permission_id,
        charge_permission_type=object_.charge_permission_type,
        charge_permission_state=ChargePermissionState.CHARGEABLE.value,
    )


def _write_permission(session: Session, payment: Payment, object_: ChargePermission, now: datetime) -> None:
    if advance(CHARGE_PERMISSION_TRANSITIONS, payment.charge_permission_state, object_.state) is Advance.STALE:
        return
    agreements.write(session, payment.api_url, object_, now=now)
    balance = object_.limits.amount_balance if object_.limits else None
    payment_rows.change(
        session,
        payment.id,
        now,
        charge_permission_state=object_.state,
        charge_permission_type=object_.charge_permission_type,
        charge_permission_balance=_money(balance, payment) if balance else None,
        charge_permission_expires_at=object_.expires,
        **_own_reference(object_),
    )


def _own_reference(object_: ChargePermission) -> dict[str, str]:
    """What the merchant calls the purchase; a standing permission's is no single payment's."""
    reference = object_.merchant_metadata and object_.merchant_metadata.merchant_reference_id
    return {"merchant_reference": reference} if reference and not is_standing(object_.charge_permission_type) else {}


def _write_charge(session: Session, payment: Payment, object_: Charge, now: datetime) -> None:
    """A charge that the buyer has to confirm says where (amazon-pay-cv2.md §6.7)."""
    confirm_at = object_.web_checkout_details and object_.web_checkout_details.amazon_pay_redirect_url
    if confirm_at and payment.agreement_id is not None and confirm_at != payment.redirect_url:
        payment_rows.change(session, payment.id, now, redirect_url=confirm_at)
    amount = _money(object_.charge_amount, payment)
    captured = _money(object_.capture_amount, payment)
    if object_.state == ChargeState.CAPTURED and not captured.is_positive:
        captured = amount  # a capture at creation may leave captureAmount unset (amazon-pay-cv2.md §16)
    payment_rows.save_charge(
        session,
        {
            "payment_id": payment.id,
            "charge_id": object_.charge_id,
            "state": object_.state,
            "reason_code": object_.reason_code or None,
            "amount": amount.minor,
            "captured": captured.minor,
            "refunded": _money(object_.refunded_amount, payment).minor,
            "charged_back": 0,  # of a new row; a dispute writes it (disputes/reading.py)
            "expires_at": to_micros(object_.expires) if object_.expires else None,
            "merchant_reference": object_.merchant_metadata and object_.merchant_metadata.merchant_reference_id,
            "look_at": to_micros(now),
            "created_at": to_micros(object_.created or now),
            "updated_at": to_micros(object_.last_updated or now),
        },
    )


def _write_refund(
    session: Session, payment: Payment, operation: Operation | None, object_: Refund, now: datetime
) -> None:
    payment_rows.save_refund(
        session,
        {
            "payment_id": payment.id,
            "refund_id": object_.refund_id,
            "charge_id": object_.charge_id,
            "operation_id": operation.id if operation else None,
            "state": object_.state,
            "reason_code": object_.reason_code or None,
            "amount": _money(object_.refund_amount, payment).minor,
            "created_at": to_micros(object_.created or now),
            "updated_at": to_micros(object_.last_updated or now),
        },
    )


def _money(price: Price | None, payment: Payment) -> Money:
    """An object's price in the payment's currency; an unset one is nothing (amazon-pay-cv2.md §16)."""
    if price is None or price.amount is None:
        return Money.zero(payment.amount.currency)
    return price.money()
