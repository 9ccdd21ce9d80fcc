"""Durable jobs on SQLite: a table, leases, and a loop in the process that owns the file.

A running job is leased: ``leased_until`` is moved on while its process lives, and when it no longer is, the job is
taken over. Only the holder of ``lease_token`` may settle it, so a run that lost its lease changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Integer, bindparam, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects import sqlite

from saleor_amazonpay.jobs.queue import NO_ARGS, Args, DeadJob, Depth
from saleor_amazonpay.jobs.table import jobs_table as jobs
from saleor_amazonpay.jobs.worker import JobWorker, describe
from saleor_amazonpay.storage.engine import Row, Session, Statement, StorageError
from saleor_amazonpay.storage.times import to_micros

logger = logging.getLogger(__name__)

_NEW = sqlite.insert(jobs).values(
    **{name: bindparam(name) for name in ("task", "key", "args", "priority", "run_at", "created_at")},
    state="waiting",
    attempts=0,
)
_DEFER = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["task", "key"],
        index_where=text("state = 'waiting' AND key IS NOT NULL"),
        set_={
            "run_at": func.min(jobs.c.run_at, _NEW.excluded.run_at),
            "priority": func.max(jobs.c.priority, _NEW.excluded.priority),
        },
    )
)
_twin = jobs.alias("twin")
_IS_DUE = (
    (jobs.c.state == "waiting")
    & (jobs.c.run_at <= bindparam("now"))
    & jobs.c.task.in_(bindparam("tasks", expanding=True))
    & ~exists().where(_twin.c.task == jobs.c.task, _twin.c.key == jobs.c.key, _twin.c.state == "running")
)
_DUE = (
    select(jobs.c.id)
    .where(_IS_DUE)
    .order_by(jobs.c.priority.desc(), jobs.c.run_at, jobs.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_CLAIM = Statement(
    update(jobs)
    .where(jobs.c.id.in_(_DUE.scalar_subquery()))
    .values(
        state="running",
        lease_token=bindparam("token"),
        leased_until=bindparam("until"),
        attempts=jobs.c.attempts + 1,
    )
    .returning(jobs.c.id, jobs.c.task, jobs.c.key, jobs.c.args, jobs.c.attempts)
)
_NEXT = Statement(select(func.min(jobs.c.run_at)).where(jobs.c.state == "waiting", jobs.c.run_at > bindparam("now")))
_ABANDONED = Statement(
    select(jobs.c.id, jobs.c.task, jobs.c.key, jobs.c.attempts).where(
        jobs.c.state == "running",
        jobs.c.leased_until < bindparam("now"),
        or_(jobs.c.lease_token != bindparam("token"), jobs.c.id.not_in(bindparam("mine", expanding=True))),
    )
)
_LEASED = Statement(
    select(jobs.c.id, jobs.c.task, jobs.c.key, jobs.c.attempts).where(
        jobs.c.state == "running", jobs.c.lease_token == bindparam("token")
    )
)
_HEARTBEAT = Statement(
    update(jobs)
    .where(jobs.c.lease_token == bindparam("token"), jobs.c.id.in_(bindparam("mine", expanding=True)))
    .values(leased_until=bindparam("until"))
    .returning(jobs.c.id)
)
_HELD = (jobs.c.id == bindparam("job")) & (jobs.c.lease_token == bindparam("token"))
_DONE = Statement(delete(jobs).where(_HELD))
_IS_HELD = Statement(select(jobs.c.id).where(_HELD))
_FORGET = Statement(delete(jobs).where(jobs.c.id == bindparam("job")))
_MOVE_TWIN = Statement(
    update(jobs)
    .where(jobs.c.task == bindparam("task_"), jobs.c.key == bindparam("key_"), jobs.c.state == "waiting")
    .values(run_at=func.min(jobs.c.run_at, bindparam("at")))
)
_STATE = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(
        state=bindparam("to"),
        run_at=bindparam("at"),
        attempts=bindparam("tried"),
        last_error=bindparam("error"),
        lease_token=None,
        leased_until=None,
    )
)
_DEAD = Statement(
    select(jobs).where(jobs.c.state == "dead").order_by(jobs.c.id).limit(bindparam("limit", type_=Integer))
)
_DEAD_ONE = Statement(select(jobs).where(jobs.c.state == "dead", jobs.c.id == bindparam("job")))
_KNOWN = Statement(
    select(jobs.c.key).where(jobs.c.task == bindparam("of_task"), jobs.c.key.in_(bindparam("keys", expanding=True)))
)
_DEPTH = Statement(
    select(
        func.count().filter(jobs.c.state == "waiting").label("waiting"),
        func.count().filter(jobs.c.state == "running").label("running"),
        func.count().filter(jobs.c.state == "dead").label("dead"),
        func.min(jobs.c.run_at).filter(jobs.c.state == "waiting", jobs.c.run_at <= bindparam("now")).label("oldest"),
    )
)

_NEVER = 2**63 - 1
_ROUNDS = 10_000  # of run_due, before something is plainly deferring itself for ever


class EmbeddedJobs(JobWorker):
    """Used within one event loop at a time."""

    _token = ""
    _is_stopping = False

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
        now = self._clock.now()
        at = to_micros(run_at or now)
        session.execute(
            _DEFER,
            {
                "task": task,
                "key": key,
                "args": json.dumps(dict(args)),
                "priority": priority,
                "run_at": at,
                "created_at": to_micros(now),
            },
        )
        session.on_commit(partial(self._wake_for, at))

    def without_job(self, session: Session, task: str, keys: Sequence[str]) -> list[str]:
        known = {row.key for row in session.all(_KNOWN, {"of_task": task, "keys": list(keys)})} if keys else set()
        return [key for key in dict.fromkeys(keys) if key not in known]

    async def _start(self) -> None:
        self._prepare()
        self._main = [asyncio.create_task(self._serve()), asyncio.create_task(self._keep_leases())]

    async def stop(self, grace: float = 10.0) -> None:
        self._is_stopping = True
        self._wake.set()
        serving, heartbeat = self._main
        await serving
        if self._running:
            await asyncio.wait(self._running.values(), timeout=grace)
        await _cancelled([heartbeat, *self._running.values()])
        await self._database.run(self._release)
        self._token = ""

    async def run_due(self) -> None:
        self._prepare()
        for _ in range(_ROUNDS):
            await self._claim()
            if not self._running:
                return
            await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
        raise RuntimeError("Jobs defer each other without end")

    async def depth(self) -> Depth:
        now = to_micros(self._clock.now())
        row: Any = await self._database.read(lambda session: session.one(_DEPTH, {"now": now}))
        age = (now - row.oldest) / 1_000_000 if row.oldest else 0.0
        return Depth(row.waiting, row.running, row.dead, age)

    async def dead_jobs(self, limit: int = 100) -> list[DeadJob]:
        rows = await self._database.read(lambda session: session.all(_DEAD, {"limit": limit}))
        return [
            DeadJob(row.id, row.task, row.key, json.loads(row.args), row.attempts, row.last_error or "") for row in rows
        ]

    async def retry_dead(self, job_id: int) -> bool:
        now = to_micros(self._clock.now())

        def work(session: Session) -> bool:
            row = session.one(_DEAD_ONE, {"job": job_id})
            if row is not None:
                self._put_back(session, row, at=now, error=row.last_error, attempts=0)
            return row is not None

        return await self._database.run(work)

    def _prepare(self) -> None:
        self._token = uuid.uuid4().hex
        self._is_stopping = False
        self._running: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._wakes_at = 0

    def _wake_for(self, at: int) -> None:
        if self._token and at < self._wakes_at:
            self._wake.set()

    # The loop.

    async def _serve(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            self._wakes_at = _NEVER  # whatever is committed meanwhile is worth another look
            try:
                pause = await self._claim()
            except StorageError:
                logger.exception("Jobs cannot be claimed; trying again")
                pause = self._poll
            self._wakes_at = to_micros(self._clock.now() + timedelta(seconds=pause))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _claim(self) -> float:
        """Start what is due and there is room for; seconds until there may be more."""
        room = self._concurrency - len(self._running)
        if not room:
            return self._poll
        mine = list(self._running)
        rows, next_at = await self._database.run(partial(self._take, room, mine))
        for row in rows:
            task = asyncio.create_task(self._execute(row), name=f"job {row.task}")
            self._running[row.id] = task
        if next_at is None:
            return self._poll
        return min(self._poll, max(0.0, (next_at - to_micros(self._clock.now())) / 1_000_000))

    def _take(self, room: int, mine: list[int], session: Session) -> tuple[list[Row], int | None]:
        now = self._clock.now()
        for row in session.all(_ABANDONED, {"now": to_micros(now), "token": self._token, "mine": mine}):
            self._take_over(session, row, to_micros(now))
        rows = session.all(
            _CLAIM,
            {
                "now": to_micros(now),
                "limit": room,
                "tasks": self._tasks.names,
                "token": self._token,
                "until": self._lease_end(),
            },
        )
        return rows, session.scalar(_NEXT, {"now": to_micros(now)})

    def _take_over(self, session: Session, row: Row, now: int) -> None:
        """The process died with the job; a job that keeps killing its process ends like any other."""
        error = "Interrupted: the worker was gone"
        attempts_left = row.task not in self._tasks.names or row.attempts < self._tasks[row.task].retry.max_attempts
        if attempts_left:
            self._put_back(session, row, at=now, error=error, attempts=row.attempts)
        else:
            self._bury(session, row, at=now, error=error)

    def _lease_end(self) -> int:
        return to_micros(self._clock.now() + timedelta(seconds=self._lease))

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            if not self._running:
                continue
            mine = list(self._running)
            try:
                held = await self._database.run(partial(self._renew, mine))
            except StorageError:
                logger.exception("Leases cannot be renewed; trying again")
                continue
            for lost in (set(mine) - held) & self._running.keys():
                logger.error("Job %d lost its lease; whoever has it now goes on", lost)
                self._running[lost].cancel()

    def _renew(self, mine: list[int], session: Session) -> set[int]:
        rows = session.all(_HEARTBEAT, {"token": self._token, "mine": mine, "until": self._lease_end()})
        return {row.id for row in rows}

    def _release(self, session: Session) -> None:
        now = to_micros(self._clock.now())
        for row in session.all(_LEASED, {"token": self._token}):
            self._put_back(session, row, at=now, attempts=row.attempts)

    # One job.

    async def _execute(self, row: Row) -> None:
        try:
            await self._settle(row, await self._outcome(row))
        except StorageError:
            logger.exception("Job %s cannot be settled; its lease runs out and it runs again", row.task)
        finally:
            del self._running[row.id]
            self._wake.set()

    async def _outcome(self, row: Row) -> Callable[[Session], None]:
        """Run the handler; what to write afterwards."""
        try:
            await self._perform(row.task, json.loads(row.args))
        except Exception as error:  # noqa: BLE001  # whatever a handler raises is its outcome
            return self._after_failure(row, error)
        return partial(self._forget, row=row)

    def _after_failure(self, row: Row, error: Exception) -> Callable[[Session], None]:
        wait = self._wait_after(row.task, row.attempts, error)
        now = self._clock.now()
        if wait is None:
            return partial(self._bury, row=row, at=to_micros(now), error=describe(error))
        at = to_micros(now + timedelta(seconds=wait))
        return partial(self._put_back, row=row, at=at, error=describe(error), attempts=row.attempts)

    async def _settle(self, row: Row, change: Callable[[Session], None]) -> None:
        def work(session: Session) -> None:
            if session.one(_IS_HELD, {"job": row.id, "token": self._token}) is not None:
                change(session)

        await self._database.run(work)

    def _put_back(self, session: Session, row: Row, *, at: int, attempts: int, error: str | None = None) -> None:
        """Let it wait until ``at``; when one of the same key waits already, that one stands for both."""
        if row.key is not None and session.execute(_MOVE_TWIN, {"task_": row.task, "key_": row.key, "at": at}):
            self._forget(session, row)
        else:
            session.execute(_STATE, {"job": row.id, "to": "waiting", "at": at, "tried": attempts, "error": error})
        session.on_commit(partial(self._wake_for, at))

    def _forget(self, session: Session, row: Row) -> None:
        session.execute(_FORGET, {"job": row.id})

    def _bury(self, session: Session, row: Row, *, at: int, error: str) -> None:
        session.execute(_STATE, {"job": row.id, "to": "dead", "at": at, "tried": row.attempts, "error": error})


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
