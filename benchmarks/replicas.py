"""Two replicas on PostgreSQL against one: what a webhook costs, and whether they wait for each other's locks.

Each replica has a core, as it has on a machine of its own: two that took turns on one core would turn each other out
of its caches at every step, which costs a fifth and says nothing about replicas. PostgreSQL, Amazon and the sender
share the second core with the second replica, so nothing is said about throughput, and it is the first replica whose
CPU is compared, alone and beside the second. Webhooks come at a pace that all can hold.

Before that both are crowded, as many webhooks in flight as may be, and share a core, so that PostgreSQL has its own: a
lock's holder who is not given the processor would hold it for long. A lock that is waited for longer than 5 ms then is
written to PostgreSQL's log by PostgreSQL itself. ``python -m benchmarks.replicas``; part of ``make bench``. That a
killed replica loses nothing and a rolling upgrade drops nothing is tested, not measured:
``tests/durability/test_chaos.py`` and ``test_rolling_upgrade.py``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks import alone, apps, processes, sender
from benchmarks.apps import Setting
from benchmarks.cv2 import CheckoutApi
from benchmarks.payloads import Purchase
from benchmarks.processes import Server
from benchmarks.scenarios import INITIALIZE, WARM_UP, purchases, settle
from tests.databases import Cluster, postgresql_cluster

ROUNDS, IN_FLIGHT = 5, 16
CROWD = 800  # webhooks of each event
LONGEST_LOCK_MS = 5
MOST = 1.1
PACE = {  # of each event: webhooks a second for a replica, and how many of them
    INITIALIZE: (200, 400),
    "transaction_process_session": (60, 400),
    "transaction_charge_requested": (60, 400),
}


class Replicas:
    """Some of the processes; requests are dealt out to them in turn, as by a balancer."""

    def __init__(self, setting: Setting, servers: Sequence[Server]) -> None:
        self._saleor = setting.saleor
        self._servers = servers

    async def fire(self, event: str, bought: Sequence[Purchase], per_second: float = math.inf) -> float:
        """Microseconds of the first one's CPU for one of its webhooks, each of them getting ``per_second``."""
        first, count = self._servers[0], len(self._servers)
        shares = [[self._saleor.webhook(event, each) for each in bought[number::count]] for number in range(count)]
        before = first.cpu_seconds
        volleys = await asyncio.gather(
            *(
                sender.fire(server.port, share, in_flight=IN_FLIGHT // count, keep_alive=True, per_second=per_second)
                for server, share in zip(self._servers, shares, strict=True)
            )
        )
        wrong = sum(volley.errors for volley in volleys)
        if wrong:
            raise RuntimeError(f"{wrong} wrong answers: {[volley.first_error for volley in volleys]}")
        return (first.cpu_seconds - before) / len(shares[0]) * 1e6

    async def at_their_pace(self) -> dict[str, float]:
        """The same by event; each purchase goes through all of them."""
        settle()
        count = len(self._servers)
        bought = purchases(count * max(of_each for _, of_each in PACE.values()))
        return {
            event: await self.fire(event, bought[: of_each * count], per_second)
            for event, (per_second, of_each) in PACE.items()
        }


async def measure(folder: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    amazon = CheckoutApi()
    made = Setting.make(folder, await amazon.listen())
    with ExitStack() as stack:
        cluster = stack.enter_context(postgresql_cluster(shared_preload_libraries="pg_stat_statements"))
        _tell_of_long_locks(cluster)
        setting = replace(made, url=stack.enter_context(cluster.database()))
        await apps.prepare(setting)
        first, second = (stack.enter_context(apps.our_app(setting, log=f"app-{number}.log")) for number in range(2))
        both = Replicas(setting, (first, second))
        crowded = await _crowded(both, _Statements(cluster), _data_folder(cluster))
        long_locks = _long_locks(cluster)
        second.move_to(processes.SENDER_CORE)
        arms = {"one": Replicas(setting, (first,)), "two": both}
        rows = [{name: await replicas.at_their_pace() for name, replicas in arms.items()} for _ in range(rounds)]
    ratios = _ratios(rows)
    return {
        **{f"cpu_us_with_{name}": _medians([row[name] for row in rows]) for name in arms},
        "ratios": {event: round(ratio, 3) for event, ratio in ratios.items()},
        **crowded,
        f"lock_waits_over_{LONGEST_LOCK_MS}_ms": len(long_locks),
        "which_waited": long_locks[:5],
        "is_met": max(ratios.values()) <= MOST and not long_locks,
    }


def _medians(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    return {event: round(median(each[event] for each in figures)) for event in PACE}


def _ratios(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, float]:
    """Of two replicas to one; within a round, since the machine is not as fast in each."""
    return {event: median(row["two"][event] / row["one"][event] for row in rows) for event in PACE}


async def _crowded(replicas: Replicas, statements: _Statements, data: Path) -> dict[str, dict[str, float]]:
    """As much as goes; what a webhook asks of PostgreSQL, a little of it for the background."""
    postmaster = int((data / "postmaster.pid").read_text("ascii").split()[0])
    await replicas.fire(INITIALIZE, purchases(WARM_UP))
    bought = purchases(CROWD)
    told: dict[str, float] = {}
    cpu: dict[str, float] = {}
    for event in PACE:
        before, used = statements.so_far(), processes.cpu_seconds(postmaster)
        await replicas.fire(event, bought)
        told[event] = round((statements.so_far() - before) / CROWD, 2)
        cpu[event] = round((processes.cpu_seconds(postmaster) - used) / CROWD * 1e6)
    return {"statements": told, "cpu_us_of_postgresql": cpu}


class _Statements:
    """How many were run in the databases of the app; PostgreSQL counts them itself."""

    def __init__(self, cluster: Cluster) -> None:
        self._connection = psycopg.connect(cluster.url("postgres"), autocommit=True)
        self._connection.execute("CREATE EXTENSION pg_stat_statements")

    def so_far(self) -> int:
        row = self._connection.execute(
            "SELECT COALESCE(sum(calls), 0) FROM pg_stat_statements JOIN pg_database ON oid = dbid"
            " WHERE datname <> 'postgres'"
        ).fetchone()
        assert row is not None
        return int(row[0])


def _tell_of_long_locks(cluster: Cluster) -> None:
    """PostgreSQL looks for a deadlock after this time, and then says that somebody waits."""
    cluster.execute("ALTER SYSTEM SET log_lock_waits = on")
    cluster.execute(f"ALTER SYSTEM SET deadlock_timeout = '{LONGEST_LOCK_MS}ms'")
    cluster.execute("SELECT pg_reload_conf()")


def _long_locks(cluster: Cluster) -> list[str]:
    """What PostgreSQL wrote of each, with the statement below it."""
    lines = (_data_folder(cluster).parent / "log").read_text("utf-8", "replace").splitlines()
    return ["\n".join(lines[at : at + 4]) for at, line in enumerate(lines) if "still waiting for" in line]


def _data_folder(cluster: Cluster) -> Path:
    with psycopg.connect(cluster.url("postgres")) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    return Path(row[0])


def main() -> None:
    alone.run("replicas", measure)


if __name__ == "__main__":
    main()
