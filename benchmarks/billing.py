"""What one renewal costs in our own database, from a thousand stored schedules to a million: it should not change.

A look finds what is due, each period becomes a renewal, and the renewal's steps are committed one by one; what Saleor
and Amazon do meanwhile does not depend on how much is stored and is left out. ``python -m benchmarks.billing`` runs it
alone.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from rich.table import Table

from benchmarks import report
from saleor_amazonpay.app import services_for
from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.domain.billing import RenewalState, Step
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.handlers.billing import scanning, settling
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.settings import Settings
from saleor_amazonpay.storage import migrate
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.engine import Session
from tests.storage.billing_rows import NOW, add_many

STORED = (1_000, 10_000, 100_000, 1_000_000)
DUE = 500
FLAT = 1.5  # times the cost at the fewest stored
_STEPS = (Step.PREPARE, Step.INITIALIZE, Step.COMPLETE, Step.CAPTURE)


async def costs(folder: Path) -> dict[int, float]:
    """Microseconds of CPU for each renewal, by how many schedules are stored."""
    return {stored: await _cost(folder / f"{stored}.db", stored) for stored in STORED}


async def _cost(path: Path, stored: int) -> float:
    url = f"sqlite:///{path}"
    migrate.upgrade(url)
    settings = Settings(secret_key="b" * 48, allow_local_network=True, database_url=url)
    async with services_for(settings) as services:
        object.__setattr__(services, "clock", MovableClock(NOW))
        await services.database.run(lambda session: add_many(session, stored, due=DUE))
        _settle_file(path)
        began = time.process_time()
        await scanning.run(services)
        found = await services.database.read(lambda s: renewal_rows.due(s, now=services.clock.now(), limit=2 * DUE))
        ids = [it.id for it in found]
        if len(ids) != DUE:
            raise RuntimeError(f"{len(ids)} of {DUE} renewals were made")
        for id_ in ids:
            await _steps(services, id_)
        taken = time.process_time() - began
    return taken / DUE * 1e6


def _settle_file(path: Path) -> None:
    """What was filled in leaves the write-ahead log, as it has in a shop that grew over years."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _steps(services: Services, renewal_id: str) -> None:
    for step in _STEPS:
        await services.database.run(lambda session, step=step: _advance(session, services, renewal_id, step))
    await services.database.run(lambda session: _settle(session, services, renewal_id))


def _advance(session: Session, services: Services, renewal_id: str, step: Step) -> None:
    renewal = renewal_rows.by_id(session, renewal_id)
    _, locked = settling.locked(session, renewal)
    renewal_rows.change(session, locked, services.clock.now(), step=step, amount=Money(2980, Currency.JPY))


def _settle(session: Session, services: Services, renewal_id: str) -> None:
    renewal = renewal_rows.by_id(session, renewal_id)
    settling.settle(session, services, *settling.locked(session, renewal), RenewalState.BILLED)


def table(found: dict[int, float]) -> Table:
    """One line for each number stored."""
    fewest = found[STORED[0]]
    lines = {f"{stored:,} stored ({cost / fewest:.2f} x)": cost for stored, cost in found.items()}
    return report.small_table("CPU of one renewal in our own database", lines, "us")


def targets(found: dict[int, float]) -> list[report.Target]:
    if not found:
        return []
    worst = max(found.values()) / found[STORED[0]]
    return [report.Target("Cost of a renewal, 10^6 stored against 10^3", worst, FLAT)]


def main() -> None:
    with TemporaryDirectory(prefix="bench-") as folder:
        found = uvloop.run(costs(Path(folder)))
    out = report.console()
    out.print(table(found))
    out.print(report.targets_table(targets(found)))


if __name__ == "__main__":
    main()
