"""Agreements: the list, and one with its month, its orders, its history, and the buttons that read or end it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote, urlencode

from saleor_amazonpay.dashboard.pages import Answer, Go, MenuEntry, PageNotFound, Pages, Screen, Visit
from saleor_amazonpay.dashboard.views.account_form import Entered
from saleor_amazonpay.dashboard.views.intervals import every
from saleor_amazonpay.dashboard.views.payments import STAFF, STATUSES, Word
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ChargeInitiator, ChargePermissionType, FrequencyUnit
from saleor_amazonpay.handlers.agreements import looking, merchant, stored
from saleor_amazonpay.handlers.agreements.merchant import AgreementErrorCode, AgreementRefused, ChargeRequest
from saleor_amazonpay.handlers.merchant_payments.sentences import sentence_of
from saleor_amazonpay.handlers.services import Deadline
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.timeline import Entry

pages = Pages()

_SECONDS: Final = 10.0
_MOST_PAYMENTS: Final = 50
_CHARGE_FIELDS: Final = ("sourceId", "amount")

STATES: Final[Mapping[str, Word]] = {
    "Chargeable": Word(marked("Chargeable"), "success"),
    "NonChargeable": Word(marked("Buyer has to act"), "warning"),
    "Closed": Word(marked("Ended"), "neutral"),
}


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of the calendar month is used up."""

    used: Money
    limit: Money
    left: Money

    @property
    def percent(self) -> int:
        return 100 * self.used.minor // max(self.limit.minor, 1)


@dataclass(frozen=True, slots=True)
class Told:
    """An agreement with everything its page shows."""

    agreement: Agreement
    word: Word
    how_often: Message
    meter: Meter | None
    lapses_soon: bool
    manage_url: str | None
    account_name: str
    environment: str
    payments: Sequence[Payment]
    schedule: Schedule | None
    events: Sequence[Line]


HAPPENED: Final[Mapping[str, str]] = {
    # ``agreement`` in the timeline, as handlers.agreements writes it
    "begun": marked("The buyer agreed."),
    "chargeable again": marked("It can be charged again."),
    "suspended": marked("Suspended: the buyer has to act."),
    "closed": marked("It has ended."),
    "payment method changed": marked("The buyer changed the payment method."),
    "to be closed": marked("Amazon Pay is asked to end it."),
    "details changed": marked("Its details at Amazon Pay were changed."),
}
_TYPES: Final[Mapping[str, str]] = {
    ChargePermissionType.RECURRING: marked("Recurring payment"),
    ChargePermissionType.PAYMENT_METHOD_ON_FILE: marked("Payment method kept with the shop"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the timeline: a sentence, what was said with it, and the payment it is about."""

    at: datetime
    sentence: Message
    remarks: Sequence[str]
    payment_id: str | None


@pages.get("/agreements", permissions=STAFF, menu=MenuEntry(marked("Agreements"), order=50, icon="recurring"))
async def listed(visit: Visit) -> Answer:
    customer, after = visit.query.text("customer").strip(), visit.query.text("after")
    found = await merchant.listed(visit.services, visit.tenant, customer_id=customer or None, after=after or None)
    has_more = not customer and len(found) == merchant.MOST_LISTED
    return Screen(
        "agreements.html",
        title=Message("Agreements"),
        agreements=[(each, word_of(each), _how_often(each), _meter(each)) for each in found],
        customer=customer,
        next_page=urlencode({"after": found[-1].id}) if has_more else None,
        is_later=bool(after),
    )


@pages.get("/agreements/{agreement_id}", permissions=STAFF)
async def one(visit: Visit) -> Answer:
    return await _page(visit)


@pages.post("/agreements/{agreement_id}/refresh", permissions=STAFF)
async def refresh(visit: Visit) -> Answer:
    deadline = Deadline(visit.services.clock, _SECONDS)
    try:
        await merchant.refresh(visit.services, visit.tenant, visit.path["agreement_id"], deadline)
    except AgreementRefused as refusal:
        return await _page(visit, refusal)
    return Go(_path(visit), Message("The agreement is as Amazon Pay has it now."))


@pages.post("/agreements/{agreement_id}/close", permissions=STAFF)
async def close(visit: Visit) -> Answer:
    deadline, reason = Deadline(visit.services.clock, _SECONDS), visit.form.text("reason").strip()
    id_, by = visit.path["agreement_id"], visit.by
    try:
        await merchant.close(visit.services, visit.tenant, id_, reason=reason, by=by, deadline=deadline)
    except AgreementRefused as refusal:
        return await _page(visit, refusal)
    return Go(_path(visit), Message("The agreement is ended. Nothing more is charged on it."))


@pages.post("/agreements/{agreement_id}/charge", permissions=STAFF)
async def charge(visit: Visit) -> Answer:
    """The key is the form's: sent twice, or sent again after a time-out, it is the same charge."""
    form, id_ = visit.form, visit.path["agreement_id"]
    key = form.text("idempotencyKey")
    try:
        agreement = await merchant.found(visit.services, visit.tenant, id_)
        asked = ChargeRequest(
            agreement_id=id_,
            source_id=unquote(form.text("sourceId").strip()),
            amount=form.text("amount").replace(",", "").strip(),
            currency=agreement.currency,
            idempotency_key=key,
            initiator=ChargeInitiator.MERCHANT_UNSCHEDULED,
        )
        deadline = Deadline(visit.services.clock, _SECONDS)
        done = await merchant.charge_by_hand(visit.services, visit.tenant, asked, by=visit.by, deadline=deadline)
    except AgreementRefused as refusal:
        # Whether Saleor has made that charge is not known after a time-out: only the same key asks for the same.
        is_open = refusal.error is AgreementErrorCode.SALEOR_UNAVAILABLE
        return await _page(visit, refusal, key=key if is_open else None)
    if done.result.endswith("_FAILURE"):
        return await _page(visit, AgreementRefused(AgreementErrorCode.INVALID, sentence_of(done.message)))
    if not done.result.endswith("_SUCCESS"):
        return Go(_path(visit), Message("The charge is under way; the payment's page tells when it is decided."))
    return Go(_path(visit), Message("{amount} charged.", amount=done.amount))


def _path(visit: Visit) -> str:
    return f"/agreements/{visit.path['agreement_id']}"


async def _page(visit: Visit, refusal: AgreementRefused | None = None, *, key: str | None = None) -> Screen:
    """``key``: of a charge whose outcome is not known; else a new one for the form."""
    told = await _told(visit)
    is_at_field = refusal is not None and refusal.field in _CHARGE_FIELDS
    entered = Entered(
        values={name: visit.form.text(name) for name in _CHARGE_FIELDS},
        faults={refusal.field: [refusal.sentence]} if refusal and refusal.field and is_at_field else {},
    )
    return Screen(
        "agreement.html",
        title=Message("Agreement"),
        status=422 if refusal else 200,
        told=told,
        fault=refusal.sentence if refusal and not is_at_field else None,
        entered=entered,
        key=key or str(uuid.uuid4()),
        reason=visit.form.text("reason"),
        statuses=STATUSES,
        base=_path(visit),
    )


async def _told(visit: Visit) -> Told:
    """Raises PageNotFound: there is no such agreement in this Saleor."""
    services = visit.services
    try:
        agreement = await merchant.found(services, visit.tenant, visit.path["agreement_id"])
    except AgreementRefused as unknown:
        raise PageNotFound from unknown
    account = await services.directory.account(agreement.api_url, agreement.account_id, even_locked=True)

    def look(session: Session) -> tuple[list[Payment], list[Schedule], list[Entry]]:
        permission_id = agreement.charge_permission_id
        return (
            payment_rows.of_permission(session, agreement.api_url, permission_id, limit=_MOST_PAYMENTS),
            schedule_rows.of_agreement(session, agreement.id),
            timeline.of_payment(session, agreement.id),
        )

    payments, schedules, events = await services.database.read(look)
    return Told(
        agreement=agreement,
        word=word_of(agreement),
        how_often=_how_often(agreement),
        meter=_meter(agreement),
        lapses_soon=looking.lapses_soon(agreement, services.clock.now()),
        manage_url=stored.manage_url(agreement, account),
        account_name=account.name,
        environment=account.environment,
        payments=payments,
        schedule=next((each for each in schedules if not each.has_ended), None),
        events=[_line(entry) for entry in reversed(events)],
    )


def word_of(agreement: Agreement) -> Word:
    return STATES["Closed"] if agreement.is_closed else STATES.get(agreement.state, Word(agreement.state, "neutral"))


def _how_often(agreement: Agreement) -> Message:
    """As the buyer was told; for a payment method that is kept, what it is."""
    frequency, type_ = agreement.frequency, agreement.charge_permission_type
    if frequency is None:
        return Message(_TYPES.get(type_, type_))
    if frequency.unit is FrequencyUnit.VARIABLE:
        return Message("at no fixed interval")
    return every(frequency.value, frequency.unit)


def _line(entry: Entry) -> Line:
    detail = entry.detail
    remarks = [*detail.get("reasons", ()), *(detail[name] for name in ("closing", "reason", "by") if detail.get(name))]
    return Line(entry.at, _sentence(detail), remarks, detail.get("payment"))


def _sentence(detail: Mapping[str, Any]) -> Message:
    """In the words of whoever wrote it down where that is not known here."""
    if charged := detail.get("charged"):
        return Message("{amount} charged.", amount=charged)
    if detail.get("payments"):
        return Message("Its payments were looked at once more.")
    if word := detail.get("agreement"):
        return Message(HAPPENED.get(word, word))
    return Message("{what}", what=", ".join(f"{name}: {value}" for name, value in detail.items()))


def _meter(agreement: Agreement) -> Meter | None:
    limit, left = agreement.amount_limit, agreement.amount_balance
    return Meter(limit - left, limit, left) if limit is not None and left is not None else None
