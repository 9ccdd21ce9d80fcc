"""The stand-in itself: its state, what tests and the demo steer it by, and its HTTP endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette

from saleor_amazonpay.clock import Clock, SystemClock
from saleor_amazonpay.sandbox.saleor import installation as installing
from saleor_amazonpay.sandbox.saleor import selling
from saleor_amazonpay.sandbox.saleor.answers import ListedMethod
from saleor_amazonpay.sandbox.saleor.api import create_api
from saleor_amazonpay.sandbox.saleor.apps import App, AppInstallation
from saleor_amazonpay.sandbox.saleor.catalogue import ADDRESSES, Address, Channel, User
from saleor_amazonpay.sandbox.saleor.checkouts import Checkout
from saleor_amazonpay.sandbox.saleor.clients import Staff, Storefront
from saleor_amazonpay.sandbox.saleor.faults import Faults
from saleor_amazonpay.sandbox.saleor.orders import Order
from saleor_amazonpay.sandbox.saleor.store import ALL_PERMISSIONS, Store, find_transaction, seed
from saleor_amazonpay.sandbox.saleor.tokens import SigningKey
from saleor_amazonpay.sandbox.saleor.transactions import TransactionItem
from saleor_amazonpay.sandbox.saleor.webhooks import Delivery, Webhooks

Lines = Sequence[tuple[str, int]]
"""SKU and quantity."""

_APP_TOKEN_LIFE = timedelta(minutes=5)
_USER_TOKEN_LIFE = timedelta(days=1)


@dataclass(frozen=True)
class Options:
    """``retry_scale`` shortens the pauses between repeated webhooks; 1.0 is Saleor's 10, 20, 40, 80, 160 s."""

    connect_timeout: float = 2.0
    read_timeout: float = 18.0
    retry_scale: float = 1.0


@dataclass(frozen=True)
class InstalledApp:
    """``id`` is the global id, ``token`` the bearer token the app was given."""

    id: str
    identifier: str
    token: str


@dataclass(frozen=True)
class EventSnapshot:
    id: str
    type: str
    psp_reference: str
    amount: Decimal
    created_at: datetime
    message: str
    external_url: str
    idempotency_key: str | None
    counted: bool


@dataclass(frozen=True)
class TransactionSnapshot:
    """Exact amounts, as stored (three decimals even for JPY); ``events`` newest first."""

    id: str
    token: str
    psp_reference: str
    actions: tuple[str, ...]
    currency: str
    authorized: Decimal
    charged: Decimal
    refunded: Decimal
    canceled: Decimal
    authorize_pending: Decimal
    charge_pending: Decimal
    refund_pending: Decimal
    cancel_pending: Decimal
    checkout_id: str | None
    order_id: str | None
    metadata: Mapping[str, str]
    private_metadata: Mapping[str, str]
    events: tuple[EventSnapshot, ...]

    @property
    def event_types(self) -> list[str]:
        """Oldest first, which is how a story reads."""
        return [event.type for event in reversed(self.events)]


class SaleorStandIn:
    """One shop. ``public_url`` must be set once it is known where ``app`` listens; without ``key`` it makes its own.

    ``deliveries`` holds every webhook sent, ``faults`` makes things go wrong, ``settle`` waits for the background.
    """

    schema_version = "3.23"

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        public_url: str = "",
        options: Options | None = None,
        key: SigningKey | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.public_url = public_url
        self.options = options or Options()
        self.version = f"{self.schema_version}.28"
        self.key = key or SigningKey()
        self.store = Store()
        self.faults = Faults()
        self.webhooks = Webhooks(self)
        self.dashboard_claims: dict[str, Any] = {}  # what the Dashboard's next tokens say instead, for tests
        self.stored_methods: dict[tuple[str, str, str], tuple[datetime | None, list[ListedMethod]]] = {}
        seed(self.store, self.clock.now())
        self.storefront = Storefront(self)
        self.staff = Staff(self)
        self.app: Starlette = create_api(self)

    # --- where it is

    @property
    def api_url(self) -> str:
        return f"{self.public_url.rstrip('/')}/graphql/"

    def dashboard_url(self, app: App | InstalledApp, path: str = "") -> str:
        """The stand-in's Dashboard with the app's page open, e.g. at ``"/accounts"``."""
        return f"{self.public_url.rstrip('/')}/dashboard/extensions/app/{quote(app.id, safe='')}{path}"

    @property
    def domain(self) -> str:
        return urlsplit(self.public_url).netloc

    @property
    def deliveries(self) -> list[Delivery]:
        return self.webhooks.deliveries

    def deliveries_of(self, event: str) -> list[Delivery]:
        return [each for each in self.deliveries if each.event == event]

    async def settle(self) -> None:
        """Waits until every background delivery has ended, those caused meanwhile included."""
        await self.webhooks.settle()

    async def close(self) -> None:
        await self.webhooks.close()
        await self.storefront.close()
        await self.staff.close()

    # --- keys and tokens

    def rotate_keys(self) -> None:
        """A new key at once; the old one is forgotten, as in a container started without RSA_PRIVATE_KEY."""
        self.key = SigningKey()

    def make_user_token(self, user: User, audience: str | None = None) -> str:
        return self.key.encode(self._claims(user, "access", _USER_TOKEN_LIFE) | ({"aud": audience} if audience else {}))

    def make_dashboard_token(self, user: User, app: App | InstalledApp, /, **overrides: Any) -> str:
        """The token the Dashboard hands to an app's page (contract §3).

        ``overrides`` replace claims, ``None`` drops one.
        """
        installed = self.find_app(app.id)
        claims = self._claims(user, "thirdparty", _APP_TOKEN_LIFE) | {
            "app": installed.id,
            "permissions": sorted(user.permissions & installed.granted),
            "user_permissions": sorted(user.permissions),
        }
        if installed.audience:
            claims["aud"] = installed.audience
        claims |= overrides
        return self.key.encode({name: value for name, value in claims.items() if value is not None})

    def _claims(self, user: User, kind: str, life: timedelta) -> dict[str, Any]:
        now = self.clock.now()
        return {
            "iat": int(now.timestamp()),
            "exp": int((now + life).timestamp()),
            "iss": self.api_url,
            "owner": "saleor",
            "type": kind,
            "token": user.session_key,
            "email": user.email,
            "user_id": user.id,
            "is_staff": user.is_staff,
        }

    # --- people and apps

    @property
    def superuser(self) -> User:
        return self.user("admin@example.com")

    @property
    def customer(self) -> User:
        return self.user("customer@example.com")

    def user(self, email: str) -> User:
        known = self.store.user_by_email(email)
        if known is None:
            raise LookupError(email)
        return known

    def find_app(self, global_id: str) -> App:
        return next(each for each in self.store.apps if each.id == global_id)

    async def install_app(
        self,
        manifest_url: str,
        permissions: Sequence[str] | None = None,
        name: str = "Amazon Pay",
        *,
        active: bool = True,
    ) -> InstalledApp:
        """Installs and registers; without ``permissions`` those the manifest asks for.

        Raises:
            InstallationFailed, InvalidManifest: the message is kept in ``store.installations``.
        """
        pending = self.new_installation(name, manifest_url)
        granted = frozenset(ALL_PERMISSIONS if permissions is None else permissions)
        if permissions is None:
            granted = await installing.wanted_permissions(self, manifest_url)
        app = await self._install(pending, granted, active)
        return InstalledApp(app.id, app.identifier, app.token)

    def new_installation(self, name: str, manifest_url: str) -> AppInstallation:
        now = self.clock.now()
        pending = AppInstallation(
            pk=self.store.next_pk("AppInstallation"),
            app_name=name,
            manifest_url=manifest_url,
            created_at=now,
            updated_at=now,
        )
        self.store.installations.append(pending)
        return pending

    async def carry_out_installation(
        self,
        pending: AppInstallation,
        permissions: frozenset[str],
        active: bool,  # noqa: FBT001
    ) -> None:
        """The task behind ``appInstall``: failures are only written down."""
        try:
            await self._install(pending, permissions, active)
        except (installing.InstallationFailed, installing.InvalidManifest):
            return

    async def _install(self, pending: AppInstallation, permissions: frozenset[str], active: bool) -> App:  # noqa: FBT001
        try:
            app = await installing.install(self, pending, permissions, active=active)
        except (installing.InstallationFailed, installing.InvalidManifest) as error:
            if len(str(error)) <= installing.LONGEST_MESSAGE:  # else the task dies and it stays pending (observed)
                pending.status, pending.message = "FAILED", str(error)
            raise
        self.store.installations.remove(pending)
        self.webhooks.announce("APP_INSTALLED", self.superuser, app=app)
        return app

    def delete_app(self, app: App, principal: App | User | None = None) -> None:
        """The token dies at once; APP_DELETED is still sent. The identifier may be installed again (contract §2)."""
        self._announce_to_itself("APP_DELETED", app, principal)
        app.is_active, app.is_removed, app.token = False, True, ""

    def set_active(self, app: App, active: bool, principal: App | User | None = None) -> None:  # noqa: FBT001
        app.is_active = active
        self._announce_to_itself("APP_STATUS_CHANGED", app, principal)

    def _announce_to_itself(self, event: str, app: App, principal: App | User | None) -> None:
        """Lifecycle events go to the app they are about only (3.23)."""
        webhook = self.webhooks.recipient(app, event)
        if webhook is not None:
            self.webhooks.announce_one(webhook, event, principal, app=app)

    def revoke_token(self, app: App | InstalledApp) -> None:
        """Calls with the app's token are anonymous from now on; the app stays installed."""
        self.find_app(app.id).token = ""

    def forget_stored_methods(self, user: User | None, channel: Channel, identifier: str | None) -> None:
        if user is not None and identifier:
            self.stored_methods.pop((user.pk, channel.slug, identifier), None)

    # --- buying

    def create_checkout(
        self,
        channel: str = "default-jp",
        lines: Lines = (("CUP-1", 1),),
        *,
        user: User | None = None,
        email: str | None = "buyer@example.com",
        shipping_address: Mapping[str, str] | None = None,
        billing_address: Mapping[str, str] | None = None,
        gift_card: Decimal | None = None,
        ready: bool = True,
    ) -> Checkout:
        """A checkout ready to be paid: addresses of the channel's country unless given, shipping chosen.

        ``ready=False`` leaves addresses and shipping out, as the Amazon Pay button on a cart finds it. ``gift_card``
        pays a part by a second transaction.
        """
        known = self.channel(channel)
        checkout = selling.new_checkout(self, known, self._items(lines))
        checkout.user, checkout.given_email = user, None if user else email
        if ready or shipping_address:
            checkout.shipping_address = self._address(known, shipping_address)
        if ready or billing_address:
            checkout.billing_address = self._address(known, billing_address or shipping_address)
        if ready and checkout.is_shipping_required:
            checkout.delivery_method = known.shipping_method
        if gift_card is not None:
            selling.pay_part_by_gift_card(self, checkout, gift_card)
        return checkout

    def create_order(
        self,
        channel: str = "default-jp",
        lines: Lines = (("CUP-1", 1),),
        *,
        user: User | None = None,
        email: str = "buyer@example.com",
    ) -> Order:
        """An unpaid order, as staff make it from a draft."""
        known = self.channel(channel)
        order = selling.new_draft(
            self,
            known,
            self._items(lines),
            user=user,
            email=user.email if user else email,
            shipping_address=self._address(known, None),
            delivery_method=known.shipping_method,
        )
        order.status = "UNFULFILLED"
        return order

    def channel(self, slug: str) -> Channel:
        known = self.store.channel(slug)
        if known is None:
            raise LookupError(slug)
        return known

    def _items(self, lines: Lines) -> list[selling.Item]:
        by_sku = {variant.sku: variant for variant in self.store.variants}
        return [selling.Item(by_sku[sku], quantity) for sku, quantity in lines]

    def _address(self, channel: Channel, given: Mapping[str, str] | None) -> Address:
        return Address.from_input(self.store.next_pk("Address"), dict(given or ADDRESSES[channel.country_code]))

    # --- looking and moving on

    def transaction(self, global_id: str) -> TransactionSnapshot:
        item = find_transaction(self.store, global_id, None)
        if item is None:
            raise LookupError(global_id)
        return _snapshot(item)

    def order(self, global_id: str) -> Order:
        return next(each for each in self.store.orders if each.id == global_id)

    def checkout(self, global_id: str) -> Checkout:
        return next(each for each in self.store.checkouts if each.id == global_id)

    async def release_funds(self) -> list[str]:
        """Runs the job once and waits for its webhooks; ids of the transactions it acted on."""
        released = [item.id for item in selling.release_funds(self)]
        await self.settle()
        return released

    async def complete_paid_checkouts(self) -> list[Order]:
        """Runs the automatic completion once and waits for its webhooks."""
        orders = selling.complete_paid_checkouts(self)
        await self.settle()
        return orders


def _snapshot(item: TransactionItem) -> TransactionSnapshot:
    return TransactionSnapshot(
        id=item.id,
        token=item.token,
        psp_reference=item.psp_reference,
        actions=tuple(item.actions),
        currency=item.currency,
        **vars(item.amounts),
        checkout_id=item.checkout.id if item.checkout else None,
        order_id=item.order.id if item.order else None,
        metadata=dict(item.metadata),
        private_metadata=dict(item.private_metadata),
        events=tuple(
            EventSnapshot(
                id=event.id,
                type=event.type,
                psp_reference=event.psp_reference,
                amount=event.amount_value,
                created_at=event.created_at,
                message=event.message,
                external_url=event.external_url,
                idempotency_key=event.idempotency_key,
                counted=event.include_in_calculations,
            )
            for event in item.events
        ),
    )
