"""Billing schedules: the list, one with its periods and what may be done with it, a new one, settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from saleor_amazonpay.amazonpay import Region
from saleor_amazonpay.dashboard.pages import Answer, Form, Go, MenuEntry, PageNotFound, Pages, Screen, Visit
from saleor_amazonpay.dashboard.views.account_form import Entered
from saleor_amazonpay.dashboard.views.agreements import word_of
from saleor_amazonpay.dashboard.views.intervals import every
from saleor_amazonpay.domain.billing import (
    CatchUp,
    GiveUp,
    Policy,
    PriceChange,
    RenewalState,
    ScheduleState,
    Unavailable,
)
from saleor_amazonpay.domain.recurrence import Unit
from saleor_amazonpay.handlers.billing import choosing, reasons, scheduling
from saleor_amazonpay.handlers.billing.events import EventType
from saleor_amazonpay.handlers.billing.fields import (
    BillingErrorCode,
    BillingErrors,
    LineFields,
    PolicyFields,
    ScheduleFields,
)
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.saleor.renewal_orders import TemplateLine
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.billing import events as event_rows
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session

pages = Pages()

_DIGITS: Final = re.compile("[0-9]{1,4}")
_SHOWN: Final = 50
_PERIODS: Final = 60
_UPCOMING: Final = 6
_END: Final = datetime.max.replace(tzinfo=UTC)

STATES: Final[Mapping[str, tuple[str, str]]] = {
    # state: what it is called, and the tone of its badge
    ScheduleState.ACTIVE: (marked("Active"), "success"),
    ScheduleState.PAUSED: (marked("Paused"), "warning"),
    ScheduleState.ENDED: (marked("Ended"), "neutral"),
    RenewalState.RUNNING: (marked("Being billed"), "info"),
    RenewalState.RETRYING: (marked("Declined, tried again"), "warning"),
    RenewalState.AWAITING_BUYER: (marked("Waits for the buyer"), "warning"),
    RenewalState.AWAITING_MERCHANT: (marked("Waits for you"), "critical"),
    RenewalState.BILLED: (marked("Paid"), "success"),
    RenewalState.SKIPPED: (marked("Left out"), "neutral"),
    RenewalState.MISSED: (marked("Missed"), "neutral"),
    RenewalState.GIVEN_UP: (marked("Not paid, given up"), "critical"),
    RenewalState.CANCELED: (marked("Cancelled"), "neutral"),
}
UNITS: Final = (
    (Unit.DAY.name, marked("days")),
    (Unit.WEEK.name, marked("weeks")),
    (Unit.MONTH.name, marked("months")),
    (Unit.YEAR.name, marked("year")),
)
EVENTS: Final[Mapping[str, str]] = {
    EventType.SCHEDULE_CREATED: marked("Made"),
    EventType.SCHEDULE_CHANGED: marked("Changed"),
    EventType.SCHEDULE_PAUSED: STATES[ScheduleState.PAUSED][0],
    EventType.SCHEDULE_RESUMED: marked("Resumed"),
    EventType.SCHEDULE_ENDED: STATES[ScheduleState.ENDED][0],
    EventType.RENEWAL_BILLED: STATES[RenewalState.BILLED][0],
    EventType.RENEWAL_DECLINED: marked("Declined"),
    EventType.RENEWAL_AWAITING_BUYER: STATES[RenewalState.AWAITING_BUYER][0],
    EventType.RENEWAL_AWAITING_MERCHANT: STATES[RenewalState.AWAITING_MERCHANT][0],
    EventType.RENEWAL_SKIPPED: STATES[RenewalState.SKIPPED][0],
    EventType.RENEWAL_MISSED: STATES[RenewalState.MISSED][0],
    EventType.RENEWAL_GIVEN_UP: STATES[RenewalState.GIVEN_UP][0],
    EventType.RENEWAL_CANCELED: STATES[RenewalState.CANCELED][0],
}
CHOICES: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "catchUp": (
        (CatchUp.BILL_LATEST.name, marked("Bill the latest of the missed periods")),
        (CatchUp.BILL_ALL.name, marked("Bill all of them, one after the other")),
        (CatchUp.SKIP.name, marked("Bill none that is more than a day late")),
    ),
    "unavailable": (
        (Unavailable.BILL_REST.name, marked("Bill the rest")),
        (Unavailable.SKIP.name, marked("Leave the period out")),
        (Unavailable.PAUSE.name, marked("Pause the schedule")),
    ),
    "priceChange": (
        (PriceChange.FOLLOW.name, marked("Bill the new price")),
        (PriceChange.PAUSE.name, marked("Pause until I resume it")),
    ),
    "giveUp": (
        (GiveUp.CANCEL.name, marked("Cancel the schedule")),
        (GiveUp.PAUSE.name, marked("Pause the schedule")),
        (GiveUp.SKIP.name, marked("Leave the period out")),
    ),
}
_TITLE: Final = Message("Subscriptions")
_NEW: Final = Message("New subscription")
_CHANGE: Final = Message("Change the subscription")
_PIECES: Final = "pieces:"  # what begins the name of a line's field


def how_often(schedule: Schedule) -> Message:
    return every(schedule.recurrence.every, schedule.recurrence.unit)


@pages.get("/subscriptions", menu=MenuEntry(marked("Subscriptions"), order=40, icon="subscription"))
async def listing(visit: Visit) -> Answer:
    before = _before(visit.query.text("after"))
    found = await visit.services.database.read(
        lambda session: schedule_rows.page(session, visit.tenant, before=before, limit=_SHOWN)
    )
    return Screen(
        "subscriptions.html",
        title=_TITLE,
        schedules=[(each, how_often(each)) for each in found],
        next_page=f"{found[-1].created_at.isoformat()} {found[-1].id}" if len(found) == _SHOWN else None,
        is_on=visit.services.settings.billing_schedules,
        states=STATES,
    )


def _before(after: str) -> tuple[datetime, str]:
    moment, _, id_ = after.partition(" ")
    try:
        at = datetime.fromisoformat(moment) if id_ else _END
    except ValueError:
        return _END, ""
    return (at, id_) if at.tzinfo else (_END, "")


# --- Settings and a new one come before the one with a parameter ------------------------------------------------------


@pages.get("/subscriptions/settings")
async def settings(visit: Visit) -> Answer:
    known = await choosing.chosen(visit.services, visit.tenant)
    entered = Entered(values={"webhookUrl": known.webhook_url or "", **_policy_values(known.policy)})
    return _settings(visit, entered, has_secret=known.webhook_secret is not None)


@pages.post("/subscriptions/settings")
async def choose(visit: Visit) -> Answer:
    given, has_secret = _policy(visit.form), False
    try:
        known, secret = await choosing.choose(
            visit.services,
            visit.tenant,
            given,
            webhook_url=visit.form.text("webhookUrl").strip(),
            new_secret=visit.form.has("newSecret"),
            by=visit.by,
        )
        has_secret = known.webhook_secret is not None
    except BillingErrors as refused:
        return _settings(visit, _again(visit.form, refused), has_secret=has_secret, status=422)
    if secret is not None:
        entered = Entered(values={"webhookUrl": known.webhook_url or "", **_policy_values(known.policy)})
        return _settings(visit, entered, has_secret=True, secret=secret)
    return Go("/subscriptions/settings", Message("The settings of subscriptions are saved."))


@pages.post("/subscriptions/settings/test")
async def try_endpoint(visit: Visit) -> Answer:
    known = await choosing.chosen(visit.services, visit.tenant)
    try:
        status = await choosing.try_endpoint(visit.services, visit.tenant)
    except BillingErrors as refused:
        values = {"webhookUrl": known.webhook_url or "", **_policy_values(known.policy)}
        entered = Entered(values=values, faults=_faults(refused))
        return _settings(visit, entered, has_secret=known.webhook_secret is not None, status=422)
    is_fine = 200 <= status < 300  # noqa: PLR2004 - HTTP's successes
    return Go(
        "/subscriptions/settings",
        Message("The endpoint answered {status}.", status=status),
        kind="success" if is_fine else "warning",
    )


def _settings(
    visit: Visit, entered: Entered, *, has_secret: bool, secret: str | None = None, status: int = 200
) -> Screen:
    return Screen(
        "subscription_settings.html",
        title=Message("Settings of subscriptions"),
        status=status,
        entered=entered,
        choices=CHOICES,
        has_secret=has_secret,
        secret=secret,
        is_on=visit.services.settings.billing_schedules,
    )


@pages.get("/subscriptions/new")
async def new(visit: Visit) -> Answer:
    known = await choosing.chosen(visit.services, visit.tenant)
    values = {
        "agreementId": visit.query.text("agreement"),
        "templateOrderId": visit.query.text("order"),
        "unit": Unit.MONTH.name,
        "every": "1",
        "time": "09:00",
        **_policy_values(known.policy),
    }
    return _form(_NEW, Entered(values=values))


@pages.post("/subscriptions/new")
async def create(visit: Visit) -> Answer:
    form = visit.form
    try:
        made = await scheduling.create(
            visit.services,
            visit.tenant,
            form.text("agreementId").strip(),
            _fields(form),
            request_key=None,
            by=visit.by,
        )
    except BillingErrors as refused:
        return _form(_NEW, _again(form, refused), status=422)
    return Go(f"/subscriptions/{made.id}", Message("The subscription is made."))


# --- One of them ------------------------------------------------------------------------------------------------------


@pages.get("/subscriptions/{schedule_id}")
async def one(visit: Visit) -> Answer:
    return await _one(visit)


@pages.get("/subscriptions/{schedule_id}/edit")
async def edit(visit: Visit) -> Answer:
    known = await _mine(visit)
    recurrence = known.recurrence
    values = {
        "templateOrderId": known.template_order_id,
        "amount": known.amount.amount if known.amount else "",
        "unit": recurrence.unit.name,
        "every": str(recurrence.every),
        "nextDate": "" if known.has_ended else known.next_date.isoformat(),
        "time": recurrence.at.isoformat("minutes"),
        "timeZone": recurrence.zone.key,
        "lastDate": known.last_date.isoformat() if known.last_date else "",
        **_policy_values(known.policy),
    }
    lines = await scheduling.template_lines(visit.services, known)
    return _form(_CHANGE, Entered(values=values | _pieces_of(known, lines)), known, lines)


@pages.post("/subscriptions/{schedule_id}/edit")
async def change(visit: Visit) -> Answer:
    known = await _mine(visit)
    try:
        await scheduling.change(visit.services, visit.tenant, known.id, _changes(visit.form, known), by=visit.by)
    except BillingErrors as refused:
        lines = await scheduling.template_lines(visit.services, known)
        return _form(_CHANGE, _again(visit.form, refused), known, lines, status=422)
    return Go(f"/subscriptions/{known.id}", Message("The subscription is changed from its next period on."))


@pages.post("/subscriptions/{schedule_id}/pause")
async def pause(visit: Visit) -> Answer:
    it = visit.path["schedule_id"]
    done = scheduling.pause(visit.services, visit.tenant, it, reason=None, by=visit.by)
    return await _acted(visit, done, Message("The subscription is paused."))


@pages.post("/subscriptions/{schedule_id}/resume")
async def resume(visit: Visit) -> Answer:
    done = scheduling.resume(visit.services, visit.tenant, visit.path["schedule_id"], by=visit.by)
    return await _acted(visit, done, Message("The subscription goes on."))


@pages.post("/subscriptions/{schedule_id}/skip")
async def skip(visit: Visit) -> Answer:
    done = scheduling.skip(visit.services, visit.tenant, visit.path["schedule_id"], by=visit.by)
    return await _acted(visit, done, Message("The period is left out."))


@pages.post("/subscriptions/{schedule_id}/retry")
async def retry(visit: Visit) -> Answer:
    done = scheduling.retry(visit.services, visit.tenant, visit.path["schedule_id"], by=visit.by)
    return await _acted(visit, done, Message("The period is tried again now."))


@pages.post("/subscriptions/{schedule_id}/cancel")
async def cancel(visit: Visit) -> Answer:
    it = visit.path["schedule_id"]
    done = scheduling.cancel(visit.services, visit.tenant, it, reason=None, by=visit.by)
    return await _acted(visit, done, Message("The subscription has ended. The buyer's agreement stays."))


async def _acted(visit: Visit, change_: Any, done: Message) -> Answer:
    try:
        await change_
    except BillingErrors as refused:
        if any(each.code is BillingErrorCode.NOT_FOUND for each in refused.errors):
            raise PageNotFound from refused
        return await _one(visit, faults=[each.message for each in refused.errors])
    return Go(f"/subscriptions/{visit.path['schedule_id']}", done)


async def _one(visit: Visit, faults: Sequence[Message] = ()) -> Screen:
    known = await _mine(visit)
    agreement, renewals, history = await visit.services.database.read(lambda session: _about(session, known))
    account = await visit.services.directory.account(known.api_url, agreement.account_id, even_locked=True)
    open_ = next((each for each in renewals if each.is_open), None)
    upcoming = [] if known.has_ended else list(known.recurrence.upcoming(known.next_number, _UPCOMING))
    return Screen(
        "subscription.html",
        title=Message("Subscription"),
        status=422 if faults else 200,
        schedule=known,
        frequency=how_often(known),
        agreement=agreement,
        word=word_of(agreement),
        payment_page=Region(account.region).buyer_agreement_url(agreement.charge_permission_id),
        renewals=renewals,
        open=open_,
        history=history,
        upcoming=[day for day in upcoming if known.last_date is None or day <= known.last_date],
        states=STATES,
        events=EVENTS,
        sentence_of=reasons.told,
        choices=CHOICES,
        faults=faults,
    )


def _about(session: Session, known: Schedule) -> tuple[Any, list[Renewal], Any]:
    agreement = agreement_rows.by_id(session, known.agreement_id)
    renewals = renewal_rows.of_schedule(session, known.id, before=_END, limit=_PERIODS)
    return agreement, renewals, event_rows.of_schedule(session, known.id, limit=_PERIODS)


async def _mine(visit: Visit) -> Schedule:
    try:
        return await scheduling.schedule(visit.services, visit.tenant, visit.path["schedule_id"])
    except BillingErrors as refused:
        raise PageNotFound from refused


# --- The form ---------------------------------------------------------------------------------------------------------


def _form(
    title: Message,
    entered: Entered,
    known: Schedule | None = None,
    lines: Sequence[TemplateLine] = (),
    *,
    status: int = 200,
) -> Screen:
    return Screen(
        "subscription_form.html",
        title=title,
        status=status,
        entered=entered,
        schedule=known,
        lines=lines,
        units=UNITS,
        choices=CHOICES,
    )


def _fields(form: Form) -> ScheduleFields:
    return ScheduleFields(
        template_order_id=form.text("templateOrderId").strip(),
        amount=form.text("amount").strip() or None,
        unit=_member(Unit, form.text("unit")),
        every=_number(form.text("every")),
        next_date=_day(form.text("nextDate")),
        at=form.text("time").strip() or None,
        zone=form.text("timeZone").strip() or None,
        last_date=_day(form.text("lastDate")),
        policy=_policy(form),
    )


def _changes(form: Form, known: Schedule) -> ScheduleFields:
    """What differs from what is: an untouched next date must not make the periods be counted anew."""
    given = _fields(form)
    recurrence = known.recurrence
    return ScheduleFields(
        template_order_id=given.template_order_id or None,
        lines=_lines(form) if given.template_order_id in {"", known.template_order_id} else (),
        amount=given.amount,
        clears_amount=given.amount is None,
        unit=given.unit if given.unit is not recurrence.unit else None,
        every=given.every if given.every != recurrence.every else None,
        next_date=given.next_date if given.next_date != known.next_date else None,
        at=given.at,
        zone=given.zone,
        last_date=given.last_date,
        policy=given.policy,
    )


def _pieces_of(known: Schedule, lines: Sequence[TemplateLine]) -> dict[str, str]:
    chosen = {line.order_line_id: line.quantity for line in known.lines or ()}
    return {
        f"{_PIECES}{line.id}": str(line.ordered if known.lines is None else chosen.get(line.id, 0)) for line in lines
    }


def _lines(form: Form) -> Sequence[LineFields] | None:
    """None where the lines were not shown; where none is left of them, each is refused by its quantity."""
    shown = [
        LineFields(name.removeprefix(_PIECES), _pieces(value))
        for name, value in form.fields
        if name.startswith(_PIECES)
    ]
    return [line for line in shown if line.quantity] or shown or None


def _pieces(text: str) -> int:
    """-1 for what is no number: the rules say how many there can be."""
    stripped = text.strip() or "0"
    return int(stripped) if _DIGITS.fullmatch(stripped) else -1


def _policy(form: Form) -> PolicyFields:
    return PolicyFields(
        catch_up=_member(CatchUp, form.text("catchUp")),
        unavailable=_member(Unavailable, form.text("unavailable")),
        price_change=_member(PriceChange, form.text("priceChange")),
        retry_days=tuple(
            _number(part) or 0 for part in form.text("retryDays").replace("、", ",").split(",") if part.strip()
        ),
        grace_days=_number(form.text("graceDays")),
        give_up=_member(GiveUp, form.text("giveUp")),
    )


def _policy_values(policy: Policy) -> dict[str, str]:
    return {
        "catchUp": policy.catch_up.name,
        "unavailable": policy.unavailable.name,
        "priceChange": policy.price_change.name,
        "retryDays": ", ".join(map(str, policy.dunning.retry_days)),
        "graceDays": str(policy.dunning.grace_days),
        "giveUp": policy.dunning.give_up.name,
    }


def _again(form: Form, refused: BillingErrors) -> Entered:
    return Entered(values={name: value[:2048] for name, value in form.fields}, faults=_faults(refused))


def _faults(refused: BillingErrors) -> dict[str, list[Message | str]]:
    found: dict[str, list[Message | str]] = {}
    for each in refused.errors:
        found.setdefault({"frequency": "every"}.get(each.field or "", each.field or ""), []).append(each.message)
    return found


def _member(kind: Any, name: str) -> Any:
    return kind.__members__.get(name)


def _number(text: str) -> int | None:
    """0 for what is no number: the rules say what is wrong with it."""
    stripped = text.strip()
    if not stripped:
        return None
    return int(stripped) if _DIGITS.fullmatch(stripped) else 0


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        return date.min  # no day: told as one that has passed
