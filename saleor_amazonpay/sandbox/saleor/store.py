"""Everything the shop knows, in memory, found by global id."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from saleor_amazonpay.sandbox.saleor.apps import App, AppInstallation, Webhook
from saleor_amazonpay.sandbox.saleor.catalogue import (
    ADDRESSES,
    CHANNELS,
    PRODUCTS,
    Address,
    Channel,
    PaymentSettings,
    Product,
    ProductVariant,
    User,
    Warehouse,
)
from saleor_amazonpay.sandbox.saleor.checkouts import Checkout
from saleor_amazonpay.sandbox.saleor.nodes import Node, from_global_id
from saleor_amazonpay.sandbox.saleor.orders import Fulfillment, Order, OrderGrantedRefund
from saleor_amazonpay.sandbox.saleor.transactions import TransactionItem

N = TypeVar("N", bound=Node)

ALL_PERMISSIONS = frozenset(
    {
        "HANDLE_CHECKOUTS",
        "HANDLE_PAYMENTS",
        "HANDLE_TAXES",
        "IMPERSONATE_USER",
        "MANAGE_APPS",
        "MANAGE_CHANNELS",
        "MANAGE_CHECKOUTS",
        "MANAGE_DISCOUNTS",
        "MANAGE_GIFT_CARD",
        "MANAGE_MENUS",
        "MANAGE_OBSERVABILITY",
        "MANAGE_ORDERS",
        "MANAGE_ORDERS_IMPORT",
        "MANAGE_PAGES",
        "MANAGE_PAGE_TYPES_AND_ATTRIBUTES",
        "MANAGE_PLUGINS",
        "MANAGE_PRODUCTS",
        "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
        "MANAGE_SETTINGS",
        "MANAGE_SHIPPING",
        "MANAGE_STAFF",
        "MANAGE_TAXES",
        "MANAGE_TRANSLATIONS",
        "MANAGE_USERS",
    }
)


@dataclass
class Store:
    apps: list[App] = field(default_factory=list)
    installations: list[AppInstallation] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    checkouts: list[Checkout] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    transactions: list[TransactionItem] = field(default_factory=list)
    completed: dict[str, Order] = field(default_factory=dict)
    """Checkout id → its order, so that completing again answers the same."""
    _counters: dict[str, Iterator[int]] = field(default_factory=dict)

    def next_pk(self, kind: str) -> str:
        return str(next(self._counters.setdefault(kind, itertools.count(1))))

    @staticmethod
    def new_uuid() -> str:
        return str(uuid.uuid4())

    @property
    def variants(self) -> list[ProductVariant]:
        return [variant for product in self.products for variant in product.variants]

    @property
    def fulfillments(self) -> list[Fulfillment]:
        return [fulfillment for order in self.orders for fulfillment in order.fulfillments]

    @property
    def granted_refunds(self) -> list[OrderGrantedRefund]:
        return [refund for order in self.orders for refund in order.granted_refunds]

    @property
    def webhooks(self) -> list[Webhook]:
        return [webhook for app in self.apps for webhook in app.webhooks]

    def everything(self) -> Iterator[Node]:
        """All that can carry metadata."""
        groups: tuple[Iterable[Node], ...] = (
            self.apps,
            self.channels,
            self.users,
            self.checkouts,
            self.orders,
            self.transactions,
            self.fulfillments,
            self.products,
            self.variants,
        )
        return itertools.chain.from_iterable(groups)

    def channel(self, slug: str) -> Channel | None:
        return next((each for each in self.channels if each.slug == slug), None)

    def app_by_identifier(self, identifier: str | None) -> App | None:
        """The usable app of that identifier: after a re-installation the new one answers for the old (contract §2)."""
        return next((each for each in self.apps if each.identifier == identifier and each.usable), None)

    def app_by_token(self, token: str) -> App | None:
        return next((each for each in self.apps if each.token and each.token == token and each.usable), None)

    def user_by_email(self, email: str) -> User | None:
        return next((each for each in self.users if each.email == email), None)


def find(nodes: Iterable[N], global_id: str | None) -> N | None:
    """The node of that global id among the given ones, type name included."""
    if not global_id:
        return None
    return next((node for node in nodes if node.id == global_id), None)


def find_transaction(store: Store, global_id: str | None, token: str | None) -> TransactionItem | None:
    kind, pk = ("TransactionItem", token) if token else from_global_id(global_id or "")
    return next((each for each in store.transactions if kind == "TransactionItem" and each.pk == pk), None)


def new_address(store: Store, country: str) -> Address:
    return Address.from_input(store.next_pk("Address"), ADDRESSES[country])


def seed(store: Store, now: datetime) -> None:
    """Three channels (JPY, USD, EUR), four products, a superuser, a staff user without permissions, a customer."""
    warehouse = Warehouse(
        pk=store.new_uuid(), name="Main", slug="main", email="wh@example.com", address=new_address(store, "JP")
    )
    for slug, name, currency, country, ships_to, shipping, flow in CHANNELS:
        channel = Channel(
            pk=store.next_pk("Channel"),
            slug=slug,
            name=name,
            currency_code=currency,
            country_code=country,
            shipping_price=Decimal(shipping),
            ships_to=list(ships_to),
            warehouses=[warehouse],
            payment_settings=PaymentSettings(default_transaction_flow_strategy=flow),
        )
        store.channels.append(channel)
    for product in PRODUCTS:
        _seed_product(store, *product)
    _seed_user(store, now, "admin@example.com", "admin", is_superuser=True)
    _seed_user(store, now, "staff@example.com", "staff", is_staff=True)
    _seed_user(store, now, "customer@example.com", "customer")


def _seed_product(
    store: Store,
    name: str,
    slug: str,
    variant: str,
    sku: str,
    shippable: bool,  # noqa: FBT001 - the columns of PRODUCTS
    prices: tuple[str, ...],
) -> None:
    product = Product(pk=store.next_pk("Product"), name=name, slug=slug)
    by_channel = {channel.slug: Decimal(price) for channel, price in zip(store.channels, prices, strict=True)}
    product.variants.append(
        ProductVariant(
            pk=store.next_pk("ProductVariant"),
            name=variant,
            sku=sku,
            product=product,
            prices=by_channel,
            is_shipping_required=shippable,
        )
    )
    store.products.append(product)


def _seed_user(
    store: Store, now: datetime, email: str, password: str, *, is_staff: bool = False, is_superuser: bool = False
) -> None:
    user = User(
        pk=store.next_pk("User"),
        email=email,
        password=password,
        first_name="Taro",
        last_name="Yamada",
        is_staff=is_staff or is_superuser,
        is_superuser=is_superuser,
        permissions=ALL_PERMISSIONS if is_superuser else frozenset(),
        session_key=store.new_uuid(),
        date_joined=now,
    )
    store.users.append(user)
