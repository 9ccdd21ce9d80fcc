"""``saleor-amazonpay jobs`` as it is typed, beside a running app, on both databases."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
import structlog
from typer.testing import CliRunner

from saleor_amazonpay.cli import app
from saleor_amazonpay.handlers.sweeps import dead_jobs
from saleor_amazonpay.jobs.registry import RetryPolicy
from saleor_amazonpay.storage import problems as problem_rows
from tests.handlers.merchant import open_merchant


@pytest.fixture
async def merchant(database_url):
    async with open_merchant(database_url) as merchant:
        yield merchant


@pytest.fixture
def jobs(merchant, database_url, monkeypatch):
    """Types ``saleor-amazonpay jobs …``; the command has a thread and an event loop of its own."""
    monkeypatch.setattr("saleor_amazonpay.observability.logging.configure", lambda **_: None)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    environment = {
        "SECRET_KEY": "s" * 48,
        "ALLOW_LOCAL_NETWORK": "true",
        "DATABASE_URL": database_url,
        "APP_API_BASE_URL": merchant.url,
    }

    async def run(*arguments):
        return await asyncio.to_thread(CliRunner().invoke, app, ["jobs", *arguments], env=environment)

    yield run
    structlog.reset_defaults()


async def give_up(merchant):
    """A job that could not be done while the code behind it was broken."""

    async def broken(_args):
        raise ValueError("it cannot be done")

    services, tasks = merchant.services, merchant.running.jobs._tasks
    task = dataclasses.replace(tasks["deliver_problem"], handler=broken, retry=RetryPolicy(max_attempts=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tasks._tasks, "deliver_problem", task)
        args = {"api_url": merchant.tenant, "key": "x"}
        await services.database.run(lambda session: services.jobs.defer(session, "deliver_problem", key="x", args=args))
        await merchant.running.jobs.run_due()
    [dead] = await services.jobs.dead_jobs()
    return dead


class TestList:
    async def test_nothing_was_given_up(self, jobs):
        done = await jobs("list")
        assert done.exit_code == 0
        assert done.stdout.rstrip().endswith("0 given up")

    async def test_what_was_given_up_is_shown_with_its_error(self, merchant, jobs):
        dead = await give_up(merchant)
        done = await jobs("list")
        assert done.exit_code == 1
        assert f"{dead.id}  deliver_problem api_url={merchant.tenant}" in done.stdout
        assert "ValueError: it cannot be done" in done.stdout

    async def test_a_script_reads_it_as_json(self, merchant, jobs):
        dead = await give_up(merchant)
        [shown] = json.loads((await jobs("list", "--json")).stdout)["dead"]
        assert (shown["id"], shown["task"], shown["last_error"]) == (dead.id, dead.task, dead.last_error)


class TestRetry:
    async def test_it_runs_again_and_the_merchants_problem_goes(self, merchant, jobs):
        dead = await give_up(merchant)
        services = merchant.services
        await dead_jobs.run(services)
        assert await told(services)
        done = await jobs("retry", str(dead.id))
        assert (done.exit_code, done.stdout) == (0, f"{dead.id}: will run again\n")
        await merchant.running.jobs.run_due()
        assert (await services.jobs.depth()).dead == 0
        await dead_jobs.run(services)
        assert not await told(services)

    async def test_all_at_once(self, merchant, jobs):
        await give_up(merchant)
        assert (await jobs("retry", "--all")).exit_code == 0
        assert (await merchant.services.jobs.depth()).dead == 0
        assert "No job was given up" in (await jobs("retry", "--all")).stdout

    async def test_an_id_that_is_none_is_said(self, jobs):
        done = await jobs("retry", "999")
        assert done.exit_code == 1
        assert "no job of this id" in done.stdout

    @pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
    async def test_which_ones_must_be_said(self, jobs, arguments):
        done = await jobs("retry", *arguments)
        assert done.exit_code == 1
        assert "jobs list" in done.stderr


async def told(services):
    problems = await services.database.read(lambda session: problem_rows.with_key(session, dead_jobs.KEY))
    return bool(problems)
