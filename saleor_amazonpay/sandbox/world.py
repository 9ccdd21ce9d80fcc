"""A whole world on loopback in one event loop: simulated Amazon, Saleor stand-in, the app, a shop to buy in.

`demo` runs its purchases here and tests drive browsers through it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from saleor_amazonpay import resources
from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.app import Application, create_app
from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.sandbox.amazon_pay.options import Region, SimulatorOptions
from saleor_amazonpay.sandbox.amazon_pay.simulator import AmazonPaySimulator
from saleor_amazonpay.sandbox.saleor import Options, SaleorStandIn
from saleor_amazonpay.sandbox.saleor.standin import InstalledApp
from saleor_amazonpay.sandbox.serving import free_port, listening
from saleor_amazonpay.settings import Settings, sandbox_settings
from saleor_amazonpay.storage import migrate

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Shopfront:
    """One channel of the shop and the Amazon Pay account it sells through."""

    slug: str
    name: str
    country: str
    region: Region
    merchant_id: str
    store_id: str
    public_key_id: str


SHOPFRONTS: Final = (
    Shopfront(
        "default-jp",
        "JPY · 日本",
        "JP",
        "jp",
        "A3SHIZUKU0JP",
        "amzn1.application-oa2-client.shizuku0jp",
        "SANDBOX-SHIZUKU-JP",
    ),
    Shopfront(
        "us",
        "USD · United States",
        "US",
        "na",
        "A3SHIZUKU0US",
        "amzn1.application-oa2-client.shizuku0us",
        "SANDBOX-SHIZUKU-US",
    ),
)


@dataclass(frozen=True, slots=True)
class Ports:
    """0 takes a free one."""

    storefront: int = 0
    app: int = 0
    saleor: int = 0
    amazon_pay: int = 0

    @classmethod
    def from_base(cls, base: int, storefront: int | None = None) -> Ports:
        """Four in a row, the shop first; all free ones when ``base`` is 0."""
        first = storefront if storefront is not None else base
        return cls(first, base and base + 1, base and base + 2, base and base + 3)


@dataclass(slots=True)
class Visit:
    """One webhook as it reached the app: the CV2 calls made between ``began`` and ``ended`` are its own."""

    path: str
    began: int
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class World:
    """What runs, and where. ``clock`` moves everyone's time at once."""

    clock: MovableClock
    amazon: AmazonPaySimulator
    saleor: SaleorStandIn
    running: Application
    app_url: str
    storefront_url: str
    installed: InstalledApp
    visits: list[Visit] = field(default_factory=list)

    @property
    def gateway(self) -> str:
        """The payment gateway's id in Saleor."""
        return self.installed.identifier


@contextlib.asynccontextmanager
async def world(
    folder: Path,
    *,
    ports: Ports | None = None,
    amazon_options: SimulatorOptions | None = None,
    saleor_options: Options | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Start everything, install the app in the shop, give each channel its account; stop everything in the end.

    Args:
        folder: where the app's database is made.
        ports: free ones by default.
        amazon_options: refunds are decided after 0.3 s by default, so that nobody waits.
        saleor_options: of the stand-in.
        settings: of the app, over those of loopback.

    Raises:
        OSError: a port is taken.
        InstallationFailed: the app could not be installed.
        SetUpRefused: the app did not take the keys.
    """
    ports = ports or Ports()
    clock = MovableClock()
    amazon = AmazonPaySimulator(clock, options=amazon_options or SimulatorOptions(refund_seconds=0.3))
    saleor = SaleorStandIn(clock, options=saleor_options)
    app_url = f"http://{HOST}:{ports.app or free_port()}"
    async with contextlib.AsyncExitStack() as stack:
        amazon_url = await stack.enter_async_context(amazon.running(port=ports.amazon_pay))
        saleor.public_url = await stack.enter_async_context(listening(open_to_browsers(saleor.app), port=ports.saleor))
        stack.push_async_callback(saleor.close)
        chosen = _settings(folder, app_url, amazon_url, settings)
        await asyncio.to_thread(migrate.upgrade, chosen.database_url)
        visits: list[Visit] = []
        app = create_app(chosen, clock=clock)
        watched = _watching(app, visits, amazon)
        await stack.enter_async_context(listening(watched, port=int(app_url.rpartition(":")[2])))
        shop = storefront(saleor.api_url, app_url, chosen.manifest_app_id)
        storefront_url = await stack.enter_async_context(listening(shop, port=ports.storefront))
        installed = await saleor.install_app(f"{app_url}/api/manifest")
        running: Application = app.state.application
        made = World(clock, amazon, saleor, running, app_url, storefront_url, installed, visits)
        await _set_up(made)
        yield made


def _settings(folder: Path, app_url: str, amazon_url: str, given: Mapping[str, Any]) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    defaults = {
        "database_url": f"sqlite:///{folder / 'app.db'}",
        "app_api_base_url": app_url,
        "amazon_pay_api_url": amazon_url,
        "amazon_pay_script_url": f"{amazon_url}/checkout.js",
        "amazon_pay_sns_cert_hosts": (urlsplit(amazon_url).netloc,),
        "poll_seconds": 0.2,
    }
    return sandbox_settings({}, **(defaults | dict(given)))


def open_to_browsers(app: ASGIApp) -> ASGIApp:
    """Saleor's API answers pages of any origin; so does the stand-in's."""
    return CORSMiddleware(app, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])


def _watching(app: ASGIApp, visits: list[Visit], amazon: AmazonPaySimulator) -> ASGIApp:
    """Notes each webhook with the CV2 calls that fall into it."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if not path.startswith("/api/webhooks/saleor/"):
            await app(scope, receive, send)
            return
        visit = Visit(path, began=len(amazon.calls))
        visits.append(visit)
        try:
            await app(scope, receive, send)
        finally:
            visit.ended = len(amazon.calls)

    return watched


# --- The shop


def storefront(saleor_api_url: str, app_url: str, gateway: str) -> Starlette:
    """The example storefront, its ``config.json`` pointing at these servers."""
    config = {
        "saleorApiUrl": saleor_api_url,
        "kitUrl": f"{app_url}/storefront/amazon-pay.js",
        "gatewayId": gateway,
        "channels": [{"slug": each.slug, "name": each.name, "country": each.country} for each in SHOPFRONTS],
    }

    async def configuration(_: Request) -> Response:
        return JSONResponse(config)

    pages = StaticFiles(directory=resources.root() / "examples" / "storefront", html=True)
    return Starlette(
        routes=[Route("/config.json", configuration), Mount("/", pages)],
        middleware=[Middleware(_Uncached)],
    )


class _Uncached:
    """Whoever edits the example sees the edit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def uncached(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"cache-control", b"no-cache")]
            await send(message)

        await self._app(scope, receive, uncached)


# --- The merchant's work

_CREATE_ACCOUNT: Final = """
mutation($input: AccountCreateInput!) {
  accountCreate(input: $input) { account { id notificationUrl } errors { field message } }
}"""
_ASSIGN_CHANNEL: Final = """
mutation($account: ID!, $channel: String!) {
  channelAssign(accountId: $account, channelSlug: $channel) { errors { field message } }
}"""


class SetUpRefused(RuntimeError):
    """The app did not take what a merchant enters; the message is what the merchant would read."""


def dashboard_of(made: World) -> httpx2.AsyncClient:
    """The app's own API, asked as its page in the Dashboard asks it."""
    token = made.saleor.make_dashboard_token(made.saleor.superuser, made.installed)
    headers = {"Authorization": f"Bearer {token}", "Saleor-Api-Url": made.saleor.api_url}
    return httpx2.AsyncClient(base_url=made.app_url, headers=headers, trust_env=False, timeout=30.0)


async def _set_up(made: World) -> None:
    """Amazon Pay keys for each channel, as the Dashboard page sends them; each is tried at Amazon before it is kept."""
    private, public = await asyncio.to_thread(generate_key_pair)
    async with dashboard_of(made) as dashboard:
        for front in SHOPFRONTS:
            made.amazon.register_merchant(front.merchant_id, front.store_id, front.public_key_id, public, front.region)
            entered = _entered(front, private, made.storefront_url)
            created = await mutate(dashboard, _CREATE_ACCOUNT, {"input": entered})
            made.amazon.set_ipn_url(front.merchant_id, created["account"]["notificationUrl"])
            assigned = {"account": created["account"]["id"], "channel": front.slug}
            await mutate(dashboard, _ASSIGN_CHANNEL, assigned)


def _entered(front: Shopfront, private_key: str, origin: str) -> dict[str, Any]:
    return {
        "name": front.name,
        "merchantId": front.merchant_id,
        "storeId": front.store_id,
        "region": front.region.upper(),
        "publicKeyId": front.public_key_id,
        "privateKey": private_key,
        "options": {"allowedOrigins": [origin], "storeName": "Shizuku Tea", "placement": "CART"},
    }


async def mutate(dashboard: httpx2.AsyncClient, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    answer = (await dashboard.post("/graphql", json={"query": document, "variables": variables})).json()
    payload: dict[str, Any] = next(iter((answer.get("data") or {}).values()), {}) or {}
    errors = answer.get("errors") or payload.get("errors")
    if errors:
        raise SetUpRefused("; ".join(error["message"] for error in errors))
    return payload
