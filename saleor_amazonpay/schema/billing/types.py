"""The types of billing schedules, Saleor's way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import strawberry

from saleor_amazonpay.domain import billing as domain
from saleor_amazonpay.domain.money import Money as DomainMoney
from saleor_amazonpay.domain.recurrence import Unit
from saleor_amazonpay.handlers.billing.fields import BillingError as FieldFault
from saleor_amazonpay.handlers.billing.fields import BillingErrorCode, LineFields, PolicyFields, ScheduleFields
from saleor_amazonpay.storage.billing.events import BillingEvent as StoredEvent
from saleor_amazonpay.storage.billing.renewals import Renewal as StoredRenewal
from saleor_amazonpay.storage.billing.schedules import Schedule as StoredSchedule
from saleor_amazonpay.storage.billing.settings import BillingSettings as StoredSettings

MOST_UPCOMING = 24

strawberry.enum(BillingErrorCode)
strawberry.enum(Unit, name="ScheduleUnit", description="DAY, WEEK, MONTH or YEAR; a month keeps the day it began with.")
strawberry.enum(domain.ScheduleState, description="PAUSED bills nothing until it is resumed; ENDED never again.")
strawberry.enum(
    domain.RenewalState,
    description="How a period stands. RUNNING, RETRYING, AWAITING_BUYER and AWAITING_MERCHANT are open, others final.",
)
strawberry.enum(domain.CatchUp, description="Periods missed while the app was down: bill the latest, all, or none.")
strawberry.enum(
    domain.Unavailable,
    name="UnavailablePolicy",
    description="When goods of the template order cannot be sold: bill the rest, skip the period, or pause.",
)
strawberry.enum(
    domain.PriceChange,
    name="PriceChangePolicy",
    description="When the total is not the one billed before: follow it, or pause until the merchant resumes.",
)
strawberry.enum(
    domain.GiveUp,
    name="GiveUpAction",
    description="When a period was not paid in the grace period: cancel the schedule, pause it, or skip the period.",
)


@strawberry.type(description="What was wrong with the input, or with the state of things; nothing was changed.")
class BillingError:
    field: str | None
    code: BillingErrorCode
    message: str

    @staticmethod
    def of(faults: Iterable[FieldFault]) -> list[BillingError]:
        return [BillingError(field=each.field, code=each.code, message=str(each.message)) for each in faults]


@strawberry.type(description="An exact amount, as a decimal text.")
class BillingMoney:
    amount: str
    currency: str

    @staticmethod
    def of(money: DomainMoney | None) -> BillingMoney | None:
        return BillingMoney(amount=money.amount, currency=str(money.currency)) if money else None


@strawberry.type
class BillingPolicy:
    catch_up: domain.CatchUp
    unavailable: domain.Unavailable
    price_change: domain.PriceChange
    retry_days: list[int] = strawberry.field(description="Days from each soft decline to the next attempt.")
    grace_days: int = strawberry.field(description="Days from the first decline to giving up.")
    give_up: domain.GiveUp

    @staticmethod
    def of(policy: domain.Policy) -> BillingPolicy:
        return BillingPolicy(
            catch_up=policy.catch_up,
            unavailable=policy.unavailable,
            price_change=policy.price_change,
            retry_days=list(policy.dunning.retry_days),
            grace_days=policy.dunning.grace_days,
            give_up=policy.dunning.give_up,
        )


@strawberry.type(description="One period of a schedule that came due: how it was billed, or why it was not.")
class Renewal:
    id: strawberry.ID
    schedule_id: strawberry.ID
    period: date
    due_at: datetime
    state: domain.RenewalState
    attempt: int
    amount: BillingMoney | None
    order_id: strawberry.ID | None
    order_number: str | None
    transaction_id: strawberry.ID | None
    reason_code: str | None = strawberry.field(description="Amazon's reasonCode of the last decline.")
    message: str | None
    next_attempt_at: datetime | None
    grace_until: datetime | None
    settled_at: datetime | None
    cursor: str = strawberry.field(description="The `after` of the next page.")

    @staticmethod
    def of(stored: StoredRenewal) -> Renewal:
        return Renewal(
            id=strawberry.ID(stored.id),
            schedule_id=strawberry.ID(stored.schedule_id),
            period=stored.period,
            due_at=stored.due_at,
            state=stored.state,
            attempt=stored.attempt,
            amount=BillingMoney.of(stored.amount),
            order_id=strawberry.ID(stored.order_id) if stored.order_id else None,
            order_number=stored.order_number,
            transaction_id=strawberry.ID(stored.transaction_id) if stored.transaction_id else None,
            reason_code=stored.reason_code,
            message=stored.message,
            next_attempt_at=stored.next_at,
            grace_until=stored.grace_until,
            settled_at=stored.settled_at,
            cursor=cursor(stored.due_at, stored.id),
        )


@strawberry.type(description="What happened to a schedule; the merchant's endpoint is told the same.")
class ScheduleEvent:
    type: str
    at: datetime
    message: str | None
    period: date | None

    @staticmethod
    def of(stored: StoredEvent) -> ScheduleEvent:
        period = stored.detail.get("period")
        return ScheduleEvent(
            type=stored.type,
            at=stored.at,
            message=stored.detail.get("message") or stored.detail.get("reason"),
            period=date.fromisoformat(period) if period else None,
        )


@strawberry.type(description="So many pieces of one line of the template order.")
class ScheduleLine:
    order_line_id: strawberry.ID
    quantity: int
    product_name: str = strawberry.field(description="As it was when the line was chosen.")

    @staticmethod
    def of(stored: domain.ChosenLine) -> ScheduleLine:
        return ScheduleLine(
            order_line_id=strawberry.ID(stored.order_line_id), quantity=stored.quantity, product_name=stored.name
        )


@strawberry.type(description="When an agreement is charged, and for which goods.")
class Schedule:
    id: strawberry.ID
    agreement_id: strawberry.ID
    template_order_id: strawberry.ID
    lines: list[ScheduleLine] | None = strawberry.field(
        description="What is billed of the template order; null: all of it, as it is on the day."
    )
    channel: str
    currency: str
    amount: BillingMoney | None = strawberry.field(description="Null: what the goods cost on the day.")
    unit: Unit
    every: int
    time: str
    time_zone: str
    next_date: date | None = strawberry.field(description="The next period, if any; null once it has ended.")
    next_at: datetime | None = strawberry.field(description="Null while it is paused, or a renewal is open.")
    last_date: date | None
    policy: BillingPolicy
    state: domain.ScheduleState
    reason: str | None = strawberry.field(description="Why it is paused or has ended.")
    upcoming: list[date] = strawberry.field(description="The next periods, a dozen at most.")
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    cursor: str = strawberry.field(description="The `after` of the next page.")

    @staticmethod
    def of(stored: StoredSchedule) -> Schedule:
        recurrence = stored.recurrence
        return Schedule(
            id=strawberry.ID(stored.id),
            agreement_id=strawberry.ID(stored.agreement_id),
            template_order_id=strawberry.ID(stored.template_order_id),
            lines=None if stored.lines is None else [ScheduleLine.of(line) for line in stored.lines],
            channel=stored.channel_slug,
            currency=str(stored.currency),
            amount=BillingMoney.of(stored.amount),
            unit=recurrence.unit,
            every=recurrence.every,
            time=recurrence.at.isoformat("minutes"),
            time_zone=recurrence.zone.key,
            next_date=None if stored.has_ended else stored.next_date,
            next_at=stored.next_at,
            last_date=stored.last_date,
            policy=BillingPolicy.of(stored.policy),
            state=stored.state,
            reason=stored.reason,
            upcoming=upcoming(stored, _A_DOZEN),
            created_at=stored.created_at,
            updated_at=stored.updated_at,
            ended_at=stored.ended_at,
            cursor=cursor(stored.created_at, stored.id),
        )


_A_DOZEN = 12


def upcoming(stored: StoredSchedule, count: int) -> list[date]:
    """The dates it will bill if nothing changes."""
    if stored.has_ended:
        return []
    days = stored.recurrence.upcoming(stored.next_number, count)
    return [day for day in days if stored.last_date is None or day <= stored.last_date]


def cursor(at: datetime, id_: str) -> str:
    return f"{at.isoformat()} {id_}"


@strawberry.type(description="What new schedules begin with, and who is told of events.")
class BillingSettings:
    enabled: bool = strawberry.field(description="Whether the operator has switched billing schedules on.")
    policy: BillingPolicy
    webhook_url: str | None
    has_webhook_secret: bool

    @staticmethod
    def of(stored: StoredSettings, *, enabled: bool) -> BillingSettings:
        return BillingSettings(
            enabled=enabled,
            policy=BillingPolicy.of(stored.policy),
            webhook_url=stored.webhook_url,
            has_webhook_secret=stored.webhook_secret is not None,
        )


@strawberry.input(description="What is left out stays as it is, or takes the default.")
class BillingPolicyInput:
    catch_up: domain.CatchUp | None = None
    unavailable: domain.Unavailable | None = None
    price_change: domain.PriceChange | None = None
    retry_days: list[int] | None = strawberry.field(
        default=None, description="Days from each soft decline to the next attempt, e.g. [1, 3, 5]."
    )
    grace_days: int | None = strawberry.field(default=None, description="1 to 90 days from the first decline.")
    give_up: domain.GiveUp | None = None

    def given(self) -> PolicyFields:
        return PolicyFields(
            catch_up=self.catch_up,
            unavailable=self.unavailable,
            price_change=self.price_change,
            retry_days=None if self.retry_days is None else tuple(self.retry_days),
            grace_days=self.grace_days,
            give_up=self.give_up,
        )


@strawberry.input
class ScheduleLineInput:
    order_line_id: strawberry.ID
    quantity: int = strawberry.field(description="1 to as many pieces as the order has of it.")


def _lines(given: list[ScheduleLineInput] | None) -> tuple[LineFields, ...] | None:
    return None if given is None else tuple(LineFields(line.order_line_id, line.quantity) for line in given)


@strawberry.input
class ScheduleCreateInput:
    agreement_id: strawberry.ID
    template_order_id: strawberry.ID = strawberry.field(
        description="Id or number of an order of the same customer: its goods, addresses, delivery are used each time."
    )
    lines: list[ScheduleLineInput] | None = strawberry.field(
        default=None, description="The lines of that order that are billed; all of them when it is left out or empty."
    )
    unit: Unit
    every: int = 1
    next_date: date | None = strawberry.field(
        default=None, description="The first billing; one period from today when it is left out."
    )
    time: str | None = strawberry.field(default=None, description="Time of day, `09:00` when it is left out.")
    time_zone: str | None = strawberry.field(
        default=None, description="Of the IANA database; that of the channel's default country when it is left out."
    )
    last_date: date | None = strawberry.field(default=None, description="Nothing is billed after it.")
    amount: str | None = strawberry.field(
        default=None,
        description="An agreed total, whatever the goods cost on the day. Needs a template order of one piece.",
    )
    policy: BillingPolicyInput | None = None
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same key with the same input makes one schedule, however often it is sent."
    )

    def given(self) -> ScheduleFields:
        return ScheduleFields(
            template_order_id=self.template_order_id,
            lines=_lines(self.lines),
            amount=self.amount,
            unit=self.unit,
            every=self.every,
            next_date=self.next_date,
            at=self.time,
            zone=self.time_zone,
            last_date=self.last_date,
            policy=self.policy.given() if self.policy else PolicyFields(),
        )


@strawberry.input(description="What is left out stays as it is.")
class ScheduleChangeInput:
    template_order_id: strawberry.ID | None = None
    lines: list[ScheduleLineInput] | None = strawberry.field(
        default=None, description="Lines of the template order; an empty list goes back to all of them."
    )
    unit: Unit | None = None
    every: int | None = None
    next_date: date | None = strawberry.field(default=None, description="From here on the periods are counted anew.")
    time: str | None = None
    time_zone: str | None = None
    last_date: date | None = None
    amount: str | None = strawberry.field(
        default=None, description="An agreed total; an empty text goes back to the prices of the day."
    )
    policy: BillingPolicyInput | None = None

    def given(self) -> ScheduleFields:
        return ScheduleFields(
            template_order_id=self.template_order_id,
            lines=_lines(self.lines),
            amount=self.amount or None,
            clears_amount=not self.amount and self.amount is not None,
            unit=self.unit,
            every=self.every,
            next_date=self.next_date,
            at=self.time,
            zone=self.time_zone,
            last_date=self.last_date,
            policy=self.policy.given() if self.policy else PolicyFields(),
        )


@strawberry.type(description="The schedule as it is then.")
class SchedulePayload:
    schedule: Schedule | None
    errors: list[BillingError]


@strawberry.type
class BillingSettingsPayload:
    settings: BillingSettings | None
    webhook_secret: str | None = strawberry.field(
        description="Where a new one was made: keep it, it is not shown again."
    )
    errors: list[BillingError]


@strawberry.type(description="What the endpoint answered to a signed `billing.test`.")
class BillingWebhookTest:
    status: int | None
    errors: list[BillingError]
