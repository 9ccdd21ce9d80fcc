"""More than one process can answer: what becomes of session events, of money, and of another shop.

Five times what it can answer is offered at a steady rate, whatever becomes of it. ``python -m benchmarks.overload``;
part of ``make bench``. Bounded: some ten thousand requests, a minute or two, most of it for signing them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import alone, apps, sender
from benchmarks.apps import Setting
from benchmarks.cv2 import CheckoutApi
from benchmarks.flood import Flood
from benchmarks.payloads import API_URL, Purchase, Webhook
from benchmarks.processes import Server
from benchmarks.scenarios import INITIALIZE, purchases
from benchmarks.sender import Volley

NEIGHBOUR = "http://neighbour.bench.local/graphql/"
TIMES_CAPACITY, FLOOD_SECONDS, CONNECTIONS = 5, 4, 4000
CHARGES = 40
NEIGHBOUR_ROUNDS, NEIGHBOUR_COUNT = 5, 1200
CALM_MS = 50.0
BUDGET_MS = 12_000.0
MOST_FOR_A_NEIGHBOUR = 2.0


class Shops:
    """Two shops on one process of the app."""

    def __init__(self, setting: Setting, port: int) -> None:
        self._setting = setting
        self._port = port

    def webhooks(self, event: str, of: Sequence[Purchase], api_url: str = API_URL) -> list[Webhook]:
        return [self._setting.saleor.webhook(event, purchase, api_url=api_url) for purchase in of]

    async def fire(self, webhooks: Sequence[Webhook], *, in_flight: int, keep_alive: bool = False) -> Volley:
        return await sender.fire(self._port, webhooks, in_flight=in_flight, keep_alive=keep_alive)

    async def initialize(
        self, count: int, *, in_flight: int, api_url: str = API_URL, keep_alive: bool = False
    ) -> Volley:
        webhooks = self.webhooks(INITIALIZE, purchases(count), api_url)
        return await self.fire(webhooks, in_flight=in_flight, keep_alive=keep_alive)

    async def completed(self, count: int) -> list[Purchase]:
        """Purchases whose authorizations can be charged."""
        bought = purchases(count)
        for event in (INITIALIZE, "transaction_process_session"):
            done = await self.fire(self.webhooks(event, bought), in_flight=4)
            assert not done.errors, done.first_error
        return bought


async def measure(folder: Path) -> dict[str, Any]:
    amazon = CheckoutApi()
    setting = Setting.make(folder, await amazon.listen())
    await apps.prepare(setting)
    await apps.install(setting, NEIGHBOUR, "neighbour-account")
    with ExitStack() as stack:
        server = stack.enter_context(apps.our_app(setting))
        shops = Shops(setting, server.port)
        await shops.initialize(1500, in_flight=16)
        await shops.initialize(200, in_flight=4, api_url=NEIGHBOUR)
        return {**await _flood(shops, server), **await _neighbour(shops)}


async def _flood(shops: Shops, server: Server) -> dict[str, Any]:
    calm = await shops.initialize(1600, in_flight=64)
    capacity = len(calm.latencies) / calm.seconds
    charges = shops.webhooks("transaction_charge_requested", await shops.completed(CHARGES))
    webhooks = shops.webhooks(INITIALIZE, purchases(int(TIMES_CAPACITY * capacity * FLOOD_SECONDS)))
    flood = Flood(server.port, CONNECTIONS)
    await flood.open()
    poured, money = await asyncio.gather(
        flood.pour(webhooks, TIMES_CAPACITY * capacity), _after(0.5, shops.fire(charges, in_flight=2))
    )
    recovered = await _recovery(shops)
    flood.close()
    answered, refused = (Volley(latencies=flood.by_status.get(status, [0.0])) for status in (200, 503))
    return {
        "capacity_per_second": capacity,
        "offered_per_second": len(webhooks) / poured.seconds,
        "offered_to_capacity": len(webhooks) / poured.seconds / capacity,
        "answered_per_second": poured.statuses[200] / poured.seconds,
        "session_statuses": dict(poured.statuses),
        "answered_p50_ms": answered.percentile(0.5),
        "answered_slowest_ms": max(answered.latencies),
        "refused_p50_ms": refused.percentile(0.5),
        "refused_p99_ms": refused.percentile(0.99),
        "refused_slowest_ms": max(refused.latencies),
        "money_statuses": dict(money.statuses),
        "money_dropped": CHARGES - money.statuses[200],
        "money_slowest_ms": max(money.latencies),
        "recovered_after_ms": recovered,
        "is_polite": set(poured.statuses) <= {200, 503}
        and max(poured.latencies) <= BUDGET_MS
        and money.statuses[200] == CHARGES,
    }


async def _recovery(shops: Shops) -> float:
    """Milliseconds from the flood's last answer until a new request is answered as in calm times."""
    started = time.perf_counter()
    while True:
        one = await shops.initialize(1, in_flight=1)
        if one.statuses[200] and max(one.latencies) <= CALM_MS:
            return (time.perf_counter() - started) * 1000


async def _after(seconds: float, volley: Any) -> Volley:
    await asyncio.sleep(seconds)
    return await volley  # type: ignore[no-any-return]


async def _neighbour(shops: Shops) -> dict[str, Any]:
    """Another shop's p99 alone, and while this one sends all it can: medians of some rounds.

    Its first requests meet a process that is full of the flood; how long they take is told apart, too.
    """
    alone_ms, beside_ms, first_ms, statuses = [], [], [], Counter[int]()
    for _ in range(NEIGHBOUR_ROUNDS):
        by_itself = await shops.initialize(NEIGHBOUR_COUNT, in_flight=8, api_url=NEIGHBOUR, keep_alive=True)
        beside, _flood = await asyncio.gather(
            _after(0.3, shops.initialize(NEIGHBOUR_COUNT, in_flight=8, api_url=NEIGHBOUR, keep_alive=True)),
            shops.initialize(3 * NEIGHBOUR_COUNT, in_flight=64, keep_alive=True),
        )
        alone_ms.append(by_itself.percentile(0.99))
        beside_ms.append(beside.percentile(0.99))
        first_ms.append(max(beside.latencies[:8]))
        statuses += beside.statuses
    ratio = median(one / other for one, other in zip(beside_ms, alone_ms, strict=True))
    return {
        "neighbour_alone_p99_ms": median(alone_ms),
        "neighbour_beside_a_flood_p99_ms": median(beside_ms),
        "neighbour_first_ms": median(first_ms),
        "neighbour_statuses": dict(statuses),
        "neighbour_ratio": ratio,
        "neighbour_is_served": ratio <= MOST_FOR_A_NEIGHBOUR and set(statuses) == {200},
    }


def main() -> None:
    alone.run("overload", measure)


if __name__ == "__main__":
    main()
