"""Schedules made, changed, paused, resumed, skipped and cancelled: the rules, whoever asks (GraphQL, Dashboard).

Every function acts within one tenant; what is of another looks as if it were not there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TypeVar

import structlog

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.agreements import monthly_limit
from saleor_amazonpay.domain.billing import Policy, RenewalState, ScheduleState, Step
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.recurrence import Recurrence, Unit, time_zone
from saleor_amazonpay.errors import ChannelNotConfigured, SaleorError
from saleor_amazonpay.handlers import named_orders, problems
from saleor_amazonpay.handlers.billing import events, fields, goods, reasons, settling
from saleor_amazonpay.handlers.billing.events import EventType
from saleor_amazonpay.handlers.billing.fields import (
    MAX_REASON,
    ZONES,
    BillingErrorCode,
    BillingErrors,
    Faults,
    LineFields,
    ScheduleFields,
    refuse,
)
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.saleor.renewal_orders import NEEDED_PERMISSIONS, RenewalOrders, TemplateLine, TemplateOrder
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing import settings as settings_rows
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session, UniqueViolation

log = structlog.get_logger(__name__)

T = TypeVar("T")
Change = Callable[[Session, Schedule], None]

_PAUSED_THEN = marked("The schedule was paused.")
_BY_MERCHANT = marked("Left out by the merchant.")
_CANCELED = marked("Cancelled by the merchant.")
_PAUSED = marked("Paused by the merchant.")
_UNKNOWN_ORDER = Message("The agreement's customer has no such order.")


# --- reading ----------------------------------------------------------------------------------------------------------


async def schedule(services: Services, tenant: str, schedule_id: str) -> Schedule:
    """Raises BillingErrors (NOT_FOUND)."""
    found = await services.database.read(lambda session: schedule_rows.by_id(session, schedule_id))
    if found is None or found.api_url != tenant:
        raise _unknown()
    return found


def _unknown() -> BillingErrors:
    return refuse("id", BillingErrorCode.NOT_FOUND, Message("There is no such billing schedule."))


async def template_lines(services: Services, known: Schedule) -> Sequence[TemplateLine]:
    """What there is to choose from; nothing where Saleor cannot be asked, or has no such order any more."""
    try:
        token = (await services.directory.tenant(known.api_url)).installation.token
        template = await RenewalOrders(services.saleor, known.api_url, token).template(known.template_order_id)
    except SaleorError:
        return ()
    return template.lines if template else ()


# --- create -----------------------------------------------------------------------------------------------------------


async def create(
    services: Services, tenant: str, agreement_id: str, given: ScheduleFields, *, request_key: str | None, by: str
) -> Schedule:
    """The new schedule, or the one the same request has made before.

    Raises:
        BillingErrors: nothing was made; every fault of the input is named.
    """
    faults = Faults()
    request_key = fields.key(request_key, faults) or str(uuid.uuid4())
    faults.raise_any()
    fingerprint = given.fingerprint(agreement_id)
    known = await services.database.read(lambda session: schedule_rows.by_request(session, tenant, request_key))
    if known is not None:
        return _same_request(known, fingerprint)
    await _check_enabled(services, tenant)
    agreement = await _agreement(services, tenant, agreement_id)
    template = await _template(services, tenant, agreement, given.template_order_id, given.lines)
    made = await _checked(services, agreement, template, given, request_key, fingerprint)
    try:
        return await services.database.run(lambda session: _add(session, services, made, by))
    except UniqueViolation:
        return await _lost_race(services, tenant, request_key, fingerprint)


def _same_request(known: Schedule, fingerprint: str) -> Schedule:
    if known.request_hash != fingerprint:
        message = Message("This idempotency key was used for another schedule; use a new one for each.")
        raise refuse("idempotencyKey", BillingErrorCode.IDEMPOTENCY_CONFLICT, message)
    return known


async def _check_enabled(services: Services, tenant: str) -> None:
    if not services.settings.billing_schedules:
        message = Message("Billing schedules are off in this installation: the operator sets BILLING_SCHEDULES=true.")
        raise refuse(None, BillingErrorCode.NOT_ENABLED, message)
    token = (await services.directory.tenant(tenant)).installation.token
    try:
        identity = await services.saleor.app_identity(tenant, token)
    except SaleorError as absence:
        raise refuse(
            None, BillingErrorCode.SALEOR_UNAVAILABLE, Message("Saleor cannot be asked now; try again.")
        ) from absence
    missing = [name for name in NEEDED_PERMISSIONS if name not in identity.permissions]
    if missing:
        message = Message(
            "Give the Amazon Pay app the permission {names} in Saleor: it makes the orders.", names=" + ".join(missing)
        )
        raise refuse(None, BillingErrorCode.PERMISSION_MISSING, message)


async def _agreement(services: Services, tenant: str, agreement_id: str) -> Agreement:
    found = await services.database.read(lambda session: agreement_rows.by_id(session, agreement_id))
    if found is None or found.api_url != tenant or found.customer_id is None:
        raise refuse("agreementId", BillingErrorCode.NOT_FOUND, Message("There is no such agreement."))
    if found.is_closed:
        message = Message("This agreement has ended; the customer has to agree to a new one.")
        raise refuse("agreementId", BillingErrorCode.AGREEMENT_ENDED, message)
    return found


async def _template(
    services: Services,
    tenant: str,
    agreement: Agreement,
    order_id: str | None,
    lines: Sequence[LineFields] | None,
) -> TemplateOrder:
    """The order with what is billed of it."""
    field = "templateOrderId"
    if not order_id:
        message = Message("Name an order of the customer whose goods are sold again each time.")
        raise refuse(field, BillingErrorCode.REQUIRED, message)
    token = (await services.directory.tenant(tenant)).installation.token
    try:
        named = await named_orders.source_id(services, tenant, order_id)
        template = await RenewalOrders(services.saleor, tenant, token).template(named)
    except named_orders.UnknownOrder as unknown:
        raise refuse(field, BillingErrorCode.NOT_FOUND, _UNKNOWN_ORDER) from unknown
    except SaleorError as absence:
        raise refuse(
            field, BillingErrorCode.SALEOR_UNAVAILABLE, Message("Saleor cannot be asked now; try again.")
        ) from absence
    if template is None or template.customer_id != agreement.customer_id:
        raise refuse(field, BillingErrorCode.NOT_FOUND, _UNKNOWN_ORDER)
    template = goods.choose(template, lines or ())
    wrong = await _wrong_template(services, agreement, template)
    if wrong:
        raise refuse(field, BillingErrorCode.INVALID, wrong)
    return template


async def _wrong_template(services: Services, agreement: Agreement, template: TemplateOrder) -> Message | None:
    number = template.number
    if not template.is_order:
        return Message("Order {number} is a draft or has expired.", number=number)
    if template.currency != agreement.currency:
        return Message(
            "Order {number} is in {currency}, the agreement pays in {agreed}.",
            number=number,
            currency=template.currency,
            agreed=agreement.currency,
        )
    try:
        account = await services.directory.account_for_channel(agreement.api_url, template.channel_slug)
        agreed = await services.directory.account(agreement.api_url, agreement.account_id)
    except ChannelNotConfigured as wrong:
        return Message("Order {number} cannot be paid: {why}", number=number, why=wrong.public_message)
    if (account.merchant_id, account.environment) != (agreed.merchant_id, agreed.environment):
        return Message(
            "Order {number} is of a channel that uses another Amazon Pay account than the agreement's.", number=number
        )
    return Message(reasons.MISSING[template.missing], number=number) if template.missing else None


async def _checked(
    services: Services,
    agreement: Agreement,
    template: TemplateOrder,
    given: ScheduleFields,
    request_key: str,
    fingerprint: str,
) -> Schedule:
    faults, now = Faults(), services.clock.now()
    chosen = await services.database.read(
        lambda session: settings_rows.get(session, agreement.api_url, services.secrets)
    )
    if given.unit is None:
        faults.add("unit", Message("How often: DAY, WEEK, MONTH or YEAR."), BillingErrorCode.REQUIRED)
    in_zone = fields.zone(given.zone or await _zone_of(services, agreement.api_url, template.channel_slug), faults)
    at = fields.time_of_day(given.at, faults) if given.at else fields.DEFAULT_TIME
    unit, every = given.unit or Unit.MONTH, given.every or (1 if given.every is None else 0)
    anchor = given.next_date or _one_later(now.astimezone(in_zone).date(), unit, every)
    recurrence = fields.recurrence(anchor, unit, every, at, in_zone, faults, now=now)
    money = fields.amount(given.amount, agreement.currency, faults) if given.amount is not None else None
    _check_amount(agreement, template, money, faults)
    _check_last_date(given.last_date, anchor, faults)
    _check_alive(agreement, recurrence, faults)
    await _check_not_billed(services, agreement.id, anchor, faults)
    policy = fields.policy(chosen.policy, given.policy, faults)
    faults.raise_any()
    if recurrence is None:
        raise refuse("frequency", BillingErrorCode.INVALID, Message("This is no frequency."))
    return _new(agreement, template, recurrence, money, given.last_date, policy, request_key, fingerprint, now)


def _one_later(today: date, unit: Unit, every: int) -> date:
    """One period from today."""
    try:
        return Recurrence(today, unit, every, fields.DEFAULT_TIME, time_zone("UTC")).date_of(1)
    except ValueError:
        return today  # the frequency is no frequency, and is told


async def _zone_of(services: Services, tenant: str, channel_slug: str) -> str:
    """The time zone of the channel's default country."""
    token = (await services.directory.tenant(tenant)).installation.token
    try:
        channels = await services.saleor.channels(tenant, token)
    except SaleorError as absence:
        message = Message("Saleor cannot be asked for the channel's country; name a time zone, or try again.")
        raise refuse("timeZone", BillingErrorCode.SALEOR_UNAVAILABLE, message) from absence
    country = next((each.country_code for each in channels if each.slug == channel_slug), "")
    return ZONES.get(country, "UTC")


def _check_amount(agreement: Agreement, template: TemplateOrder, money: Money | None, faults: Faults) -> None:
    if money is None:
        return
    limit = agreement.amount_limit or monthly_limit(agreement.charge_permission_type, agreement.currency)
    if money > limit:
        message = Message("Amazon Pay takes {limit} a month from this agreement at most.", limit=limit)
        faults.add("amount", message, BillingErrorCode.LIMIT_EXCEEDED)
    if [line.quantity for line in template.lines] != [1]:
        faults.add("amount", Message("An agreed amount needs a template order of one piece of one product."))


def _check_last_date(last_date: date | None, anchor: date, faults: Faults) -> None:
    if last_date is not None and last_date < anchor:
        faults.add("lastDate", Message("Lies before the first billing on {day}.", day=anchor))


def _check_alive(agreement: Agreement, recurrence: Recurrence | None, faults: Faults) -> None:
    """Amazon ends an agreement nobody charges for 13 months: a first billing after that would never come."""
    if recurrence is None or agreement.expires_at is None or recurrence.moment_of(0) < agreement.expires_at:
        return
    last = agreement.expires_at.astimezone(recurrence.zone).date()
    faults.add("nextDate", Message("The agreement ends on {day} unless it is charged before; begin earlier.", day=last))


async def _check_not_billed(services: Services, agreement_id: str, anchor: date, faults: Faults) -> None:
    """A period is billed once, whatever the schedule: an earlier one may have had this day."""
    last = await services.database.read(lambda session: renewal_rows.last_period(session, agreement_id))
    if last is not None and anchor <= last:
        faults.add("nextDate", Message("{day} was dealt with already; begin after it.", day=last))


def _new(
    agreement: Agreement,
    template: TemplateOrder,
    recurrence: Recurrence,
    money: Money | None,
    last_date: date | None,
    policy: Policy,
    request_key: str,
    fingerprint: str,
    now: datetime,
) -> Schedule:
    return Schedule(
        id=keys.reference("schedule", agreement.api_url, agreement.id, request_key),
        api_url=agreement.api_url,
        agreement_id=agreement.id,
        request_key=request_key,
        request_hash=fingerprint,
        template_order_id=template.id,
        lines=goods.of(template),
        channel_slug=template.channel_slug,
        currency=agreement.currency,
        amount=money,
        recurrence=recurrence,
        last_date=last_date,
        policy=policy,
        state=ScheduleState.ACTIVE,
        reason=None,
        next_number=0,
        next_at=recurrence.moment_of(0),
        open_renewal_id=None,
        last_amount=None,
        untold_since=None,
        created_at=now,
        updated_at=now,
        ended_at=None,
    )


def _add(session: Session, services: Services, made: Schedule, by: str) -> Schedule:
    schedule_rows.add(session, made)
    events.record(session, services, made, EventType.SCHEDULE_CREATED, next_date=made.next_date)
    log.info("schedule_created", tenant=made.api_url, schedule=made.id, by=by)
    return made


async def _lost_race(services: Services, tenant: str, request_key: str, fingerprint: str) -> Schedule:
    known = await services.database.read(lambda session: schedule_rows.by_request(session, tenant, request_key))
    if known is not None:
        return _same_request(known, fingerprint)
    message = Message("This agreement has a billing schedule already; change that one, or cancel it first.")
    raise refuse("agreementId", BillingErrorCode.AGREEMENT_HAS_SCHEDULE, message)


# --- change -----------------------------------------------------------------------------------------------------------


async def change(services: Services, tenant: str, schedule_id: str, given: ScheduleFields, *, by: str) -> Schedule:
    """What was left out stays. A new frequency counts from the next date on; what was billed stays billed."""
    known = await schedule(services, tenant, schedule_id)
    agreement = await _agreement(services, tenant, known.agreement_id)
    order_id = given.template_order_id or known.template_order_id
    template = await _template(services, tenant, agreement, order_id, _lines(known, given))
    await _check_not_billed_again(services, known, given)

    def write(session: Session, locked: Schedule) -> None:
        _apply(session, services, locked, agreement, template, given)

    return await _write(services, tenant, schedule_id, write, by=by, what="changed")


def _lines(known: Schedule, given: ScheduleFields) -> Sequence[LineFields]:
    """Those chosen before stay, and are not found in another order."""
    if given.lines is not None:
        return given.lines
    return [LineFields(line.order_line_id, line.quantity) for line in known.lines or ()]


async def _check_not_billed_again(services: Services, known: Schedule, given: ScheduleFields) -> None:
    faults = Faults()
    if given.next_date is not None:
        await _check_not_billed(services, known.agreement_id, given.next_date, faults)
    faults.raise_any()


def _apply(
    session: Session,
    services: Services,
    locked: Schedule,
    agreement: Agreement,
    template: TemplateOrder,
    given: ScheduleFields,
) -> None:
    faults, now, old = Faults(), services.clock.now(), locked.recurrence
    money = None if given.clears_amount else locked.amount
    if given.amount is not None:
        money = fields.amount(given.amount, agreement.currency, faults)
    _check_amount(agreement, template, money, faults)
    anchor, number = given.next_date or locked.next_date, 0
    at = fields.time_of_day(given.at, faults) if given.at else old.at
    in_zone = fields.zone(given.zone, faults) if given.zone else old.zone
    unit, every = given.unit or old.unit, old.every if given.every is None else given.every
    is_moved = (anchor, unit, every) != (locked.next_date, old.unit, old.every)
    if not is_moved:
        anchor, number = old.anchor, locked.next_number
    recurrence: Recurrence | None = old
    if is_moved:
        recurrence = fields.recurrence(anchor, unit, every, at, in_zone, faults, now=now)
        _check_alive(agreement, recurrence, faults)
    elif (at, in_zone) != (old.at, old.zone):
        recurrence = replace(old, at=at, zone=in_zone)
    last_date = given.last_date or locked.last_date
    _check_last_date(last_date, anchor if is_moved else locked.next_date, faults)
    policy = fields.policy(locked.policy, given.policy, faults)
    faults.raise_any()
    schedule_rows.change(
        session,
        locked.id,
        now,
        template_order_id=template.id,
        lines=goods.of(template),
        amount=money,
        recurrence=recurrence,
        next_number=number,
        last_date=last_date,
        policy=policy,
    )
    after = settling.locked_schedule(session, locked.id)
    events.record(session, services, after, EventType.SCHEDULE_CHANGED, next_date=after.next_date)
    settling.go_on(session, services, after)


# --- pause, resume, skip, cancel --------------------------------------------------------------------------------------


async def pause(services: Services, tenant: str, schedule_id: str, *, reason: str | None, by: str) -> Schedule:
    """Bill nothing until it is resumed. A payment under way comes to its end."""

    def write(session: Session, locked: Schedule) -> None:
        settling.pause(session, services, locked, reason=(reason or _PAUSED)[:MAX_REASON])

    return await _write(services, tenant, schedule_id, write, by=by, what="paused")


async def resume(services: Services, tenant: str, schedule_id: str, *, by: str) -> Schedule:
    """Go on: a renewal that was held is tried at once, periods that passed meanwhile are not billed."""

    def write(session: Session, locked: Schedule) -> None:
        if locked.state is ScheduleState.PAUSED:
            _resume(session, services, locked)

    return await _write(services, tenant, schedule_id, write, by=by, what="resumed")


def _resume(session: Session, services: Services, locked: Schedule) -> None:
    now = services.clock.now()
    accepted = {"last_amount": None}  # a price the schedule was paused for is accepted by resuming
    schedule_rows.change(session, locked.id, now, state=ScheduleState.ACTIVE, reason=None, **accepted)
    problems.cure_in(session, services, locked.api_url, settling.problem_key(locked.id))
    active = settling.locked_schedule(session, locked.id)
    renewal = settling.open_renewal(session, active)
    if renewal is not None:
        is_held = renewal.state is RenewalState.AWAITING_MERCHANT or renewal.next_at is None
        if is_held:
            renewal_rows.change(session, renewal, now, state=RenewalState.RUNNING, next_at=now)
            settling.carry_on(session, services, renewal)
    else:
        passed = active.recurrence.due(active.next_number, now)[:_MOST_PASSED]
        settling.account_for(session, services, active, passed, RenewalState.SKIPPED, message=_PAUSED_THEN)
        schedule_rows.change(session, active.id, now, next_number=max(active.next_number, passed.stop))
    after = settling.locked_schedule(session, locked.id)
    events.record(session, services, after, EventType.SCHEDULE_RESUMED, next_date=after.next_date)
    settling.go_on(session, services, after)


_MOST_PASSED = 1000


async def skip(services: Services, tenant: str, schedule_id: str, *, by: str) -> Schedule:
    """Leave out the period that is open, else the next one.

    Raises:
        BillingErrors: BEING_BILLED where its money is on the way.
    """

    def write(session: Session, locked: Schedule) -> None:
        renewal = settling.open_renewal(session, locked)
        if renewal is None:
            _skip_next(session, services, locked)
            return
        if settling.has_money_at_stake(renewal) or renewal.step in {Step.CAPTURE, Step.CANCEL}:
            message = Message("The period of {day} is being billed; refund its order instead.", day=renewal.period)
            raise refuse("id", BillingErrorCode.BEING_BILLED, message)
        was_waiting = renewal.state is RenewalState.AWAITING_MERCHANT
        settling.settle(session, services, locked, renewal, RenewalState.SKIPPED, message=_BY_MERCHANT)
        if was_waiting:
            after = settling.locked_schedule(session, locked.id)
            if after.state is ScheduleState.PAUSED:
                _resume(session, services, after)

    return await _write(services, tenant, schedule_id, write, by=by, what="skipped")


def _skip_next(session: Session, services: Services, locked: Schedule) -> None:
    number = locked.next_number
    one = range(number, number + 1)
    settling.account_for(session, services, locked, one, RenewalState.SKIPPED, message=_BY_MERCHANT)
    schedule_rows.change(session, locked.id, services.clock.now(), next_number=number + 1)
    settling.go_on(session, services, settling.locked_schedule(session, locked.id))


async def cancel(services: Services, tenant: str, schedule_id: str, *, reason: str | None, by: str) -> Schedule:
    """For good; the agreement stays, and may have a new schedule."""

    def write(session: Session, locked: Schedule) -> None:
        settling.end(session, services, locked, reason=(reason or _CANCELED)[:MAX_REASON])

    return await _write(services, tenant, schedule_id, write, by=by, what="cancelled", ended_is_fine=True)


async def retry(services: Services, tenant: str, schedule_id: str, *, by: str) -> Schedule:
    """Try a declined renewal now instead of at its time."""

    def write(session: Session, locked: Schedule) -> None:
        renewal = settling.open_renewal(session, locked)
        waiting = {RenewalState.RETRYING, RenewalState.AWAITING_BUYER}
        if renewal is None or renewal.state not in waiting or locked.state is not ScheduleState.ACTIVE:
            message = Message("No declined period of this schedule waits for another attempt.")
            raise refuse("id", BillingErrorCode.NOT_CHANGEABLE, message)
        now = services.clock.now()
        renewal_rows.change(session, renewal, now, state=RenewalState.RUNNING, next_at=now)
        settling.carry_on(session, services, renewal)

    return await _write(services, tenant, schedule_id, write, by=by, what="retried")


async def _write(
    services: Services,
    tenant: str,
    schedule_id: str,
    work: Change,
    *,
    by: str,
    what: str,
    ended_is_fine: bool = False,
) -> Schedule:
    """One transaction on the tenant's schedule, locked; the schedule as it is then."""

    def locked(session: Session) -> Schedule:
        found = schedule_rows.by_id(session, schedule_id, lock=True)
        if found is None or found.api_url != tenant:
            raise _unknown()
        if found.has_ended and not ended_is_fine:
            message = Message("This schedule has ended; make a new one for the agreement.")
            raise refuse("id", BillingErrorCode.NOT_CHANGEABLE, message)
        work(session, found)
        return schedule_rows.by_id(session, schedule_id) or found

    after = await services.database.run(locked)
    log.info("schedule_written", tenant=tenant, schedule=schedule_id, what=what, by=by)
    return after


END_OF_TIME = datetime.max.replace(tzinfo=UTC)
