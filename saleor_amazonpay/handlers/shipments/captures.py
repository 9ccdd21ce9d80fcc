"""Capture on shipment: what has left the house is charged, by the operations' own machinery and never twice.

How much is due follows from the whole order, less what every transaction of it has paid; of that each payment of ours
takes what it can bear. One operation for each fulfillment and payment: a repeated event finds it there. Refunds are
paid out of what was captured: what was given back still counts as paid, or it would be captured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.shipments import CaptureOnShipment, ShippedLine, due_by_shipment, share_out
from saleor_amazonpay.domain.states import ChargeState, OperationKind, OperationState
from saleor_amazonpay.handlers import operations, problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.events import Parcel, ShippedOrder
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

_SHIPPED = "FULFILLED"  # returned, refunded, replaced and cancelled fulfillments are not
_NOT_SENT_YET = frozenset({OperationState.WAITING, OperationState.RUNNING})


@dataclass(frozen=True, slots=True)
class _Purse:
    """One payment: what it has paid of the order, or is about to, and what it can still bear."""

    payment: Payment
    account: Account
    paid: Money
    bears: Money

    @property
    def wants(self) -> CaptureOnShipment:
        return CaptureOnShipment(self.account.options.capture_on_shipment)


def capture(
    session: Session, services: Services, ours: Sequence[tuple[str, Account]], parcel: Parcel, order: ShippedOrder
) -> None:
    """Begin what the shipment makes due; the caller's transaction commits it with its jobs."""
    purses = [_purse(session, payment_id, account) for payment_id, account in ours]
    willing = [purse for purse in purses if purse.wants is not CaptureOnShipment.OFF]
    if not willing:
        return
    currency = willing[0].payment.amount.currency
    order_total = order.total.gross.money()
    if order_total.currency is not currency:
        return
    due = _due(order, order_total, willing[0].wants)
    rest = due - _paid_elsewhere(order, purses) - total((purse.paid for purse in purses), currency)
    if not rest.is_positive:
        return
    parts = share_out(rest, [purse.bears for purse in willing])
    for purse, part in zip(willing, parts, strict=True):
        if part.is_positive:
            _begin(session, services, purse, part, parcel, order)
    missing = rest - total(parts, currency)
    if missing.is_positive:
        _tell_what_is_missing(session, services, willing[0], missing, order)


def _due(order: ShippedOrder, order_total: Money, extent: CaptureOnShipment) -> Money:
    shipped: dict[str, int] = {}
    for fulfillment in order.fulfillments:
        for piece in (fulfillment.lines or ()) if fulfillment.status == _SHIPPED else ():
            if piece.order_line is not None:
                shipped[piece.order_line.id] = shipped.get(piece.order_line.id, 0) + piece.quantity
    lines = [
        ShippedLine(line.total_price.gross.money(), line.quantity, shipped.get(line.id, 0)) for line in order.lines
    ]
    return due_by_shipment(lines, order.shipping_price.gross.money(), order_total, extent)


def _paid_elsewhere(order: ShippedOrder, purses: Sequence[_Purse]) -> Money:
    """By gift cards and other apps, as Saleor shows it."""
    ours = {purse.payment.transaction_id for purse in purses}
    currency = purses[0].payment.amount.currency
    return total(
        (Money.parse(one.paid, currency) for one in order.transactions if one.id not in ours),
        currency,
    )


def _purse(session: Session, payment_id: str, account: Account) -> _Purse:
    payment = payment_rows.by_id(session, payment_id, lock=True)
    if payment is None:
        raise LookupError(payment_id)
    currency = payment.amount.currency
    balances = payment_rows.balances(session, payment, account.options.policy)
    undecided = total(
        (part.amount for part in balances.charges if part.state == ChargeState.CAPTURE_INITIATED), currency
    )
    begun = total(
        (
            operation.amount
            for operation in operation_rows.of_payment(session, payment.id, currency)
            if operation.kind is OperationKind.CHARGE and operation.state in _NOT_SENT_YET
        ),
        currency,
    )
    return _Purse(payment, account, balances.captured + undecided + begun, balances.chargeable - begun)


def _begin(
    session: Session, services: Services, purse: _Purse, amount: Money, parcel: Parcel, order: ShippedOrder
) -> None:
    now = services.clock.now()
    key = f"shipment-{parcel.id}"
    charge = operations.new_operation(purse.payment, OperationKind.CHARGE, key, amount, now=now)
    if operation_rows.by_id(session, charge.id, amount.currency) is not None:
        return
    operations.start_later(session, services, purse.payment, charge)
    timeline.add(
        session,
        purse.payment.id,
        "decision",
        now,
        operation=OperationKind.CHARGE,
        amount=str(amount),
        because=f"shipment of order {order.number}",
        fulfillment=parcel.id,
    )


def _tell_what_is_missing(
    session: Session, services: Services, purse: _Purse, missing: Money, order: ShippedOrder
) -> None:
    """Goods have left that nobody can be charged for any more: somebody has to know."""
    sentence = Message(
        "Order {order} was shipped, but {missing} of it cannot be charged: the Amazon Pay payment of transaction "
        "{transaction} bears {bears} now. Ask the buyer to pay again, or settle it another way.",
        order=order.number,
        missing=missing,
        transaction=purse.payment.transaction_id,
        bears=purse.bears,
    )
    problems.raise_in(session, services, purse.payment.api_url, problems.key_of("shipment", purse.payment.id), sentence)
