"""The real app in a process of its own, able to kill itself with -9 at a named step of its work.

Nothing in the app knows of this: the seams (a transaction, a request to Amazon, a report to Saleor, the answer to a
webhook) are wrapped from outside, in the child process only. ``passed`` is called wherever a step lies; the process
dies at the n-th passing, counted over all replicas in one file, and not before a test has made that file.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from fcntl import LOCK_EX, flock
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from saleor_amazonpay.amazonpay import transport as amazon_transport
from saleor_amazonpay.amazonpay.client import AmazonPayClient
from saleor_amazonpay.app import create_app
from saleor_amazonpay.handlers import tasks
from saleor_amazonpay.handlers.billing import scanning
from saleor_amazonpay.handlers.operations import rounds
from saleor_amazonpay.jobs import embedded, procrastinate_engine  # noqa: F401 - imported once, before the processes fork
from saleor_amazonpay.observability.logging import configure
from saleor_amazonpay.saleor.client import SaleorClient
from saleor_amazonpay.saleor.renewal_orders import RenewalOrders
from saleor_amazonpay.serving import Server
from saleor_amazonpay.settings import Settings
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import reports as report_rows
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.postgresql import PostgresqlDatabase
from saleor_amazonpay.storage.sqlite import SqliteDatabase

READY, MOVES_MONEY = "ready", frozenset({"POST", "DELETE"})


@dataclass(frozen=True)
class Kill:
    """Die at the ``passing``-th time any replica passes ``point``, once ``counter`` exists."""

    point: str
    passing: int
    counter: Path

    def passed(self, point: str) -> None:
        if point == self.point and self.counter.exists() and self._count() == self.passing:
            os.kill(os.getpid(), signal.SIGKILL)

    def _count(self) -> int:
        with self.counter.open("ab") as file:
            flock(file, LOCK_EX)
            file.write(b".")
            file.flush()
            return file.tell()


def serve(values: dict[str, Any], port: int, kill: Kill | None, log: Path, lifeline: Connection) -> None:
    """Serve until killed, or until the test process is gone: then ``lifeline`` ends."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    configure(log_format="json", log_level="INFO")
    _look_for_due_schedules_often()
    app: Any = create_app(Settings(**values))
    if kill is not None:
        wrap_storage(kill)
        wrap_amazon(kill)
        wrap_saleor(kill)
        app = answering(app, kill)
    uvloop.run(_serve(app, port, lifeline))


def _look_for_due_schedules_often() -> None:
    run, _ = tasks._SWEEPS["sweep_schedules"]
    tasks._SWEEPS = {**tasks._SWEEPS, "sweep_schedules": (run, 0.3)}  # type: ignore[misc]
    scanning._OVERDUE = timedelta(seconds=0.3)  # type: ignore[misc]


async def _serve(app: Any, port: int, lifeline: Connection) -> None:
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="on")
    server = Server(config)
    asyncio.get_running_loop().add_reader(lifeline.fileno(), lambda: os._exit(0))
    running = asyncio.create_task(server.serve())
    while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    lifeline.send(READY)
    await running


# --- where steps lie


def wrap_storage(kill: Kill) -> None:
    """Around the commit of a transaction: marked by what was written in it."""
    marks = threading.local()  # a transaction is one synchronous function in one thread

    def marking(module: Any, name: str, mark: str) -> None:
        original = getattr(module, name)

        @functools.wraps(original)
        def marked(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            marks.seen.add(mark)
            return result

        setattr(module, name, marked)

    marking(operation_rows, "insert_calls", "intent")
    marking(rounds, "settle", "settle")
    marking(report_rows, "delivered", "delivered")
    marking(renewal_rows, "change", "renewal")
    for database in (SqliteDatabase, PostgresqlDatabase):
        _wrap_run(database, marks, kill.passed)


def _wrap_run(database: Any, marks: Any, passed: Callable[[str], None]) -> None:
    original = database.run

    async def run(self: Any, work: Any) -> Any:
        written: set[str] = set()

        def marked(session: Any) -> Any:
            marks.seen = set()
            result = work(session)
            written.update(marks.seen)
            _each(passed, "before the {} commit", marks.seen)
            return result

        result = await original(self, marked)
        _each(passed, "after the {} commit", written)
        return result

    database.run = run


def _each(passed: Callable[[str], None], point: str, marks: Iterable[str]) -> None:
    for mark in sorted(marks):
        passed(point.format(mark))


def wrap_amazon(kill: Kill) -> None:
    """Around one CV2 request: not sent yet; done and its answer on the way; answer read."""
    send, execute, read_body = (
        amazon_transport.AiohttpTransport.send,
        AmazonPayClient.execute,
        amazon_transport._capped,
    )

    async def sending(self: Any, method: str, *args: Any) -> Any:
        kill.passed("before the call" if method in MOVES_MONEY else "before the read-back")
        return await send(self, method, *args)

    async def reading(response: Any) -> bytes:
        if response.method in MOVES_MONEY:
            kill.passed("call done")
        return await read_body(response)

    async def executing(self: Any, request: Any, **kwargs: Any) -> Any:
        answer = await execute(self, request, **kwargs)
        if request.method in MOVES_MONEY:
            kill.passed("answer read")
        return answer

    amazon_transport.AiohttpTransport.send = sending  # type: ignore[method-assign]
    amazon_transport._capped = reading
    AmazonPayClient.execute = executing  # type: ignore[method-assign]


def wrap_saleor(kill: Kill) -> None:
    """Around one report."""
    report = SaleorClient.report_transaction_event

    async def reporting(self: Any, *args: Any, **kwargs: Any) -> Any:
        kill.passed("before the report")
        answer = await report(self, *args, **kwargs)
        kill.passed("report accepted")
        return answer

    SaleorClient.report_transaction_event = reporting  # type: ignore[method-assign]
    _wrap_renewal_orders(kill)


def _wrap_renewal_orders(kill: Kill) -> None:
    """Around what a renewal asks of Saleor: not sent yet; done and not known to be."""
    execute = RenewalOrders._execute

    async def executing(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("mutations/"):
            kill.passed("before the renewal's mutation")
        answer = await execute(self, name, *args, **kwargs)
        if name.startswith("mutations/"):
            kill.passed("the renewal's mutation done")
        return answer

    RenewalOrders._execute = executing  # type: ignore[method-assign]


def answering(app: Any, kill: Kill) -> Any:
    """Around the answer to a webhook."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        # One that came before the step counts may be answered after it does: the test goes on with the last byte.
        is_webhook = (
            scope["type"] == "http" and scope["path"].startswith("/api/webhooks/saleor/") and kill.counter.exists()
        )

        async def receiving() -> Any:
            message = await receive()
            if is_webhook and message["type"] == "http.request" and not message.get("more_body"):
                kill.passed("request read")
            return message

        async def sending(message: Any) -> None:
            if is_webhook and message["type"] == "http.response.start":
                kill.passed("before the answer")
            await send(message)
            if is_webhook and message["type"] == "http.response.body" and not message.get("more_body"):
                kill.passed("answer sent")

        await app(scope, receiving, sending)

    return wrapped
