from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from saleor_amazonpay.amazonpay import (
    AiohttpTransport,
    AmazonPayClient,
    Attempt,
    Credentials,
    Environment,
    RawAnswer,
    Region,
    load_trusted_private_key,
)

VECTORS = json.loads((Path(__file__).parent / "signing-vectors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def vectors():
    return VECTORS


@pytest.fixture(scope="session")
def private_key():
    return load_trusted_private_key(VECTORS["privateKeyPem"])


class TurnedClock:
    """Time moves only by ``sleep`` and by hand."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.elapsed += seconds


@dataclass
class Sending:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    timeout: float | None = None


Reply = RawAnswer | Exception | tuple[int, str]


@dataclass
class ScriptedTransport:
    """Answers what it was told, one reply after the other; the last one stays."""

    clock: TurnedClock
    replies: list[Reply] = field(default_factory=list)
    sent: list[Sending] = field(default_factory=list)
    takes: float = 0.0

    async def send(self, method, url, headers, body, timeout) -> RawAnswer:  # noqa: ASYNC109
        self.sent.append(Sending(method, url, dict(headers), body, timeout))
        self.clock.elapsed += self.takes
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, RawAnswer):
            return reply
        status, text = reply
        return RawAnswer(status, {"x-amz-pay-request-id": "request-1"}, text.encode())


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def transport(clock):
    return ScriptedTransport(clock)


@pytest.fixture
def attempts() -> list[Attempt]:
    return []


@pytest.fixture
def make_client(private_key, clock, transport, attempts):
    def make(through=None, **changes) -> AmazonPayClient:
        settings = {
            "public_key_id": "SANDBOX-AEXAMPLEKEYID0000000001",
            "private_key": private_key,
            "region": Region.JP,
            "environment": Environment.SANDBOX,
        }
        credentials = Credentials(**(settings | changes))
        return AmazonPayClient(credentials, through or transport, clock, random.Random(7), attempts.append)

    return make


@dataclass
class Server:
    """A real HTTP server on loopback whose handlers are given one after the other."""

    url: str = ""
    handlers: list[Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=list)
    received: list[Sending] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Sending(request.method, request.raw_path, headers, body))
        handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
        return await handler(request)

    def answers(self, *replies: tuple[int, str]) -> None:
        self.handlers = [self._plain(status, text) for status, text in replies]

    @staticmethod
    def _plain(status: int, text: str):
        async def handler(request: web.Request) -> web.Response:
            return web.Response(status=status, text=text, headers={"x-amz-pay-request-id": "request-1"})

        return handler


@pytest.fixture
async def server():
    served = Server()
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", served.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    served.finished.set()
    await runner.cleanup()


@pytest.fixture
async def wire():
    engine = AiohttpTransport()
    yield engine
    await engine.close()
