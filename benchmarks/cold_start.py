"""From process start to the first answer, and which imports take the time."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections import defaultdict

from benchmarks import sender
from benchmarks.apps import ROOT, Setting, our_app

_PATHS = ("/health/live", "/api/manifest")


async def cold_starts(setting: Setting, runs: int) -> dict[str, float]:
    """Median seconds until each path is answered 200, the database being up to date already."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        started = time.perf_counter()
        with our_app(setting, wait=False) as server:
            for path in _PATHS:
                await _until_answered(server.port, path)
                seconds[path].append(time.perf_counter() - started)
    return {path: statistics.median(taken) for path, taken in seconds.items()}


async def _until_answered(port: int, path: str) -> None:
    for _ in range(6000):
        try:
            status, _ = await sender.get(port, path)
        except OSError:
            status = 0
        if status == 200:
            return
        await asyncio.sleep(0.005)
    raise RuntimeError(f"{path} was not answered within 30 s")


def heaviest_imports(module: str = "saleor_amazonpay.app", most: int = 12) -> dict[str, float]:
    """Milliseconds spent in the modules of each package when ``module`` is imported in a fresh interpreter."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stderr.splitlines()
    own: dict[str, float] = defaultdict(float)
    for line in lines:
        cells = line.removeprefix("import time:").split("|")
        if len(cells) == 3 and cells[0].strip().isdigit():
            own[cells[2].strip().partition(".")[0]] += int(cells[0]) / 1000
    heaviest = sorted(own.items(), key=lambda item: -item[1])[:most]
    return {"total": sum(own.values()), **dict(heaviest)}
