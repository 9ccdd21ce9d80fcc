"""A tenant's burst does not make the others wait."""

from __future__ import annotations

from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.jobs.registry import Tasks
from saleor_amazonpay.jobs.turns import DRAINED_PER_SECOND, JOBS_PER_ROUND, Turns
from saleor_amazonpay.jobs.worker import job_worker


class TestPriority:
    def test_it_falls_by_one_with_each_round(self):
        turns = Turns(MovableClock())
        given = [turns.priority("a") for _ in range(3 * JOBS_PER_ROUND + 3)]
        assert given[0] == 0
        assert given[JOBS_PER_ROUND + 2] == -1
        assert given[-1] <= -2
        assert given == sorted(given, reverse=True)

    def test_others_are_not_touched(self):
        turns = Turns(MovableClock())
        for _ in range(10 * JOBS_PER_ROUND):
            turns.priority("a")
        assert turns.priority("b") == 0

    def test_time_makes_up_for_it(self):
        clock = MovableClock()
        turns = Turns(clock)
        for _ in range(10 * JOBS_PER_ROUND):
            turns.priority("a")
        clock.move(seconds=10 * JOBS_PER_ROUND / DRAINED_PER_SECOND)
        assert turns.priority("a") == 0


class TestBurst:
    async def test_of_500_jobs_delays_another_tenant_by_about_one_round(self, database):
        order: list[str] = []

        async def note(args):
            order.append(str(args["tenant"]))

        tasks, clock = Tasks(), MovableClock()
        tasks.register("note", note)
        jobs, turns = job_worker(database, tasks, clock, concurrency=2), Turns(clock)

        def ask(session, tenant, count):
            for _ in range(count):
                jobs.defer(session, "note", args={"tenant": tenant}, priority=turns.priority(tenant))

        await database.run(lambda session: ask(session, "busy", 500))
        await database.run(lambda session: ask(session, "quiet", 5))
        await jobs.run_due()
        assert len(order) == 505
        last = max(place for place, tenant in enumerate(order) if tenant == "quiet")
        assert last < 2 * JOBS_PER_ROUND + 5
