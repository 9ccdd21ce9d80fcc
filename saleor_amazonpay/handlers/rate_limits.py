"""Amazon's request rates: the storefront goes first, background work takes what is left, all replicas together.

A storefront's call never waits here and costs no commit: it is counted in memory and taken out of the shared bucket
later. A background call needs a token: a few at a time are leased from the shared bucket, of which a part is always
left to the storefront. A 429 pauses the operation for everybody's background calls. Source: docs/decisions/0010.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from saleor_amazonpay.amazonpay import Environment
from saleor_amazonpay.amazonpay.quotas import QUOTAS, Quota
from saleor_amazonpay.clock import Clock
from saleor_amazonpay.observability.metrics import Metrics
from saleor_amazonpay.storage import rate_limits as bucket_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Database, Session, StorageError
from saleor_amazonpay.storage.rate_limits import Lease

log = structlog.get_logger(__name__)

_KEPT_FOR_STOREFRONT = 0.5  # of a bucket
_SHARE = 0.25  # of a bucket: leased at once, or spent before the others are told
_LEASE_SECONDS = 10.0
_TELL_SECONDS = 1.0
_PAUSE_SECONDS = 2.0  # after a 429 that does not say how long
_MOST_LEASES = 1000  # asked for by one call
_NEVER = datetime.fromtimestamp(0, UTC)

_is_background: ContextVar[bool] = ContextVar("is_background", default=False)


@contextmanager
def background() -> Iterator[None]:
    """What is done inside can wait: jobs and sweeps."""
    token = _is_background.set(True)
    try:
        yield
    finally:
        _is_background.reset(token)


@dataclass(slots=True)
class _Share:
    """What this process knows of one bucket."""

    seller: str
    operation: str
    quota: Quota
    spent: float = 0.0  # sent by the storefront, not yet taken out of the shared bucket
    leased: int = 0
    lease_ends: float = 0.0
    paused_until: datetime = _NEVER

    @property
    def portion(self) -> int:
        return max(1, int(self.quota.size * _SHARE))

    def use_lease(self, moment: float) -> bool:
        if moment >= self.lease_ends or not self.leased:
            return False
        self.leased -= 1
        return True


class RateLimits:
    """One for the process; ``gate`` is what an account's client asks."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics, *, factor: float = 1.0) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._factor = factor
        self._shares: dict[tuple[str, str], _Share] = {}
        self._telling: asyncio.Task[None] | None = None
        self._is_over = asyncio.Event()

    def gate(self, account: Account) -> Gate:
        return Gate(self, f"{account.merchant_id}/{account.environment}", Environment(account.environment))

    def share(self, seller: str, operation: str, quota: Quota) -> _Share:
        known = self._shares.get((seller, operation))
        if known is None:
            known = self._shares[seller, operation] = _Share(seller, operation, quota.times(self._factor))
        return known

    def spend(self, share: _Share) -> None:
        """A storefront's call goes out now, whatever is left."""
        share.spent += 1
        if share.spent >= share.portion:
            self._tell_soon()

    async def wait_for_turn(self, share: _Share, seconds: float) -> bool:
        """Wait for a token; False when none comes within ``seconds``."""
        deadline = self._clock.monotonic() + seconds
        for attempt in range(_MOST_LEASES):
            if share.use_lease(self._clock.monotonic()):
                return True
            wait = await self._lease(share)
            if not wait:
                continue
            if attempt == 0:
                self._metrics.throttled(share.operation, "background")
            if self._clock.monotonic() + wait >= deadline:
                return False
            await self._clock.sleep(wait)
        return False

    async def _lease(self, share: _Share) -> float:
        """Seconds to wait; 0 when tokens were leased."""
        now = self._clock.now()
        if share.paused_until > now:
            return (share.paused_until - now).total_seconds()
        spent, share.spent = share.spent, 0.0
        granted: Lease = await self._database.run(lambda session: _draw(session, share, spent, now))
        share.spent += spent - granted.counted
        share.leased = granted.granted
        share.lease_ends = self._clock.monotonic() + _LEASE_SECONDS
        return granted.wait

    def throttled(self, share: _Share, retry_after: float) -> None:
        """Amazon answered 429."""
        self._metrics.throttled(share.operation, "amazon")
        share.leased = 0
        share.paused_until = self._clock.now() + timedelta(seconds=max(retry_after, _PAUSE_SECONDS))
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None and not self._is_over.is_set():
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        """At most once a second, beside everything else."""
        try:
            async with asyncio.timeout(_TELL_SECONDS):
                await self._is_over.wait()
        except TimeoutError:
            pass
        try:
            untold = await self._tell_now()
        except StorageError:
            log.warning("rate_limits_not_shared", exc_info=True)
            untold = False
        finally:
            self._telling = None
        if untold:
            self._tell_soon()

    async def _tell_now(self) -> bool:
        """Take out of the shared buckets what was sent meanwhile.

        True where another replica had a bucket in hand, which is told the next time.
        """
        now, untold = self._clock.now(), [(share, share.spent) for share in self._shares.values()]
        for share, _ in untold:
            share.spent = 0.0
        left = await self._database.run(lambda session: _take(session, untold, now))
        for share, spent in left:
            share.spent += spent
        return bool(left)

    async def close(self) -> None:
        """Tell what is untold, before the database is closed."""
        self._is_over.set()
        if self._telling is not None:
            await self._telling


def _draw(session: Session, share: _Share, spent: float, now: datetime) -> Lease:
    keep = float(int(share.quota.size * _KEPT_FOR_STOREFRONT))
    return bucket_rows.lease(
        session, share.seller, share.operation, share.quota, spent=spent, keep=keep, most=share.portion, now=now
    )


def _take(session: Session, untold: list[tuple[_Share, float]], now: datetime) -> list[tuple[_Share, float]]:
    """Those whose bucket another replica has in hand, with what was not taken out."""
    ordered = sorted(untold, key=lambda one: (one[0].seller, one[0].operation))  # so that two replicas never deadlock
    return [
        (share, spent)
        for share, spent in ordered
        if (spent or share.paused_until > now)
        and not bucket_rows.take(
            session,
            share.seller,
            share.operation,
            share.quota,
            spent=spent,
            paused_until=share.paused_until,
            now=now,
        )
    ]


class Gate:
    """An account's way to Amazon (``amazonpay.client.Gate``)."""

    def __init__(self, limits: RateLimits, seller: str, environment: Environment) -> None:
        self._limits = limits
        self._seller = seller
        self._quotas = QUOTAS[environment]

    async def admit(self, operation: str, seconds: float) -> bool:
        quota = self._quotas.get(operation)
        if quota is None:
            return True
        share = self._limits.share(self._seller, operation, quota)
        if _is_background.get():
            return await self._limits.wait_for_turn(share, seconds)
        self._limits.spend(share)
        return True

    def throttled(self, operation: str, retry_after: float) -> None:
        quota = self._quotas.get(operation)
        if quota is not None:
            self._limits.throttled(self._limits.share(self._seller, operation, quota), retry_after)


Gates = Callable[[Account], Gate]
