"""Whose turn it is: a tenant that asks for much at once goes on in rounds, so that it delays others by one round only.

The queue is ordered by priority, then age. A tenant's first jobs have priority 0, the next ones -1, and so on: what a
burst defers beyond ``JOBS_PER_ROUND`` stands behind the first round of everybody who comes later. A tenant's count
drains while time goes on. Each replica counts what it deferred itself. Source: docs/decisions/0012.
"""

from __future__ import annotations

from saleor_amazonpay.clock import Clock

JOBS_PER_ROUND = 20
DRAINED_PER_SECOND = 20.0
LOWEST = -1000
_MOST_TENANTS = 10_000


class Turns:
    """May be asked from any thread: a race miscounts by one, which changes nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted: dict[str, tuple[float, float]] = {}

    def priority(self, tenant: str) -> int:
        """For the next job of ``tenant``; 0 unless it has just deferred many."""
        moment = self._clock.now().timestamp()
        since, count = self._counted.get(tenant, (moment, 0.0))
        count = max(0.0, count - (moment - since) * DRAINED_PER_SECOND)
        if len(self._counted) >= _MOST_TENANTS:
            self._counted.clear()
        self._counted[tenant] = (moment, count + 1)
        return max(LOWEST, -int(count // JOBS_PER_ROUND))
