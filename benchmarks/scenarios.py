"""What is fired at whom. Purchases go through their whole life, so that every webhook finds the state it needs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from benchmarks import processes, sender
from benchmarks.apps import PEER_ROUTES, Setting
from benchmarks.cv2 import CheckoutApi
from benchmarks.payloads import Purchase, Webhook

INITIALIZE = "transaction_initialize_session"
COUNTS = {1: 1200, 16: 1600, 64: 1600}  # webhooks of one kind in a row of the table, by how many are in flight
SLOW_COUNTS = {1: 60, 16: 800, 64: 1600}  # the same with 40 ms at Amazon
WARM_UP = 1500

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``commits`` of the database are counted where nothing shares one (1 in flight)."""

    server: str
    event: str
    in_flight: int
    keep_alive: bool
    delay_ms: int
    webhooks: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    rss_mb: float
    cv2_calls: float
    commits: float | None
    errors: int
    first_error: str | None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Load:
    """How it is fired: ``delay`` is Amazon's, in seconds."""

    in_flight: int
    keep_alive: bool = True
    delay: float = 0.0

    @property
    def count(self) -> int:
        return (SLOW_COUNTS if self.delay else COUNTS)[self.in_flight]


def purchases(count: int) -> list[Purchase]:
    """New ones, never used before in this run."""
    return [Purchase(number) for number in itertools.islice(_numbers, count)]


class Range:
    """Measures servers under load, with the Amazon of this run."""

    def __init__(self, setting: Setting, amazon: CheckoutApi) -> None:
        self._setting = setting
        self._amazon = amazon

    async def initialize(self, name: str, server: processes.Server, load: Load, count: int | None = None) -> Row:
        """One row of TRANSACTION_INITIALIZE_SESSION, for us or a peer."""
        webhooks = self._signed(INITIALIZE, purchases(count or load.count), _path(name))
        return await self._row(name, server, INITIALIZE, load, webhooks)

    async def lives(self, name: str, server: processes.Server, load: Load) -> list[Row]:
        """Each event once: all are begun and completed, half of them captured and refunded, the others cancelled."""
        bought = purchases(load.count)
        captured, cancelled = bought[::2], bought[1::2]
        steps: Sequence[tuple[str, list[Purchase]]] = [
            ("payment_gateway_initialize_session", bought),
            (INITIALIZE, bought),
            ("transaction_process_session", bought),
            ("transaction_charge_requested", captured),
            ("transaction_refund_requested", captured),
            ("transaction_cancelation_requested", cancelled),
        ]
        return [await self._row(name, server, event, load, self._signed(event, of)) for event, of in steps]

    def _signed(self, event: str, of: Sequence[Purchase], path: str | None = None) -> list[Webhook]:
        return [self._setting.saleor.webhook(event, purchase, path) for purchase in of]

    async def _row(
        self, name: str, server: processes.Server, event: str, load: Load, webhooks: Sequence[Webhook]
    ) -> Row:
        self._amazon.delay = load.delay
        calls, cpu, commits = self._amazon.calls.total(), server.cpu_seconds, self._commits(name)
        volley = await sender.fire(server.port, webhooks, in_flight=load.in_flight, keep_alive=load.keep_alive)
        count = len(webhooks)
        return Row(
            server=name,
            event=event,
            in_flight=load.in_flight,
            keep_alive=load.keep_alive,
            delay_ms=round(load.delay * 1000),
            webhooks=count,
            per_second=count / volley.seconds,
            p50_ms=volley.percentile(0.5),
            p99_ms=volley.percentile(0.99),
            cpu_us=(server.cpu_seconds - cpu) / count * 1e6,
            rss_mb=server.rss_mb,
            cv2_calls=(self._amazon.calls.total() - calls) / count,
            commits=(self._commits(name) - commits) / count if load.in_flight == 1 else None,
            errors=volley.errors,
            first_error=volley.first_error,
        )

    def _commits(self, name: str) -> int:
        return 0 if name in PEER_ROUTES else processes.sqlite_commits(self._setting.database)


def _path(name: str) -> str | None:
    route = PEER_ROUTES.get(name)
    return f"/api/{route}/transaction-initialize-session" if route else None


def loads() -> Iterator[Load]:
    """The whole table: 1, 16 and 64 in flight, both kinds of connection, an instant Amazon and one that takes 40 ms."""
    for delay, keep_alive, in_flight in itertools.product((0.0, 0.04), (True, False), (1, 16, 64)):
        yield Load(in_flight, keep_alive=keep_alive, delay=delay)


def settle() -> None:
    """A moment for what the last row left behind, so that it is not counted with the next."""
    time.sleep(0.3)
