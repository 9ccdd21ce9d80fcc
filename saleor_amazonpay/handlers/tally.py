"""Counting what strangers do, in bounded memory."""

from __future__ import annotations

from saleor_amazonpay.clock import Clock

_MOST_COUNTED = 1000


class Tally:
    """Tells when a name was counted ``most`` times within ``seconds`` in this process; then begins anew."""

    def __init__(self, clock: Clock, *, most: int = 20, seconds: float = 300.0) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._seen: dict[str, tuple[float, int]] = {}

    def count(self, name: str) -> bool:
        """True with each ``most``-th time."""
        moment = self._clock.monotonic()
        since, seen = self._seen.get(name, (moment, 0))
        if moment - since > self._seconds or seen >= self._most:
            since, seen = moment, 0
        if len(self._seen) >= _MOST_COUNTED:
            self._seen.clear()
        self._seen[name] = (since, seen + 1)
        return seen + 1 == self._most
