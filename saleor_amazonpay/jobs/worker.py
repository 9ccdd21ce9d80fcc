"""What both engines do alike: periodic tasks, the outcome of a run, starting and stopping."""

from __future__ import annotations

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from saleor_amazonpay.clock import Clock, Jitter, SystemClock
from saleor_amazonpay.jobs.queue import NO_ARGS, Args, DeadJob, Depth
from saleor_amazonpay.jobs.registry import Periodic, Tasks
from saleor_amazonpay.storage.engine import Database, Session
from saleor_amazonpay.storage.times import from_micros, to_micros

logger = logging.getLogger(__name__)

PERIODIC_KEY = "periodic"
_LONGEST_ERROR = 500


class JobWorker(ABC):
    """A queue and its worker on one database; ``JobEngine`` says what each method means."""

    def __init__(
        self,
        database: Database,
        tasks: Tasks,
        clock: Clock | None = None,
        *,
        concurrency: int = 8,
        poll: float = 1.0,
        lease: float = 30.0,
        jitter: Jitter | None = None,
    ) -> None:
        """``lease`` seconds without a sign of life free a running job for others; ``poll`` is how often to look."""
        self._database = database
        self._tasks = tasks
        self._clock = clock or SystemClock()
        self._concurrency = concurrency
        self._poll = poll
        self._lease = lease
        self._jitter = jitter or random.Random()  # noqa: S311  # spreads retries, guards nothing

    @abstractmethod
    def defer(
        self,
        session: Session,
        task: str,
        *,
        key: str | None = None,
        args: Args = NO_ARGS,
        run_at: datetime | None = None,
        priority: int = 0,
    ) -> None: ...

    @abstractmethod
    def without_job(self, session: Session, task: str, keys: Sequence[str]) -> list[str]: ...

    async def start(self) -> None:
        await self._database.run(self._defer_periodic)
        await self._start()

    @abstractmethod
    async def _start(self) -> None: ...

    @abstractmethod
    async def stop(self, grace: float = 10.0) -> None: ...

    @abstractmethod
    async def run_due(self) -> None: ...

    @abstractmethod
    async def depth(self) -> Depth: ...

    @abstractmethod
    async def dead_jobs(self, limit: int = 100) -> list[DeadJob]: ...

    @abstractmethod
    async def retry_dead(self, job_id: int) -> bool: ...

    def _defer_periodic(self, session: Session) -> None:
        now = self._clock.now()
        for task in self._tasks.periodic:
            self._defer_next(session, task, now)

    def _defer_next(self, session: Session, task: Periodic, after: datetime) -> None:
        """Every replica asks for the same moment, and the key lets one job wait."""
        slot = task.slot_after(after)
        self.defer(session, task.name, key=PERIODIC_KEY, args={"slot": to_micros(slot)}, run_at=slot)

    async def _perform(self, name: str, args: Args) -> None:
        """Run a handler. A periodic one arranges its next turn first, so that nothing can end the series."""
        task = self._tasks[name]
        if not isinstance(task, Periodic):
            await task.handler(args)
            return
        # Where our clock is behind the one that found this turn due, its own slot must not come again.
        after = max(self._clock.now(), from_micros(cast("int", args["slot"])))
        await self._database.run(lambda session: self._defer_next(session, task, after))
        try:
            await task.handler(args)
        except Exception:
            logger.exception("Periodic task %s failed; it has its next turn", name)

    def _wait_after(self, name: str, attempt: int, error: Exception) -> float | None:
        """Seconds until the next attempt, or ``None`` when it was the last; says so in the log."""
        wait = self._tasks[name].retry.wait(attempt, error, self._jitter)
        if wait is None:
            logger.error("Job %s given up after attempt %d: %s", name, attempt, describe(error), exc_info=error)
        else:
            logger.info("Job %s runs again in %.1f s, attempt %d: %s", name, wait, attempt, describe(error))
        return wait


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]


def job_worker(
    database: Database, tasks: Tasks, clock: Clock | None = None, *, concurrency: int = 8, lease: float = 30.0
) -> JobWorker:
    """The engine that goes with the database: Procrastinate on PostgreSQL, our own on SQLite."""
    if database.dialect == "postgresql":
        from saleor_amazonpay.jobs.procrastinate_engine import ProcrastinateJobs

        return ProcrastinateJobs(database, tasks, clock, concurrency=concurrency, lease=lease)
    from saleor_amazonpay.jobs.embedded import EmbeddedJobs

    return EmbeddedJobs(database, tasks, clock, concurrency=concurrency, lease=lease)
