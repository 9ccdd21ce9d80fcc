"""Settlement for the accountant: Amazon's reports, what they come to, and every line that does not agree."""

from __future__ import annotations

from typing import Final

from saleor_amazonpay.dashboard.pages import Answer, Download, Go, MenuEntry, PageNotFound, Pages, Screen, Upload, Visit
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.settlements import asking, importing
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import settlements as rows
from saleor_amazonpay.storage.settlements import SettlementReport

pages = Pages()

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
    )


@pages.get("/settlements/{report_id}/csv")
async def as_csv(visit: Visit) -> Answer:
    try:
        report, lines = await asking.report(visit.services, visit.tenant, visit.path["report_id"])
    except asking.UnknownReport:
        raise PageNotFound from None
    return Download(f"settlement-{report.report_id}.csv", asking.as_csv(lines), "text/csv; charset=utf-8")


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


def _wrong(report: SettlementReport) -> int:
    return report.differing + report.ambiguous + report.unmatched + len(report.faults) + len(report.missing)


def _money(total: rows.Total, name: str) -> Money:
    return total.money(name)
