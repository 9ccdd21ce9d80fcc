"""What every handler is given: one object, built once in app.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import httpx2

from saleor_amazonpay.amazonpay import AmazonPayClient, Transport
from saleor_amazonpay.amazonpay.files import AmazonFiles
from saleor_amazonpay.clock import Clock
from saleor_amazonpay.handlers.chronicle import Chronicle
from saleor_amazonpay.handlers.directory import Directory
from saleor_amazonpay.handlers.tally import Tally
from saleor_amazonpay.jobs.queue import JobEngine
from saleor_amazonpay.jobs.turns import Turns
from saleor_amazonpay.observability.metrics import Metrics
from saleor_amazonpay.observability.tracing import Tracing
from saleor_amazonpay.saleor.client import SaleorClient
from saleor_amazonpay.settings import Settings
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The outside world and our own storage, as handlers see them."""

    settings: Settings
    clock: Clock
    database: Database
    secrets: SecretBox
    directory: Directory
    saleor: SaleorClient
    http: httpx2.AsyncClient  # to hosts a merchant names: only public addresses, no redirects
    transport: Transport
    files: AmazonFiles
    jobs: JobEngine
    turns: Turns
    metrics: Metrics
    tracing: Tracing
    refused_signatures: Tally
    chronicle: Chronicle

    def amazon(self, account: Account) -> AmazonPayClient:
        """The client of an account, its key parsed once."""
        return self.directory.client(account)

    @property
    def lease(self) -> timedelta:
        """How long a claim lasts: longer than any CV2 work done under it (DESIGN §4 rule 1)."""
        return timedelta(seconds=self.settings.claim_seconds)


class Deadline:
    """Seconds left of a budget, by the monotonic clock."""

    __slots__ = ("_clock", "_end")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - self._clock.monotonic())

    @property
    def is_over(self) -> bool:
        return self.left <= 0.0
