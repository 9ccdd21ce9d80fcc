"""What the rest of the app knows of durable work: ``Jobs.defer``, inside the caller's transaction.

A job is one idempotent command. It runs at least once, after its transaction is committed, in whatever process has a
worker, and again after a crash; it never runs beside another job of the same (task, key).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from saleor_amazonpay.storage.engine import Session

JSON = None | bool | int | str | list["JSON"] | Mapping[str, "JSON"]
Args = Mapping[str, JSON]
NO_ARGS: Args = MappingProxyType({})


class Jobs(Protocol):
    def defer(
        self,
        session: Session,
        task: str,
        *,
        key: str | None = None,
        args: Args = NO_ARGS,
        run_at: datetime | None = None,
        priority: int = 0,
    ) -> None:
        """Have ``task`` run with ``args`` once ``session``'s transaction is committed; a rollback undoes it.

        While a job of the same ``(task, key)`` waits no second one is made; an earlier ``run_at`` moves the waiting
        one forward, its ``args`` stay. While one *runs*, one more may wait for its end. ``run_at`` defaults to now;
        of what is due, a higher ``priority`` goes first.
        """
        ...

    def without_job(self, session: Session, task: str, keys: Sequence[str]) -> list[str]:
        """Those of ``keys`` for which no job of ``task`` waits, runs or was given up, each once."""
        ...


@dataclass(frozen=True, slots=True)
class Depth:
    """How much lies in the queue. ``oldest_age`` is how many seconds the longest due job has waited."""

    waiting: int
    running: int
    dead: int
    oldest_age: float


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that was given up after its last attempt; kept until someone retries it."""

    id: int
    task: str
    key: str | None
    args: Args
    attempts: int
    last_error: str


class JobEngine(Jobs, Protocol):
    """A queue with its worker. Deferring needs no ``start``."""

    async def start(self) -> None: ...

    async def stop(self, grace: float = 10.0) -> None:
        """Take nothing new, give running jobs ``grace`` seconds, hand back what is not done by then."""
        ...

    async def run_due(self) -> None:
        """Run what is due, and what that makes due, without a started worker; for tests and one-shot commands."""
        ...

    async def depth(self) -> Depth: ...

    async def dead_jobs(self, limit: int = 100) -> list[DeadJob]: ...

    async def retry_dead(self, job_id: int) -> bool:
        """Let a dead job run again with its attempts counted anew; false if there is none of that id."""
        ...
