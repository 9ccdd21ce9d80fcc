"""A whole shop on loopback: the app, the simulated Amazon Pay and the Saleor stand-in, each behind real HTTP.

Stories are told through what a person can do: a storefront calls Saleor, a buyer acts at Amazon, staff ask for charges,
refunds and cancels. Time is one movable clock for all three; jobs run when the story says ``work``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2
import msgspec

from saleor_amazonpay.amazonpay import Address as AmazonAddress
from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.app import Application, create_app
from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.handlers.addresses import to_saleor
from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator, SimulatorOptions
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.saleor.catalogue import Address as SaleorAddress
from saleor_amazonpay.sandbox.saleor.standin import InstalledApp, Options, TransactionSnapshot
from saleor_amazonpay.sandbox.serving import free_port, listening
from saleor_amazonpay.settings import Settings
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage.accounts import Account, AccountOptions
from tests.harness import amazon_asked_again_in_a_moment, saleor_key

_SNAKE = re.compile(r"[A-Z]|\d")
GATEWAY = "saleor.app.payment.amazonpay"
SHOP = "http://localhost:3000"
RESULT_URL = f"{SHOP}/result"
REVIEW_URL = f"{SHOP}/review"

# One pair for all tests: making one takes longer than a test.
PRIVATE_KEY, PUBLIC_KEY = generate_key_pair()
ACCOUNTS = {"default-jp": ("jp", "JPY"), "us": ("na", "USD")}


@dataclass
class Shop:
    amazon: AmazonPaySimulator
    saleor: SaleorStandIn
    running: Application
    app: InstalledApp
    clock: MovableClock
    app_url: str
    amazon_url: str
    accounts: dict[str, str]

    # --- what a storefront does

    async def open_session(
        self, checkout_id: str, *, card: str = "1111", is_digital: bool = False, address: int = 0, copies: bool = True
    ) -> str:
        """The buyer clicks the button, signs in and chooses card and address; the session's id.

        ``copies``: the shop takes the address over, as a good one does on its review page.
        """
        [config] = await self.saleor.storefront.payment_gateway_initialize(
            checkout_id, GATEWAY, {"flow": "review", "checkoutReviewReturnUrl": REVIEW_URL}
        )
        assert not config.data["errors"], config.data["errors"]
        button = config.data["amazonPay"]
        assert button["productType"] == ("PayOnly" if is_digital else "PayAndShip")
        session_id = self.amazon.create_session_by_button(
            button["createCheckoutSessionConfig"], product_type=button["productType"]
        )
        self.amazon.sign_in(session_id, card=card, address=address)
        if copies:
            self.copy_address(checkout_id, session_id)
        return session_id

    def copy_address(self, source_id: str, session_id: str) -> None:
        """Send the goods where the buyer told Amazon; without the calls, which have their own tests."""
        chosen = msgspec.convert(self.amazon.session(session_id)["shippingAddress"], AmazonAddress | None)
        given = to_saleor(chosen).address
        source = next(it for it in self.saleor.store.everything() if it.id == source_id)
        if given and source.shipping_address:
            snake = {_SNAKE.sub(r"_\g<0>", name).lower(): text for name, text in given.items()}
            source.shipping_address = SaleorAddress.from_input(source.shipping_address.pk, snake)

    async def initialize(self, source_id: str, session_id: str, **kwargs: Any):
        return await self.saleor.storefront.transaction_initialize(
            source_id,
            GATEWAY,
            {"flow": "review", "amazonCheckoutSessionId": session_id, "checkoutResultReturnUrl": RESULT_URL},
            **kwargs,
        )

    async def initialize_with(self, source_id: str, session_id: str, *, amount: Decimal | None = None, **data: Any):
        """The review flow's transactionInitialize, with more in its data."""
        given = {"flow": "review", "amazonCheckoutSessionId": session_id, "checkoutResultReturnUrl": RESULT_URL}
        return await self.saleor.storefront.transaction_initialize(source_id, GATEWAY, {**given, **data}, amount=amount)

    async def process(self, transaction_id: str, session_id: str | None = None):
        data = {"amazonCheckoutSessionId": session_id} if session_id else {}
        return await self.saleor.storefront.transaction_process(transaction_id, data)

    async def pay(self, source_id: str, *, card: str = "1111", is_digital: bool = False, **kwargs: Any) -> str:
        """A whole purchase; the transaction's id."""
        session_id = await self.open_session(source_id, card=card, is_digital=is_digital)
        begun = await self.initialize(source_id, session_id, **kwargs)
        assert begun.result.endswith("ACTION_REQUIRED"), begun
        self.amazon.buyer_approves(session_id)
        done = await self.process(begun.transaction_id, session_id)
        assert done.result in {"AUTHORIZATION_SUCCESS", "CHARGE_SUCCESS", "AUTHORIZATION_REQUEST"}, done
        return begun.transaction_id

    def flow(self, channel: str, strategy: str) -> None:
        """AUTHORIZATION or CHARGE: what the channel asks for by default."""
        self.saleor.channel(channel).payment_settings.default_transaction_flow_strategy = strategy

    async def authorized(self, amount: str | None = None, channel: str = "default-jp") -> str:
        """An authorized payment of a new checkout."""
        self.flow(channel, "AUTHORIZATION")
        checkout = self.saleor.create_checkout(channel)
        return await self.pay(checkout.id, amount=Decimal(amount) if amount else None)

    # --- what time and background do

    async def work(self) -> None:
        """Run what is due in the background until nothing is."""
        await self.running.jobs.run_due()

    async def later(self, **by: float) -> None:
        self.clock.move(**by)
        await self.work()

    async def until(self, fact: Callable[[], bool]) -> None:
        """Let time pass until ``fact``; on PostgreSQL jobs keep the database's own time, so some of it is real."""
        for _ in range(100):
            await self.work()
            if fact():
                return
            self.clock.move(seconds=5)
            await asyncio.sleep(0.05)
        raise AssertionError("it never came to that")

    # --- what one looks at

    def transaction(self, transaction_id: str) -> TransactionSnapshot:
        return self.saleor.transaction(transaction_id)

    def amounts(self, transaction_id: str) -> dict[str, Decimal]:
        """What Saleor shows, without the zeros."""
        seen = self.saleor.transaction(transaction_id)
        names = ("authorized", "charged", "refunded", "canceled")
        amounts = {name: getattr(seen, name) for name in names}
        amounts |= {f"{name}_pending": getattr(seen, f"{short}_pending") for name, short in _PENDING.items()}
        return {name: amount for name, amount in amounts.items() if amount}

    def last_event(self, transaction_id: str, kind: str):
        """The newest event whose type begins with ``kind``."""
        return next(e for e in self.saleor.transaction(transaction_id).events if e.type.startswith(kind))

    async def update_options(self, channel: str = "default-jp", **changes: Any) -> None:
        """Change options of the channel's account as the merchant would."""
        await self._change_account(
            channel, lambda account: {"options": msgspec.structs.replace(account.options, **changes)}
        )

    async def set_account_state(self, channel: str, state: str) -> None:
        await self._change_account(channel, lambda _: {"state": state})

    async def _change_account(self, channel: str, changes: Callable[[Account], dict[str, Any]]) -> None:
        services = self.running.services
        api_url = self.saleor.api_url

        def change(session) -> None:
            account = account_rows.by_id(session, api_url, self.accounts[channel], services.secrets)
            account_rows.save(session, dataclasses.replace(account, **changes(account)), services.secrets)

        await services.database.run(change)
        services.directory.forget(api_url)


_PENDING = {"authorize": "authorize", "charge": "charge", "refund": "refund", "cancel": "cancel"}


def settings(database_url: str, app_url: str, amazon_url: str, **changes: Any) -> Settings:
    values = {
        "secret_key": "s" * 48,
        "allow_local_network": True,
        "database_url": database_url,
        "app_api_base_url": app_url,
        "amazon_pay_api_url": amazon_url,
        "amazon_pay_script_url": f"{amazon_url}/checkout.js",
        "amazon_pay_sns_cert_hosts": (amazon_url.removeprefix("http://"),),
        "worker": "off",
        "poll_seconds": 0.2,
        "answer_budget_seconds": 3.0,
        "claim_seconds": 20.0,
        "rate_limit_factor": 1000.0,  # test_rate_limits.py has the real one
    }
    return Settings(**{**values, **changes})


@asynccontextmanager
async def open_shop(
    database_url: str, *, amazon_options: SimulatorOptions | None = None, clock: Any = None, **changes: Any
) -> AsyncIterator[Shop]:
    clock = clock or MovableClock()
    amazon = AmazonPaySimulator(clock, options=amazon_options or SimulatorOptions(refund_seconds=2.0))
    # A busy machine may take its time to connect; an app that does not answer is still given up after 18 s.
    options = Options(connect_timeout=18.0, retry_scale=0.001)
    saleor = SaleorStandIn(clock, options=options, key=saleor_key())
    async with AsyncExitStack() as stack:
        stack.enter_context(amazon_asked_again_in_a_moment())
        amazon_url = await stack.enter_async_context(listening(amazon.app))
        saleor.public_url = await stack.enter_async_context(listening(saleor.app))
        stack.push_async_callback(saleor.close)
        port = free_port()
        app_url = f"http://127.0.0.1:{port}"
        app = create_app(settings(database_url, app_url, amazon_url, **changes), clock=clock)
        await stack.enter_async_context(listening(app, port=port))
        installed = await saleor.install_app(f"{app_url}/api/manifest")
        running: Application = app.state.application
        accounts = await _add_accounts(amazon, saleor, running)
        yield Shop(amazon, saleor, running, installed, clock, app_url, amazon_url, accounts)


async def _add_accounts(amazon: AmazonPaySimulator, saleor: SaleorStandIn, running: Application) -> dict[str, str]:
    """Keys as the merchant would enter them, put straight into the database; entering them has its own tests."""
    services, made = running.services, {}
    for channel, (region, _currency) in ACCOUNTS.items():
        merchant_id = f"A{region.upper()}MERCHANT0001"[:14]
        key_id = f"SANDBOX-{region.upper()}KEY00000000000000001"
        store_id = f"amzn1.application-oa2-client.{'0' * 30}{region.encode().hex()[:2]}"
        amazon.register_merchant(merchant_id, store_id, key_id, PUBLIC_KEY, region, "sandbox")
        now = services.clock.now()
        account = Account(
            id=f"account-{region}",
            api_url=saleor.api_url,
            name=region,
            merchant_id=merchant_id,
            store_id=store_id,
            region=region,
            environment="sandbox",
            public_key_id=key_id,
            private_key=PRIVATE_KEY,
            options=AccountOptions(allowed_origins=(SHOP,)),
            state="active",
            created_at=now,
            updated_at=now,
        )

        def store(session, account=account, channel=channel, now=now) -> None:
            account_rows.save(session, account, services.secrets)
            account_rows.assign(session, account.api_url, channel, account.id, now)

        await services.database.run(store)
        made[channel] = account.id
    return made


async def get(url: str, **kwargs: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(url, **kwargs)
