"""A shop whose app runs in processes of its own, which may die: the simulated Amazon and Saleor stay alive here.

On SQLite one process owns the file and is started again on it; on PostgreSQL two replicas run and the other goes on.
Everything reaches them through one address, as through a balancer that answers nothing by itself. Time is real.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import multiprocessing.connection
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select

from saleor_amazonpay.clock import SystemClock
from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator, SimulatorOptions
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.saleor.standin import Options
from saleor_amazonpay.sandbox.serving import free_port, listening
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Database, Session, Statement
from saleor_amazonpay.storage.tables import notifications, operations, reports
from tests.durability import server
from tests.harness import saleor_key
from tests.journeys import shop as journeys

SECRET_KEY = "s" * 48
STARTS_WITHIN, DIES_WITHIN, QUIET_WITHIN = 60.0, 30.0, 120.0
SHORT_TIMES = {  # so that what waits for a lease, a look or a safety net is over in a second
    "worker": "embedded",
    "claim_seconds": 1.0,
    "rate_limit_factor": 1000.0,
    "poll_seconds": 0.1,
    "report_delay_seconds": 1,
    "job_lease_seconds": 1.0,
    "same_request_seconds": 1,
    "answer_budget_seconds": 3.0,
}

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.durability.server"])


class Balancer:
    """Passes connections on to the replicas in turn; when one dies its connections break, and nothing answers 502."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self._turn = 0
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        listener = await asyncio.start_server(self._accept, "127.0.0.1", port)
        try:
            yield
        finally:
            listener.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await self._replica()
        if upstream is None:
            writer.close()
            return
        pumps = [asyncio.create_task(_pump(reader, upstream[1])), asyncio.create_task(_pump(upstream[0], writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (upstream[1], writer):
                end.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _replica(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.ports)):
            self._turn += 1
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self.ports[self._turn % len(self.ports)])
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


class Replica:
    """One process of the app."""

    def __init__(self, values: dict[str, Any], kill: server.Kill | None, log: Path) -> None:
        self.port = free_port()
        self._log = log
        self._lifeline, theirs = _processes.Pipe()
        self.process = _processes.Process(target=server.serve, args=(values, self.port, kill, log, theirs), daemon=True)
        self.process.start()
        theirs.close()

    async def ready(self) -> None:
        in_time = await asyncio.to_thread(self._lifeline.poll, STARTS_WITHIN)
        try:
            assert in_time
            assert self._lifeline.recv() == server.READY
        except EOFError:
            raise AssertionError(f"The app did not start: {self._log.read_text()[-2000:]}") from None

    @property
    def was_killed(self) -> bool:
        return self.process.exitcode == -9

    def retire(self) -> None:
        """SIGTERM: it takes no more connections, finishes what it has begun and ends."""
        self.process.terminate()
        self.process.join(DIES_WITHIN)
        assert self.process.exitcode in {0, -signal.SIGTERM}  # uvicorn ends as if the signal had killed it

    def kill(self) -> None:
        self.process.kill()
        self.process.join(DIES_WITHIN)
        self._lifeline.close()


@dataclass
class World(journeys.Shop):
    """A ``Shop`` whose app may die."""

    database: Database = None  # type: ignore[assignment]
    balancer: Balancer = field(default_factory=Balancer)
    values: dict[str, Any] = field(default_factory=dict)
    log: Path = Path()
    plan: server.Kill | None = None
    replicas: list[Replica] = field(default_factory=list)

    @property
    def planned(self) -> int:
        """How many replicas there should be."""
        return 2 if self.database.dialect == "postgresql" else 1

    async def start(self, *, dying: bool = True) -> None:
        """One more replica; unless ``dying`` it never kills itself."""
        replica = Replica(self.values, self.plan if dying else None, self.log)
        self.replicas.append(replica)
        await replica.ready()
        self.balancer.ports.append(replica.port)

    def remove(self, replica: Replica) -> None:
        """It is gone; the balancer notices."""
        replica.kill()
        self.replicas.remove(replica)
        if replica.port in self.balancer.ports:  # it may not have come up yet
            self.balancer.ports.remove(replica.port)

    async def retire(self, replica: Replica) -> None:
        """It ends of its own accord; the balancer finds that out by itself."""
        await asyncio.to_thread(replica.retire)
        self.remove(replica)

    def arm(self) -> None:
        """From now on passing the step counts."""
        assert self.plan is not None
        self.plan.counter.touch()

    async def killed(self) -> None:
        """Wait until a replica has killed itself, and go on with another one."""
        sentinels = [replica.process.sentinel for replica in self.replicas]
        await asyncio.to_thread(multiprocessing.connection.wait, sentinels, DIES_WITHIN)
        dead = [replica for replica in self.replicas if replica.process.exitcode is not None]
        assert [replica.was_killed for replica in dead] == [True], f"{self.plan} was never passed"
        await self.replace(dead[0])

    async def replace(self, dead: Replica) -> None:
        """On PostgreSQL the others simply go on; where none is left a new process opens the same database."""
        self.remove(dead)
        if not self.replicas:
            await self.start(dying=False)

    async def decided(self) -> None:
        """Wait until every operation is settled; on a busy machine an answer may have been "not known yet"."""
        async with asyncio.timeout(QUIET_WITHIN):
            while await self.database.read(lambda session: session.scalar(_OPEN)):  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.05)
        await self.saleor.settle()

    async def quiet(self) -> None:
        """Wait until nothing is under way: every operation settled, every report delivered, the inbox empty."""
        async with asyncio.timeout(QUIET_WITHIN):
            while await self.database.read(_unfinished):  # noqa: ASYNC110 - other processes write it
                await asyncio.sleep(0.05)
        await self.saleor.settle()


def _count(table: Any, is_open: Any) -> Statement:
    return Statement(select(func.count()).select_from(table).where(is_open))


_OPEN = _count(operations, operations.c.state != "settled")
_UNFINISHED = (
    _OPEN,
    _count(reports, reports.c.state == "due"),
    _count(notifications, notifications.c.state == "new"),
)


def _unfinished(session: Session) -> int:
    return sum(session.scalar(statement) for statement in _UNFINISHED)


@asynccontextmanager
async def open_world(
    database_url: str, folder: Path, *, kill: tuple[str, int] | None = None, ipn: bool = False, **changes: Any
) -> AsyncIterator[World]:
    """A shop with its app running; ``kill`` names the step, and at which passing, it dies once ``arm`` is called."""
    clock = SystemClock()
    amazon = AmazonPaySimulator(
        clock, options=SimulatorOptions(refund_seconds=0.3, tick_seconds=0.05, ipn_retry_seconds=(0.5,) * 20)
    )
    saleor = SaleorStandIn(clock, options=Options(connect_timeout=18.0, retry_scale=0.001), key=saleor_key())
    plan = server.Kill(kill[0], kill[1], folder / "passings") if kill else None
    async with AsyncExitStack() as stack:
        amazon.url = await stack.enter_async_context(listening(amazon.app))
        saleor.public_url = await stack.enter_async_context(listening(saleor.app))
        stack.push_async_callback(saleor.close)
        balancer, port = Balancer(), free_port()
        await stack.enter_async_context(balancer.listening(port))
        app_url = f"http://127.0.0.1:{port}"
        values = {**_values(database_url, app_url, amazon.url), **SHORT_TIMES, **changes}
        database = await stack.enter_async_context(Database.connect(database_url, pool_size=2))
        world = World(
            amazon, saleor, None, None, clock, app_url, amazon.url, {},  # type: ignore[arg-type]
            database, balancer, values, folder / "app.log", plan,
        )  # fmt: skip
        stack.callback(_end, world)
        await asyncio.gather(*(world.start() for _ in range(world.planned)))
        world.app = await saleor.install_app(f"{app_url}/api/manifest")
        secrets = SecretBox(values["secret_key"])
        services = SimpleNamespace(clock=clock, database=database, secrets=secrets)
        world.accounts = await journeys._add_accounts(amazon, saleor, SimpleNamespace(services=services))
        if ipn:
            for region, account_id in zip(("jp", "na"), world.accounts.values(), strict=True):
                merchant_id = f"A{region.upper()}MERCHANT0001"[:14]
                amazon.set_ipn_url(merchant_id, f"{app_url}/api/webhooks/amazon-pay/{account_id}")
        yield world


def _values(database_url: str, app_url: str, amazon_url: str) -> dict[str, Any]:
    """The settings of a shop, as what a process can be handed."""
    return journeys.settings(database_url, app_url, amazon_url).model_dump(exclude_unset=True) | {
        "secret_key": SECRET_KEY
    }


def _end(world: World) -> None:
    for replica in list(world.replicas):
        world.remove(replica)
