"""A shop that listens, and a payment app small enough to be made to answer anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.sandbox.saleor import Options, SaleorStandIn
from saleor_amazonpay.sandbox.saleor.standin import InstalledApp, TransactionSnapshot
from saleor_amazonpay.sandbox.saleor.tokens import SigningKey
from saleor_amazonpay.sandbox.serving import listening

GATEWAY = "test.stub.payments"
_COMMON = "__typename issuedAt version issuingPrincipal{__typename ...on User{id email} ...on App{id}} recipient{id}"
_TRANSACTION = (
    "transaction{id token pspReference actions events{id type pspReference idempotencyKey createdAt "
    "amount{amount currency} createdBy{__typename}} checkout{id} order{id}}"
)
_SOURCE = "sourceObject{__typename ...on Checkout{id totalPrice{gross{amount}}} ...on Order{id total{gross{amount}}}}"
_ACTION = "action{amount currency actionType}"
QUERIES = {
    "PAYMENT_GATEWAY_INITIALIZE_SESSION": f"data amount {_SOURCE}",
    "TRANSACTION_INITIALIZE_SESSION": (
        f"data merchantReference customerIpAddress idempotencyKey {_ACTION} {_TRANSACTION} {_SOURCE}"
    ),
    "TRANSACTION_PROCESS_SESSION": f"data merchantReference customerIpAddress {_ACTION} {_TRANSACTION} {_SOURCE}",
    "TRANSACTION_CHARGE_REQUESTED": f"{_ACTION} {_TRANSACTION}",
    "TRANSACTION_REFUND_REQUESTED": f"{_ACTION} grantedRefund{{id amount{{amount}} status}} {_TRANSACTION}",
    "TRANSACTION_CANCELATION_REQUESTED": f"{_ACTION} {_TRANSACTION}",
    "LIST_STORED_PAYMENT_METHODS": "user{id} channel{slug}",
    "STORED_PAYMENT_METHOD_DELETE_REQUESTED": "user{id} channel{slug} paymentMethodId",
    "PAYMENT_GATEWAY_INITIALIZE_TOKENIZATION_SESSION": "user{id} channel{slug} data",
    "PAYMENT_METHOD_INITIALIZE_TOKENIZATION_SESSION": "user{id} channel{slug} data paymentFlowToSupport",
    "PAYMENT_METHOD_PROCESS_TOKENIZATION_SESSION": "user{id} channel{slug} data id",
    "FULFILLMENT_CREATED": "fulfillment{id trackingNumber} order{id}",
    "FULFILLMENT_TRACKING_NUMBER_UPDATED": "fulfillment{id trackingNumber} order{id transactions{id}}",
    "ORDER_FULLY_PAID": "order{id}",
    "APP_DELETED": "app{id}",
}
PERMISSIONS = ("HANDLE_PAYMENTS", "MANAGE_ORDERS", "MANAGE_USERS", "MANAGE_CHECKOUTS")
Reply = dict[str, Any] | list[Any] | Response | Callable[[dict[str, Any]], Any] | str | None


def subscription(event: str, selection: str) -> str:
    name = "".join(part.capitalize() for part in event.split("_"))
    return f"subscription{{event{{{_COMMON} ...on {name}{{{selection}}}}}}}"


@dataclass
class Received:
    event: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None


@dataclass
class StubApp:
    """``answer(event, *replies)``: one reply per request, the last for ever."""

    queries: dict[str, str] = field(default_factory=lambda: dict(QUERIES))
    manifest: dict[str, Any] = field(default_factory=dict)
    registration: Response | None = None
    received: list[Received] = field(default_factory=list)
    registered: list[Received] = field(default_factory=list)
    manifest_headers: dict[str, str] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    url: str = ""

    def __post_init__(self) -> None:
        self.app = Starlette(
            routes=[
                Route("/manifest", self._manifest),
                Route("/register", self._register, methods=["POST"]),
                Route("/hook/{event}", self._hook, methods=["POST"]),
            ]
        )

    def answer(self, event: str, *replies: Reply) -> None:
        self.replies[event] = list(replies)

    def of(self, event: str) -> list[Received]:
        return [each for each in self.received if each.event == event]

    def manifest_body(self) -> dict[str, Any]:
        webhooks = [
            {"name": event, "targetUrl": f"{self.url}/hook/{event}", "query": subscription(event, selection)}
            for event, selection in self.queries.items()
        ]
        return {
            "id": GATEWAY,
            "name": "Stub",
            "version": "1.0.0",
            "permissions": list(PERMISSIONS),
            "appUrl": self.url,
            "tokenTargetUrl": f"{self.url}/register",
            "webhooks": webhooks,
        } | self.manifest

    async def _manifest(self, request: Request) -> Response:
        self.manifest_headers = dict(request.headers)
        return JSONResponse(self.manifest_body())

    async def _register(self, request: Request) -> Response:
        self.registered.append(Received("", _raw_headers(request), await request.body()))
        return self.registration or JSONResponse({"success": True})

    async def _hook(self, request: Request) -> Response:
        event = request.path_params["event"]
        received = Received(event, _raw_headers(request), await request.body())
        self.received.append(received)
        if self.gate is not None:
            await self.gate.wait()
        replies = self.replies.get(event) or [{}]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if callable(reply) and not isinstance(reply, Response):
            reply = reply(received.body)
        return reply if isinstance(reply, Response) else JSONResponse(reply)


def _raw_headers(request: Request) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw}


@dataclass
class Shop:
    """The stand-in with the stub installed, and short ways to the usual situations."""

    standin: SaleorStandIn
    stub: StubApp
    installed: InstalledApp
    clock: MovableClock

    async def initialize(self, source_id: str | None = None, **options: Any) -> Any:
        source = source_id or self.standin.create_checkout().id
        return await self.standin.storefront.transaction_initialize(source, GATEWAY, **options)

    async def paid(self, result: str = "CHARGE_SUCCESS", *, channel: str = "default-jp", order: bool = False) -> str:
        """The id of a transaction whose session was answered with ``result`` under the reference ``paid``."""
        checkout = self.standin.create_checkout(channel)
        self.stub.answer("TRANSACTION_INITIALIZE_SESSION", {"result": result, "pspReference": "paid"})
        payment = await self.initialize(checkout.id)
        assert payment.result == result
        if order:
            assert (await self.standin.storefront.checkout_complete(checkout.id)).order_id
        return payment.transaction_id

    def look(self, transaction_id: str) -> TransactionSnapshot:
        return self.standin.transaction(transaction_id)

    async def report(
        self, transaction_id: str, event: str, psp: str, amount: Any = None, **more: Any
    ) -> dict[str, Any]:
        document = """
        mutation($id: ID, $type: TransactionEventTypeEnum!, $psp: String!, $amount: PositiveDecimal, $time: DateTime,
                 $actions: [TransactionActionEnum!], $message: String) {
          transactionEventReport(id: $id, type: $type, pspReference: $psp, amount: $amount, time: $time,
                                 availableActions: $actions, message: $message) {
            alreadyProcessed transaction{id} transactionEvent{id type} errors{field code message}
          }
        }"""
        variables = {"id": transaction_id, "type": event, "psp": psp, "amount": amount, **more}
        sent = {name: value for name, value in variables.items() if value is not None}
        token = self.installed.token
        return (await self.standin.storefront.execute(document, sent, token=token))["transactionEventReport"]


@pytest.fixture
def stub() -> StubApp:
    return StubApp()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """One for all tests: making it takes longer than most of them."""
    return SigningKey()


@pytest.fixture
async def standin(clock: MovableClock, key: SigningKey) -> AsyncIterator[SaleorStandIn]:
    shop = SaleorStandIn(clock, key=key, options=Options(read_timeout=0.5, retry_scale=0.0))
    async with listening(shop.app) as url:
        shop.public_url = url
        yield shop
        await shop.close()


@pytest.fixture
async def stub_listening(stub: StubApp) -> AsyncIterator[StubApp]:
    async with listening(stub.app) as url:
        stub.url = url
        yield stub


@pytest.fixture
async def shop(standin: SaleorStandIn, stub_listening: StubApp, clock: MovableClock) -> Shop:
    installed = await standin.install_app(f"{stub_listening.url}/manifest", PERMISSIONS)
    return Shop(standin, stub_listening, installed, clock)
