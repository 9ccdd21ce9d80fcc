"""Wiring: the only place where settings become services and services become an application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from saleor_amazonpay import __version__
from saleor_amazonpay.amazonpay import AiohttpTransport, Attempt, Transport
from saleor_amazonpay.amazonpay.files import AmazonFiles
from saleor_amazonpay.amazonpay.notifications import CertificateSource, CertificateUnavailable
from saleor_amazonpay.api import (
    amazonpay_notifications,
    checkout_return,
    health,
    installation,
    saleor_webhooks,
    storefront,
)
from saleor_amazonpay.api.admission import Admission, OutsideClock, OutsideTransport
from saleor_amazonpay.api.late import LateRoutes
from saleor_amazonpay.clock import Clock, SystemClock
from saleor_amazonpay.handlers import chronicle as timeline_notes
from saleor_amazonpay.handlers import tasks as task_table
from saleor_amazonpay.handlers.agreements.app_tokens import AppTokens
from saleor_amazonpay.handlers.chronicle import Chronicle
from saleor_amazonpay.handlers.directory import Directory
from saleor_amazonpay.handlers.key_watch import KeyWatch
from saleor_amazonpay.handlers.rate_limits import RateLimits
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.tally import Tally
from saleor_amazonpay.jobs.queue import JobEngine
from saleor_amazonpay.jobs.registry import Tasks
from saleor_amazonpay.jobs.turns import Turns
from saleor_amazonpay.jobs.worker import job_worker
from saleor_amazonpay.observability.metrics import Metrics
from saleor_amazonpay.observability.tracing import Tracing
from saleor_amazonpay.saleor.client import SaleorClient
from saleor_amazonpay.saleor.outbound import PublicOnlyTransport
from saleor_amazonpay.saleor.signature import JwksSource, WebhookVerifier
from saleor_amazonpay.schema import endpoint as graphql
from saleor_amazonpay.settings import Settings
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Database

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Application:
    """Everything one process runs: the services handlers get, the job engine, and what senders are verified with."""

    services: Services
    jobs: JobEngine
    verifier: WebhookVerifier
    key_source: JwksSource
    certificates: CertificateSource
    admission: Admission
    app_tokens: AppTokens


@asynccontextmanager
async def application(
    settings: Settings, *, clock: Clock | None = None, transport: Transport | None = None
) -> AsyncIterator[Application]:
    """Open the database and the clients, close them in the end; no worker is started."""
    admission = Admission(clock or SystemClock())
    clock = OutsideClock(clock or SystemClock(), admission)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.connect(settings.database_url))
        http = await stack.enter_async_context(_guarded_client(settings))
        if transport is None:
            transport = AiohttpTransport()
            stack.push_async_callback(transport.close)
        transport = OutsideTransport(transport, admission)
        metrics = Metrics()
        tracing = Tracing.to_otlp() if settings.tracing else Tracing()
        stack.push_async_callback(asyncio.to_thread, tracing.close)  # it may wait for the collector
        secrets = SecretBox(*_key_ring(settings))
        limits = RateLimits(database, clock, metrics, factor=settings.rate_limit_factor)
        stack.push_async_callback(limits.close)
        chronicle = Chronicle(database, clock)
        stack.push_async_callback(chronicle.close)
        key_watch = KeyWatch()
        stack.push_async_callback(key_watch.settle)
        directory = Directory(
            database,
            secrets,
            transport,
            clock,
            api_url=settings.amazon_pay_api_url,
            observer=lambda account, attempt: observe(services, key_watch, account, attempt),
            gates=limits.gate,
        )
        tasks = Tasks()
        jobs = job_worker(database, tasks, clock, lease=settings.job_lease_seconds)
        saleor = SaleorClient(http, waiting=admission.outside)
        services = Services(
            settings=settings,
            clock=clock,
            database=database,
            secrets=secrets,
            directory=directory,
            saleor=saleor,
            http=http,
            transport=transport,
            files=AmazonFiles(http),
            jobs=jobs,
            turns=Turns(clock),
            metrics=metrics,
            tracing=tracing,
            refused_signatures=Tally(clock),
            chronicle=chronicle,
        )
        task_table.register(tasks, services)
        yield Application(
            services=services,
            jobs=jobs,
            verifier=WebhookVerifier(),
            key_source=JwksSource(saleor.fetch_jwks, clock),
            certificates=CertificateSource(
                lambda url: fetch_certificate(http, url), clock, settings.amazon_pay_sns_cert_hosts
            ),
            admission=admission,
            app_tokens=AppTokens(saleor, clock),
        )


@asynccontextmanager
async def services_for(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Services without a server, for commands."""
    async with application(settings, clock=clock) as app:
        yield app.services


class _App(FastAPI):
    """FastAPI, but that Saleor's webhooks are taken in before its middlewares, none of which they need.

    Routing, telemetry, size limits and exit stacks would cost each of them 70 µs, a third of a signature.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        event_name = saleor_webhooks.known_event(scope)
        if event_name is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        response = await saleor_webhooks.received(Request(scope, receive), event_name)
        await response(scope, receive, send)


def create_app(settings: Settings, *, clock: Clock | None = None, transport: Transport | None = None) -> FastAPI:
    """The ASGI application; its lifespan opens everything, and runs the worker unless ``WORKER=off``."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with application(settings, clock=clock, transport=transport) as running:
            app.state.services = running.services
            app.state.application = running
            if settings.worker == "embedded":
                await running.jobs.start()
            try:
                yield
            finally:
                if settings.worker == "embedded":
                    await running.jobs.stop()

    app = _App(
        title="saleor-amazonpay",
        version=__version__,
        openapi_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours says more (observability/)
    )
    # Plain routes: FastAPI's body and response models would cost as much as the cryptography.
    for module in (
        saleor_webhooks,
        amazonpay_notifications,
        checkout_return,
        installation,
        storefront,
        graphql,
        health,
    ):
        app.router.routes.extend(module.routes)
    app.router.routes.append(LateRoutes("/dashboard", _dashboard_routes))
    return app


def _dashboard_routes() -> Sequence[BaseRoute]:
    """The merchant's page, for a process in which a merchant opens it."""
    from saleor_amazonpay.dashboard import routing

    return routing.routes()


def _guarded_client(settings: Settings) -> httpx2.AsyncClient:
    """HTTP to hosts that somebody else names (Saleor, certificates): checked public, pinned to the checked address."""
    pinned = PublicOnlyTransport(httpx2.AsyncHTTPTransport(), allow_local_network=settings.allow_local_network)
    return httpx2.AsyncClient(
        transport=pinned,
        headers={"Accept-Encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
        timeout=10.0,
    )


async def fetch_certificate(http: httpx2.AsyncClient, url: str) -> bytes:
    """A certificate of Amazon's notifications, whose URL was checked; redirects are not followed.

    Raises:
        CertificateUnavailable: no answer, no certificate, or an absurdly large one.
    """
    try:
        async with http.stream("GET", url) as response:
            if response.headers.get("content-encoding", "identity") != "identity":  # may unpack to any size
                raise CertificateUnavailable("The certificate of the notification is compressed.")
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_CERTIFICATE:
                    raise CertificateUnavailable("The certificate of the notification is too large.")
    except httpx2.HTTPError as error:
        raise CertificateUnavailable("The certificate of the notification cannot be fetched now.") from error
    if response.status_code != httpx2.codes.OK:
        raise CertificateUnavailable(f"The certificate of the notification was answered {response.status_code}.")
    return body


_LARGEST_CERTIFICATE = 65_536


_RESULTS = {"AmazonPayRejected": "rejected", "AmazonPayUnavailable": "unavailable", "AmazonPayUnresolved": "unresolved"}
"""What a metric calls an attempt's error; there are no others (errors.py)."""


def observe(services: Services, key_watch: KeyWatch, account: Account | None, attempt: Attempt) -> None:
    """Log and count one sending to Amazon; ``account`` is None for keys that are only tried."""
    timeline_notes.see(attempt, services.clock.now())
    result = _RESULTS.get(attempt.error or "", "done")
    metrics = services.metrics
    if account is not None:
        key_watch.see(services, account, attempt)
    metrics.cv2_call(attempt.operation, result, attempt.seconds)
    services.tracing.call(
        attempt.operation,
        attempt.seconds,
        http_status=attempt.status,
        amazonpay_error=attempt.error,
        amazonpay_reason_code=attempt.reason_code,
        amazonpay_request_id=attempt.request_id,
        amazonpay_attempt=attempt.number,
    )
    if attempt.reason_code.endswith(("Declined", "Rejected")):
        metrics.decline(attempt.reason_code)
    if attempt.error:
        log.warning(
            "amazon_pay_call",
            operation=attempt.operation,
            attempt=attempt.number,
            status=attempt.status,
            error=attempt.error,
            reason_code=attempt.reason_code,
            amazon_request_id=attempt.request_id,
            amazon_message=attempt.message,
        )


def _key_ring(settings: Settings) -> tuple[str, list[str]]:
    return (
        settings.secret_key.get_secret_value(),
        [key.get_secret_value() for key in settings.previous_secret_keys],
    )
