"""Things that happen by themselves at a time: expiries, decisions of Amazon, deadlines.

Nothing waits in real time. Whoever looks at the simulator first lets everything happen that has come due, in order
and each at its own instant, so that a clock moved by a month gives the time stamps a month would have given.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from saleor_amazonpay.clock import Clock

_AT_ONCE = 100_000  # more in one go is a loop, not a simulation


class Agenda:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0
        self._instant: datetime | None = None

    @property
    def now(self) -> datetime:
        """The instant of the entry being run, else the clock's."""
        return self._instant or self._clock.now()

    def at(self, due: datetime, action: Callable[[], None]) -> None:
        self._count += 1  # entries of one instant run in the order they were made
        heapq.heappush(self._entries, (due, self._count, action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.now + timedelta(seconds=seconds), action)

    def run_due(self) -> int:
        """Lets happen what has come due; returns how many entries that were."""
        until = self._clock.now()
        for done in range(_AT_ONCE):
            if not self._entries or self._entries[0][0] > until:
                return done
            due, _, action = heapq.heappop(self._entries)
            self._run(due, action)
        raise RuntimeError("The simulator's agenda does not come to an end.")

    def _run(self, due: datetime, action: Callable[[], None]) -> None:
        self._instant = due
        try:
            action()
        finally:
            self._instant = None


def add_months(start: datetime, months: int) -> datetime:
    """The same day ``months`` later, or that month's last day."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    first = start.replace(year=year, month=month + 1, day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    last_day = (following - timedelta(days=1)).day
    return first.replace(day=min(start.day, last_day))
