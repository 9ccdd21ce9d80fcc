"""Settlement reports as imported: each with its lines, what each line was matched with, and what was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, select, tuple_

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.storage.engine import Row, Session, Statement, upsert
from saleor_amazonpay.storage.tables import charges, payments, settlement_lines, settlement_reports
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros

FIRST = (1 << 62, "")
MATCHED, DIFFERS, AMBIGUOUS, UNMATCHED, ACCOUNT = "matched", "differs", "ambiguous", "unmatched", "account"
WRONG = frozenset({DIFFERS, AMBIGUOUS, UNMATCHED})  # what somebody has to look at


@dataclass(frozen=True, slots=True)
class Total:
    """One currency of a report. ``net`` is without what was paid out, which ``paid_out`` is."""

    currency: str
    captured: int
    refunded: int
    fees: int
    other: int
    net: int
    paid_out: int

    def money(self, name: str) -> Money:
        return Money(getattr(self, name), Currency(self.currency))


@dataclass(frozen=True, slots=True)
class SettlementReport:
    """``state``: imported | unreadable | empty. ``faults``: what of the file is no line, with its number."""

    api_url: str
    account_id: str
    report_id: str
    report_type: str
    state: str
    start_at: datetime | None
    end_at: datetime | None
    line_count: int
    matched: int
    differing: int
    unmatched: int
    ambiguous: int
    totals: Sequence[Total]
    faults: Sequence[dict[str, Any]]
    unknown_columns: Sequence[str]
    missing: Sequence[str]  # charges captured in the time of the report that it does not have
    created_at: datetime
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class MatchedLine:
    """``difference`` says what does not agree, or why the line was not matched.

    ``candidates`` are the payments that an ambiguous line may belong to; it is nobody's until a person says so.
    """

    number: int
    kind: str
    posted_at: datetime | None
    settlement_id: str
    transaction_id: str
    permission_id: str
    reference: str
    order_number: str
    amount: Money
    fee: Money
    net: Money
    match: str
    payment_id: str | None
    difference: str | None
    candidates: Sequence[str] = ()


_SAVE = Statement(
    upsert(
        settlement_reports,
        index_elements=["api_url", "account_id", "report_id"],
        update_columns=[
            column.name
            for column in settlement_reports.c
            if column.name not in {"api_url", "account_id", "report_id", "created_at"}
        ],
    )
)
_OF_REPORT = (
    settlement_lines.c.api_url == bindparam("tenant"),
    settlement_lines.c.account_id == bindparam("account"),
    settlement_lines.c.report_id == bindparam("report"),
)
_FORGET_LINES = Statement(delete(settlement_lines).where(*_OF_REPORT))
_ADD_LINE = Statement(
    upsert(
        settlement_lines,
        index_elements=["api_url", "account_id", "report_id", "number"],
        update_columns=["match", "payment_id", "candidates", "difference"],
    )
)
_LINES = Statement(
    select(settlement_lines)
    .where(*_OF_REPORT, settlement_lines.c.number > bindparam("after"))
    .order_by(settlement_lines.c.number)
    .limit(bindparam("limit"))
)
_PAGE = Statement(
    select(settlement_reports)
    .where(
        settlement_reports.c.api_url == bindparam("tenant"),
        tuple_(settlement_reports.c.created_at, settlement_reports.c.report_id)
        < tuple_(bindparam("before_time", type_=settlement_reports.c.created_at.type), bindparam("before_id")),
    )
    .order_by(settlement_reports.c.created_at.desc(), settlement_reports.c.report_id.desc())
    .limit(bindparam("limit"))
)
_GET = Statement(
    select(settlement_reports).where(
        settlement_reports.c.api_url == bindparam("tenant"), settlement_reports.c.report_id == bindparam("report")
    )
)
_DIFFERENCES = Statement(
    select(settlement_lines)
    .where(settlement_lines.c.api_url == bindparam("tenant"), settlement_lines.c.match.in_(sorted(WRONG)))
    .order_by(settlement_lines.c.report_id, settlement_lines.c.number)
    .limit(bindparam("limit"))
)
_NETS = Statement(
    select(
        settlement_lines.c.settlement_id,
        settlement_lines.c.currency,
        func.sum(settlement_lines.c.net).label("net"),
    )
    .where(
        settlement_lines.c.api_url == bindparam("tenant"),
        settlement_lines.c.account_id == bindparam("account"),
        settlement_lines.c.settlement_id != "",
        settlement_lines.c.kind != "Transfer",
    )
    .group_by(settlement_lines.c.settlement_id, settlement_lines.c.currency)
)
_CAPTURED = Statement(
    select(charges.c.charge_id)
    .join(payments, payments.c.id == charges.c.payment_id)
    .where(
        payments.c.api_url == bindparam("tenant"),
        payments.c.account_id == bindparam("account"),
        charges.c.state == "Captured",
        charges.c.updated_at >= bindparam("since"),
        charges.c.updated_at < bindparam("until"),
    )
    .limit(bindparam("limit"))
)


def save(session: Session, report: SettlementReport, lines: Sequence[MatchedLine]) -> None:
    """The whole report anew: imported again it is the same."""
    key = {"tenant": report.api_url, "account": report.account_id, "report": report.report_id}
    session.execute(_FORGET_LINES, key)
    row = {column.name: getattr(report, column.name) for column in settlement_reports.c}
    for name in ("start_at", "end_at", "created_at", "imported_at"):
        row[name] = None if row[name] is None else to_micros(row[name])
    for name in ("totals", "faults", "unknown_columns", "missing"):
        row[name] = msgspec.json.encode(row[name]).decode()
    session.execute(_SAVE, row)
    for line in lines:
        session.execute(
            _ADD_LINE,
            {
                "api_url": report.api_url,
                "account_id": report.account_id,
                "report_id": report.report_id,
                "number": line.number,
                "kind": line.kind,
                "posted_at": to_micros(line.posted_at) if line.posted_at else None,
                "settlement_id": line.settlement_id,
                "transaction_id": line.transaction_id,
                "permission_id": line.permission_id,
                "reference": line.reference,
                "order_number": line.order_number,
                "currency": line.amount.currency.value,
                "amount": line.amount.minor,
                "fee": line.fee.minor,
                "net": line.net.minor,
                "match": line.match,
                "payment_id": line.payment_id,
                "candidates": msgspec.json.encode(line.candidates).decode() if line.candidates else None,
                "difference": line.difference,
            },
        )


def page(
    session: Session, api_url: str, *, before: tuple[int, str] = FIRST, limit: int = 50
) -> Sequence[SettlementReport]:
    """The tenant's imported reports, newest first."""
    values = {"tenant": api_url, "before_time": before[0], "before_id": before[1], "limit": limit}
    return [_report(row) for row in session.all(_PAGE, values)]


def get(session: Session, api_url: str, report_id: str) -> SettlementReport | None:
    row = session.one(_GET, {"tenant": api_url, "report": report_id})
    return _report(row) if row else None


def lines_of(session: Session, report: SettlementReport, *, after: int = 0, limit: int = 1000) -> Sequence[MatchedLine]:
    values = {
        "tenant": report.api_url,
        "account": report.account_id,
        "report": report.report_id,
        "after": after,
        "limit": limit,
    }
    return [_line(row) for row in session.all(_LINES, values)]


def differences(session: Session, api_url: str, *, limit: int) -> Sequence[tuple[str, MatchedLine]]:
    """Lines of any report that differ, may be several payments' or match nothing, each with its report's id."""
    rows = session.all(_DIFFERENCES, {"tenant": api_url, "limit": limit})
    return [(row.report_id, _line(row)) for row in rows]


def nets_by_settlement(session: Session, api_url: str, account_id: str) -> dict[tuple[str, str], Money]:
    """By settlement and currency, what the imported lines come to, payouts apart."""
    found: dict[tuple[str, str], Money] = {}
    for row in session.all(_NETS, {"tenant": api_url, "account": account_id}):
        found[row.settlement_id, row.currency] = Money(int(row.net), Currency(row.currency))
    return found


def captured_between(
    session: Session, api_url: str, account_id: str, since: datetime, until: datetime, *, limit: int
) -> Sequence[str]:
    """Charges of the account that were captured in that time."""
    values = {
        "tenant": api_url,
        "account": account_id,
        "since": to_micros(since),
        "until": to_micros(until),
        "limit": limit,
    }
    return [row.charge_id for row in session.all(_CAPTURED, values)]


def _report(row: Row) -> SettlementReport:
    return SettlementReport(
        api_url=row.api_url,
        account_id=row.account_id,
        report_id=row.report_id,
        report_type=row.report_type,
        state=row.state,
        start_at=maybe_from_micros(row.start_at),
        end_at=maybe_from_micros(row.end_at),
        line_count=row.line_count,
        matched=row.matched,
        differing=row.differing,
        unmatched=row.unmatched,
        ambiguous=row.ambiguous,
        totals=msgspec.json.decode(row.totals, type=list[Total]),
        faults=msgspec.json.decode(row.faults),
        unknown_columns=msgspec.json.decode(row.unknown_columns),
        missing=msgspec.json.decode(row.missing),
        created_at=from_micros(row.created_at),
        imported_at=from_micros(row.imported_at),
    )


def _line(row: Row) -> MatchedLine:
    currency = Currency(row.currency)
    return MatchedLine(
        number=row.number,
        kind=row.kind,
        posted_at=maybe_from_micros(row.posted_at),
        settlement_id=row.settlement_id,
        transaction_id=row.transaction_id,
        permission_id=row.permission_id,
        reference=row.reference,
        order_number=row.order_number,
        amount=Money(row.amount, currency),
        fee=Money(row.fee, currency),
        net=Money(row.net, currency),
        match=row.match,
        payment_id=row.payment_id,
        difference=row.difference,
        candidates=msgspec.json.decode(row.candidates) if row.candidates else (),
    )
