"""More than one process can answer: what becomes of session events, of money, and of another shop.

``python -m benchmarks.overload``; part of ``make bench``. Bounded: some ten thousand requests, a minute.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import apps, processes, sender
from benchmarks.apps import Setting
from benchmarks.cv2 import CheckoutApi
from benchmarks.payloads import API_URL, Purchase, Webhook
from benchmarks.scenarios import INITIALIZE, purchases
from benchmarks.sender import Volley

NEIGHBOUR = "http://neighbour.bench.local/graphql/"
FLOOD_IN_FLIGHT, FLOOD = 512, 8000
"""A crowd of connections, each sending again as soon as it is answered or refused."""
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
        return {**await _flood(shops), **await _neighbour(shops)}


async def _flood(shops: Shops) -> dict[str, Any]:
    calm = await shops.initialize(1600, in_flight=64)
    charges = shops.webhooks("transaction_charge_requested", await shops.completed(40))
    flood, money = await asyncio.gather(
        shops.initialize(FLOOD, in_flight=FLOOD_IN_FLIGHT), _after(0.5, shops.fire(charges, in_flight=2))
    )
    after = await shops.initialize(200, in_flight=1)
    offered = FLOOD / flood.seconds / (len(calm.latencies) / calm.seconds)
    return {
        "capacity_per_second": len(calm.latencies) / calm.seconds,
        "offered_to_capacity": offered,
        "session_statuses": dict(flood.statuses),
        "session_slowest_ms": max(flood.latencies),
        "money_statuses": dict(money.statuses),
        "money_slowest_ms": max(money.latencies),
        "after_statuses": dict(after.statuses),
        "after_p99_ms": after.percentile(0.99),
        "is_polite": set(flood.statuses) <= {200, 503}
        and max(flood.latencies) <= BUDGET_MS
        and set(money.statuses) == {200}
        and set(after.statuses) == {200},
    }


async def _after(seconds: float, volley: Any) -> Volley:
    await asyncio.sleep(seconds)
    return await volley  # type: ignore[no-any-return]


async def _neighbour(shops: Shops) -> dict[str, Any]:
    """Another shop's p99 alone, and while this one sends all it can."""
    alone = await shops.initialize(800, in_flight=8, api_url=NEIGHBOUR, keep_alive=True)
    beside, _ = await asyncio.gather(
        _after(0.3, shops.initialize(800, in_flight=8, api_url=NEIGHBOUR, keep_alive=True)),
        shops.initialize(4000, in_flight=64, keep_alive=True),
    )
    ratio = beside.percentile(0.99) / alone.percentile(0.99)
    return {
        "neighbour_alone_p99_ms": alone.percentile(0.99),
        "neighbour_beside_a_flood_p99_ms": beside.percentile(0.99),
        "neighbour_statuses": dict(beside.statuses),
        "neighbour_ratio": ratio,
        "neighbour_is_served": ratio <= MOST_FOR_A_NEIGHBOUR and set(beside.statuses) == {200},
    }


def main() -> None:
    processes.pin(processes.SENDER_CORE)
    with tempfile.TemporaryDirectory(prefix="overload-") as folder:
        result = uvloop.run(measure(Path(folder)))
    print("\n".join(f"{name:>34}: {figure}" for name, figure in result.items()))
    kept = Path("artifacts") / "bench" / f"overload-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(f"Kept in {kept}")


if __name__ == "__main__":
    main()
