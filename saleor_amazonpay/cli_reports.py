"""``saleor-amazonpay reports …``: settlement for accountants and scripts, beside a running ``serve``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from saleor_amazonpay.cli_tenant import Json, Tenant, run
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.settlements import asking, importing
from saleor_amazonpay.storage import settlements as rows
from saleor_amazonpay.storage.settlements import MatchedLine, SettlementReport

app = typer.Typer(
    help="Settlement reports: fetched, matched with payments, differences, CSV.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Account = Annotated[str | None, typer.Option("--account", help="The account's id or name; left out: all of them.")]
OneAccount = Annotated[str, typer.Option("--account", help="The account's id or name.")]
ReportId = Annotated[str, typer.Argument(metavar="REPORT", help="The report's id.")]
Csv = Annotated[bool, typer.Option("--csv", help="As CSV for spreadsheets.")]
Type = Annotated[str, typer.Option("--type", help="Amazon's report type; left out: the settlement report.")]


@app.command("list")
def list_(tenant: Tenant = None, as_json: Json = False) -> None:
    """List the imported reports, newest first."""

    async def work(services: Services, api_url: str) -> Any:
        return await services.database.read(lambda session: rows.page(session, api_url, limit=200))

    _show(run(work, tenant, as_json=as_json), as_json=as_json)


@app.command()
def fetch(account: Account = None, tenant: Tenant = None, as_json: Json = False) -> None:
    """Import what Amazon Pay has finished and is not here yet; safe to repeat, e.g. by cron."""

    async def work(services: Services, api_url: str) -> list[SettlementReport]:
        return await asking.fetch(services, api_url, account)

    _show(run(work, tenant, as_json=as_json), as_json=as_json, nothing="Nothing new.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A settlement file from Seller Central.", exists=True, dir_okay=False)],
    account: OneAccount,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Import a file; the same file twice is one report."""

    async def work(services: Services, api_url: str) -> list[SettlementReport]:
        [chosen] = await asking.accounts_of(services, api_url, account)
        return [await importing.take_file(services, chosen, file.name, file.read_bytes())]

    _show(run(work, tenant, as_json=as_json), as_json=as_json)


@app.command()
def show(report: ReportId, tenant: Tenant = None, as_json: Json = False) -> None:
    """Show what a report comes to, and every line and row that does not agree."""

    async def work(services: Services, api_url: str) -> Any:
        return await asking.report(services, api_url, report)

    found, lines = run(work, tenant, as_json=as_json)
    wrong = [line for line in lines if line.match in rows.WRONG]
    if as_json:
        _print_json({"report": _document(found), "differences": [_line(line) for line in wrong]})
        return
    typer.echo(_text(found))
    for line in wrong:
        typer.echo(f"  line {line.number} {line.kind} {line.transaction_id or '-'} {line.amount}: {line.difference}")
    for fault in found.faults:
        typer.echo(f"  row {fault['number']}: {fault['message']} {fault['row'][:80]}")
    for charge in found.missing:
        typer.echo(f"  missing: {charge} was captured in this time")


@app.command("csv")
def csv_(report: ReportId, tenant: Tenant = None) -> None:
    """Write a report's lines with what they were matched with as CSV to standard output."""

    async def work(services: Services, api_url: str) -> bytes:
        _, lines = await asking.report(services, api_url, report)
        return asking.as_csv(lines)

    sys.stdout.buffer.write(run(work, tenant, as_json=False))


@app.command()
def differences(tenant: Tenant = None, as_json: Json = False) -> None:
    """Show what does not agree between Saleor, the app and Amazon's settlements; exits with 1 if anything does not."""

    async def work(services: Services, api_url: str) -> asking.Differences:
        return await asking.differences(services, api_url)

    found = run(work, tenant, as_json=as_json)
    if as_json:
        _print_json(
            {
                "payments": [
                    {"transaction": drift.transaction_id, "differences": [str(one) for one in drift.differences]}
                    for drift in found.drifts
                ],
                "lines": [{"report": report, **_line(line)} for report, line in found.lines],
                "missing": [{"report": report, "chargeId": charge} for report, charge in found.missing],
            }
        )
    else:
        told = [
            *(f"{drift.transaction_id}: {'; '.join(map(str, drift.differences))}" for drift in found.drifts),
            *(f"report {report} line {line.number} {line.amount}: {line.difference}" for report, line in found.lines),
            *(f"report {report}: {charge} is missing" for report, charge in found.missing),
        ]
        typer.echo("\n".join(told) or "Everything agrees.")
    if found.drifts or found.lines or found.missing:
        raise typer.Exit(1)


@app.command()
def create(
    account: OneAccount,
    days: Annotated[int, typer.Option(min=1, max=90, help="The report's time, up to now.")] = 30,
    report_type: Type = "",
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Have Amazon Pay make a report now; `fetch` imports it once it is finished."""

    async def work(services: Services, api_url: str) -> str:
        [chosen] = await asking.accounts_of(services, api_url, account)
        now = services.clock.now()
        return await asking.create(services, chosen, now - timedelta(days=days), now, report_type)

    made = run(work, tenant, as_json=as_json)
    _tell({"reportId": made}, f"Amazon Pay makes report {made}.", as_json=as_json)


@app.command()
def schedules(account: OneAccount, tenant: Tenant = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the reports that Amazon Pay makes regularly."""

    async def work(services: Services, api_url: str) -> Any:
        [chosen] = await asking.accounts_of(services, api_url, account)
        return await asking.schedules(services, chosen)

    found: list[asking.Schedule] = run(work, tenant, as_json=as_json)
    if as_csv:
        sys.stdout.buffer.write(asking.schedules_as_csv(found))
        return
    documents = [
        {"id": one.id, "type": one.report_type, "frequency": one.frequency, "next": one.next_at} for one in found
    ]
    text = "\n".join(
        f"{one.id}  {one.frequency}  {one.report_type}"
        + (f"  next {one.next_at:%Y-%m-%d %H:%M} UTC" if one.next_at else "")
        for one in found
    )
    _tell(documents, text or "No report is scheduled.", as_json=as_json)


@app.command()
def schedule(
    account: OneAccount,
    frequency: Annotated[str, typer.Option(help="e.g. P1D, P7D or P14D.")],
    report_type: Type = "",
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Have Amazon Pay make a report regularly, in place of the type's schedule so far."""

    async def work(services: Services, api_url: str) -> str:
        [chosen] = await asking.accounts_of(services, api_url, account)
        return await asking.schedule(services, chosen, frequency, report_type)

    made = run(work, tenant, as_json=as_json)
    _tell({"reportScheduleId": made}, f"Scheduled as {made}.", as_json=as_json)


@app.command()
def unschedule(
    account: OneAccount,
    schedule_id: Annotated[str, typer.Argument(metavar="SCHEDULE")],
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """End a schedule."""

    async def work(services: Services, api_url: str) -> None:
        [chosen] = await asking.accounts_of(services, api_url, account)
        await asking.unschedule(services, chosen, schedule_id)

    run(work, tenant, as_json=as_json)
    _tell({"reportScheduleId": schedule_id}, "Ended.", as_json=as_json)


@app.command()
def disbursements(
    account: OneAccount,
    days: Annotated[int, typer.Option(min=1, max=365)] = asking.PAYOUT_DAYS,
    tenant: Tenant = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List Amazon Pay's payouts, each beside what the imported lines of its settlement come to."""

    async def work(services: Services, api_url: str) -> list[asking.Disbursement]:
        [chosen] = await asking.accounts_of(services, api_url, account)
        return await asking.disbursements(services, chosen, services.clock.now() - timedelta(days=days))

    found = run(work, tenant, as_json=as_json)
    if as_csv:
        sys.stdout.buffer.write(asking.payouts_as_csv(found))
        return
    documents = [
        {
            "settlementId": one.settlement_id,
            "referenceId": one.reference_id,
            "at": one.at,
            "amount": str(one.amount) if one.amount else one.amount_text,
            "settled": str(one.settled) if one.settled is not None else None,
            "difference": str(one.difference) if one.difference is not None else None,
        }
        for one in found
    ]
    text = "\n".join(
        f"{one.at or datetime.min.replace(tzinfo=UTC):%Y-%m-%d}  {one.amount or one.amount_text}  "
        f"settlement {one.settlement_id}: "
        + ("no lines imported" if one.settled is None else f"lines come to {one.settled}")
        for one in found
    )
    _tell(documents, text or "Nothing was paid out.", as_json=as_json)


def _show(found: list[SettlementReport], *, as_json: bool, nothing: str = "No report is imported yet.") -> None:
    _tell([_document(one) for one in found], "\n".join(map(_text, found)) or nothing, as_json=as_json)


def _print_json(document: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(document)).decode())


def _tell(document: Any, text: str, *, as_json: bool) -> None:
    if as_json:
        _print_json(document)
    else:
        typer.echo(text)


def _text(report: SettlementReport) -> str:
    sums = "; ".join(
        f"captured {one.money('captured')}, refunded {one.money('refunded')}, fees {one.money('fees')}, "
        f"net {one.money('net')}, paid out {one.money('paid_out')}"
        for one in report.totals
    )
    state = "" if report.state == "imported" else f" {report.state.upper()}"
    wrong = (
        f"{report.differing} differ, {report.ambiguous} ambiguous, {report.unmatched} unmatched, "
        f"{len(report.faults)} unreadable"
    )
    missing = f", {len(report.missing)} missing" if report.missing else ""
    head = f"{report.report_id}{state}  {report.created_at:%Y-%m-%d}  {report.line_count} lines: {wrong}{missing}"
    unknown = f"\n  unknown columns: {', '.join(report.unknown_columns)}" if report.unknown_columns else ""
    return f"{head}\n  {sums}{unknown}" if sums else head + unknown


def _document(report: SettlementReport) -> dict[str, Any]:
    names = ("captured", "refunded", "fees", "other", "net", "paid_out")
    return {
        "reportId": report.report_id,
        "accountId": report.account_id,
        "type": report.report_type,
        "state": report.state,
        "start": report.start_at,
        "end": report.end_at,
        "lines": report.line_count,
        "matched": report.matched,
        "differing": report.differing,
        "ambiguous": report.ambiguous,
        "unmatched": report.unmatched,
        "totals": [{name: str(one.money(name)) for name in names} for one in report.totals],
        "faults": list(report.faults),
        "unknownColumns": list(report.unknown_columns),
        "missing": list(report.missing),
    }


def _line(line: MatchedLine) -> dict[str, Any]:
    return {
        "line": line.number,
        "kind": line.kind,
        "transactionId": line.transaction_id,
        "chargePermissionId": line.permission_id,
        "orderNumber": line.order_number,
        "amount": str(line.amount),
        "fee": str(line.fee),
        "net": str(line.net),
        "match": line.match,
        "candidates": list(line.candidates),
        "difference": line.difference,
    }
