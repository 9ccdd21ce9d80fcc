"""Time and randomness as things handed in, so that tests decide both."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """``now`` is timezone-aware UTC; ``sleep`` takes seconds."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    now = staticmethod(partial(datetime.now, UTC))  # both are asked a dozen times by every webhook
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class MovableClock:
    """Real time plus an offset that can be moved; ``sleep`` really sleeps, so nothing spins."""

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = timedelta(0) if start is None else start - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def move(self, **by: float) -> None:
        """Move by a ``timedelta(**by)``, e.g. ``clock.move(days=31)``."""
        self._offset += timedelta(**by)


Jitter = random.Random
