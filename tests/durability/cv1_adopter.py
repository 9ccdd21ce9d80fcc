"""``cv1 adopt`` in a process of its own, which kills itself with -9 at a named step; time is the shop's own, sped up."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from saleor_amazonpay.app import services_for
from saleor_amazonpay.handlers.cv1 import adopting, bulk
from saleor_amazonpay.observability.logging import configure
from saleor_amazonpay.settings import Settings
from tests.durability.server import Kill

CREATED, WRITTEN = "after transactionCreate", "before the commit"


class FastClock:
    """``factor`` seconds pass in one; processes that share ``start`` agree on the time."""

    def __init__(self, start: float, factor: float) -> None:
        self.start, self.factor = start, factor

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.start, UTC) + timedelta(seconds=(time.time() - self.start) * self.factor)

    def monotonic(self) -> float:
        return time.monotonic() * self.factor

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.factor)


def run(
    values: dict[str, Any], api_url: str, file: Path, report: Path, clock: FastClock, kill: Kill | None, log: Path
) -> None:
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    configure(log_format="console", log_level="WARNING")
    if kill is not None:
        _wrap(kill)
    asyncio.run(_adopt(Settings(**values), api_url, file, report, clock))


async def _adopt(settings: Settings, api_url: str, file: Path, report: Path, clock: FastClock) -> None:
    async with services_for(settings, clock=clock) as services:
        sheet = bulk.read_sheet(await asyncio.to_thread(file.read_bytes))
        outcomes = await bulk.adopt_sheet(services, api_url, sheet, is_dry_run=False)
        await asyncio.to_thread(report.write_text, bulk.report(outcomes), "utf-8")


def _wrap(kill: Kill) -> None:
    create, write = adopting.saleor.create_transaction, adopting._write

    async def created(*args: Any, **kwargs: Any) -> str:
        made = await create(*args, **kwargs)
        kill.passed(CREATED)
        return made

    def written(*args: Any, **kwargs: Any) -> Any:
        payment = write(*args, **kwargs)
        kill.passed(WRITTEN)
        return payment

    adopting.saleor.create_transaction = created  # type: ignore[assignment]
    adopting._write = written
