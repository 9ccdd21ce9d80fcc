"""Orders, fulfillments and granted refunds; order statuses count only money that has really moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from saleor_amazonpay.sandbox.saleor.apps import App
from saleor_amazonpay.sandbox.saleor.catalogue import Address, Channel, ProductVariant, ShippingMethod, User, Warehouse
from saleor_amazonpay.sandbox.saleor.nodes import Money, Node, NodeWithMetadata, TaxedMoney, global_id, quantize, taxed
from saleor_amazonpay.sandbox.saleor.transactions import Amounts, TransactionEvent, TransactionItem

PAYMENT_STATUS = {
    # chargeStatus: paymentStatus of orders paid by transactions
    "NONE": "NOT_CHARGED",
    "PARTIAL": "PARTIALLY_CHARGED",
    "FULL": "FULLY_CHARGED",
    "OVERCHARGED": "FULLY_CHARGED",
}
GRANTED_REFUND_STATUS = {"REFUND_REQUEST": "PENDING", "REFUND_SUCCESS": "SUCCESS", "REFUND_FAILURE": "FAILURE"}


@dataclass(eq=False, kw_only=True)
class OrderLine(NodeWithMetadata):
    variant: ProductVariant
    quantity: int
    price: Decimal
    currency: str
    quantity_fulfilled: int = 0
    tax_rate: float = 0.0

    @property
    def product_name(self) -> str:
        return self.variant.product.name

    @property
    def variant_name(self) -> str:
        return self.variant.name

    @property
    def product_sku(self) -> str:
        return self.variant.sku

    @property
    def product_variant_id(self) -> str:
        return self.variant.id

    @property
    def is_shipping_required(self) -> bool:
        return self.variant.is_shipping_required

    @property
    def quantity_to_fulfill(self) -> int:
        return self.quantity - self.quantity_fulfilled

    @property
    def unit_price(self) -> TaxedMoney:
        return taxed(self.price, self.currency)

    @property
    def undiscounted_unit_price(self) -> TaxedMoney:
        return self.unit_price

    @property
    def total_price(self) -> TaxedMoney:
        return taxed(self.price * self.quantity, self.currency)

    @property
    def undiscounted_total_price(self) -> TaxedMoney:
        return self.total_price


@dataclass(eq=False, kw_only=True)
class FulfillmentLine(Node):
    quantity: int
    order_line: OrderLine


@dataclass(eq=False, kw_only=True)
class Fulfillment(NodeWithMetadata):
    order: Order
    fulfillment_order: int
    created: datetime
    warehouse: Warehouse
    lines: list[FulfillmentLine]
    tracking_number: str = ""
    status: str = "FULFILLED"
    shipping_refunded_amount: Money | None = None
    total_refunded_amount: Money | None = None

    @property
    def status_display(self) -> str:
        return self.status.capitalize()


@dataclass(eq=False, kw_only=True)
class OrderGrantedRefundLine(Node):
    quantity: int
    order_line: OrderLine
    reason: str | None = None


@dataclass(eq=False, kw_only=True)
class OrderGrantedRefund(Node):
    order: Order
    amount: Money
    created_at: datetime
    updated_at: datetime
    transaction: TransactionItem | None
    reason: str = ""
    user: User | None = None
    app: App | None = None
    shipping_costs_included: bool = False
    lines: list[OrderGrantedRefundLine] = field(default_factory=list)

    @property
    def transaction_events(self) -> list[TransactionEvent]:
        events = self.transaction.recorded if self.transaction else []
        return sorted((each for each in events if each.granted_refund is self), key=lambda each: each.created_at)

    @property
    def status(self) -> str:
        """That of the newest refund event tied to it; a request that is only sent counts once answered.

        Observed (exp6): NONE while the webhook is under way, PENDING after an asynchronous answer.
        """
        told = [
            event
            for event in self.transaction_events
            if event.type != "REFUND_REQUEST" or event.include_in_calculations
        ]
        return GRANTED_REFUND_STATUS.get(told[-1].type, "NONE") if told else "NONE"


class MissingGrantedRefund:
    """What Saleor resolves ``grantedRefund`` to when there is none: an object without values.

    Its ``id`` is that of "None"; any other non-null field makes the payload carry ``grantedRefund: null`` *and* an
    ``errors`` key, although nothing is wrong with the app (seen in every captured refund request without one).
    """

    graphql_type = "OrderGrantedRefund"
    id = global_id("OrderGrantedRefund", None)

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@dataclass(eq=False, kw_only=True)
class OrderEvent(Node):
    date: datetime
    type: str
    message: str
    user: User | None = None
    app: App | None = None


@dataclass(eq=False, kw_only=True)
class Order(NodeWithMetadata):
    channel: Channel
    number: str
    created: datetime
    updated_at: datetime
    lines: list[OrderLine]
    shipping: Decimal
    origin: str = "CHECKOUT"
    status: str = "UNFULFILLED"
    user: User | None = None
    user_email: str = ""
    shipping_address: Address | None = None
    billing_address: Address | None = None
    delivery_method: ShippingMethod | None = None
    language_code_enum: str = "EN"
    checkout_id: str | None = None
    transactions: list[TransactionItem] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)
    granted_refunds: list[OrderGrantedRefund] = field(default_factory=list)
    events: list[OrderEvent] = field(default_factory=list)
    customer_note: str = ""
    redirect_url: str | None = None
    external_reference: str | None = None
    tracking_client_id: str = ""
    original: str | None = None
    display_gross_prices: bool = True
    tax_exemption: bool = False
    can_finalize: bool = True
    voucher_code: str | None = None
    discount_name: str | None = None
    errors: list[object] = field(default_factory=list)

    @property
    def token(self) -> str:
        return self.pk

    @property
    def currency(self) -> str:
        return self.channel.currency_code

    @property
    def email(self) -> str:
        return self.user_email

    @property
    def status_display(self) -> str:
        return self.status.capitalize()

    @property
    def shipping_method(self) -> ShippingMethod | None:
        return self.delivery_method

    @property
    def shipping_method_name(self) -> str | None:
        return self.delivery_method.name if self.delivery_method else None

    @property
    def shipping_methods(self) -> list[ShippingMethod]:
        return [self.channel.shipping_method] if self.is_shipping_required else []

    @property
    def is_shipping_required(self) -> bool:
        return any(line.is_shipping_required for line in self.lines)

    @property
    def subtotal_amount(self) -> Decimal:
        return sum((line.price * line.quantity for line in self.lines), Decimal(0))

    @property
    def total_gross(self) -> Decimal:
        return self.subtotal_amount + self.shipping

    @property
    def subtotal(self) -> TaxedMoney:
        return taxed(self.subtotal_amount, self.currency)

    @property
    def shipping_price(self) -> TaxedMoney:
        return taxed(self.shipping, self.currency)

    @property
    def total(self) -> TaxedMoney:
        return taxed(self.total_gross, self.currency)

    @property
    def undiscounted_total(self) -> TaxedMoney:
        return self.total

    @property
    def discount(self) -> Money:
        return Money(Decimal(0), self.currency)

    def _sum(self, pick: Callable[[Amounts], Decimal]) -> Decimal:
        return sum((pick(each.amounts) for each in self.transactions), Decimal(0))

    def _money(self, pick: Callable[[Amounts], Decimal]) -> Money:
        return Money(self._sum(pick), self.currency)

    @property
    def charged(self) -> Decimal:
        return self._sum(lambda amounts: amounts.charged)

    @property
    def authorized(self) -> Decimal:
        return self._sum(lambda amounts: amounts.authorized)

    @property
    def granted(self) -> Decimal:
        return sum((each.amount.value for each in self.granted_refunds), Decimal(0))

    @property
    def total_authorized(self) -> Money:
        return self._money(lambda amounts: amounts.authorized)

    @property
    def total_charged(self) -> Money:
        return self._money(lambda amounts: amounts.charged)

    @property
    def total_captured(self) -> Money:
        return self.total_charged

    @property
    def total_canceled(self) -> Money:
        return self._money(lambda amounts: amounts.canceled)

    @property
    def total_refunded(self) -> Money:
        return self._money(lambda amounts: amounts.refunded)

    @property
    def total_authorize_pending(self) -> Money:
        return self._money(lambda amounts: amounts.authorize_pending)

    @property
    def total_charge_pending(self) -> Money:
        return self._money(lambda amounts: amounts.charge_pending)

    @property
    def total_refund_pending(self) -> Money:
        return self._money(lambda amounts: amounts.refund_pending)

    @property
    def total_cancel_pending(self) -> Money:
        return self._money(lambda amounts: amounts.cancel_pending)

    @property
    def total_granted_refund(self) -> Money:
        return Money(self.granted, self.currency)

    @property
    def total_remaining_grant(self) -> Money:
        returned = self._sum(lambda amounts: amounts.refunded + amounts.refund_pending)
        return Money(max(self.granted - returned, Decimal(0)), self.currency)

    @property
    def total_balance(self) -> Money:
        counted = self._sum(lambda amounts: amounts.charged + amounts.charge_pending)
        return Money(counted - (self.total_gross - self.granted), self.currency)

    @property
    def to_cover(self) -> Decimal:
        return quantize(max(self.total_gross - self.granted, Decimal(0)), self.currency)

    @property
    def charge_status(self) -> str:
        charged = quantize(self.charged, self.currency)
        if charged == self.to_cover:
            return "FULL"
        if charged <= 0:
            return "NONE"
        return "PARTIAL" if charged < self.to_cover else "OVERCHARGED"

    @property
    def authorize_status(self) -> str:
        covered = quantize(self.authorized + self.charged, self.currency)
        if covered == 0:
            return "FULL" if self.total_gross == 0 else "NONE"
        return "FULL" if covered >= self.to_cover else "PARTIAL"

    @property
    def is_paid(self) -> bool:
        """By the whole total: a granted refund lowers what is to be covered, not this."""
        return self.charged >= self.total_gross

    @property
    def payment_status(self) -> str:
        return PAYMENT_STATUS[self.charge_status]

    @property
    def payment_status_display(self) -> str:
        return self.payment_status.replace("_", " ").capitalize()

    @property
    def actions(self) -> list[str]:
        """Actions of the old payments; orders paid by transactions have them on the transaction."""
        return []
