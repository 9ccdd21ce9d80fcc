"""Settlement reports made of what was really charged and refunded here, schedules, disbursements.

Source: amazon-pay-cv2.md §3.12.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from saleor_amazonpay.domain.money import Currency, Money, total
from saleor_amazonpay.domain.states import ChargeState, RefundState
from saleor_amazonpay.sandbox.amazon_pay import fields, wire
from saleor_amazonpay.sandbox.amazon_pay.api_request import Answer, ApiRequest
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, Document, Refund
from saleor_amazonpay.sandbox.amazon_pay.options import LEDGER_CURRENCY
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.world import World, find

_FLAT_FILE: Final = "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_{}_DATA_"
SANDBOX_SETTLEMENT: Final = _FLAT_FILE.format("SANDBOX_SETTLEMENT")
MULTI_CURRENCY: Final = "_GET_CSV_CUSTOM_OFFAMAZONPAYMENTS_MULTI_CURRENCY_PAYMENTS_DATA_"
LIVE_TYPES: Final = (
    *(
        _FLAT_FILE.format(kind)
        for kind in ("SETTLEMENT", "ORDER_REFERENCE", "BILLING_AGREEMENT", "AUTHORIZATION", "CAPTURE", "REFUND")
    ),
    MULTI_CURRENCY,
)
STATUSES: Final = ("IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")
FREQUENCIES: Final = (
    *("PT5M", "PT15M", "PT30M", "PT1H", "PT2H", "PT4H", "PT8H", "PT12H", "PT24H", "PT84H"),
    *("P1D", "P2D", "P3D", "P7D", "P14D", "P15D", "P18D", "P30D"),
)
KEPT_DAYS: Final = 90
_URL_SECONDS: Final = 30
_PAGE_SIZE: Final = 10
_TIME_FORM: Final = "%Y%m%dT%H%M%SZ"

_LIST_PARAMETERS: Final = frozenset(
    {"reportTypes", "processingStatuses", "createdSince", "createdUntil", "pageSize", "nextToken"}
)
_SETTLEMENT_COLUMNS: Final = (
    "TransactionPostedDate",
    "SettlementId",
    "AmazonTransactionId",
    "SellerReferenceId",
    "TransactionType",
    "AmazonOrderReferenceId",
    "SellerOrderId",
    "StoreName",
    "CurrencyCode",
    "TransactionDescription",
    "TransactionAmount",
    "TransactionPercentageFee",
    "TransactionFixedFee",
    "TotalTransactionFee",
    "NetTransactionAmount",
)


def _time(value: Any, name: str) -> datetime:
    try:
        return datetime.strptime(value, _TIME_FORM).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise ApiProblem("InvalidParameterValue", f"The value of {name} is not a UTC time stamp.") from None


CREATE_FIELDS: Final = Fields({"reportType": fields.text(), "startTime": _time, "endTime": _time}, ("reportType",))
SCHEDULE_FIELDS: Final = Fields(
    {
        "reportType": fields.text(),
        "scheduleFrequency": fields.one_of(*FREQUENCIES),
        "nextReportCreationTime": _time,
        "deleteExistingSchedule": fields.boolean,
    },
    required=("reportType", "scheduleFrequency"),
)


@dataclass(slots=True, kw_only=True)
class Report:
    report_id: str
    owner: Owner
    report_type: str
    start: datetime
    end: datetime
    created: datetime
    status: str = "IN_PROGRESS"
    finished: datetime | None = None
    document_id: str | None = None
    content: str = ""


@dataclass(slots=True, kw_only=True)
class Schedule:
    schedule_id: str
    owner: Owner
    report_type: str
    frequency: str
    next_creation: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbursement:
    owner: Owner
    settlement_id: str
    reference_id: str
    amount: Money
    time: datetime


class Reports:
    def __init__(self, world: World) -> None:
        self._world = world
        self._reports: dict[str, Report] = {}
        self._documents: dict[str, Report] = {}
        self._schedules: dict[str, Schedule] = {}
        self._disbursements: list[Disbursement] = []
        self._links: dict[str, tuple[datetime, str]] = {}
        self._tokens: dict[str, tuple[Mapping[str, str], int]] = {}

    # --- Endpoints ------------------------------------------------------------------------------------------------

    def list(self, request: ApiRequest) -> Answer:
        """``nextToken`` must be alone; it holds the query and the place reached."""
        query, offset = self._listing(request.query)
        found = [report for report in self._reports.values() if self._is_listed(report, request.owner, query)]
        found.sort(key=lambda report: (report.created, report.report_id), reverse=True)
        size = _page_size(query)
        page, rest = found[offset : offset + size], found[offset + size :]
        token = self._token(query, offset + size) if rest else None
        return Answer(200, {"reports": [_report(report) for report in page], "nextToken": token})

    def create(self, request: ApiRequest) -> Answer:
        body, now = CREATE_FIELDS(request.body), self._world.now
        _check_type(request.owner, body["reportType"])
        end = body.get("endTime", now)
        report = Report(
            report_id=self._world.ids.text(14),
            owner=request.owner,
            report_type=body["reportType"],
            start=body.get("startTime", end - timedelta(days=KEPT_DAYS)),
            end=end,
            created=now,
        )
        self._reports[report.report_id] = report
        self._world.agenda.after(self._world.options.report_seconds, lambda: self._finish(report))
        return Answer(201, {"reportId": report.report_id})

    def get(self, request: ApiRequest) -> Answer:
        return Answer(200, _report(find(self._reports, request.ids["id"], request.owner)))

    def get_document(self, request: ApiRequest) -> Answer:
        """``url`` needs no signature and works for 30 seconds."""
        report = find(self._documents, request.ids["id"], request.owner)
        link = self._world.ids.uuid()
        self._links[link] = (self._world.now + timedelta(seconds=_URL_SECONDS), report.content)
        document = {
            "reportDocumentId": report.document_id,
            "url": f"{self._world.url}/documents/{link}",
            "compressionAlgorithm": "N/A",
        }
        return Answer(200, document)

    def list_schedules(self, request: ApiRequest) -> Answer:
        wanted = _names(request.query.get("reportTypes"))
        found = [
            _schedule(schedule)
            for schedule in self._schedules.values()
            if schedule.owner == request.owner and (not wanted or schedule.report_type in wanted)
        ]
        return Answer(200, {"reportSchedules": found})

    def create_schedule(self, request: ApiRequest) -> Answer:
        body = SCHEDULE_FIELDS(request.body)
        _check_type(request.owner, body["reportType"])
        if body["reportType"] == MULTI_CURRENCY:
            raise ApiProblem("InvalidParameterValue", "This report cannot be scheduled.")
        self._make_room(request.owner, body["reportType"], replace=body.get("deleteExistingSchedule", False))
        schedule = Schedule(
            schedule_id=self._world.ids.text(14),
            owner=request.owner,
            report_type=body["reportType"],
            frequency=body["scheduleFrequency"],
            next_creation=body.get("nextReportCreationTime", self._world.now),
        )
        self._schedules[schedule.schedule_id] = schedule
        return Answer(201, {"reportScheduleId": schedule.schedule_id})

    def get_schedule(self, request: ApiRequest) -> Answer:
        return Answer(200, _schedule(find(self._schedules, request.ids["id"], request.owner)))

    def cancel_schedule(self, request: ApiRequest) -> Answer:
        schedule = find(self._schedules, request.ids["id"], request.owner)
        del self._schedules[schedule.schedule_id]
        return Answer(200, {})

    def list_disbursements(self, request: ApiRequest) -> Answer:
        start = _time(request.query["startTime"], "startTime") if "startTime" in request.query else None
        end = _time(request.query["endTime"], "endTime") if "endTime" in request.query else None
        found = [
            _disbursement(it)
            for it in self._disbursements
            if it.owner == request.owner and (start is None or it.time >= start) and (end is None or it.time <= end)
        ]
        return Answer(200, {"disbursements": found, "nextToken": None})

    # --- Amazon's side --------------------------------------------------------------------------------------------

    def disburse(self, owner: Owner) -> Disbursement:
        """Pays out what was captured less what was refunded, as Amazon does every 14 days; fees are not simulated."""
        paid = Disbursement(
            owner=owner,
            settlement_id=self._world.ids.text(11),
            reference_id=self._world.ids.text(20),
            amount=self._outstanding(owner),
            time=self._world.now,
        )
        self._disbursements.append(paid)
        return paid

    def linked_document(self, link: str) -> str | None:
        """The content behind a document's URL, while it works."""
        until, content = self._links.get(link, (None, ""))
        return content if until is not None and self._world.now <= until else None

    # --- Details --------------------------------------------------------------------------------------------------

    def _outstanding(self, owner: Owner) -> Money:
        currency = Currency(LEDGER_CURRENCY[owner.region])
        moved = [amount for amount in self._movements(owner) if amount.currency is currency]
        paid = [it.amount for it in self._disbursements if it.owner == owner]
        return total(moved, currency) - total(paid, currency)

    def _movements(self, owner: Owner) -> Iterator[Money]:
        for charge in self._world.charges.values():
            if charge.owner == owner:
                yield charge.captured - charge.refunded

    def _listing(self, query: Mapping[str, str]) -> tuple[Mapping[str, str], int]:
        if query.keys() - _LIST_PARAMETERS:
            raise ApiProblem("UnrecognizedField", f"{min(query.keys() - _LIST_PARAMETERS)} is not known.")
        token = query.get("nextToken")
        if token is None:
            return query, 0
        if len(query) > 1 or token not in self._tokens:
            raise ApiProblem("InvalidParameterValue", "nextToken is unknown, or not alone.")
        return self._tokens[token]

    def _token(self, query: Mapping[str, str], offset: int) -> str:
        token = self._world.ids.text(24)
        self._tokens[token] = (dict(query), offset)
        return token

    def _is_listed(self, report: Report, owner: Owner, query: Mapping[str, str]) -> bool:
        now = self._world.now
        since = _time(query["createdSince"], "createdSince") if "createdSince" in query else now - _KEPT
        until = _time(query["createdUntil"], "createdUntil") if "createdUntil" in query else now
        types, statuses = _names(query.get("reportTypes")), _names(query.get("processingStatuses"))
        return (
            report.owner == owner
            and since <= report.created <= until
            and report.created >= now - _KEPT
            and (not types or report.report_type in types)
            and (not statuses or report.status in statuses)
        )

    def _make_room(self, owner: Owner, report_type: str, *, replace: bool) -> None:
        """One schedule per type."""
        same = [s for s in self._schedules.values() if (s.owner, s.report_type) == (owner, report_type)]
        if same and not replace:
            raise ApiProblem("InvalidRequest", "This report is scheduled already.")
        for schedule in same:
            del self._schedules[schedule.schedule_id]

    def _finish(self, report: Report) -> None:
        report.status, report.finished = "COMPLETED", self._world.now
        report.document_id = self._world.ids.text(24)
        report.content = self._settlement(report) if "SETTLEMENT" in report.report_type else ""
        self._documents[report.document_id] = report

    def _settlement(self, report: Report) -> str:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(_SETTLEMENT_COLUMNS)
        for charge in self._world.charges.values():
            if charge.owner != report.owner:
                continue
            if charge.state == ChargeState.CAPTURED and report.start <= charge.updated <= report.end:
                writer.writerow(_capture_row(charge))
            for refund in charge.refunds:
                if refund.state == RefundState.REFUNDED and report.start <= refund.updated <= report.end:
                    writer.writerow(_refund_row(refund))
        return text.getvalue()


_KEPT: Final = timedelta(days=KEPT_DAYS)


def _capture_row(charge: Charge) -> tuple[str, ...]:
    return _row(charge, charge.charge_id, "Capture", charge.captured, charge.updated)


def _refund_row(refund: Refund) -> tuple[str, ...]:
    zero = Money.zero(refund.amount.currency)
    return _row(refund.charge, refund.refund_id, "Refund", zero - refund.amount, refund.updated)


def _row(charge: Charge, object_id: str, kind: str, amount: Money, time: datetime) -> tuple[str, ...]:
    charged, ordered = charge.document.get("merchantMetadata") or {}, charge.permission.document["merchantMetadata"]
    zero = Money.zero(amount.currency).amount
    return (
        time.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "",
        object_id,
        charged.get("merchantReferenceId") or "",
        kind,
        charge.permission.permission_id,
        ordered["merchantReferenceId"] or "",
        ordered["merchantStoreName"] or "",
        amount.currency.value,
        "",
        amount.amount,
        zero,
        zero,
        zero,
        amount.amount,
    )


def _check_type(owner: Owner, report_type: str) -> None:
    if report_type not in ((SANDBOX_SETTLEMENT,) if owner.is_sandbox else LIVE_TYPES):
        raise ApiProblem("InvalidParameterValue", "The value of reportType is not available here.")


def _page_size(query: Mapping[str, str]) -> int:
    given = query.get("pageSize", str(_PAGE_SIZE))
    if not given.isdigit() or not 1 <= int(given) <= 100:
        raise ApiProblem("InvalidParameterValue", "The value of pageSize is out of range.")
    return int(given)


def _names(comma_list: str | None) -> frozenset[str]:
    return frozenset(filter(None, (comma_list or "").split(",")))


def _report(it: Report) -> Document:
    """Keys in alphabetical order."""
    return {
        "createdTime": it.created,
        "endTime": it.end,
        "processingEndTime": it.finished,
        "processingStartTime": it.created,
        "processingStatus": it.status,
        "reportDocumentId": it.document_id,
        "reportId": it.report_id,
        "reportType": it.report_type,
        "startTime": it.start,
    }


def _schedule(it: Schedule) -> Document:
    return {
        "nextReportCreationTime": it.next_creation,
        "reportScheduleId": it.schedule_id,
        "reportType": it.report_type,
        "scheduleFrequency": it.frequency,
    }


def _disbursement(it: Disbursement) -> Document:
    return {
        "sellerId": it.owner.merchant_id,
        "settlementId": it.settlement_id,
        "amazonDisbursementReferenceId": it.reference_id,
        "amount": it.amount.amount,
        "currencyCode": it.amount.currency.value,
        "transactionTime": wire.timestamp(it.time),
    }
