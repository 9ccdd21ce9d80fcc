"""Durable jobs on PostgreSQL by Procrastinate, for any number of replicas.

What is added here: a key that moves the waiting job forward, the errors of dead jobs, jobs of dead workers taken over.
Workers are told only of what is due, what is not yet they find themselves (docs/decisions/0003). Each task has a
Procrastinate queue of its name, so that a worker fetches only what it knows. Source: procrastinate 3.10,
``sql/schema.sql`` and ``worker.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, LiteralString

import procrastinate
from procrastinate import exceptions, sql
from procrastinate.jobs import Job, Status
from procrastinate.manager import QUEUEING_LOCK_CONSTRAINT, JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, delete

from saleor_amazonpay.clock import Clock, Jitter
from saleor_amazonpay.jobs.queue import NO_ARGS, Args, DeadJob, Depth
from saleor_amazonpay.jobs.registry import Tasks
from saleor_amazonpay.jobs.table import job_errors
from saleor_amazonpay.jobs.worker import JobWorker, describe
from saleor_amazonpay.storage.engine import Database, Session, Statement, upsert
from saleor_amazonpay.storage.postgresql import PostgresqlDatabase
from saleor_amazonpay.storage.times import to_micros

logger = logging.getLogger(__name__)

_ROUNDS = 10_000

# Procrastinate's own INSERT (procrastinate_defer_jobs_v1), which has but an error for a key of which a job waits. Here
# that job is moved forward, or at least locked, so that whoever fetches it sees what this transaction wrote. PostgreSQL
# drops the notice where the trigger has given the same.
_DEFER = """
WITH deferred AS (
    INSERT INTO procrastinate_jobs AS waiting
           (queue_name, task_name, lock, queueing_lock, args, scheduled_at, priority)
    VALUES (%(task)s, %(task)s, %(lock)s, %(lock)s, %(args)s, %(at)s, %(priority)s)
        ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE
       SET scheduled_at = LEAST(waiting.scheduled_at, excluded.scheduled_at),
           priority = GREATEST(waiting.priority, excluded.priority)
     WHERE waiting.scheduled_at > excluded.scheduled_at OR waiting.priority < excluded.priority
 RETURNING id, queue_name, scheduled_at
)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                 json_build_object('type', 'job_inserted', 'job_id', id)::text)
  FROM deferred
 WHERE scheduled_at <= clock_timestamp() + interval '1 second'
"""
_MOVE_FORWARD = """
WITH moved AS (
    UPDATE procrastinate_jobs
       SET scheduled_at = LEAST(scheduled_at, %(at)s), priority = GREATEST(priority, %(priority)s)
     WHERE queueing_lock = %(lock)s AND status = 'todo'
 RETURNING id, queue_name
)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                 json_build_object('type', 'job_inserted', 'job_id', id)::text)
  FROM moved
"""
_DUE = """
SELECT 1 FROM procrastinate_jobs
 WHERE status = 'todo' AND scheduled_at <= now() AND queue_name = ANY(%(queues)s) LIMIT 1
"""
_DEPTH = """
SELECT count(*) FILTER (WHERE status = 'todo') AS waiting,
       count(*) FILTER (WHERE status = 'doing') AS running,
       count(*) FILTER (WHERE status = 'failed') AS dead,
       COALESCE(extract(epoch FROM now() - min(scheduled_at) FILTER (
           WHERE status = 'todo' AND scheduled_at <= now())), 0)::float AS oldest_age
  FROM procrastinate_jobs
"""
_KNOWN = """
SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(%(locks)s)
UNION SELECT lock FROM procrastinate_jobs WHERE status = 'doing' AND lock = ANY(%(locks)s)
UNION SELECT lock FROM procrastinate_jobs WHERE status = 'failed' AND queue_name = %(queue)s AND lock = ANY(%(locks)s)
"""
# Another that takes a job over counts an attempt: with that the run it was fetched for before is over. The fence.
_FINISH_IF_HELD = """
WITH held AS MATERIALIZED (
    SELECT id FROM procrastinate_jobs
     WHERE id = %(job_id)s AND status = 'doing' AND attempts = %(attempts)s FOR UPDATE
)
SELECT id, procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s) FROM held
"""
_RETRY_IF_HELD = """
WITH held AS MATERIALIZED (
    SELECT id FROM procrastinate_jobs
     WHERE id = %(job_id)s AND status = 'doing' AND attempts = %(attempts)s FOR UPDATE
)
SELECT id, procrastinate_retry_job_v2(id, %(retry_at)s, %(priority)s, %(queue)s, %(lock)s) FROM held
"""
_DEAD = """
SELECT id, task_name, queueing_lock, args, attempts, COALESCE(error, '') AS error
  FROM procrastinate_jobs LEFT JOIN job_errors ON job_id = id
 WHERE status = 'failed' ORDER BY id LIMIT %(limit)s
"""
_DEAD_ONE = "SELECT * FROM procrastinate_jobs WHERE id = %(id)s AND status = 'failed' FOR UPDATE"
_REVIVE = "UPDATE procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = now() WHERE id = %(id)s"
_FORGET = "DELETE FROM procrastinate_jobs WHERE id = %(id)s"
_STALLED = sql.queries["select_stalled_jobs_by_heartbeat"] + " FOR UPDATE OF job SKIP LOCKED"

_KEEP_ERROR = Statement(upsert(job_errors, index_elements=["job_id"], update_columns=["error", "at"]))
_DROP_ERROR = Statement(delete(job_errors).where(job_errors.c.job_id == bindparam("id")))


class _Again(Exception):
    """The run failed and the policy allows another, in ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.1f} s")
        self.seconds = seconds


class _Policy(BaseRetryStrategy):
    """The decision was taken where the handler failed; a run cut short by a stop goes back at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:  # noqa: ARG002
        if isinstance(exception, _Again):
            return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=exception.seconds))
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_at=datetime.now(UTC))
        return None


class _Manager(JobManager):
    """Only the run that holds a job ends it, and a job may wait again while another of its key does.

    Procrastinate ends a job by its id alone: a worker that was taken for dead would, coming back, delete the job from
    under whoever has it now. It also refuses a second waiting one of a key; here one stands for both.
    """

    def __init__(self, connector: procrastinate.PsycopgConnector, database: Database) -> None:
        super().__init__(connector)
        self._database = database

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        again = {"retry_at": retry_at or datetime.now(UTC), "priority": priority, "queue": queue, "lock": lock}
        try:
            await self._if_held(_RETRY_IF_HELD, job, **again)
        except exceptions.UniqueViolation as error:
            if error.constraint_name != QUEUEING_LOCK_CONSTRAINT:
                raise
            await self._database.run(lambda session: _merge(session, job, retry_at or datetime.now(UTC)))

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: FBT001 - its signature
        await self._if_held(_FINISH_IF_HELD, job, status=status.value, delete_job=delete_job)

    async def _if_held(self, query: LiteralString, job: Job, **params: Any) -> None:
        if not await self.connector.execute_query_all_async(query, job_id=job.id, attempts=job.attempts, **params):
            logger.error("Job %s was taken over from this worker; whoever has it now goes on", job.task_name)


class ProcrastinateJobs(JobWorker):
    """``defer`` writes through the caller's own connection; the worker has a pool of its own in the event loop."""

    _database: PostgresqlDatabase

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
        if not isinstance(database, PostgresqlDatabase):
            raise TypeError("Procrastinate needs PostgreSQL")
        super().__init__(database, tasks, clock, concurrency=concurrency, poll=poll, lease=lease, jitter=jitter)

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
        params = {
            "task": task,
            "lock": None if key is None else f"{task}:{key}",
            "args": Jsonb(dict(args)),
            "at": self._database_time(run_at),
            "priority": priority,
        }
        session.connection.execute(_DEFER, params)

    def without_job(self, session: Session, task: str, keys: Sequence[str]) -> list[str]:
        locks = [f"{task}:{key}" for key in keys]
        known = {row["queueing_lock"] for row in _all(session, _KNOWN, locks=locks, queue=task)} if keys else set()
        return [key for key in dict.fromkeys(keys) if f"{task}:{key}" not in known]

    def _database_time(self, run_at: datetime | None) -> datetime:
        """``run_at`` by the database's clock, which decides; ours differs from it only where a test moved it."""
        now = datetime.now(UTC)
        return now if run_at is None else now + (run_at - self._clock.now())

    async def _start(self) -> None:
        self._is_stopping = asyncio.Event()
        self._app = await self._open_app()
        self._worker = self._make_worker(self._app)
        self._main = [asyncio.create_task(self._serve()), asyncio.create_task(self._watch_for_stalled())]

    async def stop(self, grace: float = 10.0) -> None:
        self._is_stopping.set()
        serving, watching = self._main
        watching.cancel()
        self._worker.shutdown_graceful_timeout = grace
        self._worker.stop()  # type: ignore[no-untyped-call]
        await asyncio.gather(serving, watching, return_exceptions=True)
        await self._app.close_async()

    async def run_due(self) -> None:
        app = await self._open_app()
        try:
            for _ in range(_ROUNDS):
                await self._make_worker(app, wait=False, listen_notify=False).run()  # type: ignore[no-untyped-call]
                if not await self._database.read(lambda session: _one(session, _DUE, queues=self._tasks.names)):
                    return
            raise RuntimeError("Jobs defer each other without end")
        finally:
            await app.close_async()

    async def depth(self) -> Depth:
        row = await self._database.read(lambda session: _one(session, _DEPTH))
        return Depth(**(row or {}))

    async def dead_jobs(self, limit: int = 100) -> list[DeadJob]:
        rows = await self._database.read(lambda session: _all(session, _DEAD, limit=limit))
        return [
            DeadJob(row["id"], row["task_name"], _key(row), row["args"], row["attempts"], row["error"]) for row in rows
        ]

    async def retry_dead(self, job_id: int) -> bool:
        def work(session: Session) -> bool:
            row = _one(session, _DEAD_ONE, id=job_id)
            if row is None:
                return False
            if not _move_forward(session, Job.from_row({**row, "scheduled_at": datetime.now(UTC)})):
                session.connection.execute(_REVIVE, {"id": job_id})
            else:
                session.connection.execute(_FORGET, {"id": job_id})
            session.execute(_DROP_ERROR, {"id": job_id})
            return True

        return await self._database.run(work)

    # The worker.

    async def _open_app(self) -> procrastinate.App:
        connector = procrastinate.PsycopgConnector(
            conninfo=self._database.conninfo, min_size=1, max_size=max(2, self._concurrency // 2)
        )
        app = procrastinate.App(connector=connector)
        app.job_manager = _Manager(connector, self._database)
        for name in self._tasks.names:
            app.task(name=name, queue=name, pass_context=True, retry=_Policy())(self._runner(name))
        await app.open_async()
        return app

    def _runner(self, name: str) -> Any:
        async def run(context: procrastinate.JobContext, /, **args: Any) -> None:
            attempt = context.job.attempts + 1
            try:
                await self._perform(name, args)
            except Exception as error:
                wait = self._wait_after(name, attempt, error)
                if wait is not None:
                    raise _Again(wait) from error
                await self._database.run(partial(self._keep_error, job=context.job, error=describe(error)))
                raise

        return run

    def _make_worker(self, app: procrastinate.App, **options: Any) -> Worker:
        return Worker(
            app,
            queues=self._tasks.names,
            name="saleor-amazonpay",
            concurrency=self._concurrency,
            fetch_job_polling_interval=self._poll,
            install_signal_handlers=False,
            delete_jobs="successful",
            update_heartbeat_interval=self._lease / 3,
            stalled_worker_timeout=self._lease,
            **options,
        )

    async def _serve(self) -> None:
        """Procrastinate's worker ends when it loses the database; it is started again until we stop."""
        while not self._is_stopping.is_set():
            try:
                await self._worker.run()  # type: ignore[no-untyped-call]
            except Exception:
                logger.exception("The job worker broke off; starting it again")
            if not self._is_stopping.is_set():
                self._worker = self._make_worker(self._app)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._is_stopping.wait(), self._poll)

    async def _watch_for_stalled(self) -> None:
        while True:
            try:
                await self._database.run(self._take_over_stalled)
            except Exception:
                logger.exception("Jobs of dead workers cannot be taken over; trying again")
            await asyncio.sleep(self._lease / 3)

    def _take_over_stalled(self, session: Session) -> None:
        rows = _all(session, _STALLED, queue=None, task_name=None, seconds_since_heartbeat=self._lease)
        for row in rows:
            if row["task_name"] in self._tasks.names:
                self._take_over(session, Job.from_row(row))

    def _take_over(self, session: Session, job: Job) -> None:
        """The process died with the job; a job that keeps killing its process ends like any other."""
        if job.attempts + 1 >= self._tasks[job.task_name].retry.max_attempts:
            self._keep_error(session, job, "Interrupted: the worker was gone")
            params = {"job_id": job.id, "status": "failed", "delete_job": False}
            session.connection.execute(sql.queries["finish_job"], params)
        elif not _merge(session, job, datetime.now(UTC)):
            unchanged = dict.fromkeys(("new_priority", "new_queue_name", "new_lock"))
            again = {"job_id": job.id, "retry_at": datetime.now(UTC), **unchanged}
            session.connection.execute(sql.queries["retry_job"], again)

    def _keep_error(self, session: Session, job: Job, error: str) -> None:
        at = to_micros(self._clock.now())
        session.execute(_KEEP_ERROR, {"job_id": job.id, "error": error, "at": at})


def _merge(session: Session, job: Job, at: datetime) -> bool:
    """Whether another of the same key waits; then it goes at ``at`` at the latest and ``job`` is gone."""
    moved = _move_forward(session, job.evolve(scheduled_at=at))
    if moved:
        session.connection.execute(_FORGET, {"id": job.id})
    return moved


def _move_forward(session: Session, job: Job) -> bool:
    if job.queueing_lock is None:
        return False
    params = {"lock": job.queueing_lock, "at": job.scheduled_at, "priority": job.priority}
    return bool(session.connection.execute(_MOVE_FORWARD, params).rowcount)


def _key(row: Mapping[str, Any]) -> str | None:
    lock = row["queueing_lock"]
    return None if lock is None else lock.removeprefix(f"{row['task_name']}:")


def _one(session: Session, query: str, **params: Any) -> dict[str, Any] | None:
    return next(iter(_all(session, query, **params)), None)


def _all(session: Session, query: str, **params: Any) -> list[dict[str, Any]]:
    with session.connection.cursor(row_factory=dict_row) as cursor:
        return list(cursor.execute(query, params).fetchall())
