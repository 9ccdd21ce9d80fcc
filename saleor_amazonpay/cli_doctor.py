"""``saleor-amazonpay doctor``: everything that can be looked at, and what to do about what is not well."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from saleor_amazonpay.handlers.diagnosis import Finding, Level, of_tenant, of_the_app, worst
from saleor_amazonpay.settings import Settings, load_settings
from saleor_amazonpay.storage import installations as installation_rows

app = typer.Typer(pretty_exceptions_enable=False)
Diagnosis = Mapping[str, Sequence[Finding]]

_SIGNS = {Level.WELL: "[green]✓[/]", Level.LOOK: "[blue]?[/]", Level.WARNING: "[yellow]![/]", Level.FAULT: "[red]✗[/]"}
_APP = "the app"


@app.callback(invoke_without_command=True)
def doctor(
    tenant: Annotated[str | None, typer.Option(metavar="URL", help="Only this Saleor's API URL.")] = None,
    keys: Annotated[bool, typer.Option(help="Try each account's keys at Amazon Pay.")] = True,
    all_: Annotated[bool, typer.Option("--all", help="Show what is well, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, everything included.")] = False,
) -> None:
    """Look whether everything works, and say what to do about what does not. Changes nothing.

    Exits 1 when something is at fault; warnings and what only a person can check do not count.
    """
    from saleor_amazonpay.observability.logging import configure

    settings = load_settings()
    configure(log_format="console", log_level="ERROR")
    diagnosis = asyncio.run(_diagnose(settings, tenant, tries_keys=keys))
    if as_json:
        typer.echo(
            msgspec.json.encode({about: [_plain(one) for one in found] for about, found in diagnosis.items()}).decode()
        )
    else:
        _print(diagnosis, everything=all_)
    raise typer.Exit(1 if any(worst(found) is Level.FAULT for found in diagnosis.values()) else 0)


async def _diagnose(settings: Settings, tenant: str | None, *, tries_keys: bool) -> Diagnosis:
    from saleor_amazonpay.app import services_for

    async with services_for(settings) as services:
        diagnosis: dict[str, Sequence[Finding]] = {_APP: await of_the_app(services)}
        if any(one.check == "migrations" and one.level is Level.FAULT for one in diagnosis[_APP]):
            return diagnosis  # nothing else can be read
        known = await services.database.read(lambda session: installation_rows.all_(session, services.secrets))
        chosen = [one for one in known if tenant in {None, one.api_url}]
        if tenant is not None and not chosen:
            typer.echo(f"No Saleor of the address {tenant} has installed the app.", err=True)
            raise typer.Exit(1)
        for installation in chosen:
            diagnosis[installation.api_url] = await of_tenant(services, installation, tries_keys=tries_keys)
        return diagnosis


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "level": finding.level.word,
        "about": finding.about,
        "said": str(finding.said),
        "todo": str(finding.todo) if finding.todo else None,
    }


def _print(diagnosis: Diagnosis, *, everything: bool) -> None:
    console = Console()
    for about, found in diagnosis.items():
        table = Table(title=about, title_justify="left", show_header=False, show_edge=False, pad_edge=False)
        for _ in range(3):
            table.add_column(overflow="fold")
        shown = [one for one in found if everything or one.level > Level.LOOK]
        for finding in shown:
            said = f"{finding.about}: {finding.said}" if finding.about else str(finding.said)
            table.add_row(_SIGNS[finding.level], said, str(finding.todo or ""))
        if not shown:
            table.add_row(_SIGNS[Level.WELL], "everything is well", "")
        console.print(table)
        console.print(_counted(found, everything=everything))


def _counted(found: Sequence[Finding], *, everything: bool) -> str:
    counts = {level: sum(one.level is level for one in found) for level in Level}
    told = [f"{counts[level]} {level.word}" for level in reversed(Level) if counts[level]]
    return f"[dim]{', '.join(told)}{'' if everything else '; --all shows them all'}[/]\n"
