"""Settlement for the accountant: Amazon's reports, what they come to, and every line that does not agree."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from saleor_amazonpay.dashboard.pages import Answer, Download, Go, MenuEntry, PageNotFound, Pages, Screen, Upload, Visit
from saleor_amazonpay.dashboard.views.settlement_notes import noted
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.reports import ReportFrequency
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.settlements import asking, importing
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import settlements as rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.settlements import SettlementReport

pages = Pages()

_CSV_TYPE: Final = "text/csv; charset=utf-8"
_OFFERED: Final = tuple(each for each in ReportFrequency if each.startswith("P") and not each.startswith("PT"))
_UNITS: Final = {
    "TM": marked("Every {count} minutes"),
    "TH": marked("Every {count} hours"),
    "D": marked("Every {count} days"),
}
_MOST = 50
_MOST_SHOWN = 500
MATCHES: Final = {
    rows.MATCHED: (marked("Agrees"), "success"),
    rows.DIFFERS: (marked("Differs"), "critical"),
    rows.AMBIGUOUS: (marked("Several payments could have it"), "warning"),
    rows.UNMATCHED: (marked("Belongs to no payment"), "warning"),
    rows.ACCOUNT: (marked("Your account"), "neutral"),
}


@pages.get("/settlements", menu=MenuEntry(marked("Settlements"), order=70, icon="settlement"))
async def listing(visit: Visit) -> Answer:
    return await _listing(visit)


@pages.post("/settlements/fetch")
async def fetch(visit: Visit) -> Answer:
    try:
        imported = await asking.fetch(visit.services, visit.tenant)
    except AppError as refused:
        return await _listing(visit, refused)
    told = Message("{count} reports imported.", count=len(imported)) if imported else Message("Nothing new.")
    return Go("/settlements", told)


@pages.post("/settlements/import")
async def take_file(visit: Visit) -> Answer:
    chosen = visit.files.get("file", Upload("", b""))
    try:
        [account] = await asking.accounts_of(visit.services, visit.tenant, visit.form.text("account"))
        report = await importing.take_file(visit.services, account, chosen.name or "?", chosen.content)
    except AppError as refused:
        return await _listing(visit, refused)
    return Go(f"/settlements/{report.report_id}", Message("Imported."))


@pages.get("/settlements/payouts")
async def payouts(visit: Visit) -> Answer:
    return await _at_amazon(visit)


@pages.get("/settlements/payouts/csv")
async def payouts_as_csv(visit: Visit) -> Answer:
    try:
        account = await _account(visit, visit.query.text("account"))
        found = await asking.disbursements(visit.services, account, _since(visit))
    except AppError as refused:
        return await _at_amazon(visit, refused)
    return Download(f"payouts-{account.name}.csv", asking.payouts_as_csv(found), _CSV_TYPE)


@pages.get("/settlements/schedules/csv")
async def schedules_as_csv(visit: Visit) -> Answer:
    try:
        account = await _account(visit, visit.query.text("account"))
        found = await asking.schedules(visit.services, account)
    except AppError as refused:
        return await _at_amazon(visit, refused)
    return Download(f"report-schedules-{account.name}.csv", asking.schedules_as_csv(found), _CSV_TYPE)


@pages.post("/settlements/schedules")
async def schedule(visit: Visit) -> Answer:
    try:
        account = await _account(visit, visit.form.text("account"))
        await asking.schedule(visit.services, account, visit.form.text("frequency"))
    except AppError as refused:
        return await _at_amazon(visit, refused)
    return Go(f"/settlements/payouts?account={account.id}", Message("Scheduled."))


@pages.post("/settlements/schedules/{schedule_id}/cancel")
async def unschedule(visit: Visit) -> Answer:
    try:
        account = await _account(visit, visit.form.text("account"))
        await asking.unschedule(visit.services, account, visit.path["schedule_id"])
    except AppError as refused:
        return await _at_amazon(visit, refused)
    return Go(f"/settlements/payouts?account={account.id}", Message("The schedule has ended."))


@pages.get("/settlements/{report_id}")
async def one(visit: Visit) -> Answer:
    try:
        report, lines = await asking.report(visit.services, visit.tenant, visit.path["report_id"])
    except asking.UnknownReport:
        raise PageNotFound from None
    wrong = [line for line in lines if line.match in rows.WRONG]
    everything = visit.query.text("show") == "all"
    shown = lines if everything else wrong
    return Screen(
        "settlement.html",
        title=Message("Settlement report {id}", id=report.report_id),
        report=report,
        lines=shown[:_MOST_SHOWN],
        cut=len(shown) > _MOST_SHOWN,
        everything=everything,
        matches=MATCHES,
        money=_money,
        noted=noted,
    )


@pages.get("/settlements/{report_id}/csv")
async def as_csv(visit: Visit) -> Answer:
    try:
        report, lines = await asking.report(visit.services, visit.tenant, visit.path["report_id"])
    except asking.UnknownReport:
        raise PageNotFound from None
    return Download(f"settlement-{report.report_id}.csv", asking.as_csv(lines), _CSV_TYPE)


async def _listing(visit: Visit, refused: AppError | None = None) -> Answer:
    found = await visit.services.database.read(lambda session: rows.page(session, visit.tenant, limit=_MOST))
    accounts = await asking.accounts_of(visit.services, visit.tenant)
    return Screen(
        "settlements.html",
        title=Message("Settlements"),
        status=422 if refused else 200,
        reports=found,
        accounts=accounts,
        names={account.id: account.name for account in accounts},
        fault=refused.sentence if refused else None,
        wrong=_wrong,
        money=_money,
    )


async def _account(visit: Visit, chosen: str) -> Account:
    """The account that was chosen; without a choice the first. Raises UnknownAccount."""
    found = await asking.accounts_of(visit.services, visit.tenant, chosen or None)
    if not found:
        raise asking.UnknownAccount
    return found[0]


def _since(visit: Visit) -> datetime:
    return visit.services.clock.now() - timedelta(days=asking.PAYOUT_DAYS)


async def _at_amazon(visit: Visit, refused: AppError | None = None) -> Answer:
    """What Amazon has of an account now; it says so where it cannot be read."""
    accounts = await asking.accounts_of(visit.services, visit.tenant)
    chosen = visit.query.text("account") or visit.form.text("account")
    account = next((each for each in accounts if each.id == chosen), next(iter(accounts), None))
    payouts: list[asking.Disbursement] = []
    schedules: list[asking.Schedule] = []
    absent: AppError | None = None
    try:
        if account is not None:
            payouts = await asking.disbursements(visit.services, account, _since(visit))
            schedules = await asking.schedules(visit.services, account)
    except AppError as absence:
        absent = absence
    return Screen(
        "payouts.html",
        title=Message("Payouts and report schedules"),
        status=422 if refused else 200,
        accounts=accounts,
        account=account,
        payouts=payouts[::-1],
        schedules=schedules,
        frequencies=[(each.value, _every(each)) for each in _OFFERED],
        every=_every,
        faults=[each.sentence for each in (refused, absent) if each is not None],
        is_absent=absent is not None,
        days=asking.PAYOUT_DAYS,
    )


def _every(frequency: str) -> Message | str:
    """An ISO 8601 period of one unit in words; another one as Amazon words it."""
    found = re.fullmatch(r"P(T?)(\d+)([DHM])", frequency)
    unit = _UNITS.get(found[1] + found[3]) if found else None
    return Message(unit, count=found[2]) if found and unit else frequency


def _wrong(report: SettlementReport) -> int:
    return report.differing + report.ambiguous + report.unmatched + len(report.faults) + len(report.missing)


def _money(total: rows.Total, name: str) -> Money:
    return total.money(name)
