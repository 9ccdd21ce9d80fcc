"""PostgreSQL has transactions that give notice commit one after the other, so only what is due gives one."""

from __future__ import annotations

import itertools
from datetime import timedelta

import psycopg
import pytest

from saleor_amazonpay.clock import SystemClock
from saleor_amazonpay.jobs.procrastinate_engine import ProcrastinateJobs
from saleor_amazonpay.jobs.registry import Tasks
from saleor_amazonpay.storage.engine import Database

CHANNEL = "procrastinate_queue_v1#note"


class Ear:
    """Hears everything on the channel of the task ``note``."""

    def __init__(self, url):
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(f'LISTEN "{CHANNEL}"')

    def heard(self):
        """How many notices were given since it was asked last; they come in order, so its own ends them."""
        self._connection.execute("SELECT pg_notify(%s, 'end')", (CHANNEL,))
        notices = itertools.takewhile(lambda notice: notice.payload != "end", self._connection.notifies())
        return len(list(notices))

    def close(self):
        self._connection.close()


@pytest.fixture
def ear(postgresql_url):
    ear = Ear(postgresql_url)
    yield ear
    ear.close()


@pytest.fixture
async def defer(postgresql_url):
    async with Database.connect(postgresql_url) as database:
        jobs = ProcrastinateJobs(database, Tasks())

        async def defer(seconds, **options):
            run_at = SystemClock().now() + timedelta(seconds=seconds)
            await database.run(lambda session: jobs.defer(session, "note", run_at=run_at, **options))

        yield defer


async def test_a_job_for_later_gives_none(defer, ear):
    await defer(60)
    await defer(60, key="a")
    await defer(30, key="a")
    await defer(90, key="a", priority=1)
    assert ear.heard() == 0


async def test_a_due_job_gives_one(defer, ear):
    await defer(0)
    assert ear.heard() == 1
    await defer(0, key="a")
    assert ear.heard() == 1


async def test_a_waiting_job_gives_one_when_it_becomes_due(defer, ear):
    await defer(60, key="a")
    assert ear.heard() == 0
    await defer(0, key="a")
    assert ear.heard() == 1
