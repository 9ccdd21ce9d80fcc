"""The tables, and what they are held against: the figures this project has set itself, in ``targets``."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.apps import PEER_ROUTES
from benchmarks.scenarios import INITIALIZE, Row

APP_ROUTER, PAGES_ROUTER = PEER_ROUTES
OURS = "saleor-amazonpay"


@dataclass(frozen=True, slots=True)
class Target:
    """``reach`` must hold, ``aim`` is what is hoped for; ``at_least`` turns the comparison round."""

    name: str
    value: float | None
    reach: float
    aim: float | None = None
    at_least: bool = False
    unit: str = "x"

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        met = [limit for limit in (self.reach, self.aim) if limit is not None and self._holds(limit)]
        return ("missed", "met", "aim met")[len(met)]

    def _holds(self, limit: float) -> bool:
        value = self.value or 0.0
        return value >= limit if self.at_least else value <= limit


def median(rows: Iterable[Row], value: Callable[[Row], float], **wanted: Any) -> float | None:
    """The median over the rows whose fields are as ``wanted``; None when there are none."""
    found = [value(row) for row in rows if all(getattr(row, name) == is_ for name, is_ in wanted.items())]
    return statistics.median(found) if found else None


def targets(headline: Sequence[Row], rows: Sequence[Row], floor: float, starts: Mapping[str, float]) -> list[Target]:
    """TRANSACTION_INITIALIZE_SESSION at 16 in flight, then latency, memory, the other events and the start."""

    def of(server: str, value: Callable[[Row], float]) -> float | None:
        return median(headline, value, server=server)

    def ratio(value: Callable[[Row], float], peer: str) -> float | None:
        ours, theirs = of(OURS, value), of(peer, value)
        return ours / theirs if ours and theirs else None

    def cpu(row: Row) -> float:
        return row.cpu_us

    def per_second(row: Row) -> float:
        return row.per_second

    plain = {"event": INITIALIZE, "keep_alive": True}
    alone = {**plain, "in_flight": 1, "delay_ms": 0}
    crowd = {**plain, "in_flight": 64, "delay_ms": 40}
    ours = of(OURS, cpu)
    return [
        Target("CPU / RSA floor", ours / floor if ours else None, 3.0, 2.5),
        Target(f"CPU / {APP_ROUTER}", ratio(cpu, APP_ROUTER), 0.37, 0.30),
        Target(f"CPU / {PAGES_ROUTER}", ratio(cpu, PAGES_ROUTER), 0.50, 0.41),
        Target(f"requests/s / {APP_ROUTER}", ratio(per_second, APP_ROUTER), 2.6, at_least=True),
        Target(f"requests/s / {PAGES_ROUTER}", ratio(per_second, PAGES_ROUTER), 1.9, at_least=True),
        Target("p50 alone", median(rows, lambda row: row.p50_ms, **alone), 1.2, 1.0, unit=" ms"),
        Target("p99 alone", median(rows, lambda row: row.p99_ms, **alone), 2.5, unit=" ms"),
        Target("p99, 64 in flight, Amazon 40 ms", median(rows, lambda row: row.p99_ms, **crowd), 90, unit=" ms"),
        Target("RSS", of(OURS, lambda row: row.rss_mb), 110, unit=" MB"),
        Target("RSS after all events, 64 in flight", max((row.rss_mb for row in rows), default=None), 110, unit=" MB"),
        *_other_events(rows),
        Target("first answer after start", starts.get("/health/live"), 1.6, unit=" s"),
        Target("errors", float(sum(row.errors for row in (*headline, *rows))), 0, unit=""),
    ]


def _other_events(rows: Sequence[Row]) -> list[Target]:
    """CPU per commit and call, against initialize's: each event needs its own number of both."""
    base = _per_step(rows, INITIALIZE)
    events = dict.fromkeys(row.event for row in rows if row.event != INITIALIZE)
    return [
        Target(f"{event}, CPU per commit and call", step / base, 1.5)
        for event in events
        if base and (step := _per_step(rows, event))
    ]


def _per_step(rows: Sequence[Row], event: str) -> float | None:
    cpu = median(rows, lambda row: row.cpu_us, event=event, in_flight=16, keep_alive=True, delay_ms=0)
    commits = median(rows, lambda row: row.commits or 0.0, event=event, in_flight=1, keep_alive=True, delay_ms=0)
    calls = median(rows, lambda row: row.cv2_calls, event=event, in_flight=1, keep_alive=True, delay_ms=0)
    steps = (commits or 0.0) + (calls or 0.0)
    return cpu / steps if cpu and steps >= 0.5 else None


_FIGURES = ["in flight", "conn.", "Amazon ms", "req/s", "p50 ms", "p99 ms", "CPU µs", "RSS MB", "CV2", "commits", "err"]


def rows_table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("server")
    table.add_column("event")
    for name in _FIGURES:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.server,
            row.event,
            str(row.in_flight),
            "keep" if row.keep_alive else "new",
            str(row.delay_ms),
            f"{row.per_second:.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.cpu_us:.0f}",
            f"{row.rss_mb:.0f}",
            f"{row.cv2_calls:.2f}",
            "" if row.commits is None else f"{row.commits:.2f}",
            str(row.errors),
        )
    return table


def targets_table(listed: Sequence[Target]) -> Table:
    table = Table(title="Against the targets", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("figure", "measured", "to reach", "aim", ""):
        table.add_column(name, justify="left" if name in {"figure", ""} else "right")
    for target in listed:
        sign = "≥" if target.at_least else "≤"
        table.add_row(
            target.name,
            "" if target.value is None else f"{target.value:.2f}{target.unit}",
            f"{sign} {target.reach:g}{target.unit}",
            "" if target.aim is None else f"{sign} {target.aim:g}{target.unit}",
            target.verdict,
        )
    return table


def small_table(title: str, values: Mapping[str, float], unit: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in values.items():
        table.add_row(name, f"{value:.1f} {unit}" if unit != "s" else f"{value:.2f} s")
    return table


def console() -> Console:
    return Console(width=150, highlight=False)
