"""Which code runs a task, and what becomes of a run that failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from saleor_amazonpay.clock import Jitter
from saleor_amazonpay.jobs.queue import Args

Handler = Callable[[Args], Awaitable[None]]


class RetryLater(Exception):
    """Raised by a handler that cannot finish yet: run me again in ``seconds``. Counts as an attempt."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Doubling waits between ``first_wait`` and ``longest_wait`` seconds, a random half off; then dead.

    The defaults keep trying for about a day.
    """

    max_attempts: int = 30
    first_wait: float = 2.0
    longest_wait: float = 3600.0

    def wait(self, attempt: int, error: BaseException, jitter: Jitter) -> float | None:
        """Seconds until the next attempt after ``attempt`` (1, 2, …) ended in ``error``; ``None``: give it up."""
        if attempt >= self.max_attempts:
            return None
        if isinstance(error, RetryLater):
            return error.seconds
        full = min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, 32))
        return full * jitter.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    handler: Handler
    retry: RetryPolicy


@dataclass(frozen=True, slots=True)
class Periodic:
    """Run once per ``interval`` over all replicas, at its multiples since the epoch."""

    name: str
    handler: Handler
    interval: timedelta

    def slot_after(self, moment: datetime) -> datetime:
        epoch = datetime.fromtimestamp(0, UTC)
        return epoch + self.interval * ((moment - epoch) // self.interval + 1)


class UnknownTask(Exception):
    """A stored job names a task this version does not have; it is retried, for another replica may know it."""


class Tasks:
    """The table of tasks. Names are stored with the jobs, so they never change."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._periodic: dict[str, Periodic] = {}

    def register(self, name: str, handler: Handler, retry: RetryPolicy | None = None) -> None:
        if name in self._tasks:
            raise ValueError(f"The task {name!r} is registered already")
        self._tasks[name] = Task(name, handler, retry or RetryPolicy())

    def register_periodic(self, name: str, handler: Callable[[], Awaitable[None]], *, seconds: float) -> None:
        """Run ``handler`` every ``seconds``; one that fails is logged and has its next turn."""

        async def run(_args: Args) -> None:
            await handler()

        self.register(name, run, RetryPolicy(max_attempts=1))
        self._periodic[name] = Periodic(name, run, timedelta(seconds=seconds))

    def find(self, name: str) -> Task:
        return self._tasks.get(name) or Task(name, _refuse(name), RetryPolicy())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tasks)

    @property
    def periodic(self) -> tuple[Periodic, ...]:
        return tuple(self._periodic.values())

    def periodic_named(self, name: str) -> Periodic | None:
        return self._periodic.get(name)


def _refuse(name: str) -> Handler:
    async def handler(_args: Args) -> None:
        raise UnknownTask(f"No task {name!r} in this version")

    return handler
