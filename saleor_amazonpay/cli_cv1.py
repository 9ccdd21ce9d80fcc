"""``saleor-amazonpay cv1 …``: orders made with Amazon Pay's old API, taken over by the file and looked up."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from saleor_amazonpay.cli_tenant import Json, Tenant, run
from saleor_amazonpay.domain.cv1.calls import CALLS
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.cv1 import bulk, explaining
from saleor_amazonpay.handlers.cv1.adopting import Outcome, Result
from saleor_amazonpay.handlers.cv1.bulk import ID_COLUMN, Sheet, Tally
from saleor_amazonpay.handlers.cv1.explaining import Explanation
from saleor_amazonpay.handlers.cv1.rows import COLUMNS
from saleor_amazonpay.handlers.services import Deadline, Services

app = typer.Typer(
    help="Orders made with CV1, Amazon Pay's old API.", no_args_is_help=True, pretty_exceptions_enable=False
)

_BUDGET = 30.0
_EVERY = 25  # rows between two lines of progress where the terminal cannot rewrite one


class _Unreadable(AppError):
    """The file cannot be read at all."""


File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.csv",
        help=f"A CSV with a header. Column {ID_COLUMN}: an Order Reference, authorization, capture, refund or Billing "
        f"Agreement, one a line. Columns {', '.join(COLUMNS)}: what it belongs to.",
    ),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Where the outcomes go; FILE.report.csv by default.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read and check everything at Amazon and Saleor, change nothing.")
]


@app.command()
def adopt(
    file: File, dry_run: DryRun = False, report: Report = None, tenant: Tenant = None, as_json: Json = False
) -> None:
    """Take orders of CV1 over, so that Saleor charges, refunds and cancels them.

    Run the same file again after an interruption: what is done is known and not done again. Ends with 1 when rows were
    refused, with 2 when rows are left for later.
    """
    target = report or file.with_name(f"{file.name}.report.csv")
    progress = _Progress()

    async def work(services: Services, api_url: str) -> dict[int, Outcome]:
        sheet = await asyncio.to_thread(_read, file)
        progress.begin(sheet)
        outcomes = await bulk.adopt_sheet(services, api_url, sheet, is_dry_run=dry_run, progress=progress.show)
        await asyncio.to_thread(_write, target, bulk.report(outcomes))
        return outcomes

    try:
        outcomes = run(work, tenant, as_json=as_json)
    except KeyboardInterrupt:
        progress.end()
        typer.echo("Interrupted. Run it again with the same file: what is done is not done again.", err=True)
        raise typer.Exit(130) from None
    progress.end()
    counts = {result.value: sum(each.result is result for each in outcomes.values()) for result in Result}
    if as_json:
        typer.echo(msgspec.json.encode({"rows": len(outcomes), **counts, "report": str(target)}).decode())
    else:
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no rows"
        typer.echo(f"{len(outcomes)} rows: {said}. Each is in {target}")
    if counts[Result.LATER]:
        raise typer.Exit(2)
    if counts[Result.REFUSED]:
        raise typer.Exit(1)


@app.command()
def explain(
    asked: Annotated[str, typer.Argument(metavar="ID", help="An id of CV1 or CV2, or the name of a CV1 call.")],
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Say what an id is in CV1, CV2 and Seller Central, how it stands at Amazon, and what can be done with it."""

    async def work(services: Services, api_url: str) -> Explanation:
        return await explaining.explain(services, api_url, asked, Deadline(services.clock, _BUDGET))

    found = run(work, tenant, as_json=as_json)
    typer.echo(_json(found) if as_json else _text(found))
    if found.problem and not found.cv2_state:
        raise typer.Exit(1)


@app.command()
def calls() -> None:
    """List every call of CV1 with what replaces it, or why nothing does."""
    width = max(len(call.name) for call in CALLS)
    for call in CALLS:
        typer.echo(f"{call.name:<{width}}  {call.cv2 or 'none'}: {call.advice}")


class _Progress:
    """One line on standard error, rewritten on a terminal."""

    def __init__(self) -> None:
        self._shown = 0
        self._is_terminal = sys.stderr.isatty()

    def begin(self, sheet: Sheet) -> None:
        if sheet.ignored:
            typer.echo(f"Columns that are not looked at: {', '.join(sheet.ignored)}", err=True)

    def show(self, tally: Tally) -> None:
        if not self._is_terminal and tally.done - self._shown < _EVERY and tally.done < tally.total:
            return
        self._shown = tally.done
        counts = ", ".join(f"{count} {result.value}" for result, count in tally.by_result.items())
        line = f"{tally.done} of {tally.total} rows: {counts}"
        typer.echo(f"\r{line:<79}" if self._is_terminal else line, err=True, nl=not self._is_terminal)

    def end(self) -> None:
        if self._is_terminal and self._shown:
            typer.echo("", err=True)


def _read(file: Path) -> Sheet:
    try:
        return bulk.read_sheet(file.read_bytes())
    except OSError as fault:
        raise _Unreadable(f"{file} cannot be read: {fault.strerror}.") from fault


def _write(target: Path, text: str) -> None:
    """Whole or not at all: a report cut off by an interruption would look like a short file."""
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_text(text, "utf-8", newline="")
        part.replace(target)
    except OSError as fault:
        raise _Unreadable(f"The report cannot be written to {target}: {fault.strerror}.") from fault


def _json(found: Explanation) -> str:
    document = {
        **msgspec.to_builtins(replace(found, amounts=()), enc_hook=str),
        "amounts": {name: str(money) for name, money in found.amounts},
    }
    return msgspec.json.format(msgspec.json.encode(document)).decode()


def _text(found: Explanation) -> str:
    if found.call is not None:
        call = found.call
        lines = [f"{call.name}: {call.cv2 or 'nothing in CV2'}", f"  {call.advice}"]
        return "\n".join([*lines, f"  In Saleor: {call.saleor}"] if call.saleor else lines)
    lines = [found.asked if not found.subject else f"{found.asked}: {found.subject}"]
    lines += [f"  {name}: {value}" for name, value in found.names]
    if found.cv2_state:
        reasons = f" ({', '.join(found.reasons)})" if found.reasons else ""
        lines.append(f"  state: {found.cv2_state}{reasons}; in CV1's words {found.cv1_state or '-'}")
    lines += [f"  {name}: {money}" for name, money in found.amounts]
    if found.transaction_id:
        lines.append(f"  order {found.order_number} in Saleor, transaction {found.transaction_id}")
    lines += [f"  - {advice}" for advice in found.advice]
    lines += [f"  ! {found.problem}"] if found.problem else []
    return "\n".join(lines)
