"""A benchmark run by itself: pinned beside the server, printed for people, kept as JSON in ``artifacts/bench/``."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import processes

ARTIFACTS = Path("artifacts") / "bench"
Result = dict[str, Any]


def figures(result: Result) -> Iterable[str]:
    """A line for each."""
    width = max(map(len, result))
    return [f"{name:>{width}}: {figure}" for name, figure in result.items()]


def run(
    name: str, measure: Callable[[Path], Awaitable[Result]], told: Callable[[Result], Iterable[str]] = figures
) -> None:
    """``measure`` gets a folder that is thrown away afterwards."""
    processes.pin(processes.SENDER_CORE)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        result = uvloop.run(measure(Path(folder)))  # type: ignore[arg-type]
    print("\n".join(told(result)))
    print(f"Load of the machine before: {load:.1f}")
    keep(name, {**result, "load_before": load})


def keep(name: str, result: Result) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    kept = ARTIFACTS / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    kept.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"Kept in {kept}")
