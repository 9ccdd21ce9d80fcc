"""Two replicas on PostgreSQL against one: what a webhook costs, and whether they wait for each other's locks.

Both replicas share one core, PostgreSQL and the sender the other, so nothing is said about throughput. CPU holds what
the core loses by changing between two processes, which two machines do not; the statements are all that a second
replica has done more. A lock that is
waited for longer than 5 ms is written to PostgreSQL's log by PostgreSQL itself. ``python -m benchmarks.replicas``; part
of ``make bench``. That a killed replica loses nothing and a rolling upgrade drops nothing is tested, not measured:
``tests/durability/test_chaos.py`` and ``test_rolling_upgrade.py``.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks import alone, apps, sender
from benchmarks.apps import Setting
from benchmarks.cv2 import CheckoutApi
from benchmarks.payloads import Webhook
from benchmarks.processes import Server
from benchmarks.scenarios import INITIALIZE, WARM_UP, purchases, settle
from tests.databases import Cluster, postgresql_cluster

ROUNDS, IN_FLIGHT, COUNT = 5, 16, 800
LONGEST_LOCK_MS = 5
MOST = 1.1
EVENTS = (INITIALIZE, "transaction_process_session", "transaction_charge_requested")


class Replicas:
    """As many processes as there are; requests are dealt out in turn, as by a balancer."""

    def __init__(self, servers: list[Server]) -> None:
        self._servers = servers

    @property
    def cpu_seconds(self) -> float:
        return sum(server.cpu_seconds for server in self._servers)

    async def fire(self, webhooks: list[Webhook]) -> float:
        """CPU seconds of the app for one webhook."""
        before = self.cpu_seconds
        ports = [server.port for server in self._servers]
        volley = await sender.fire(ports, webhooks, in_flight=IN_FLIGHT, keep_alive=True)
        if volley.errors:
            raise RuntimeError(f"{volley.errors} wrong answers: {volley.first_error}")
        return (self.cpu_seconds - before) / len(webhooks)


async def measure(folder: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    amazon = CheckoutApi()
    made = Setting.make(folder, await amazon.listen())
    with ExitStack() as stack:
        cluster = stack.enter_context(postgresql_cluster(shared_preload_libraries="pg_stat_statements"))
        _tell_of_long_locks(cluster)
        statements = _Statements(cluster)
        setting = replace(made, url=stack.enter_context(cluster.database()))
        await apps.prepare(setting)
        servers = [stack.enter_context(apps.our_app(setting, log=f"app-{number}.log")) for number in range(2)]
        counts = {1: Replicas(servers[:1]), 2: Replicas(servers)}
        cpu: dict[int, dict[str, list[float]]] = {count: {event: [] for event in EVENTS} for count in counts}
        told: dict[int, Counter[str]] = {count: Counter() for count in counts}
        for replicas in counts.values():
            await replicas.fire([setting.saleor.webhook(INITIALIZE, bought) for bought in purchases(WARM_UP)])
        for _ in range(rounds):
            for count, replicas in counts.items():
                settle()
                bought = purchases(COUNT)
                for event in EVENTS:
                    before = statements.so_far()
                    used = await replicas.fire([setting.saleor.webhook(event, each) for each in bought])
                    cpu[count][event].append(used * 1e6)
                    told[count][event] += statements.so_far() - before
        long_locks = _long_locks(cluster)
    one, two = ({event: median(used) for event, used in cpu[count].items()} for count in (1, 2))
    ratios = {event: two[event] / one[event] for event in EVENTS}
    return {
        "cpu_us_with_one": one,
        "cpu_us_with_two": two,
        "ratios": ratios,
        "statements_with_one": _each(told[1], rounds),
        "statements_with_two": _each(told[2], rounds),
        f"lock_waits_over_{LONGEST_LOCK_MS}_ms": long_locks,
        "is_met": max(ratios.values()) <= MOST and not long_locks,
    }


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


def _each(told: Counter[str], rounds: int) -> dict[str, float]:
    """Of one webhook; a few are of the background."""
    return {event: round(count / rounds / COUNT, 2) for event, count in told.items()}


def _tell_of_long_locks(cluster: Cluster) -> None:
    """PostgreSQL looks for a deadlock after this time, and then says that somebody waits."""
    cluster.execute("ALTER SYSTEM SET log_lock_waits = on")
    cluster.execute(f"ALTER SYSTEM SET deadlock_timeout = '{LONGEST_LOCK_MS}ms'")
    cluster.execute("SELECT pg_reload_conf()")


def _long_locks(cluster: Cluster) -> int:
    with psycopg.connect(cluster.url("postgres")) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    return (Path(row[0]).parent / "log").read_text("utf-8", "replace").count("still waiting for")


def main() -> None:
    alone.run("replicas", measure)


if __name__ == "__main__":
    main()
