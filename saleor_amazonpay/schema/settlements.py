"""Settlement in the app's own GraphQL: imported reports, their lines, fetching, and all that does not agree."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import strawberry

from saleor_amazonpay.domain.reports import ReportFrequency
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.settlements import asking
from saleor_amazonpay.schema.drift import Drift
from saleor_amazonpay.schema.money import Money
from saleor_amazonpay.schema.resolvers import Info
from saleor_amazonpay.storage import settlements as rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.settlements import MatchedLine, Total
from saleor_amazonpay.storage.settlements import SettlementReport as StoredReport

# ruff: noqa: A002 - id is what GraphQL calls it

MOST_REPORTS = 50
MOST_LINES = 500
MOST_DAYS = 365

strawberry.enum(ReportFrequency, description="How often Amazon makes a report; ISO 8601 periods.")


@strawberry.type(description="What a report comes to in one currency; payouts are not part of `net`.")
class SettlementTotal:
    captured: Money
    refunded: Money
    other: Money
    fees: Money
    net: Money
    paid_out: Money

    @staticmethod
    def stored(total: Total) -> SettlementTotal:
        names = ("captured", "refunded", "other", "fees", "net", "paid_out")
        return SettlementTotal(**{name: Money.of(total.money(name)) for name in names})


@strawberry.type(description="A row of the file that is no line.")
class SettlementFault:
    number: int
    message: str
    row: str


@strawberry.type(
    description="`match`: matched, differs, ambiguous, unmatched, or account where no payment is concerned."
)
class SettlementLine:
    report_id: strawberry.ID
    number: int
    kind: str
    posted_at: datetime | None
    settlement_id: str
    transaction_id: str
    charge_permission_id: str
    order_number: str
    amount: Money
    fee: Money
    net: Money
    match: str
    payment_id: strawberry.ID | None
    difference: str | None
    candidates: list[strawberry.ID] = strawberry.field(
        description="Ids of the payments that an ambiguous line may belong to, as `payment(id:)` takes them."
    )

    @staticmethod
    def stored(report_id: str, line: MatchedLine) -> SettlementLine:
        return SettlementLine(
            report_id=strawberry.ID(report_id),
            number=line.number,
            kind=line.kind,
            posted_at=line.posted_at,
            settlement_id=line.settlement_id,
            transaction_id=line.transaction_id,
            charge_permission_id=line.permission_id,
            order_number=line.order_number,
            amount=Money.of(line.amount),
            fee=Money.of(line.fee),
            net=Money.of(line.net),
            match=line.match,
            payment_id=strawberry.ID(line.payment_id) if line.payment_id else None,
            difference=line.difference,
            candidates=[strawberry.ID(candidate) for candidate in line.candidates],
        )


@strawberry.type(description="An imported settlement report of Amazon's.")
class SettlementReport:
    id: strawberry.ID
    account_id: strawberry.ID
    state: str = strawberry.field(description="imported, empty or unreadable.")
    start_at: datetime | None
    end_at: datetime | None
    line_count: int
    matched: int
    differing: int
    unmatched: int
    ambiguous: int
    totals: list[SettlementTotal]
    faults: list[SettlementFault]
    unknown_columns: list[str]
    missing: list[str] = strawberry.field(description="Charges captured in the report's time that it does not have.")
    created_at: datetime

    @staticmethod
    def stored(report: StoredReport) -> SettlementReport:
        return SettlementReport(
            id=strawberry.ID(report.report_id),
            account_id=strawberry.ID(report.account_id),
            state=report.state,
            start_at=report.start_at,
            end_at=report.end_at,
            line_count=report.line_count,
            matched=report.matched,
            differing=report.differing,
            unmatched=report.unmatched,
            ambiguous=report.ambiguous,
            totals=[SettlementTotal.stored(total) for total in report.totals],
            faults=[
                SettlementFault(number=fault["number"], message=fault["message"], row=fault["row"])
                for fault in report.faults
            ],
            unknown_columns=list(report.unknown_columns),
            missing=list(report.missing),
            created_at=report.created_at,
        )


@strawberry.type(description="All that does not agree between Saleor, this app and Amazon's settlements.")
class SettlementDifferences:
    payments: list[Drift]
    lines: list[SettlementLine]


@strawberry.type(description="A report that Amazon makes regularly.")
class SettlementSchedule:
    id: strawberry.ID
    report_type: str
    frequency: str = strawberry.field(description="As Amazon words it; the ones known here are ReportFrequency.")
    next_at: datetime | None

    @staticmethod
    def stored(one: asking.Schedule) -> SettlementSchedule:
        return SettlementSchedule(
            id=strawberry.ID(one.id), report_type=one.report_type, frequency=one.frequency, next_at=one.next_at
        )


@strawberry.type(description="What Amazon paid out, beside what the imported lines of its settlement come to.")
class SettlementPayout:
    settlement_id: str
    reference_id: str
    paid_at: datetime | None
    amount: Money | None = strawberry.field(description="Null where Amazon's figure is no amount; see `amountText`.")
    amount_text: str
    settled: Money | None = strawberry.field(description="What the lines come to; null where none is imported.")
    difference: Money | None

    @staticmethod
    def stored(one: asking.Disbursement) -> SettlementPayout:
        return SettlementPayout(
            settlement_id=one.settlement_id,
            reference_id=one.reference_id,
            paid_at=one.at,
            amount=Money.of(one.amount) if one.amount else None,
            amount_text=one.amount_text,
            settled=Money.of(one.settled) if one.settled is not None else None,
            difference=Money.of(one.difference) if one.difference is not None else None,
        )


@strawberry.type
class SettlementError:
    code: str
    message: str

    @staticmethod
    def of(refused: AppError) -> list[SettlementError]:
        return [SettlementError(code=refused.code, message=refused.public_message)]


@strawberry.type(description="As Amazon has them now.")
class SettlementSchedules:
    schedules: list[SettlementSchedule]
    errors: list[SettlementError]


@strawberry.type(description="As Amazon has them now, the oldest first.")
class SettlementPayouts:
    payouts: list[SettlementPayout]
    errors: list[SettlementError]


@strawberry.type
class SettlementFetch:
    reports: list[SettlementReport]
    error: str | None


async def _reports(info: Info) -> list[SettlementReport]:
    it = info.context
    found = await it.services.database.read(lambda session: rows.page(session, it.tenant, limit=MOST_REPORTS))
    return [SettlementReport.stored(one) for one in found]


async def _lines(info: Info, report_id: strawberry.ID, after: int = 0) -> list[SettlementLine]:
    it = info.context
    try:
        _, lines = await asking.report(it.services, it.tenant, report_id)
    except asking.UnknownReport:
        return []
    return [SettlementLine.stored(report_id, line) for line in lines if line.number > after][:MOST_LINES]


async def _differences(info: Info) -> SettlementDifferences:
    found = await asking.differences(info.context.services, info.context.tenant, limit=MOST_LINES)
    return SettlementDifferences(
        payments=[Drift.stored(drift) for drift in found.drifts],
        lines=[SettlementLine.stored(report, line) for report, line in found.lines],
    )


async def _fetch(info: Info) -> SettlementFetch:
    try:
        imported = await asking.fetch(info.context.services, info.context.tenant)
    except AppError as refused:
        return SettlementFetch(reports=[], error=refused.public_message)
    return SettlementFetch(reports=[SettlementReport.stored(one) for one in imported], error=None)


async def _schedules(info: Info, account_id: strawberry.ID) -> SettlementSchedules:
    return await _scheduled(info, account_id, None)


async def _schedule(
    info: Info, account_id: strawberry.ID, frequency: ReportFrequency, report_type: str = ""
) -> SettlementSchedules:
    async def work(account: Account) -> None:
        await asking.schedule(info.context.services, account, frequency.value, report_type)

    return await _scheduled(info, account_id, work)


async def _unschedule(info: Info, account_id: strawberry.ID, id: strawberry.ID) -> SettlementSchedules:
    async def work(account: Account) -> None:
        await asking.unschedule(info.context.services, account, id)

    return await _scheduled(info, account_id, work)


async def _scheduled(
    info: Info, account_id: str, work: Callable[[Account], Awaitable[None]] | None
) -> SettlementSchedules:
    """The account's schedules after the work."""
    it = info.context
    try:
        [account] = await asking.accounts_of(it.services, it.tenant, account_id)
        if work is not None:
            await work(account)
        found = await asking.schedules(it.services, account)
    except AppError as refused:
        return SettlementSchedules(schedules=[], errors=SettlementError.of(refused))
    return SettlementSchedules(schedules=[SettlementSchedule.stored(one) for one in found], errors=[])


async def _payouts(info: Info, account_id: strawberry.ID, days: int = asking.PAYOUT_DAYS) -> SettlementPayouts:
    it = info.context
    since = it.services.clock.now() - timedelta(days=min(max(days, 1), MOST_DAYS))
    try:
        [account] = await asking.accounts_of(it.services, it.tenant, account_id)
        found = await asking.disbursements(it.services, account, since)
    except AppError as refused:
        return SettlementPayouts(payouts=[], errors=SettlementError.of(refused))
    return SettlementPayouts(payouts=[SettlementPayout.stored(one) for one in found], errors=[])


@strawberry.type
class SettlementQuery:
    settlement_reports: list[SettlementReport] = strawberry.field(
        resolver=_reports, description=f"The newest first; at most {MOST_REPORTS}."
    )
    settlement_lines: list[SettlementLine] = strawberry.field(
        resolver=_lines, description=f"Of one report, from after a line number on; at most {MOST_LINES}."
    )
    settlement_differences: SettlementDifferences = strawberry.field(
        resolver=_differences, description="What the daily reconciliation found."
    )
    settlement_schedules: SettlementSchedules = strawberry.field(
        resolver=_schedules, description="The reports that Amazon makes regularly for an account."
    )
    settlement_payouts: SettlementPayouts = strawberry.field(
        resolver=_payouts, description=f"What Amazon paid out for an account in so many days; at most {MOST_DAYS}."
    )


@strawberry.type
class SettlementMutation:
    settlement_fetch: SettlementFetch = strawberry.mutation(
        resolver=_fetch, description="Import the reports Amazon has finished."
    )
    settlement_schedule_create: SettlementSchedules = strawberry.mutation(
        resolver=_schedule,
        description="Have Amazon make a report regularly, the settlement report where no type is named; it replaces "
        "the type's schedule so far.",
    )
    settlement_schedule_cancel: SettlementSchedules = strawberry.mutation(
        resolver=_unschedule, description="Have Amazon make a report regularly no more."
    )
