from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from saleor_amazonpay.jobs.registry import RetryPolicy, Tasks
from saleor_amazonpay.jobs.worker import PERIODIC_KEY
from saleor_amazonpay.storage.engine import Database
from tests.jobs.test_engines import WITHIN, Runs, engine, eventually, has_dead, started

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def hanging_in_a_job(url):
    """A real process that is running the job, killed with -9 at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.jobs.dying_worker", url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        async with asyncio.timeout(WITHIN * 2):
            assert await process.stdout.readline() == b"running\n"
        yield
    finally:
        process.kill()
        await process.communicate()


def worker(database, handler, **policy):
    tasks = Tasks()
    tasks.register("note", handler, RetryPolicy(**policy))
    return engine(database, tasks)


class TestKilledWorker:
    async def test_its_job_is_taken_over_and_run_once(self, database, database_url):
        runs = Runs()
        jobs = worker(database, runs)
        await database.run(lambda session: jobs.defer(session, "note", key="a", args={"n": 1}))
        async with hanging_in_a_job(database_url):
            await jobs.run_due()
            assert runs.args == []  # it is running, in the process that lives
        async with started(jobs):
            await runs.until(1)
        assert runs.args == [{"n": 1}]
        assert (await jobs.depth()).running == 0

    async def test_its_job_joins_one_of_the_same_key_that_waits(self, database, database_url):
        runs = Runs()
        jobs = worker(database, runs)
        await database.run(lambda session: jobs.defer(session, "note", key="a", args={"n": 1}))
        async with hanging_in_a_job(database_url):
            await database.run(lambda session: jobs.defer(session, "note", key="a", args={"n": 2}))
        async with started(jobs):
            await runs.until(1)
        assert runs.args == [{"n": 2}]
        assert (await jobs.depth()).waiting == 0

    async def test_a_job_that_keeps_killing_its_process_ends_dead(self, database, database_url):
        runs = Runs()
        jobs = worker(database, runs, max_attempts=1)
        await database.run(lambda session: jobs.defer(session, "note", args={"n": 1}))
        async with hanging_in_a_job(database_url):
            pass
        async with started(jobs):
            await eventually(lambda: has_dead(jobs))
        assert runs.args == []
        assert (await jobs.dead_jobs())[0].last_error == "Interrupted: the worker was gone"

    async def test_a_periodic_turn_is_taken_over_and_its_series_goes_on(self, database, database_url):
        runs = Runs()

        async def sweep():
            await runs({})

        tasks = Tasks()
        tasks.register_periodic("note", sweep, seconds=3600)
        jobs = engine(database, tasks)
        await database.run(lambda session: jobs.defer(session, "note", key=PERIODIC_KEY, args={"slot": 0}))
        async with hanging_in_a_job(database_url):
            pass
        async with started(jobs):
            await runs.until(1)
            await eventually(lambda: only_waits(jobs))
        assert await jobs.dead_jobs() == []


async def only_waits(jobs):
    depth = await jobs.depth()
    return (depth.waiting, depth.running) == (1, 0)


class TestLostLease:
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    async def test_a_run_that_lost_its_lease_settles_nothing(self, database):
        runs = Runs()
        runs.gate.clear()
        jobs = worker(database, runs)
        await database.run(lambda session: jobs.defer(session, "note", args={"n": 1}))
        async with started(jobs):
            await runs.until(1)
            await database.run(
                lambda session: session.connection.execute("UPDATE jobs SET lease_token = 'another'") and None
            )

            async def is_cancelled():
                return not jobs._running

            await eventually(is_cancelled)
        assert runs.finished == []
        assert (await jobs.depth()).running == 1


class TestLostDatabase:
    async def test_the_worker_comes_back_when_its_connections_were_cut(self, postgresql_url, postgresql_cluster):
        runs = Runs()
        async with Database.connect(postgresql_url) as database:
            jobs = worker(database, runs)
            async with started(jobs):
                name = postgresql_url.rpartition("/")[2]
                postgresql_cluster.execute(
                    f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
                )
                await database.run(lambda session: jobs.defer(session, "note", args={"n": 1}))
                await runs.until(1)
        assert runs.finished == [{"n": 1}]
