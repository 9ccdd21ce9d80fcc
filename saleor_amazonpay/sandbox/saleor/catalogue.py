"""Channels, products, people: what is in the shop before anybody buys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from saleor_amazonpay.sandbox.saleor.nodes import Money, NodeWithMetadata, TaxedMoney

COUNTRIES = {
    "AT": "Austria",
    "AU": "Australia",
    "CH": "Switzerland",
    "DE": "Germany",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "IT": "Italy",
    "JP": "Japan",
    "NL": "Netherlands",
    "US": "United States of America",
}

ADDRESSES: dict[str, dict[str, str]] = {
    "JP": {
        "first_name": "太郎",
        "last_name": "山田",
        "street_address_1": "目黒1-2-3",
        "city": "目黒区",
        "country_area": "東京都",
        "postal_code": "153-0064",
        "country": "JP",
        "phone": "+81312345678",
    },
    "US": {
        "first_name": "John",
        "last_name": "Doe",
        "street_address_1": "410 Terry Ave N",
        "city": "SEATTLE",
        "country_area": "WA",
        "postal_code": "98109",
        "country": "US",
        "phone": "+12065550100",
    },
    "DE": {
        "first_name": "Erika",
        "last_name": "Mustermann",
        "street_address_1": "Domagkstr. 28",
        "city": "München",
        "postal_code": "80807",
        "country": "DE",
        "phone": "+498912345678",
    },
}


@dataclass(frozen=True, slots=True)
class CountryDisplay:
    code: str

    @property
    def country(self) -> str:
        return COUNTRIES.get(self.code, self.code)


@dataclass(eq=False, kw_only=True)
class Address(NodeWithMetadata):
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    street_address_1: str = ""
    street_address_2: str = ""
    city: str = ""
    city_area: str = ""
    postal_code: str = ""
    country_code: str = ""
    country_area: str = ""
    phone: str = ""
    is_default_shipping_address: bool | None = None
    is_default_billing_address: bool | None = None

    @property
    def country(self) -> CountryDisplay:
        return CountryDisplay(self.country_code)

    @classmethod
    def from_input(cls, pk: str, given: dict[str, Any]) -> Address:
        """From an ``AddressInput`` in snake case; ``country`` there is the code."""
        plain: dict[str, Any] = {name: given.get(name) or "" for name in _ADDRESS_INPUT}
        return cls(pk=pk, country_code=given.get("country") or "", **plain)


_ADDRESS_INPUT = (
    "first_name",
    "last_name",
    "company_name",
    "street_address_1",
    "street_address_2",
    "city",
    "city_area",
    "postal_code",
    "country_area",
    "phone",
)


@dataclass
class PaymentSettings:
    default_transaction_flow_strategy: str = "CHARGE"
    release_funds_for_expired_checkouts: bool = False
    checkout_ttl_before_releasing_funds: int = 6
    """Hours (contract §8)."""
    checkout_release_funds_cut_off_date: datetime | None = None

    @property
    def time_to_live(self) -> timedelta:
        return timedelta(hours=self.checkout_ttl_before_releasing_funds)


@dataclass
class CheckoutSettings:
    use_legacy_error_flow: bool = True
    automatically_complete_fully_paid_checkouts: bool = False
    automatic_completion_delay: int | None = None
    """Minutes; nothing means at once."""
    automatic_completion_cut_off_date: datetime | None = None


@dataclass
class OrderSettings:
    fulfillments_are_approved_at_once: bool = True
    """Saleor's shop setting ``fulfillmentAutoApprove``."""
    automatically_confirm_all_new_orders: bool = True
    allow_unpaid_orders: bool = False
    mark_as_paid_strategy: str = "TRANSACTION_FLOW"


@dataclass(eq=False, kw_only=True)
class Warehouse(NodeWithMetadata):
    name: str
    slug: str
    email: str
    address: Address


@dataclass(eq=False, kw_only=True)
class Channel(NodeWithMetadata):
    slug: str
    name: str
    currency_code: str
    country_code: str
    shipping_price: Decimal
    ships_to: list[str] = field(default_factory=list)
    """The countries of its shipping zones."""
    warehouses: list[Warehouse] = field(default_factory=list)
    is_active: bool = True
    payment_settings: PaymentSettings = field(default_factory=PaymentSettings)
    checkout_settings: CheckoutSettings = field(default_factory=CheckoutSettings)
    order_settings: OrderSettings = field(default_factory=OrderSettings)

    @property
    def default_country(self) -> CountryDisplay:
        return CountryDisplay(self.country_code)

    @property
    def countries(self) -> list[CountryDisplay]:
        return [CountryDisplay(code) for code in self.ships_to]

    @property
    def shipping_method(self) -> ShippingMethod:
        """The one way of sending, at a flat price."""
        return ShippingMethod(pk=self.pk, name="Courier", price=Money(self.shipping_price, self.currency_code))


@dataclass(eq=False, kw_only=True)
class ShippingMethod(NodeWithMetadata):
    name: str
    price: Money
    active: bool = True
    message: str = ""
    minimum_order_price: Money | None = None


@dataclass(eq=False, kw_only=True)
class Product(NodeWithMetadata):
    name: str
    slug: str
    variants: list[ProductVariant] = field(default_factory=list)
    channel: str | None = None
    is_published: bool = True
    is_available_for_purchase: bool = True


@dataclass(eq=False, kw_only=True)
class ProductVariant(NodeWithMetadata):
    """``prices`` is by channel slug: where there is none, the variant is not sold. No ``stock``: there is enough."""

    name: str
    sku: str
    product: Product
    prices: dict[str, Decimal]
    is_shipping_required: bool = True
    track_inventory: bool = False
    stock: int | None = None
    is_deleted: bool = False
    quantity_limit_per_customer: int | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class VariantPricingInfo:
    price: TaxedMoney


@dataclass(eq=False, kw_only=True)
class User(NodeWithMetadata):
    email: str
    password: str
    first_name: str = ""
    last_name: str = ""
    is_staff: bool = False
    is_superuser: bool = False
    is_active: bool = True
    is_confirmed: bool = True
    language_code: str = "EN"
    permissions: frozenset[str] = frozenset()
    session_key: str = ""
    date_joined: datetime
    external_reference: str | None = None
    default_shipping_address: Address | None = None
    default_billing_address: Address | None = None

    @property
    def addresses(self) -> list[Address]:
        known = (self.default_shipping_address, self.default_billing_address)
        return [address for address in known if address is not None]

    @property
    def updated_at(self) -> datetime:
        return self.date_joined

    @property
    def user_permissions(self) -> list[Permission]:
        return [Permission(code) for code in sorted(self.permissions)]


@dataclass(frozen=True, slots=True)
class Permission:
    code: str

    @property
    def name(self) -> str:
        return self.code.replace("_", " ").capitalize() + "."


@dataclass(eq=False, kw_only=True)
class PaymentGateway:
    id: str
    name: str
    currencies: list[str]
    config: list[object] = field(default_factory=list)


CHANNELS = (
    # slug, name, currency, default country, countries shipped to, flat shipping, flow
    ("default-jp", "Japan", "JPY", "JP", ("JP",), "500", "CHARGE"),
    ("us", "United States", "USD", "US", ("US",), "5.00", "AUTHORIZATION"),
    ("eu", "Europe", "EUR", "DE", ("AT", "DE", "ES", "FR", "IT", "NL"), "4.90", "CHARGE"),
)

PRODUCTS = (
    # name, slug, variant, sku, shippable, prices in the channels' order
    ("Tea cup 茶碗", "tea-cup", "Cup", "CUP-1", True, ("3000", "29.99", "27.50")),
    ("Teapot 急須", "teapot", "Pot", "POT-1", True, ("12800", "119.00", "109.95")),
    ("Tea monthly お茶の定期便", "tea-monthly", "Box", "BOX-1", True, ("2480", "19.99", "18.49")),
    ("Book of tea 茶の本", "book-of-tea", "PDF", "PDF-1", False, ("1000", "9.99", "8.99")),
)
