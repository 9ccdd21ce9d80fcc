"""A process that takes a job and then hangs in it, for a test to kill: python -m tests.jobs.dying_worker URL."""

from __future__ import annotations

import asyncio
import sys

from saleor_amazonpay.jobs.registry import Tasks
from saleor_amazonpay.storage.engine import Database
from tests.jobs.test_engines import engine


async def hang(_args):
    sys.stdout.write("running\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main(url):
    tasks = Tasks()
    tasks.register("note", hang)
    async with Database.connect(url) as database:
        await engine(database, tasks).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
