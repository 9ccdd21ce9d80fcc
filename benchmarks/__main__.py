"""``python -m benchmarks``: everything in one run, printed as tables, kept as JSON in ``artifacts/bench/``."""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import alone, apps, billing, cold_start, processes, report
from benchmarks.apps import PEER_ROUTES, PeersUnavailable, Setting
from benchmarks.cv2 import CheckoutApi
from benchmarks.floor import Floor
from benchmarks.payloads import Purchase
from benchmarks.report import OURS
from benchmarks.scenarios import INITIALIZE, WARM_UP, Load, Range, Row, loads, settle


def main() -> None:
    options = _options()
    if not processes.pin(processes.SENDER_CORE):
        print("This machine has one core for everything; figures are only good as ratios, if at all.")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        result = uvloop.run(_measure(options, Path(folder)))
    alone.keep("webhooks", result)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--no-peers", action="store_true", help="leave the Next.js apps out (they need npm)")
    parser.add_argument("--quick", action="store_true", help="the headline only: initialize at 16 in flight")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of the headline (default 5)")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="measure another checkout in the same rounds")
    return parser.parse_args()


async def _measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    amazon = CheckoutApi()
    setting = Setting.make(folder, await amazon.listen())
    await apps.prepare(setting)
    floor = Floor(setting.saleor.body(INITIALIZE, Purchase(0)))
    out, shooting = report.console(), Range(setting, amazon)
    with ExitStack() as stack:
        servers = {OURS: stack.enter_context(apps.our_app(setting))}
        servers |= await _others(options, setting, stack)
        headline = await _headline(shooting, servers, floor, options.rounds)
        out.print(_about(floor.medians))
        out.print(report.rows_table("Headline: medians are taken over these interleaved rounds", headline))
        rows = [] if options.quick else await _everything(shooting, servers[OURS])
    lines = (folder / "app.log").read_bytes().count(b'"event":"webhook"')
    if rows:
        out.print(report.rows_table("Every event", rows))
    starts = {} if options.quick else await cold_start.cold_starts(setting, 5)
    imports = {} if options.quick else cold_start.heaviest_imports()
    if starts:
        out.print(report.small_table("From process start to the first 200", starts, "s"))
        out.print(report.small_table("Import time by package", imports, "ms"))
    renewals = {} if options.quick else await billing.costs(folder)
    if renewals:
        out.print(billing.table(renewals))
    targets = report.targets(headline, rows, floor.medians["floor_us"], starts)
    targets += billing.targets(renewals)
    out.print(report.targets_table(targets))
    _complain(out, [*headline, *rows])
    return {
        "about": _about(floor.medians),
        "floor": floor.medians,
        "headline": [row.as_json() for row in headline],
        "rows": [row.as_json() for row in rows],
        "webhook_log_lines": lines,
        "cold_start_seconds": starts,
        "renewal_us_by_stored": renewals,
        "import_ms": imports,
        "targets": [{**asdict(target), "verdict": target.verdict} for target in targets],
    }


def _about(floor: dict[str, float]) -> str:
    return (
        f"Python {platform.python_version()}, Node.js {apps.node_version() or '-'}, {platform.machine()}; "
        f"RSA floor {floor['floor_us']:.0f} µs = PSS signature {floor['sign_us']:.0f} + RS256 verification "
        f"{floor['verify_us']:.1f}"
    )


async def _others(options: argparse.Namespace, setting: Setting, stack: ExitStack) -> dict[str, processes.Server]:
    """Whom we are measured beside: another checkout of ours, or both routers of the peer, which is one process."""
    found: dict[str, processes.Server] = {}
    if options.against:
        beside = Setting(setting.folder / "against", setting.saleor, setting.private_key, setting.amazon_port)
        beside.folder.mkdir()
        await apps.prepare(beside)
        found["against"] = stack.enter_context(apps.our_app(beside, code=options.against.resolve()))
    if not options.no_peers:
        try:
            built = apps.install_peers()
        except PeersUnavailable as reason:
            print(f"No peers: {reason}")
        else:
            for name in PEER_ROUTES:
                found[name] = stack.enter_context(apps.peer(setting, built))
    return found


async def _headline(shooting: Range, servers: dict[str, processes.Server], floor: Floor, rounds: int) -> list[Row]:
    """Initialize at 16 in flight, everyone in turn, after everyone was warmed up."""
    load = Load(16)
    for name, server in servers.items():
        await shooting.initialize(name, server, load, WARM_UP)
    rows = []
    for _ in range(rounds):
        floor.measure()
        for name, server in servers.items():
            settle()
            rows.append(await shooting.initialize(name, server, load))
    return rows


async def _everything(shooting: Range, server: processes.Server) -> list[Row]:
    await shooting.lives(OURS, server, Load(16))  # the other events' code is warmed up too
    rows: list[Row] = []
    for load in loads():
        settle()
        rows += await shooting.lives(OURS, server, load)
    return rows


def _complain(out: Any, rows: Sequence[Row]) -> None:
    for row in rows:
        if row.errors:
            out.print(f"{row.errors} wrong answers: {row.server} {row.event} {row.in_flight}: {row.first_error}")


main()
