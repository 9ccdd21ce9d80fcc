"""One contract, two engines."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from saleor_amazonpay.clock import MovableClock, SystemClock
from saleor_amazonpay.jobs.embedded import EmbeddedJobs
from saleor_amazonpay.jobs.procrastinate_engine import ProcrastinateJobs
from saleor_amazonpay.jobs.queue import JobEngine
from saleor_amazonpay.jobs.registry import RetryLater, RetryPolicy, Tasks
from saleor_amazonpay.jobs.worker import PERIODIC_KEY, job_worker
from saleor_amazonpay.storage.engine import Database
from saleor_amazonpay.storage.times import to_micros

WITHIN = 15.0  # seconds an expected thing may take before the test fails; none is ever waited out


class Runs:
    """A handler that notes its runs, and waits where a test tells it to."""

    def __init__(self):
        self.args = []
        self.happened = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.outcomes = []
        self.finished = []

    async def __call__(self, args):
        self.args.append(dict(args))
        self.happened.set()
        await self.gate.wait()
        if self.outcomes and (error := self.outcomes.pop(0)) is not None:
            raise error
        self.finished.append(dict(args))

    async def until(self, count):
        async with asyncio.timeout(WITHIN):
            while len(self.args) < count:
                self.happened.clear()
                await self.happened.wait()


async def eventually(condition):
    async with asyncio.timeout(WITHIN):
        while not await condition():  # noqa: ASYNC110  # the fact is in the database, nobody signals it
            await asyncio.sleep(0.02)


def engine(database, tasks, clock=None, **options) -> JobEngine:
    kind = {"sqlite": EmbeddedJobs, "postgresql": ProcrastinateJobs}[database.dialect]
    return kind(database, tasks, clock, **{"poll": 0.1, "lease": 1.0, **options})


@asynccontextmanager
async def started(jobs):
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.stop(grace=5.0)


@pytest.fixture
def runs():
    return Runs()


@pytest.fixture
def tasks(runs):
    tasks = Tasks()
    tasks.register("note", runs, RetryPolicy(max_attempts=3, first_wait=0.01, longest_wait=0.02))
    return tasks


@pytest.fixture
def jobs(database, tasks):
    return engine(database, tasks)


@pytest.fixture
def defer(database, jobs):
    async def defer(task="note", **options):
        await database.run(lambda session: jobs.defer(session, task, **options))

    return defer


def later(**by):
    return SystemClock().now() + timedelta(**by)


class TestChoice:
    async def test_the_engine_goes_with_the_database(self, database, tasks):
        kind = {"sqlite": EmbeddedJobs, "postgresql": ProcrastinateJobs}[database.dialect]
        assert isinstance(job_worker(database, tasks), kind)


class TestDeferring:
    async def test_a_deferred_job_runs_with_its_arguments_and_is_gone(self, jobs, defer, runs):
        await defer(args={"text": "注文", "number": 7, "list": [1, None, True], "object": {"a": "b"}})
        await jobs.run_due()
        assert runs.args == [{"text": "注文", "number": 7, "list": [1, None, True], "object": {"a": "b"}}]
        depth = await jobs.depth()
        assert (depth.waiting, depth.running, depth.dead, depth.oldest_age) == (0, 0, 0, 0.0)

    async def test_a_running_worker_takes_it_up(self, jobs, defer, runs):
        async with started(jobs):
            await defer(args={"n": 1})
            await runs.until(1)
        assert runs.finished == [{"n": 1}]

    async def test_it_vanishes_with_the_rollback(self, database, jobs, runs):
        def fails(session):
            jobs.defer(session, "note", key="k", args={})
            raise LookupError("no")

        with pytest.raises(LookupError):
            await database.run(fails)
        assert (await jobs.depth()).waiting == 0
        await jobs.run_due()
        assert runs.args == []

    async def test_what_is_not_due_waits(self, jobs, defer, runs):
        await defer(run_at=later(hours=1))
        await jobs.run_due()
        assert runs.args == []
        assert (await jobs.depth()).waiting == 1

    async def test_it_runs_when_its_time_comes(self, jobs, defer, runs):
        async with started(jobs):
            await defer(run_at=later(seconds=0.3))
            assert runs.args == []
            await runs.until(1)

    async def test_a_job_may_defer_another(self, database, jobs, tasks, defer, runs):
        async def first(_args):
            await database.run(lambda session: jobs.defer(session, "note", args={"from": "first"}))

        tasks.register("first", first)
        await defer("first")
        await jobs.run_due()
        assert runs.args == [{"from": "first"}]

    async def test_a_higher_priority_goes_first(self, database, tasks, runs):
        jobs = engine(database, tasks, concurrency=1)
        for priority in (0, 5, 1):
            await database.run(
                lambda session, priority=priority: jobs.defer(session, "note", args={"p": priority}, priority=priority)
            )
        await jobs.run_due()
        assert [args["p"] for args in runs.args] == [5, 1, 0]

    async def test_a_task_this_version_does_not_know_waits_for_one_that_does(self, jobs, defer, runs):
        await defer("from_the_future")
        await jobs.run_due()
        depth = await jobs.depth()
        assert (depth.waiting, depth.dead) == (1, 0)


class TestKeys:
    async def test_while_one_waits_no_second_is_made(self, jobs, defer, runs):
        await defer(key="a", args={"n": 1})
        await defer(key="a", args={"n": 2})
        await defer(key="b", args={"n": 3})
        assert (await jobs.depth()).waiting == 2
        await jobs.run_due()
        assert sorted(args["n"] for args in runs.args) == [1, 3]

    async def test_the_same_key_of_another_task_is_another_job(self, jobs, tasks, defer, runs):
        tasks.register("other", runs)
        await defer("note", key="a")
        await defer("other", key="a")
        assert (await jobs.depth()).waiting == 2

    async def test_without_a_key_each_is_its_own(self, jobs, defer, runs):
        await defer()
        await defer()
        await jobs.run_due()
        assert len(runs.args) == 2

    async def test_an_earlier_time_moves_the_waiting_one_forward(self, jobs, defer, runs):
        await defer(key="a", run_at=later(hours=1))
        await defer(key="a")
        await jobs.run_due()
        assert len(runs.args) == 1

    async def test_a_later_time_does_not_hold_it_back(self, jobs, defer, runs):
        await defer(key="a")
        await defer(key="a", run_at=later(hours=1))
        await jobs.run_due()
        assert len(runs.args) == 1

    async def test_twice_in_one_transaction_is_once_and_spoils_nothing_else(self, database, jobs, runs):
        def twice(session):
            jobs.defer(session, "note", key="a")
            jobs.defer(session, "note", key="a")
            jobs.defer(session, "note", key="b")

        await database.run(twice)
        assert (await jobs.depth()).waiting == 2

    async def test_while_one_runs_one_more_may_wait_for_its_end(self, jobs, defer, runs):
        runs.gate.clear()
        async with started(jobs):
            await defer(key="a", args={"n": 1})
            await runs.until(1)
            await defer(key="a", args={"n": 2})
            await defer(key="a", args={"n": 3})
            depth = await jobs.depth()
            assert (depth.waiting, depth.running) == (1, 1)
            assert runs.args == [{"n": 1}]
            runs.gate.set()
            await runs.until(2)
        assert runs.finished == [{"n": 1}, {"n": 2}]

    async def test_a_failed_run_joins_the_one_that_waits(self, jobs, defer, runs):
        runs.gate.clear()
        runs.outcomes = [ValueError("first"), None]
        async with started(jobs):
            await defer(key="a", args={"n": 1})
            await runs.until(1)
            await defer(key="a", args={"n": 2}, run_at=later(hours=1))
            runs.gate.set()
            await runs.until(2)
        assert runs.args == [{"n": 1}, {"n": 2}]
        assert (await jobs.depth()).waiting == 0


class TestFailure:
    async def test_a_failed_run_is_tried_again(self, jobs, defer, runs):
        runs.outcomes = [ValueError("no"), None]
        async with started(jobs):
            await defer(args={"n": 1})
            await runs.until(2)
        assert runs.finished == [{"n": 1}]

    async def test_after_the_last_attempt_it_is_dead_and_its_error_kept(self, jobs, defer, runs):
        runs.outcomes = [ValueError("no 1"), ValueError("no 2"), ValueError("no 3")]
        async with started(jobs):
            await defer(key="a", args={"n": 1})
            await eventually(lambda: has_dead(jobs))
        [dead] = await jobs.dead_jobs()
        assert (dead.task, dead.key, dead.args, dead.attempts) == ("note", "a", {"n": 1}, 3)
        assert dead.last_error == "ValueError: no 3"
        assert (await jobs.depth()).dead == 1

    async def test_a_dead_job_leaves_its_key_free(self, jobs, defer, runs):
        runs.outcomes = [ValueError("no")] * 3
        async with started(jobs):
            await defer(key="a", args={"n": 1})
            await eventually(lambda: has_dead(jobs))
            await defer(key="a", args={"n": 2})
            await runs.until(4)
        assert runs.finished == [{"n": 2}]

    async def test_a_dead_job_can_be_retried_with_all_its_attempts(self, jobs, defer, runs):
        runs.outcomes = [ValueError("no")] * 5
        async with started(jobs):
            await defer(args={"n": 1})
            await eventually(lambda: has_dead(jobs))
            [dead] = await jobs.dead_jobs()
            assert await jobs.retry_dead(dead.id)
            await runs.until(6)
        assert runs.finished == [{"n": 1}]
        assert await jobs.dead_jobs() == []
        assert not await jobs.retry_dead(dead.id)

    async def test_a_retried_dead_job_joins_the_one_that_waits(self, jobs, defer, runs):
        runs.outcomes = [ValueError("no")] * 3
        async with started(jobs):
            await defer(key="a", args={"n": 1})
            await eventually(lambda: has_dead(jobs))
        await defer(key="a", args={"n": 2}, run_at=later(hours=1))
        [dead] = await jobs.dead_jobs()
        assert await jobs.retry_dead(dead.id)
        await jobs.run_due()
        assert runs.finished == [{"n": 2}]
        assert await jobs.dead_jobs() == []

    async def test_a_handler_may_say_when_to_come_again(self, jobs, defer, runs):
        runs.outcomes = [RetryLater(3600, "not decided")]
        await defer()
        await jobs.run_due()
        assert len(runs.args) == 1
        assert (await jobs.depth()).waiting == 1

    async def test_coming_again_counts_as_an_attempt(self, jobs, defer, runs):
        runs.outcomes = [RetryLater(0, "not decided")] * 3
        async with started(jobs):
            await defer()
            await eventually(lambda: has_dead(jobs))
        assert len(runs.args) == 3
        assert (await jobs.dead_jobs())[0].last_error == "RetryLater: not decided"


async def has_dead(jobs):
    return (await jobs.depth()).dead == 1


class TestStopping:
    async def test_a_running_job_is_finished_first(self, jobs, defer, runs):
        runs.gate.clear()
        await jobs.start()
        await defer(args={"n": 1})
        await runs.until(1)
        stopping = asyncio.create_task(jobs.stop(grace=WITHIN))
        await asyncio.sleep(0)
        runs.gate.set()
        await stopping
        assert runs.finished == [{"n": 1}]
        assert (await jobs.depth()).waiting == 0

    async def test_what_is_not_done_in_time_is_handed_back(self, jobs, defer, runs):
        runs.gate.clear()
        await jobs.start()
        await defer(key="a", args={"n": 1})
        await runs.until(1)
        await jobs.stop(grace=0.05)
        depth = await jobs.depth()
        assert (depth.waiting, depth.running) == (1, 0)
        runs.gate.set()
        await jobs.run_due()
        assert runs.finished == [{"n": 1}]

    async def test_a_stopped_worker_can_be_started_again(self, jobs, defer, runs):
        async with started(jobs):
            pass
        async with started(jobs):
            await defer()
            await runs.until(1)


class TestManyRunners:
    async def test_two_workers_run_each_job_exactly_once(self, database, database_url, jobs, tasks, runs):
        def defer_all(session):
            for number in range(60):
                jobs.defer(session, "note", key=f"k{number}", args={"n": number})

        await database.run(defer_all)
        async with Database.connect(database_url) as second, started(jobs), started(engine(second, tasks)):
            await runs.until(60)

            async def is_empty():
                depth = await jobs.depth()
                return depth.waiting + depth.running == 0

            await eventually(is_empty)
        assert sorted(args["n"] for args in runs.args) == list(range(60))


def taken_for_dead(session):
    """What another replica does with the running job of a worker that has given no sign of life."""
    if session.dialect == "sqlite":
        session.connection.execute("UPDATE jobs SET state = 'waiting', lease_token = NULL, leased_until = NULL")
    else:
        session.connection.execute(
            "UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1 WHERE status = 'doing'"
        )


class TestLateWorker:
    """It was taken for dead, another took its job over; then it comes to the end of its run."""

    async def test_it_does_not_end_a_job_that_is_no_longer_its_own(self, database, tasks, defer, runs):
        await defer(key="a", args={"n": 1})
        runs.gate.clear()
        async with started(engine(database, tasks, concurrency=1, lease=30.0)):
            await runs.until(1)
            await database.run(taken_for_dead)
            runs.gate.set()
            await runs.until(2)
        assert runs.args == [{"n": 1}] * 2

    async def test_its_failure_changes_nothing_either(self, database, tasks, jobs, defer, runs):
        await defer(key="a", args={"n": 1})
        runs.gate.clear()
        runs.outcomes = [RetryLater(3600.0, "not now"), None]
        async with started(engine(database, tasks, concurrency=1, lease=30.0)):
            await runs.until(1)
            await database.run(taken_for_dead)
            runs.gate.set()
            await runs.until(2)
        assert (await jobs.depth()).waiting == 0


class TestWithoutJob:
    """Which promises have nobody to keep them."""

    def among(self, database, jobs, *keys):
        return database.run(lambda session: jobs.without_job(session, "note", keys))

    async def test_what_waits_or_was_given_up_has_one(self, database, jobs, tasks, defer, runs):
        tasks.register("other", runs)
        runs.outcomes = [ValueError("no")] * 3
        async with started(jobs):
            await defer(key="dead")
            await eventually(lambda: has_dead(jobs))
        await defer(key="waiting", run_at=later(hours=1))
        await defer("other", key="b", run_at=later(hours=1))
        assert await self.among(database, jobs, "dead", "b", "waiting", "a", "b") == ["b", "a"]
        assert await self.among(database, jobs) == []

    async def test_what_runs_has_one(self, database, jobs, defer, runs):
        runs.gate.clear()
        async with started(jobs):
            await defer(key="running")
            await runs.until(1)
            assert await self.among(database, jobs, "running", "a") == ["a"]
            runs.gate.set()


class TestPeriodic:
    @pytest.fixture
    def turns(self, tasks):
        turns = Runs()

        async def sweep():
            await turns({})

        tasks.register_periodic("sweep", sweep, seconds=3600)
        return turns

    async def test_replicas_have_one_turn_between_them(self, database, database_url, jobs, tasks, turns):
        async with Database.connect(database_url) as second, started(jobs), started(engine(second, tasks)):
            assert (await jobs.depth()).waiting == 1
            await self.bring_forward(database, jobs)
            await eventually(lambda: self.only_the_next_waits(jobs))
        assert len(turns.args) == 1

    async def test_one_that_fails_has_its_next_turn(self, database, jobs, turns):
        turns.outcomes = [ValueError("no")]
        async with started(jobs):
            await self.bring_forward(database, jobs)
            await turns.until(1)
            await eventually(lambda: self.only_the_next_waits(jobs))
        assert await jobs.dead_jobs() == []

    async def test_a_turn_does_not_come_again_where_the_clock_is_behind(self, database, tasks, turns):
        behind = MovableClock()
        behind.move(hours=-2)
        jobs = engine(database, tasks, clock=behind)
        slot = tasks.periodic[0].slot_after(SystemClock().now())
        await database.run(lambda session: jobs.defer(session, "sweep", args={"slot": to_micros(slot)}))
        planned = []
        defer = jobs.defer
        jobs.defer = lambda session, task, **how: planned.append(how["run_at"]) or defer(session, task, **how)
        await jobs.run_due()
        assert len(turns.args) == 1
        assert planned == [slot + timedelta(hours=1)]

    async def bring_forward(self, database, jobs):
        await database.run(lambda session: jobs.defer(session, "sweep", key=PERIODIC_KEY))

    async def only_the_next_waits(self, jobs):
        depth = await jobs.depth()
        return (depth.waiting, depth.running, depth.oldest_age) == (1, 0, 0.0)


class TestDepth:
    async def test_the_age_is_that_of_the_oldest_due_job(self, jobs, defer):
        await defer(run_at=later(seconds=-30))
        await defer()
        await defer(run_at=later(hours=1))
        depth = await jobs.depth()
        assert depth.waiting == 3
        assert 29 < depth.oldest_age < 60
