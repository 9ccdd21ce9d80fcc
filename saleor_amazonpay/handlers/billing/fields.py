"""What may be entered for a schedule: every fault is told at once, field by field, in the merchant's words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from saleor_amazonpay.domain.billing import (
    CatchUp,
    Dunning,
    GiveUp,
    Policy,
    PriceChange,
    Unavailable,
    check_dunning,
)
from saleor_amazonpay.domain.money import Currency, Money, MoneyError
from saleor_amazonpay.domain.recurrence import Recurrence, RecurrenceError, Unit, time_zone
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.messages import Message

DEFAULT_TIME: Final = time(9)
MAX_KEY: Final = 128
MAX_REASON: Final = 255
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

ZONES: Final[Mapping[str, str]] = {
    # a channel's default country: where its merchant most likely is
    "JP": "Asia/Tokyo",
    "AT": "Europe/Vienna",
    "AU": "Australia/Sydney",
    "BE": "Europe/Brussels",
    "CH": "Europe/Zurich",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "DK": "Europe/Copenhagen",
    "ES": "Europe/Madrid",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "HU": "Europe/Budapest",
    "IE": "Europe/Dublin",
    "IT": "Europe/Rome",
    "LU": "Europe/Luxembourg",
    "NL": "Europe/Amsterdam",
    "PT": "Europe/Lisbon",
    "SE": "Europe/Stockholm",
    "US": "America/New_York",
}


class BillingErrorCode(StrEnum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    NOT_CHANGEABLE = "NOT_CHANGEABLE"
    NOT_ENABLED = "NOT_ENABLED"
    PERMISSION_MISSING = "PERMISSION_MISSING"
    AGREEMENT_ENDED = "AGREEMENT_ENDED"
    AGREEMENT_HAS_SCHEDULE = "AGREEMENT_HAS_SCHEDULE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    BEING_BILLED = "BEING_BILLED"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    SALEOR_UNAVAILABLE = "SALEOR_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class BillingError:
    """``field`` is spelled as in the GraphQL input; None concerns the whole."""

    field: str | None
    code: BillingErrorCode
    message: Message


class BillingErrors(AppError):
    """Nothing was changed; ``errors`` has one entry per fault."""

    status = 422
    code = "BILLING_ERRORS"

    def __init__(self, *errors: BillingError) -> None:
        super().__init__(" ".join(str(error.message) for error in errors))
        self.errors = errors


def refuse(field: str | None, code: BillingErrorCode, message: Message) -> BillingErrors:
    return BillingErrors(BillingError(field, code, message))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFields:
    """As entered; None keeps what is."""

    catch_up: CatchUp | None = None
    unavailable: Unavailable | None = None
    price_change: PriceChange | None = None
    retry_days: Sequence[int] | None = None
    grace_days: int | None = None
    give_up: GiveUp | None = None


@dataclass(frozen=True, slots=True)
class LineFields:
    order_line_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFields:
    """As entered; None keeps what is, or takes the default.

    ``lines``: none of them are all of them. ``clears_amount``: back to the prices of the day.
    """

    template_order_id: str | None = None
    lines: Sequence[LineFields] | None = None
    amount: str | None = None
    clears_amount: bool = False
    unit: Unit | None = None
    every: int | None = None
    next_date: date | None = None
    at: str | None = None
    zone: str | None = None
    last_date: date | None = None
    policy: PolicyFields = PolicyFields()

    def fingerprint(self, agreement_id: str) -> str:
        """The same for the same request: an idempotency key that comes with another one is a mistake."""
        given = asdict(self)
        if self.lines is None:
            del given["lines"]  # as before there were any
        return hashlib.sha256(repr((agreement_id, sorted(given.items()))).encode()).hexdigest()


class Faults:
    """Collects what is wrong, so that all of it is told at once."""

    def __init__(self) -> None:
        self._errors: list[BillingError] = []

    def add(self, field: str | None, message: Message, code: BillingErrorCode = BillingErrorCode.INVALID) -> None:
        self._errors.append(BillingError(field, code, message))

    def raise_any(self) -> None:
        if self._errors:
            raise BillingErrors(*self._errors)


def policy(known: Policy, given: PolicyFields, faults: Faults) -> Policy:
    """``known`` with what was entered."""
    days = known.dunning.retry_days if given.retry_days is None else given.retry_days
    dunning = check_dunning(days, known.dunning.grace_days if given.grace_days is None else given.grace_days)
    if isinstance(dunning, Message):
        is_the_retries = isinstance(check_dunning(days, Dunning().grace_days), Message)
        faults.add("retryDays" if is_the_retries else "graceDays", dunning)
        dunning = Dunning()
    plain = {name: value for name in _PLAIN if (value := getattr(given, name)) is not None}
    return replace(known, **plain, dunning=replace(dunning, give_up=given.give_up or known.dunning.give_up))


_PLAIN: Final = tuple(each.name for each in fields(Policy) if each.name != "dunning")


def amount(given: str, currency: Currency, faults: Faults) -> Money | None:
    try:
        money = Money.parse(given, currency)
    except MoneyError:
        example = Money(100000, currency).amount
        faults.add(
            "amount", Message("Write an amount of {currency} like {example}.", currency=currency, example=example)
        )
        return None
    if not money.is_positive:
        faults.add("amount", Message("Must be more than zero; leave it out to bill what the goods cost on the day."))
        return None
    return money


def time_of_day(given: str, faults: Faults) -> time:
    if not _TIME.fullmatch(given):
        faults.add("time", Message("A time of day is written like 09:00."))
        return DEFAULT_TIME
    return time.fromisoformat(given)


def zone(given: str, faults: Faults) -> ZoneInfo:
    try:
        return time_zone(given)
    except RecurrenceError as wrong:
        faults.add("timeZone", wrong.sentence)
        return time_zone("UTC")


def recurrence(
    anchor: date, unit: Unit, every: int, at: time, in_zone: ZoneInfo, faults: Faults, *, now: datetime
) -> Recurrence | None:
    """Beginning in the future."""
    try:
        made = Recurrence(anchor, unit, every, at, in_zone)
    except RecurrenceError as wrong:
        faults.add("nextDate" if "date" in str(wrong) else "frequency", wrong.sentence)
        return None
    if made.moment_of(0) <= now:
        passed = Message(
            "{day} {time} in {zone} has passed; name a time to come.", day=anchor, time=f"{at:%H:%M}", zone=in_zone.key
        )
        faults.add("nextDate", passed)
    return made


def key(given: str | None, faults: Faults) -> str | None:
    if given is not None and not 1 <= len(given) <= MAX_KEY:
        faults.add("idempotencyKey", Message("1 to {most} characters.", most=MAX_KEY))
    return given
