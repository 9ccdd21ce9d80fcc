"""From checkout to order and on to the parcel; and the two periodic jobs that act on checkouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from saleor_amazonpay.sandbox.saleor import payments
from saleor_amazonpay.sandbox.saleor.apps import App
from saleor_amazonpay.sandbox.saleor.catalogue import Address, Channel, ProductVariant, ShippingMethod, User
from saleor_amazonpay.sandbox.saleor.checkouts import Checkout, CheckoutLine
from saleor_amazonpay.sandbox.saleor.nodes import NodeWithMetadata
from saleor_amazonpay.sandbox.saleor.orders import Fulfillment, FulfillmentLine, Order, OrderLine
from saleor_amazonpay.sandbox.saleor.transactions import GIFT_CARD_GATEWAY, TransactionItem, new_idempotency_key

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn

_MOST_RELEASED = 60


class CannotComplete(Exception):
    def __init__(self, field: str | None, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code = field, code


@dataclass(frozen=True)
class Item:
    """``price`` replaces the catalogue's, which only an app with HANDLE_CHECKOUTS may do."""

    variant: ProductVariant
    quantity: int
    price: Decimal | None = None


def new_checkout(shop: SaleorStandIn, channel: Channel, items: Sequence[Item]) -> Checkout:
    now = shop.clock.now()
    checkout = Checkout(pk=shop.store.new_uuid(), channel=channel, created=now, updated_at=now)
    for item in items:
        add_line(shop, checkout, item)
    shop.store.checkouts.append(checkout)
    return checkout


def add_line(shop: SaleorStandIn, checkout: Checkout, item: Item) -> None:
    checkout.lines.append(
        CheckoutLine(
            pk=shop.store.new_uuid(),
            variant=item.variant,
            quantity=item.quantity,
            price=item.variant.prices[checkout.channel.slug] if item.price is None else item.price,
            currency=checkout.currency,
        )
    )


def pay_part_by_gift_card(shop: SaleorStandIn, checkout: Checkout, amount: Decimal) -> TransactionItem:
    """A second transaction on the checkout, of the gateway built into Saleor since 3.23 (contract §12)."""
    transaction = payments.new_transaction(shop, checkout, None)
    transaction.app_identifier = GIFT_CARD_GATEWAY
    payments.new_event(shop, transaction, "AUTHORIZATION_SUCCESS", amount, reference=f"gift-card-{transaction.pk[:8]}")
    transaction.recalculate()
    return transaction


def complete(shop: SaleorStandIn, checkout_id: str, principal: App | User | None) -> Order:
    """The order of a checkout; completing again gives the same order.

    Raises:
        CannotComplete: something is missing, or it is not paid for.
    """
    if checkout_id in shop.store.completed:
        return shop.store.completed[checkout_id]
    checkout = next((each for each in shop.store.checkouts if each.id == checkout_id), None)
    if checkout is None:
        raise CannotComplete("id", "NOT_FOUND", f"Couldn't resolve to a node: {checkout_id}")
    _check(checkout)
    if isinstance(principal, App) and "IMPERSONATE_USER" not in principal.granted:
        checkout.user, checkout.given_email = None, checkout.email  # an app's own order is nobody's (3.23)
    order = _order_of(shop, checkout)
    _hand_over(shop, checkout, order)
    for event in ("ORDER_CREATED", *(("ORDER_CONFIRMED",) if order.status == "UNFULFILLED" else ())):
        shop.webhooks.announce(event, principal, order=order)
    for event in payments.ORDER_EVENTS[order.charge_status]:
        shop.webhooks.announce(event, principal, order=order)
    return order


def _check(checkout: Checkout) -> None:
    ships = checkout.is_shipping_required
    needed = (
        (not checkout.lines, "lines", "NO_LINES", "Cannot create checkout without lines."),
        (not checkout.email, "email", "EMAIL_NOT_SET", "Checkout email must be set."),
        (ships and not checkout.shipping_address, "shippingAddress", "SHIPPING_ADDRESS_NOT_SET", "Not set."),
        (ships and not checkout.delivery_method, "shippingMethod", "SHIPPING_METHOD_NOT_SET", "Not set."),
        (not checkout.billing_address, "billingAddress", "BILLING_ADDRESS_NOT_SET", "Billing address is not set."),
    )
    for missing, field, code, message in needed:
        if missing:
            raise CannotComplete(field, code, message)
    if any(line.variant.stock is not None and line.variant.stock < line.quantity for line in checkout.lines):
        raise CannotComplete("lines", "INSUFFICIENT_STOCK", "Insufficient product stock.")
    unpaid_allowed = checkout.channel.order_settings.allow_unpaid_orders
    if checkout.authorize_status != "FULL" and not unpaid_allowed:
        message = "The authorized amount doesn't cover the checkout's total amount."
        raise CannotComplete(None, "CHECKOUT_NOT_FULLY_PAID", message)


def _order_of(shop: SaleorStandIn, checkout: Checkout) -> Order:
    confirmed = checkout.channel.order_settings.automatically_confirm_all_new_orders and checkout.transactions
    now = shop.clock.now()
    return Order(
        pk=shop.store.new_uuid(),
        channel=checkout.channel,
        number=shop.store.next_pk("order number"),
        created=now,
        updated_at=now,
        lines=[_order_line(shop, line.variant, line.quantity, line.price, line.currency) for line in checkout.lines],
        shipping=checkout.shipping,
        status="UNFULFILLED" if confirmed else "UNCONFIRMED",
        user=checkout.user,
        user_email=checkout.email or "",
        shipping_address=checkout.shipping_address,
        billing_address=checkout.billing_address,
        delivery_method=checkout.delivery_method,
        language_code_enum=checkout.language_code,
        checkout_id=checkout.id,
        metadata=dict(checkout.metadata),
        private_metadata=dict(checkout.private_metadata),
    )


def _order_line(
    shop: SaleorStandIn, variant: ProductVariant, quantity: int, price: Decimal, currency: str
) -> OrderLine:
    return OrderLine(pk=shop.store.new_uuid(), variant=variant, quantity=quantity, price=price, currency=currency)


def _hand_over(shop: SaleorStandIn, checkout: Checkout, order: Order) -> None:
    """Transactions keep id and token and change sides; the checkout is gone (observed, exp7)."""
    for line in checkout.lines:
        if line.variant.stock is not None:
            line.variant.stock -= line.quantity
    for transaction in checkout.transactions:
        transaction.checkout, transaction.order = None, order
    order.transactions, checkout.transactions = checkout.transactions, []
    shop.store.checkouts.remove(checkout)
    shop.store.orders.append(order)
    shop.store.completed[checkout.id] = order


def new_draft(
    shop: SaleorStandIn,
    channel: Channel,
    items: Sequence[Item],
    *,
    user: User | None = None,
    email: str = "",
    shipping_address: Address | None = None,
    billing_address: Address | None = None,
    delivery_method: ShippingMethod | None = None,
) -> Order:
    """An order staff write by hand; ``draftOrderComplete`` makes it an unpaid order."""
    now = shop.clock.now()
    lines = [
        _order_line(shop, item.variant, item.quantity, item.variant.prices[channel.slug], channel.currency_code)
        for item in items
    ]
    order = Order(
        pk=shop.store.new_uuid(),
        channel=channel,
        number=shop.store.next_pk("order number"),
        created=now,
        updated_at=now,
        lines=lines,
        shipping=delivery_method.price.value if delivery_method else Decimal(0),
        origin="DRAFT",
        status="DRAFT",
        user=user,
        user_email=email or (user.email if user else ""),
        shipping_address=shipping_address,
        billing_address=billing_address or shipping_address,
        delivery_method=delivery_method,
    )
    shop.store.orders.append(order)
    return order


@dataclass(frozen=True)
class UnavailableVariant:
    code: str
    message: str
    variant_id: str
    line_id: str


def copy_to_checkout(shop: SaleorStandIn, order: Order, user: User | None) -> tuple[Checkout, list[UnavailableVariant]]:
    """``checkoutCreateFromOrder``: today's prices; whose checkout it is, is who asks, so an app's is nobody's.

    Neither customer nor e-mail nor address is taken over from the order (checkout_create_from_order.py of 3.23).
    """
    left_out = [found for line in order.lines if (found := _unavailable(order, line))]
    missing = {each.line_id for each in left_out}
    items = [Item(line.variant, line.quantity) for line in order.lines if line.id not in missing]
    checkout = new_checkout(shop, order.channel, items)
    checkout.user, checkout.given_email = user, user.email if user else None
    return checkout, left_out


def _unavailable(order: Order, line: OrderLine) -> UnavailableVariant | None:
    variant, product = line.variant, line.variant.product
    limit, stock = variant.quantity_limit_per_customer, variant.stock
    causes = (
        (variant.is_deleted, "NOT_FOUND", "Product variant not found"),
        (
            order.channel.slug not in variant.prices,
            "UNAVAILABLE_VARIANT_IN_CHANNEL",
            "Cannot add lines with unavailable variants.",
        ),
        (not product.is_published, "PRODUCT_NOT_PUBLISHED", "Cannot add lines for unpublished variants."),
        (
            not product.is_available_for_purchase,
            "PRODUCT_UNAVAILABLE_FOR_PURCHASE",
            "Cannot add lines for unavailable for purchase variants.",
        ),
        (limit is not None and line.quantity > limit, "QUANTITY_GREATER_THAN_LIMIT", f"Cannot add more than {limit}"),
        (
            stock is not None and stock < line.quantity,
            "INSUFFICIENT_STOCK",
            f"Could not add items {variant.name}. Only {max(stock or 0, 0)} remaining in stock.",
        ),
    )
    cause = next((each for each in causes if each[0]), None)
    return UnavailableVariant(cause[1], cause[2], variant.id, line.id) if cause else None


def fulfill(
    shop: SaleorStandIn,
    order: Order,
    quantities: Sequence[tuple[OrderLine, int]],
    tracking_number: str,
    principal: App | User | None,
    *,
    notify: bool,
    approved: bool = True,
) -> Fulfillment:
    """With a tracking number FULFILLMENT_TRACKING_NUMBER_UPDATED goes out beside FULFILLMENT_CREATED (exp7).

    Not ``approved``, as where the shop lets fulfillments be approved: nothing has left yet.
    """
    lines = []
    for line, quantity in quantities:
        line.quantity_fulfilled += quantity if approved else 0
        lines.append(FulfillmentLine(pk=shop.store.next_pk("FulfillmentLine"), quantity=quantity, order_line=line))
    fulfillment = Fulfillment(
        pk=shop.store.next_pk("Fulfillment"),
        order=order,
        fulfillment_order=len(order.fulfillments) + 1,
        created=shop.clock.now(),
        warehouse=order.channel.warehouses[0],
        lines=lines,
        tracking_number=tracking_number,
        status="FULFILLED" if approved else "WAITING_FOR_APPROVAL",
    )
    order.fulfillments.append(fulfillment)
    complete_now = all(line.quantity_to_fulfill == 0 for line in order.lines)
    if approved:
        order.status = "FULFILLED" if complete_now else "PARTIALLY_FULFILLED"
    order.updated_at = shop.clock.now()
    values = {"fulfillment": fulfillment, "order": order, "notify_customer": notify}
    shop.webhooks.announce("FULFILLMENT_CREATED", principal, **values)
    if tracking_number:
        announce_tracking(shop, fulfillment, principal)
    if complete_now:
        shop.webhooks.announce("FULFILLMENT_APPROVED", principal, **values)
        shop.webhooks.announce("ORDER_FULFILLED", principal, order=order)
    return fulfillment


def approve(shop: SaleorStandIn, fulfillment: Fulfillment, principal: App | User | None, *, notify: bool) -> None:
    """What waited leaves: FULFILLMENT_APPROVED, no tracking event (saleor-contract.md §10)."""
    order = fulfillment.order
    fulfillment.status = "FULFILLED"
    for line in fulfillment.lines:
        line.order_line.quantity_fulfilled += line.quantity
    complete_now = all(line.quantity_to_fulfill == 0 for line in order.lines)
    order.status = "FULFILLED" if complete_now else "PARTIALLY_FULFILLED"
    shop.webhooks.announce(
        "FULFILLMENT_APPROVED", principal, fulfillment=fulfillment, order=order, notify_customer=notify
    )


def announce_tracking(shop: SaleorStandIn, fulfillment: Fulfillment, principal: App | User | None) -> None:
    shop.webhooks.announce(
        "FULFILLMENT_TRACKING_NUMBER_UPDATED", principal, fulfillment=fulfillment, order=fulfillment.order
    )


def announce_metadata(shop: SaleorStandIn, item: NodeWithMetadata, principal: App | User | None) -> None:
    if isinstance(item, TransactionItem):
        shop.webhooks.announce("TRANSACTION_ITEM_METADATA_UPDATED", principal, transaction=item)
    elif isinstance(item, Fulfillment):
        shop.webhooks.announce("FULFILLMENT_METADATA_UPDATED", principal, fulfillment=item, order=item.order)
    elif isinstance(item, Order):
        shop.webhooks.announce("ORDER_METADATA_UPDATED", principal, order=item)


# --- periodic jobs


def complete_paid_checkouts(shop: SaleorStandIn) -> list[Order]:
    """The job that completes fully authorised checkouts; pending money is enough for it (observed, exp7)."""
    ripe = [checkout for checkout in shop.store.checkouts if _is_ripe(shop, checkout)]
    orders = []
    for checkout in ripe:
        try:
            orders.append(complete(shop, checkout.id, None))
        except CannotComplete:
            continue
    return orders


def _is_ripe(shop: SaleorStandIn, checkout: Checkout) -> bool:
    settings = checkout.channel.checkout_settings
    if not settings.automatically_complete_fully_paid_checkouts or checkout.authorize_status != "FULL":
        return False
    changed = max(checkout.updated_at, checkout.last_transaction_modified_at or checkout.updated_at)
    delay = timedelta(minutes=settings.automatic_completion_delay or 0)
    cut_off = settings.automatic_completion_cut_off_date
    young_enough = cut_off is None or checkout.created >= cut_off
    return young_enough and checkout.total_gross > 0 and changed + delay <= shop.clock.now()


def release_funds(shop: SaleorStandIn) -> list[TransactionItem]:
    """Gives back what expired checkouts hold: authorised money is cancelled, charged money refunded, both in full.

    One attempt per transaction: after a failure it is not tried again (observed, exp8).
    """
    expired = [checkout for checkout in shop.store.checkouts if _is_expired(shop, checkout)]
    held = [each for checkout in expired for each in checkout.transactions if _is_releasable(each)][:_MOST_RELEASED]
    for transaction in held:
        transaction.last_refund_success = False
        _release(shop, transaction)
    return held


def _release(shop: SaleorStandIn, transaction: TransactionItem) -> None:
    amounts = transaction.amounts
    plans: tuple[tuple[payments.Kind, Decimal], ...] = (("CANCEL", amounts.authorized), ("REFUND", amounts.charged))
    requests = [
        (kind, payments.new_event(
            shop, transaction, f"{kind}_REQUEST", amount, counted=False, idempotency_key=new_idempotency_key()
        ))
        for kind, amount in plans
        if amount
    ]  # fmt: skip
    for kind, request in requests:
        try:
            payments.send_action(shop, transaction, kind, request)
        except payments.NoRecipient:
            continue


def _is_releasable(transaction: TransactionItem) -> bool:
    held = transaction.amounts.authorized > 0 or transaction.amounts.charged > 0
    return held and transaction.last_refund_success and transaction.app_identifier != GIFT_CARD_GATEWAY


def _is_expired(shop: SaleorStandIn, checkout: Checkout) -> bool:
    settings = checkout.channel.payment_settings
    if not settings.release_funds_for_expired_checkouts or not checkout.automatically_refundable:
        return False
    deadline = shop.clock.now() - settings.time_to_live
    touched = checkout.last_transaction_modified_at
    cut_off = settings.checkout_release_funds_cut_off_date
    old_enough = checkout.updated_at < deadline and (touched is None or touched < deadline)
    return old_enough and (cut_off is None or cut_off < checkout.created) and checkout.authorize_status != "NONE"
