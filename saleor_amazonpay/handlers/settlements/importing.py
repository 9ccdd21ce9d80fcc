"""Reports brought here: fetched from Amazon or given as a file, read, matched and kept; daily, or when somebody asks.

A document's address lives 30 seconds, so it is asked for and fetched in one go and asked for again when that failed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog

from saleor_amazonpay.amazonpay import parse_timestamp, requests
from saleor_amazonpay.amazonpay.models import Report
from saleor_amazonpay.amazonpay.settlement import NotASettlementFile, SettlementFile, read_settlement
from saleor_amazonpay.errors import AmazonPayError, AmazonPayUnavailable, RequestRejected
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.settlements import matching
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import settlements as rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.settlements import AMBIGUOUS, DIFFERS, MATCHED, UNMATCHED, MatchedLine, SettlementReport

log = structlog.get_logger(__name__)

SETTLEMENT_TYPES = {
    "live": "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SETTLEMENT_DATA_",
    "sandbox": "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SANDBOX_SETTLEMENT_DATA_",
}
MAX_BYTES = 64 * 1024 * 1024
_MOST_PAGES = 10
_MOST_FAULTS = 500
_MOST_MISSING = 200
_TRIES = 3


class ReportUnreadable(RequestRejected):
    status = 422
    code = "REPORT_UNREADABLE"


async def fetch_new(services: Services, account: Account, deadline: Deadline) -> list[SettlementReport]:
    """Import what Amazon has finished and we have not got; the oldest first.

    Raises:
        AmazonPayError: the list cannot be read.
    """
    listed = await completed(services, account, deadline)
    known = await services.database.read(
        lambda session: {
            each.report_id for each in rows.page(session, account.api_url, limit=1000) if each.account_id == account.id
        }
    )
    new = [report for report in listed if report.report_id and report.report_id not in known]
    new.sort(key=lambda each: each.created_time or "")
    return [await fetch(services, account, report, deadline) for report in new]


async def completed(services: Services, account: Account, deadline: Deadline) -> list[Report]:
    """Amazon's finished settlement reports of 90 days."""
    client, found, token = services.amazon(account), [], None
    for _ in range(_MOST_PAGES):
        request = requests.get_reports(
            report_types=[SETTLEMENT_TYPES[account.environment]],
            processing_statuses=["COMPLETED"],
            page_size=100,
            next_token=token,
        )
        answer = (await client.execute(request, budget=deadline.left)).value
        found += [report for report in answer.reports or () if report.processing_status == "COMPLETED"]
        token = answer.next_token
        if not token:
            break
    return found


async def fetch(services: Services, account: Account, report: Report, deadline: Deadline) -> SettlementReport:
    """One report, whatever is in it.

    Raises:
        AmazonPayError: its document cannot be fetched.
    """
    content = b""
    if report.report_document_id:
        content = await download(services, account, report.report_document_id, deadline)
    return await services.database.run(
        lambda session: keep(
            session,
            services,
            account,
            report_id=report.report_id or "",
            report_type=report.report_type or "",
            content=content,
            start=_time(report.start_time),
            end=_time(report.end_time),
            created=_time(report.created_time),
        )
    )


async def download(services: Services, account: Account, document_id: str, deadline: Deadline) -> bytes:
    """Raises AmazonPayError: also after the third address."""
    client, absence = services.amazon(account), AmazonPayUnavailable("The report cannot be fetched.")
    for _ in range(_TRIES):
        made = (await client.execute(requests.get_report_document(document_id), budget=deadline.left)).value
        if made.compression_algorithm not in {None, "N/A"}:
            raise AmazonPayUnavailable(
                f"The report is packed by {made.compression_algorithm}, which is not known here."
            )
        try:
            return await services.files.download(made.url or "", max_bytes=MAX_BYTES)
        except AmazonPayError as error:
            if error.reason_code == "TooLarge":
                raise
            absence = AmazonPayUnavailable(error.public_message)
    raise absence


async def take_file(services: Services, account: Account, name: str, content: bytes) -> SettlementReport:
    """A file from Seller Central, named by its content: given twice it is one report.

    Raises:
        ReportUnreadable: it is no settlement file.
    """
    try:
        read_settlement(content)
    except NotASettlementFile as wrong:
        raise ReportUnreadable(Message("{name} is no settlement file. {why}", name=name, why=str(wrong))) from wrong
    digest = hashlib.sha256(content).hexdigest()[:20]
    return await services.database.run(
        lambda session: keep(
            session,
            services,
            account,
            report_id=f"file-{digest}",
            report_type="file",
            content=content,
            start=None,
            end=None,
            created=None,
        )
    )


def keep(
    session: Session,
    services: Services,
    account: Account,
    *,
    report_id: str,
    report_type: str,
    content: bytes,
    start: datetime | None,
    end: datetime | None,
    created: datetime | None,
) -> SettlementReport:
    """Read, match and store; what cannot be read is a report too, which says so."""
    now, state, file = services.clock.now(), "imported", SettlementFile([], [], [], {})
    faults: list[dict[str, object]] = []
    if not content.strip():
        state = "empty"
    else:
        try:
            file = read_settlement(content)
        except NotASettlementFile as wrong:
            state, faults = "unreadable", [{"number": 0, "message": str(wrong), "row": ""}]
    faults += [asdict(fault) for fault in file.faults[:_MOST_FAULTS]]
    found, taken = matching.match(session, account.api_url, file.lines)
    matched = matching.unbalanced(found)
    start = start or _time(file.about.get("SettlementStartDate")) or _earliest(matched)
    end = end or _time(file.about.get("SettlementEndDate"))
    report = SettlementReport(
        api_url=account.api_url,
        account_id=account.id,
        report_id=report_id,
        report_type=report_type,
        state=state,
        start_at=start,
        end_at=end,
        line_count=len(matched),
        matched=_count(matched, MATCHED),
        differing=_count(matched, DIFFERS),
        unmatched=_count(matched, UNMATCHED),
        ambiguous=_count(matched, AMBIGUOUS),
        totals=matching.totals_of(matched),
        faults=faults,
        unknown_columns=file.unknown_columns,
        missing=_missing(session, account, matched, taken, start, end),
        created_at=created or now,
        imported_at=now,
    )
    rows.save(session, report, matched)
    _tell(session, services, account, report)
    return report


def _missing(
    session: Session,
    account: Account,
    lines: Sequence[MatchedLine],
    taken: set[str],
    start: datetime | None,
    end: datetime | None,
) -> list[str]:
    """Charges captured in the report's time that it does not have."""
    if start is None or end is None:
        return []
    captured = rows.captured_between(session, account.api_url, account.id, start, end, limit=5000)
    present = taken | {line.transaction_id for line in lines}
    return sorted(set(captured) - present)[:_MOST_MISSING]


def _tell(session: Session, services: Services, account: Account, report: SettlementReport) -> None:
    counts = (report.differing, report.ambiguous, report.unmatched, len(report.faults), len(report.missing))
    told = tuple(Message(text, count=count) for text, count in zip(_AT_FAULT, counts, strict=True) if count)
    if not told:
        return
    sentence = Message(
        "The settlement report {report} of {account} does not agree with the payments here: {told}. "
        "The app's settlement page lists them.",
        report=report.report_id,
        account=account.name,
        told=told,
    )
    problems.raise_in(session, services, account.api_url, problems.key_of("settlement", report.report_id), sentence)


_AT_FAULT = (
    marked("{count} lines differ"),
    marked("{count} may belong to several payments"),
    marked("{count} belong to no payment"),
    marked("{count} rows cannot be read"),
    marked("{count} captured charges are missing"),
)


def _count(lines: Sequence[MatchedLine], state: str) -> int:
    return sum(line.match == state for line in lines)


def _earliest(lines: Sequence[MatchedLine]) -> datetime | None:
    return min((line.posted_at for line in lines if line.posted_at), default=None)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parse_timestamp(text)
    except ValueError:
        return None


SECONDS = 6 * 3600.0
_MOST_ACCOUNTS = 500


async def run(services: Services) -> None:
    """What a new day brings: every account's new reports."""
    accounts = await services.database.read(lambda session: account_rows.all_active(session, services.secrets))
    deadline = Deadline(services.clock, timedelta(minutes=5).total_seconds())
    for account in accounts[:_MOST_ACCOUNTS]:
        if deadline.is_over:
            break
        try:
            await fetch_new(services, account, deadline)
        except AmazonPayError as absence:
            log.info("settlements_later", account=account.id, reason=absence.code)
        except Exception:
            log.exception("settlements_failed", account=account.id)
