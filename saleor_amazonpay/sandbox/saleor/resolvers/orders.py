"""The merchant's side of an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from saleor_amazonpay.sandbox.saleor import selling
from saleor_amazonpay.sandbox.saleor.apps import App
from saleor_amazonpay.sandbox.saleor.catalogue import User
from saleor_amazonpay.sandbox.saleor.nodes import Money, quantize
from saleor_amazonpay.sandbox.saleor.orders import (
    Order,
    OrderEvent,
    OrderGrantedRefund,
    OrderGrantedRefundLine,
    OrderLine,
)
from saleor_amazonpay.sandbox.saleor.resolvers.checkouts import address_of, items_of
from saleor_amazonpay.sandbox.saleor.resolvers.registry import (
    MutationError,
    connection,
    found,
    metadata_of,
    mutation,
    query,
)
from saleor_amazonpay.sandbox.saleor.schema import Context
from saleor_amazonpay.sandbox.saleor.store import find

_NEEDED = "MANAGE_ORDERS"


@query("order")
def order(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    external_reference: str | None = None,
) -> Order | None:
    known = context.shop.store.orders
    if external_reference:
        return next((each for each in known if each.external_reference == external_reference), None)
    return find(known, id)


@query("orders", _NEEDED)
def orders(
    context: Context,
    first: int | None = None,
    after: str | None = None,
    channel: str | None = None,
    filter: dict[str, Any] | None = None,  # noqa: A002 - Saleor's argument
) -> dict[str, Any]:
    chosen = [
        each
        for each in reversed(context.shop.store.orders)
        if channel in (None, each.channel.slug) and _passes(each, filter or {})
    ]
    return connection(chosen, first, after)


def _passes(order: Order, wanted: dict[str, Any]) -> bool:
    ids, numbers, statuses = wanted.get("ids"), wanted.get("numbers"), wanted.get("status")
    since = (wanted.get("updated_at") or {}).get("gte")
    return (
        (ids is None or order.id in ids)
        and (numbers is None or order.number in numbers)
        and (statuses is None or order.status in statuses)
        and (since is None or order.updated_at >= since)
    )


def _order(context: Context, global_id: str | None, name: str = "id") -> Order:
    return found(find(context.shop.store.orders, global_id), name, global_id)


@mutation("draftOrderCreate", _NEEDED)
def draft_order_create(context: Context, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    channel = found(find(context.shop.store.channels, input.get("channel_id")), "channelId", input.get("channel_id"))
    sent = input.get("shipping_method") == channel.shipping_method.id
    draft = selling.new_draft(
        context.shop,
        channel,
        items_of(context, input.get("lines") or []),
        user=find(context.shop.store.users, input.get("user")),
        email=input.get("user_email") or "",
        shipping_address=address_of(context, input.get("shipping_address")),
        billing_address=address_of(context, input.get("billing_address")),
        delivery_method=channel.shipping_method if sent else None,
    )
    draft.metadata = metadata_of(input.get("metadata"))
    draft.private_metadata = metadata_of(input.get("private_metadata"))
    draft.external_reference = input.get("external_reference")
    return {"order": draft}


@mutation("draftOrderComplete", _NEEDED)
def draft_order_complete(context: Context, id: str) -> dict[str, Any]:  # noqa: A002
    draft = _order(context, id)
    if draft.status != "DRAFT":
        raise MutationError("id", "INVALID", "The order is not draft.")
    confirmed = draft.channel.order_settings.automatically_confirm_all_new_orders
    draft.status = "UNFULFILLED" if confirmed else "UNCONFIRMED"
    context.shop.webhooks.announce("ORDER_CREATED", context.requestor, order=draft)
    return {"order": draft}


@mutation("orderFulfill", _NEEDED)
def order_fulfill(context: Context, input: dict[str, Any], order: str | None = None) -> dict[str, Any]:  # noqa: A002
    filled = _order(context, order, "order")
    quantities = [_quantity(filled, line) for line in input["lines"]]
    fulfillment = selling.fulfill(
        context.shop,
        filled,
        quantities,
        input.get("tracking_number") or "",
        context.requestor,
        notify=bool(input.get("notify_customer")),
        approved=filled.channel.order_settings.fulfillments_are_approved_at_once,
    )
    return {"fulfillments": [fulfillment], "order": filled}


def _quantity(order: Order, given: dict[str, Any]) -> tuple[OrderLine, int]:
    line = found(find(order.lines, given.get("order_line_id")), "orderLineId", given.get("order_line_id"))
    quantity = sum(stock["quantity"] for stock in given["stocks"])
    if quantity > line.quantity_to_fulfill:
        message = f"Only {line.quantity_to_fulfill} items remaining to fulfill."
        raise MutationError("orderLineId", "FULFILL_ORDER_LINE", message)
    return line, quantity


@mutation("orderFulfillmentUpdateTracking", _NEEDED)
def order_fulfillment_update_tracking(context: Context, id: str, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Sends one more event each time, also for an unchanged number (observed, exp7)."""
    fulfillment = found(find(context.shop.store.fulfillments, id), "id", id)
    fulfillment.tracking_number = input.get("tracking_number") or ""
    fulfillment.order.updated_at = context.shop.clock.now()
    selling.announce_tracking(context.shop, fulfillment, context.requestor)
    return {"fulfillment": fulfillment, "order": fulfillment.order}


@mutation("orderFulfillmentApprove", _NEEDED)
def order_fulfillment_approve(
    context: Context,
    id: str,  # noqa: A002 - Saleor's argument
    notify_customer: bool,  # noqa: FBT001
    allow_stock_to_be_exceeded: bool = False,  # noqa: ARG001, FBT001, FBT002 - there is enough
) -> dict[str, Any]:
    fulfillment = found(find(context.shop.store.fulfillments, id), "id", id)
    if fulfillment.status != "WAITING_FOR_APPROVAL":
        raise MutationError("status", "INVALID", "Invalid fulfillment status, only WAITING_FOR_APPROVAL ones.")
    selling.approve(context.shop, fulfillment, context.requestor, notify=notify_customer)
    return {"fulfillment": fulfillment, "order": fulfillment.order}


@mutation("orderFulfillmentCancel", _NEEDED)
def order_fulfillment_cancel(
    context: Context,
    id: str,  # noqa: A002 - Saleor's argument
    input: dict[str, Any] | None = None,  # noqa: A002, ARG001 - there is one warehouse
) -> dict[str, Any]:
    fulfillment = found(find(context.shop.store.fulfillments, id), "id", id)
    if fulfillment.status == "CANCELED":
        raise MutationError("fulfillment", "CANNOT_CANCEL_FULFILLMENT", "This fulfillment can't be canceled")
    fulfillment.status = "CANCELED"
    for line in fulfillment.lines:
        line.order_line.quantity_fulfilled -= line.quantity
    fulfillment.order.status = "UNFULFILLED"
    context.shop.webhooks.announce(
        "FULFILLMENT_CANCELED", context.requestor, fulfillment=fulfillment, order=fulfillment.order
    )
    return {"fulfillment": fulfillment, "order": fulfillment.order}


@mutation("orderCancel", _NEEDED)
def order_cancel(context: Context, id: str) -> dict[str, Any]:  # noqa: A002
    """The payment app is not asked for anything; what is authorised stays so (observed, exp7)."""
    canceled = _order(context, id)
    canceled.status, canceled.updated_at = "CANCELED", context.shop.clock.now()
    context.shop.webhooks.announce("ORDER_CANCELLED", context.requestor, order=canceled)
    return {"order": canceled}


@mutation("orderNoteAdd", _NEEDED)
def order_note_add(context: Context, order: str, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    noted = _order(context, order, "order")
    note = OrderEvent(
        pk=context.shop.store.next_pk("OrderEvent"),
        date=context.shop.clock.now(),
        type="NOTE_ADDED",
        message=input["message"],
        user=context.user,
        app=context.app,
    )
    noted.events.append(note)
    return {"order": noted, "event": note}


@mutation("orderGrantRefundCreate", _NEEDED)
def order_grant_refund_create(context: Context, id: str, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    granting = _order(context, id)
    transaction = found(find(granting.transactions, input["transaction_id"]), "transactionId", input["transaction_id"])
    lines = [_refund_line(context, granting, line) for line in input.get("lines") or ()]
    shipping = bool(input.get("grant_refund_for_shipping"))
    amount = quantize(_granted(granting, input.get("amount"), lines, shipping), granting.currency)
    if amount > transaction.amounts.charged:
        message = "Sum of amount of all granted refunds cannot be greater than the charged amount."
        raise MutationError("amount", "AMOUNT_GREATER_THAN_AVAILABLE", message)
    refund = _new_refund(context, granting, amount)
    refund.transaction, refund.lines, refund.shipping_costs_included = transaction, lines, shipping
    refund.reason = input.get("reason") or ""
    granting.granted_refunds.append(refund)
    return {"order": granting, "granted_refund": refund}


def _new_refund(context: Context, order: Order, amount: Decimal) -> OrderGrantedRefund:
    now = context.shop.clock.now()
    by: App | User | None = context.requestor
    return OrderGrantedRefund(
        pk=context.shop.store.next_pk("OrderGrantedRefund"),
        order=order,
        amount=Money(amount, order.currency),
        created_at=now,
        updated_at=now,
        transaction=None,
        user=by if isinstance(by, User) else None,
        app=by if isinstance(by, App) else None,
    )


def _granted(order: Order, amount: Decimal | None, lines: list[OrderGrantedRefundLine], shipping: bool) -> Decimal:  # noqa: FBT001
    if amount is not None:
        return amount
    if not lines and not shipping:
        raise MutationError("amount", "REQUIRED", "You must provide at least one of `amount`, `lines`, shipping.")
    goods = sum((line.order_line.price * line.quantity for line in lines), Decimal(0))
    return goods + (order.shipping if shipping else Decimal(0))


def _refund_line(context: Context, order: Order, given: dict[str, Any]) -> OrderGrantedRefundLine:
    return OrderGrantedRefundLine(
        pk=context.shop.store.next_pk("OrderGrantedRefundLine"),
        quantity=given["quantity"],
        order_line=found(find(order.lines, given["id"]), "lines", given["id"]),
        reason=given.get("reason"),
    )
