"""A merchant: the app installed in the Saleor stand-in, keys registered at the simulated Amazon Pay, nothing set up yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.app import Application, create_app
from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.account_fields import AccountErrors, AccountFields
from saleor_amazonpay.handlers.accounts import AccountView
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator, SimulatorOptions
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.saleor.standin import InstalledApp
from saleor_amazonpay.sandbox.serving import free_port, listening
from saleor_amazonpay.settings import Settings
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.payments import Payment
from tests.harness import amazon_asked_again_in_a_moment, saleor_key

# Making a pair takes longer than a test.
PRIVATE_KEY, PUBLIC_KEY = generate_key_pair()
OTHER_PRIVATE_KEY, OTHER_PUBLIC_KEY = generate_key_pair()

MERCHANT_ID = "A1B2C3D4E5F6G7"
STORE_ID = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"
KEY_ID = "SANDBOX-AEXAMPLEKEYID"
ORIGIN = "https://shop.example"
BY = "VXNlcjox"


def fields(**changes: Any) -> AccountFields:
    """What a merchant enters for an account in Japan, with ``changes``."""
    values = {
        "name": "Main",
        "merchant_id": MERCHANT_ID,
        "store_id": STORE_ID,
        "region": "jp",
        "public_key_id": KEY_ID,
        "private_key": PRIVATE_KEY,
        "options": {"allowed_origins": (ORIGIN,)},
    }
    return AccountFields(**{**values, **changes})


@dataclass
class Merchant:
    amazon: AmazonPaySimulator
    saleor: SaleorStandIn
    running: Application
    app: InstalledApp
    clock: MovableClock
    amazon_clock: MovableClock
    settings: Settings

    @property
    def services(self) -> Services:
        return self.running.services

    @property
    def url(self) -> str:
        return self.settings.app_api_base_url

    @property
    def tenant(self) -> str:
        return self.saleor.api_url

    # --- installing

    async def install_again(self, **options: Any) -> InstalledApp:
        """Delete the app in Saleor and install it anew."""
        for app in self.saleor.store.apps:
            if not app.is_removed:
                self.saleor.delete_app(app)
        self.app = await self.saleor.install_app(f"{self.url}/api/manifest", **options)
        return self.app

    async def installation(self) -> Installation | None:
        return await self.services.database.read(
            lambda session: installation_rows.get(session, self.tenant, self.services.secrets)
        )

    # --- accounts

    async def create(self, **changes: Any) -> AccountView:
        return await rules.create(self.services, self.tenant, fields(**changes), by=BY)

    async def update(self, account_id: str, **given: Any) -> AccountView:
        return await rules.update(self.services, self.tenant, account_id, AccountFields(**given), by=BY)

    async def assign(self, channel: str, account_id: str) -> rules.ChannelView:
        return await rules.assign(self.services, self.tenant, channel, account_id, by=BY)

    async def accounts(self) -> list[AccountView]:
        return await rules.accounts(self.services, self.tenant)

    async def add_payment(self, account_id: str) -> None:
        """A payment made with the account; more than its existence is not looked at here."""
        now, zero = self.clock.now(), Money(0, Currency.JPY)
        payment = Payment(
            id=f"payment-of-{account_id}",
            api_url=self.tenant,
            transaction_id=f"transaction-of-{account_id}",
            account_id=account_id,
            channel_slug="default-jp",
            flow="review",
            action_type="CHARGE",
            source_type="Checkout",
            source_id="Q2hlY2tvdXQ6MQ==",
            customer_id=None,
            amount=Money(1000, Currency.JPY),
            outstanding=Money(1000, Currency.JPY),
            state="initialized",
            session_id=None,
            session_expires_at=None,
            result_url=None,
            return_url=None,
            redirect_url=None,
            charge_permission_id=None,
            charge_permission_type=None,
            charge_permission_state=None,
            charge_permission_balance=None,
            charge_permission_expires_at=None,
            released=zero,
            claim_fence=0,
            claimed_until=now,
            created_at=now,
            updated_at=now,
        )
        await self.services.database.run(lambda session: payment_rows.save(session, payment))

    # --- the Dashboard

    def token(self, **claims: Any) -> str:
        """What the Dashboard gives to the app's page for a superuser."""
        return self.saleor.make_dashboard_token(self.saleor.superuser, self.app, **claims)

    async def post(self, body: Any, token: str | None = None, api_url: str | None = None) -> httpx2.Response:
        headers = {"Saleor-Api-Url": self.tenant if api_url is None else api_url}
        headers |= {} if token == "" else {"Authorization": f"Bearer {token or self.token()}"}
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await request("POST", f"{self.url}/graphql", headers=headers, **content)

    async def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of one operation; its errors fail the test."""
        answer = (await self.post({"query": query, "variables": variables})).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


async def request(method: str, url: str, **options: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:  # loading certificates takes the longest
        return await client.request(method, url, **options)


@asynccontextmanager
async def open_merchant(database_url: str, **changes: Any) -> AsyncIterator[Merchant]:
    clock, amazon_clock = MovableClock(), MovableClock()
    amazon = AmazonPaySimulator(amazon_clock, options=SimulatorOptions(clock_skew_seconds=300))
    saleor = SaleorStandIn(clock, key=saleor_key())
    async with AsyncExitStack() as stack:
        stack.enter_context(amazon_asked_again_in_a_moment())
        amazon_url = await stack.enter_async_context(amazon.running())
        saleor.public_url = await stack.enter_async_context(listening(saleor.app))
        stack.push_async_callback(saleor.close)
        port = free_port()
        values = {
            "secret_key": "s" * 48,
            "allow_local_network": True,
            "database_url": database_url,
            "app_api_base_url": f"http://127.0.0.1:{port}",
            "amazon_pay_api_url": amazon_url,
            "worker": "off",
        }
        settings = Settings(**{**values, **changes})
        app = create_app(settings, clock=clock)
        await stack.enter_async_context(listening(app, port=port))
        amazon.register_merchant(MERCHANT_ID, STORE_ID, KEY_ID, PUBLIC_KEY, "jp", "sandbox")
        installed = await saleor.install_app(f"{settings.app_api_base_url}/api/manifest")
        yield Merchant(amazon, saleor, app.state.application, installed, clock, amazon_clock, settings)


async def errors_of(change: Any) -> dict[str | None, str]:
    """The message of each field's fault; that nothing is at fault fails the test."""
    try:
        await change
    except AccountErrors as refused:
        return {error.field: error.message for error in refused.errors}
    raise AssertionError("it was accepted")
