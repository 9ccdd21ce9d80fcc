"""Whether cost grows with the shop: one webhook's CPU and latency with little and with much stored.

Each size has its own database and its own process of the app; they are measured in turns, so that whatever else the
machine does meets all of them. ``python -m benchmarks.flat``; part of ``make bench``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import alone, apps
from benchmarks.apps import Setting
from benchmarks.cv2 import CheckoutApi
from benchmarks.payloads import API_URL
from benchmarks.scenarios import WARM_UP, Load, Range, Row, settle
from saleor_amazonpay.storage.engine import Database, Session
from tests.storage import billing_rows, crowd

ROUNDS = 5
MOST = 1.2
"""How much dearer the largest may be than the smallest."""


@dataclass(frozen=True, slots=True)
class Size:
    """There are as many agreements as payments."""

    payments: int
    tenants: int

    def __str__(self) -> str:
        return f"{self.payments:,} payments and agreements, {self.tenants:,} tenants"


SIZES = (Size(1_000, 1), Size(100_000, 100), Size(1_000_000, 10_000))


async def measure(folder: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Medians by size, with the verdict."""
    amazon = CheckoutApi()
    first = Setting.make(folder, await amazon.listen())
    load = Load(16)
    rows: dict[Size, list[Row]] = {size: [] for size in SIZES}
    with ExitStack() as stack:
        servers = {}
        for size in SIZES:
            setting = Setting(folder / str(size.payments), first.saleor, first.private_key, first.amazon_port)
            setting.folder.mkdir()
            await apps.prepare(setting)
            await _fill(setting, size)
            servers[size] = stack.enter_context(apps.our_app(setting))
            shooting = Range(setting, amazon)
        for size, server in servers.items():
            await shooting.initialize(str(size), server, load, WARM_UP)
        for _ in range(rounds):
            for size, server in servers.items():
                settle()
                rows[size].append(await shooting.initialize(str(size), server, load))
    return _judged(rows)


async def _fill(setting: Setting, size: Size) -> None:
    def fill(session: Session) -> None:
        crowd.found(session)
        crowd.fill(session, 1, size.payments, shop=API_URL)
        session.connection.execute(
            f"""INSERT INTO installations
            (api_url, app_id, token_sealed, jwks, app_version, state, installed_at, updated_at)
            WITH RECURSIVE numbers(i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {size.tenants})
            SELECT 'https://t' || i || '.example/graphql/', 'app', '', '{{}}', '0', 'removed', 0, 0 FROM numbers"""
        )
        billing_rows.add_agreements(session, size.payments, shop=API_URL)

    async with Database.connect(f"sqlite:///{setting.database}") as database:
        await database.run(fill)


def _judged(rows: dict[Size, list[Row]]) -> dict[str, Any]:
    figures = {
        str(size): {
            "cpu_us": median(row.cpu_us for row in measured),
            "p50_ms": median(row.p50_ms for row in measured),
            "rss_mb": measured[-1].rss_mb,
            "errors": sum(row.errors for row in measured),
        }
        for size, measured in rows.items()
    }
    first, *_, last = figures.values()
    ratios = {figure: last[figure] / first[figure] for figure in ("cpu_us", "p50_ms")}
    return {
        "figures": figures,
        "largest_to_smallest": ratios,
        "most": MOST,
        "is_flat": max(ratios.values()) <= MOST and not any(figure["errors"] for figure in figures.values()),
        "rows": [asdict(row) for measured in rows.values() for row in measured],
    }


def told(result: dict[str, Any]) -> Sequence[str]:
    """For people."""
    lines = [
        f"{size:>52}: {figure['cpu_us']:.0f} µs CPU, p50 {figure['p50_ms']:.2f} ms, {figure['rss_mb']:.0f} MB"
        for size, figure in result["figures"].items()
    ]
    ratios = result["largest_to_smallest"]
    ratio = f"CPU {ratios['cpu_us']:.2f}x, p50 {ratios['p50_ms']:.2f}x (to reach: {result['most']}x)"
    return ["What is stored, and what one webhook costs:", *lines, f"largest to smallest: {ratio}"]


def main() -> None:
    alone.run("flat", measure, told)


if __name__ == "__main__":
    main()
