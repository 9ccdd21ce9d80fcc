"""What the merchant's page, GraphQL and ``saleor-amazonpay reports`` ask: of our imports, and of Amazon itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from saleor_amazonpay.amazonpay import models, parse_timestamp, requests
from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.reports import ReportFrequency
from saleor_amazonpay.errors import RequestRejected
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.settlements import importing
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import drift as drift_rows
from saleor_amazonpay.storage import settlements as rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.drift import Drift
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.settlements import MatchedLine, SettlementReport

PAYOUT_DAYS = 90
_SECONDS = 20.0
_PAGES = 10
_MOST_LINES = 100_000


class UnknownReport(RequestRejected):
    status = 404
    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(Message("There is no such settlement report here."))


class UnknownAccount(RequestRejected):
    status = 404
    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(Message("There is no such Amazon Pay account."))


class UnknownFrequency(RequestRejected):
    status = 422
    code = "INVALID"

    def __init__(self) -> None:
        super().__init__(Message("The frequency is one of {all}.", all=", ".join(ReportFrequency)))


@dataclass(frozen=True, slots=True)
class Disbursement:
    """A payout of Amazon's; ``settled`` is what our imported lines of its settlement come to, None: none imported.

    ``amount`` is None where Amazon's figure, which ``amount_text`` has, is no amount of a currency known here.
    """

    account_id: str
    settlement_id: str
    reference_id: str
    amount: Money | None
    amount_text: str
    at: datetime | None
    settled: Money | None

    @property
    def difference(self) -> Money | None:
        return None if self.settled is None or self.amount is None else self.amount - self.settled


@dataclass(frozen=True, slots=True)
class Schedule:
    """A report that Amazon makes regularly; ``frequency`` as Amazon words it, a new one of theirs too."""

    id: str
    report_type: str
    frequency: str
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything that does not agree: Saleor with Amazon (drift), settlements with our payments."""

    drifts: Sequence[Drift]
    lines: Sequence[tuple[str, MatchedLine]]
    missing: Sequence[tuple[str, str]]  # report id, charge id


async def accounts_of(services: Services, api_url: str, only: str | None = None) -> list[Account]:
    """Raises UnknownAccount: ``only`` is none of the tenant's, by id or name."""
    found = await services.database.read(lambda session: account_rows.of_tenant(session, api_url, services.secrets))
    usable = [account for account in found if account.state != "locked"]
    if only is None:
        return usable
    named = [account for account in usable if only in {account.id, account.name}]
    if not named:
        raise UnknownAccount
    return named


async def fetch(services: Services, api_url: str, only: str | None = None) -> list[SettlementReport]:
    """Import what Amazon has finished; AmazonPayError where it cannot be read."""
    imported: list[SettlementReport] = []
    for account in await accounts_of(services, api_url, only):
        imported += await importing.fetch_new(services, account, Deadline(services.clock, _SECONDS))
    return imported


async def create(services: Services, account: Account, start: datetime, end: datetime, report_type: str = "") -> str:
    """Have Amazon make a report; its id. Live settlement reports come by themselves with each settlement."""
    wanted = report_type or importing.SETTLEMENT_TYPES[account.environment]
    now = services.clock.now()
    key = keys.idempotency_key("report", account.id, wanted, start, end, f"{now:%Y-%m-%dT%H:%M}")
    request = requests.create_report(wanted, start, end, idempotency_key=key)
    answer = await services.amazon(account).execute(request, budget=_SECONDS)
    return answer.value.report_id or ""


async def schedules(services: Services, account: Account) -> list[Schedule]:
    """Every report that Amazon makes regularly, of whatever type."""
    answer = await services.amazon(account).execute(requests.get_report_schedules(), budget=_SECONDS)
    return [
        Schedule(
            id=each.report_schedule_id or "",
            report_type=each.report_type or "",
            frequency=each.schedule_frequency or "",
            next_at=_time(each.next_report_creation_time),
        )
        for each in answer.value.report_schedules or ()
    ]


async def schedule(services: Services, account: Account, frequency: str, report_type: str = "") -> str:
    """Have Amazon make a report regularly, in place of the type's present schedule; the schedule's id.

    Each asking has a key of its own: done twice it comes to the same, and a schedule that was ended may be made again.
    """
    if frequency not in set(ReportFrequency):
        raise UnknownFrequency
    wanted, now = report_type or importing.SETTLEMENT_TYPES[account.environment], services.clock.now()
    request = requests.create_report_schedule(
        wanted,
        frequency,
        now + timedelta(minutes=5),
        delete_existing_schedule=True,
        idempotency_key=keys.idempotency_key("schedule", account.id, wanted, frequency, uuid4()),
    )
    answer = await services.amazon(account).execute(request, budget=_SECONDS)
    return answer.value.report_schedule_id or ""


async def unschedule(services: Services, account: Account, schedule_id: str) -> None:
    await services.amazon(account).execute(requests.cancel_report_schedule(schedule_id), budget=_SECONDS)


async def disbursements(services: Services, account: Account, since: datetime) -> list[Disbursement]:
    """Amazon's payouts, the newest last, each beside what its settlement's lines come to."""
    client, token = services.amazon(account), None
    found: list[models.Disbursement] = []
    for _ in range(_PAGES):
        request = requests.get_disbursements(
            start_time=None if token else since, end_time=None if token else services.clock.now(), next_token=token
        )
        answer = (await client.execute(request, budget=_SECONDS)).value
        found += answer.disbursements or []
        token = answer.next_token
        if not token:
            break
    settled = await services.database.read(
        lambda session: rows.nets_by_settlement(session, account.api_url, account.id)
    )
    return [
        Disbursement(
            account_id=account.id,
            settlement_id=each.settlement_id or "",
            reference_id=each.amazon_disbursement_reference_id or "",
            amount=_amount(each.amount, each.currency_code),
            amount_text=f"{each.amount if each.amount is not None else '?'} {each.currency_code or '?'}",
            at=_time(each.transaction_time),
            settled=settled.get((each.settlement_id or "", each.currency_code or "")),
        )
        for each in found
    ]


async def report(services: Services, api_url: str, report_id: str) -> tuple[SettlementReport, Sequence[MatchedLine]]:
    """Raises UnknownReport."""

    def look(session: Session) -> tuple[SettlementReport, Sequence[MatchedLine]]:
        found = rows.get(session, api_url, report_id)
        if found is None:
            raise UnknownReport
        return found, rows.lines_of(session, found, limit=_MOST_LINES)

    return await services.database.read(look)


async def differences(services: Services, api_url: str, *, limit: int = 500) -> Differences:
    """The daily reconciliation as it stands."""

    def look(session: Session) -> Differences:
        reports = rows.page(session, api_url, limit=200)
        return Differences(
            drifts=drift_rows.of_tenant(session, api_url, limit=limit),
            lines=rows.differences(session, api_url, limit=limit),
            missing=[(each.report_id, charge) for each in reports for charge in each.missing][:limit],
        )

    return await services.database.read(look)


_LINE_COLUMNS = (
    *("line", "kind", "posted_at", "settlement_id", "transaction_id", "charge_permission_id", "merchant_reference"),
    *("order_number", "currency", "amount", "fee", "net", "match", "payment", "difference"),
)


_PAYOUT_COLUMNS = ("paid_at", "settlement_id", "reference_id", "currency", "amount", "lines_come_to", "difference")
_SCHEDULE_COLUMNS = ("schedule_id", "report_type", "frequency", "next_at")


def as_csv(lines: Sequence[MatchedLine]) -> bytes:
    """A report's lines with what each was matched with."""
    return _csv(
        _LINE_COLUMNS,
        (
            [
                str(line.number),
                line.kind,
                _iso(line.posted_at),
                *map(_harmless, (line.settlement_id, line.transaction_id, line.permission_id, line.reference)),
                _harmless(line.order_number),
                line.amount.currency.value,
                line.amount.amount,
                line.fee.amount,
                line.net.amount,
                line.match,
                line.payment_id or " ".join(line.candidates),
                _harmless(line.difference or ""),
            ]
            for line in lines
        ),
    )


def payouts_as_csv(payouts: Sequence[Disbursement]) -> bytes:
    """What Amazon paid out, each beside what the imported lines of its settlement come to."""
    return _csv(
        _PAYOUT_COLUMNS,
        (
            [
                _iso(one.at),
                *map(_harmless, (one.settlement_id, one.reference_id)),
                one.amount.currency.value if one.amount else "",
                one.amount.amount if one.amount else _harmless(one.amount_text),
                one.settled.amount if one.settled is not None else "",
                one.difference.amount if one.difference is not None else "",
            ]
            for one in payouts
        ),
    )


def schedules_as_csv(schedules: Sequence[Schedule]) -> bytes:
    """The reports Amazon makes regularly."""
    return _csv(
        _SCHEDULE_COLUMNS,
        ([*map(_harmless, (one.id, one.report_type, one.frequency)), _iso(one.next_at)] for one in schedules),
    )


def _csv(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> bytes:
    """For a spreadsheet: UTF-8 with its mark, amounts with the currency's decimals, no cell that is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _amount(amount: Decimal | None, currency: str | None) -> Money | None:
    try:
        return Money.parse(str(amount), currency or "")
    except (MoneyError, ValueError):
        return None


def _time(text: str | None) -> datetime | None:
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None
