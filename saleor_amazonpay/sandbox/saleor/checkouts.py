"""Checkouts and what their payment statuses are computed from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from saleor_amazonpay.sandbox.saleor.catalogue import Address, Channel, ProductVariant, ShippingMethod, User
from saleor_amazonpay.sandbox.saleor.nodes import Money, NodeWithMetadata, TaxedMoney, taxed
from saleor_amazonpay.sandbox.saleor.transactions import TransactionItem


@dataclass(eq=False, kw_only=True)
class CheckoutLine(NodeWithMetadata):
    variant: ProductVariant
    quantity: int
    price: Decimal
    currency: str

    @property
    def unit_price(self) -> TaxedMoney:
        return taxed(self.price, self.currency)

    @property
    def undiscounted_unit_price(self) -> Money:
        return self.unit_price.gross

    @property
    def total_price(self) -> TaxedMoney:
        return taxed(self.price * self.quantity, self.currency)

    @property
    def undiscounted_total_price(self) -> Money:
        return self.total_price.gross

    @property
    def requires_shipping(self) -> bool:
        return self.variant.is_shipping_required


@dataclass(eq=False, kw_only=True)
class Checkout(NodeWithMetadata):
    channel: Channel
    created: datetime
    updated_at: datetime
    lines: list[CheckoutLine] = field(default_factory=list)
    user: User | None = None
    given_email: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    delivery_method: ShippingMethod | None = None
    language_code: str = "EN"
    note: str = ""
    redirect_url: str | None = None
    transactions: list[TransactionItem] = field(default_factory=list)
    last_transaction_modified_at: datetime | None = None
    display_gross_prices: bool = True
    tax_exemption: bool = False
    discount_name: str | None = None
    voucher_code: str | None = None
    completing: bool = False

    @property
    def token(self) -> str:
        return self.pk

    @property
    def currency(self) -> str:
        return self.channel.currency_code

    @property
    def email(self) -> str | None:
        return self.given_email or (self.user.email if self.user else None)

    @property
    def customer_note(self) -> str:
        return self.note

    @property
    def last_change(self) -> datetime:
        return self.updated_at

    @property
    def shipping_method(self) -> ShippingMethod | None:
        return self.delivery_method

    @property
    def shipping_methods(self) -> list[ShippingMethod]:
        """None before there is an address, and none where no zone of the channel reaches it."""
        address = self.shipping_address
        reached = address is not None and address.country_code in self.channel.ships_to
        return [self.channel.shipping_method] if self.is_shipping_required and reached else []

    @property
    def available_shipping_methods(self) -> list[ShippingMethod]:
        return self.shipping_methods

    @property
    def discount(self) -> Money:
        return Money(Decimal(0), self.currency)

    @property
    def is_shipping_required(self) -> bool:
        return any(line.requires_shipping for line in self.lines)

    @property
    def quantity(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.price * line.quantity for line in self.lines), Decimal(0))

    @property
    def shipping(self) -> Decimal:
        sent = self.is_shipping_required and self.delivery_method is not None
        return self.delivery_method.price.value if sent and self.delivery_method else Decimal(0)

    @property
    def total_gross(self) -> Decimal:
        return self.subtotal + self.shipping

    @property
    def subtotal_price(self) -> TaxedMoney:
        return taxed(self.subtotal, self.currency)

    @property
    def shipping_price(self) -> TaxedMoney:
        return taxed(self.shipping, self.currency)

    @property
    def total_price(self) -> TaxedMoney:
        return taxed(self.total_gross, self.currency)

    @property
    def charged(self) -> Decimal:
        """Pending charges count: a CHARGE_REQUEST is as good as paid until the order is made (contract §8)."""
        return sum((each.amounts.charged + each.amounts.charge_pending for each in self.transactions), Decimal(0))

    @property
    def covered(self) -> Decimal:
        return self.charged + sum(
            (each.amounts.authorized + each.amounts.authorize_pending for each in self.transactions), Decimal(0)
        )

    @property
    def total_balance(self) -> Money:
        return Money(self.charged - self.total_gross, self.currency)

    @property
    def _costs_nothing(self) -> bool:
        return bool(self.lines) and self.total_gross <= 0

    @property
    def charge_status(self) -> str:
        if self.charged <= 0:
            return "FULL" if self._costs_nothing else "NONE"
        if self.charged < self.total_gross:
            return "PARTIAL"
        return "FULL" if self.charged == self.total_gross else "OVERCHARGED"

    @property
    def authorize_status(self) -> str:
        if self._costs_nothing:
            return "FULL"
        if self.covered <= 0:
            return "NONE"
        return "FULL" if self.covered >= self.total_gross else "PARTIAL"

    @property
    def automatically_refundable(self) -> bool:
        return any(
            each.last_refund_success and (each.amounts.authorized > 0 or each.amounts.charged > 0)
            for each in self.transactions
        )
