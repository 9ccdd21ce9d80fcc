"""Which code runs a task, and what becomes of a run that failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from saleor_amazonpay.clock import Jitter
from saleor_amazonpay.jobs.queue import Args

_EPOCH = datetime.fromtimestamp(0, UTC)
LONGEST_NAME = 40  # it becomes part of a PostgreSQL channel name, which may have 63 bytes
Handler = Callable[[Args], Awaitable[None]]


class RetryLater(Exception):
    """Raised by a handler that cannot finish yet: run me again in ``seconds``. Counts as an attempt.

    Without ``seconds`` the policy's doubling waits apply: for what may last, such as Amazon being down.
    """

    def __init__(self, seconds: float | None, reason: str) -> None:
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
        if isinstance(error, RetryLater) and error.seconds is not None:
            return error.seconds
        full = min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, 32))
        return full * jitter.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    handler: Handler
    retry: RetryPolicy


@dataclass(frozen=True, slots=True)
class Periodic(Task):
    """Run once per ``interval`` over all replicas, at its multiples since the epoch."""

    interval: timedelta

    def slot_after(self, moment: datetime) -> datetime:
        return _EPOCH + self.interval * ((moment - _EPOCH) // self.interval + 1)


class Tasks:
    """The table of tasks. Names are stored with the jobs, so they never change.

    A worker takes only jobs whose task it knows: during an upgrade the new ones wait for a new replica.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def register(self, name: str, handler: Handler, retry: RetryPolicy | None = None) -> None:
        self._add(Task(name, handler, retry or RetryPolicy()))

    def register_periodic(self, name: str, handler: Callable[[], Awaitable[None]], *, seconds: float) -> None:
        """Run ``handler`` every ``seconds``; one that fails is logged and has its next turn.

        A turn whose process dies is run again: it may not have arranged the next one yet, and a series must not end.
        """

        async def run(_args: Args) -> None:
            await handler()

        self._add(Periodic(name, run, RetryPolicy(), timedelta(seconds=seconds)))

    def _add(self, task: Task) -> None:
        if len(task.name) > LONGEST_NAME:
            raise ValueError(f"The name {task.name!r} is longer than {LONGEST_NAME} characters")
        if task.name in self._tasks:
            raise ValueError(f"The task {task.name!r} is registered already")
        self._tasks[task.name] = task

    def __getitem__(self, name: str) -> Task:
        return self._tasks[name]

    @property
    def names(self) -> list[str]:
        return list(self._tasks)

    @property
    def periodic(self) -> list[Periodic]:
        return [task for task in self._tasks.values() if isinstance(task, Periodic)]
