"""Sending webhooks: payload, headers, signature, time limits and repetitions, as captured from Saleor 3.23."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx2

from graphql import ExecutionResult, GraphQLError, execute
from saleor_amazonpay.sandbox.saleor import schema
from saleor_amazonpay.sandbox.saleor.apps import App, Webhook

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn

RETRY_AFTER = (10, 20, 40, 80, 160)
"""Seconds before each further sending (observed, exp5, exp9)."""

EVENT_PERMISSION = {
    # prefix of the event: what the app must hold to be sent it (contract §6, §10)
    "TRANSACTION": "HANDLE_PAYMENTS",
    "PAYMENT": "HANDLE_PAYMENTS",
    "LIST": "HANDLE_PAYMENTS",
    "STORED": "HANDLE_PAYMENTS",
    "FULFILLMENT": "MANAGE_ORDERS",
    "ORDER": "MANAGE_ORDERS",
    "CHECKOUT": "MANAGE_CHECKOUTS",
}
_SENT_TO_INACTIVE = frozenset({"APP_DELETED", "APP_STATUS_CHANGED"})


@dataclass
class Delivery:
    """One request to an app and what came of it; ``status`` is ``None`` when no answer came in time."""

    event: str
    app_id: str
    url: str
    headers: dict[str, str]
    body: bytes
    attempt: int
    sent_at: datetime
    status: int | None = None
    answer: bytes = b""
    error: str | None = None

    @property
    def payload(self) -> Any:
        """The body, decimals exact; ``None`` for the empty body of a repetition."""
        return json.loads(self.body, parse_float=Decimal) if self.body else None

    @property
    def json(self) -> Any:
        """The answer, decimals as floats as Saleor reads them; ``None`` when it is no JSON."""
        try:
            return json.loads(self.answer)
        except ValueError:
            return None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def server_error(self) -> bool:
        return self.status is not None and self.status >= 500

    @property
    def decided(self) -> Any:
        """What a session event takes as the answer: nothing unless 2xx."""
        return self.json if self.ok else None


def event_object(event: str, **values: Any) -> dict[str, Any]:
    """What the subscription's ``event`` resolves to; keys are field names in snake case."""
    return {"graphql_type": "".join(each.capitalize() for each in event.split("_")), **values}


@cache
def tls() -> ssl.SSLContext:
    """Made once: reading the system's certificates takes longer than everything else a client needs."""
    return ssl.create_default_context()


@dataclass
class Webhooks:
    shop: SaleorStandIn
    deliveries: list[Delivery] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _client: httpx2.AsyncClient | None = None

    def recipient(self, app: App | None, event: str) -> Webhook | None:
        """The app's webhook for the event, if the app is active and holds the event's permission."""
        if app is None or app.is_removed or not (app.is_active or event in _SENT_TO_INACTIVE):
            return None
        needed = EVENT_PERMISSION.get(event.split("_", maxsplit=1)[0])
        return app.webhook_for(event) if needed is None or needed in app.granted else None

    def body(self, webhook: Webhook, values: Mapping[str, Any], principal: Any) -> bytes | None:
        """The selection below ``event`` as Saleor writes it, ``None`` when nothing is selected for this event."""
        now = self.shop.clock.now()
        root = {
            **values,
            "issued_at": now,
            "version": self.shop.version,
            "issuing_principal": principal,
            "recipient": webhook.app,
        }
        context = schema.Context(shop=self.shop, app=webhook.app, permissions=webhook.app.granted, event=root)
        result = execute(
            schema.schema(),
            webhook.document,
            root_value={"event": root},
            context_value=context,
            field_resolver=schema.resolve_field,
            type_resolver=schema.resolve_type,
        )
        if not isinstance(result, ExecutionResult):
            raise TypeError("A subscription resolves without waiting.")
        payload: dict[str, Any] = dict((result.data or {}).get("event") or {})
        if result.errors:
            payload["errors"] = [_payload_error(error) for error in result.errors]
        return json.dumps(payload).encode() if payload else None

    async def ask(self, app: App, event: str, principal: Any = None, **values: Any) -> Any:
        """A session event: the app's answer as JSON, or ``None`` for anything but a 2xx with JSON (observed, exp1)."""
        webhook = self.recipient(app, event)
        body = self.body(webhook, event_object(event, **values), principal) if webhook else None
        if webhook is None or body is None:
            return None
        return (await self.send(webhook, event, body)).decided

    async def request(self, webhook: Webhook, event: str, body: bytes) -> Any:
        """A charge, refund or cancelation request: the answer's JSON whatever the status below 500.

        5xx is sent again after 10, 20, … s **with an empty body**, whose JSON answer is then taken for the request's
        (observed, exp5, exp10). No answer in time ends it at once.
        """
        delivery = await self.send(webhook, event, body)
        for attempt, pause in enumerate(RETRY_AFTER, start=1):
            if not delivery.server_error:
                break
            await self._pause(pause)
            delivery = await self.send(webhook, event, b"", attempt)
        return None if delivery.server_error else delivery.json

    def announce(self, event: str, principal: Any = None, **values: Any) -> None:
        """An asynchronous event to every app that wants it; sent in the background."""
        for app in list(self.shop.store.apps):
            webhook = self.recipient(app, event)
            if webhook is not None:
                self.announce_one(webhook, event, principal, **values)

    def announce_one(self, webhook: Webhook, event: str, principal: Any = None, **values: Any) -> None:
        self.spawn(self._deliver(webhook, event, event_object(event, **values), principal))

    async def _deliver(self, webhook: Webhook, event: str, values: Mapping[str, Any], principal: Any) -> None:
        """5xx and silence are repeated with the identical body, 3xx and 4xx are not (observed, exp9)."""
        body = self.body(webhook, values, principal)
        if body is None:
            return
        for attempt in range(len(RETRY_AFTER) + 1):
            delivery = await self.send(webhook, event, body, attempt)
            if not delivery.server_error and delivery.status is not None:
                return
            if attempt < len(RETRY_AFTER):
                await self._pause(RETRY_AFTER[attempt])

    async def send(self, webhook: Webhook, event: str, body: bytes, attempt: int = 0) -> Delivery:
        headers = self.headers(event, body) | webhook.custom_headers
        delivery = Delivery(event, webhook.app.id, webhook.target_url, headers, body, attempt, self.shop.clock.now())
        self.deliveries.append(delivery)
        fault = self.shop.faults.take_webhook(event)
        if fault in {"refused", "lost-request"}:
            delivery.error = "Failed to connect" if fault == "refused" else "Request timed out"
            return delivery
        if fault == "duplicate":
            await self._post(delivery)
        await self._post(delivery)
        if fault == "lost-answer":
            delivery.status, delivery.answer, delivery.error = None, b"", "Request timed out"
        return delivery

    async def _post(self, delivery: Delivery) -> None:
        try:
            response = await self.client.post(delivery.url, content=delivery.body, headers=delivery.headers)
        except httpx2.HTTPError as error:
            delivery.error = f"{type(error).__name__}: {error}"
            return
        delivery.status, delivery.answer = response.status_code, response.content

    def headers(self, event: str, body: bytes) -> dict[str, str]:
        name, domain, signature = event.lower(), self.shop.domain, self.shop.key.sign_detached(body)
        return {
            **self.user_agent,
            "Content-Type": "application/json",
            "X-Saleor-Event": name,
            "X-Saleor-Domain": domain,
            "X-Saleor-Signature": signature,
            "Saleor-Event": name,
            "Saleor-Domain": domain,
            "Saleor-Signature": signature,
            "Saleor-Api-Url": self.shop.api_url,
        }

    @property
    def user_agent(self) -> dict[str, str]:
        return {
            "User-Agent": f"Saleor/{self.shop.schema_version}",
            "Accept-Encoding": "gzip, deflate",
            "Accept": "*/*",
            "Connection": "keep-alive",
        }

    @property
    def client(self) -> httpx2.AsyncClient:
        """A connection per request, no redirects, connect 2 s, read 18 s (observed, Transport)."""
        if self._client is None:
            options = self.shop.options
            self._client = httpx2.AsyncClient(
                timeout=httpx2.Timeout(options.read_timeout, connect=options.connect_timeout),
                limits=httpx2.Limits(max_keepalive_connections=0),
                follow_redirects=False,
                trust_env=False,
                verify=tls(),
            )
        return self._client

    def spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Waits until nothing is under way any more, events that deliveries caused included."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _pause(self, seconds: float) -> None:
        await self.shop.clock.sleep(seconds * self.shop.options.retry_scale)


def _payload_error(error: GraphQLError) -> dict[str, Any]:
    return schema.format_error(error)
