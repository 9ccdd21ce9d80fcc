"""What becomes of a billing schedule's periods: which are billed, and what follows a decline. No clock, no storage.

Every period ends in exactly one ``RenewalState`` that is final: billed, or accounted for by a reason.
Source: DESIGN §8; amazon-pay-cv2.md §4.9 (monthly limits), §6.3 (after a decline).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from saleor_amazonpay.domain.recurrence import moment
from saleor_amazonpay.messages import Message

LATE: Final = timedelta(hours=24)
"""From when on a period that was not billed counts as missed, and is left to the catch-up policy."""
MOST_RETRIES: Final = 10
LONGEST_GRACE: Final = 90
_DECEMBER: Final = 12


class ScheduleState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class RenewalState(StrEnum):
    """The first four are open: a schedule has at most one such renewal."""

    RUNNING = "running"  # its steps are being taken
    RETRYING = "retrying"  # declined; tried again at ``next_at``
    AWAITING_BUYER = "awaiting_buyer"  # the buyer has to repair the payment method at Amazon
    AWAITING_MERCHANT = "awaiting_merchant"  # the schedule is paused until the merchant has decided
    BILLED = "billed"
    SKIPPED = "skipped"  # the merchant, or a setting, left this period out
    MISSED = "missed"  # not billed in time, and left out by the catch-up policy
    GIVEN_UP = "given_up"  # not paid within the grace period
    CANCELED = "canceled"  # the schedule ended first


OPEN: Final = frozenset(
    {
        RenewalState.RUNNING,
        RenewalState.RETRYING,
        RenewalState.AWAITING_BUYER,
        RenewalState.AWAITING_MERCHANT,
    }
)


class Step(StrEnum):
    """What a renewal does next; each is repeated harmlessly after a crash (handlers/billing/renewing.py)."""

    CHECKOUT = "checkout"  # make a checkout of the template order
    PREPARE = "prepare"  # customer, addresses, delivery, agreed amount
    INITIALIZE = "initialize"  # transactionInitialize with the stored method
    COMPLETE = "complete"  # the order
    CAPTURE = "capture"
    CANCEL = "cancel"  # release what was authorized for an order that could not be made
    DONE = "done"


MONEY_STEPS: Final = frozenset({Step.INITIALIZE, Step.COMPLETE, Step.CAPTURE, Step.CANCEL})
"""From here on money may be held: pausing or ending the schedule lets the renewal come to its end."""


class CatchUp(StrEnum):
    BILL_LATEST = "bill_latest"
    BILL_ALL = "bill_all"
    SKIP = "skip"


class Unavailable(StrEnum):
    """When a variant of the template order cannot be sold any more."""

    BILL_REST = "bill_rest"
    SKIP = "skip"
    PAUSE = "pause"


class PriceChange(StrEnum):
    """When today's total is not that of the renewal before."""

    FOLLOW = "follow"
    PAUSE = "pause"


class GiveUp(StrEnum):
    """What becomes of the schedule when a period was not paid within the grace period."""

    CANCEL = "cancel"
    PAUSE = "pause"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Dunning:
    """``retry_days``: days from each soft decline to the next attempt. ``grace_days``: from the first decline on."""

    retry_days: tuple[int, ...] = (1, 3, 5)
    grace_days: int = 14
    give_up: GiveUp = GiveUp.CANCEL


@dataclass(frozen=True, slots=True)
class Policy:
    catch_up: CatchUp = CatchUp.BILL_LATEST
    unavailable: Unavailable = Unavailable.BILL_REST
    price_change: PriceChange = PriceChange.FOLLOW
    dunning: Dunning = Dunning()


@dataclass(frozen=True, slots=True)
class ChosenLine:
    """So many pieces of one line of the template order; ``name`` is what the product was called then."""

    order_line_id: str
    quantity: int
    name: str


# --- which periods are billed ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Periods:
    """What a look at a due schedule finds: occurrences left out as missed, and the one billed now, if any.

    ``next_number`` is the occurrence the schedule looks at next.
    """

    missed: range
    billed: int | None
    next_number: int


def sort_out(due: range, last_due_at: datetime, now: datetime, policy: CatchUp) -> Periods:
    """Split the due occurrences (not empty) by the catch-up policy; ``last_due_at`` is when the last of them was due.

    ``BILL_ALL`` bills the oldest: the others are still due when it is settled.
    """
    if policy is CatchUp.BILL_ALL:
        return Periods(range(due.start, due.start), due.start, due.start + 1)
    if policy is CatchUp.SKIP and now - last_due_at > LATE:
        return Periods(due, None, due.stop)
    return Periods(range(due.start, due.stop - 1), due.stop - 1, due.stop)


# --- what follows a decline -----------------------------------------------------------------------------------------


class Decline(StrEnum):
    SOFT = "soft"  # may succeed another day
    HARD = "hard"  # only the buyer can repair it
    MONTH_FULL = "month_full"  # the agreement's limit for this calendar month
    TOO_MUCH = "too_much"  # more than the agreement can ever take: the merchant decides
    CLOSED = "closed"  # the agreement has ended
    FAULT = "fault"  # ours or the merchant's: keys, configuration, an order Saleor does not make


BUYERS_DECLINES: Final = frozenset({Decline.SOFT, Decline.HARD})
"""What the buyer can do something about, on Amazon's page."""

_DECLINES: Final[Mapping[str, Decline]] = {
    # Amazon's reasonCode, or a permission's reason (amazon-pay-cv2.md §4.3, §6.3)
    "SoftDeclined": Decline.SOFT,
    "TransactionTimedOut": Decline.SOFT,
    "ProcessingFailure": Decline.SOFT,
    "HardDeclined": Decline.HARD,
    "AmazonRejected": Decline.HARD,
    "Declined": Decline.HARD,
    "PaymentMethodNotAllowed": Decline.HARD,
    "PaymentMethodNotSet": Decline.HARD,
    "PaymentMethodDeleted": Decline.HARD,
    "PaymentMethodExpired": Decline.HARD,
    "PaymentMethodInvalid": Decline.HARD,
    "BillingAddressDeleted": Decline.HARD,
    "MFAFailed": Decline.HARD,
    "MFANotCompleted": Decline.HARD,
    "ChargePermissionNotChargeable": Decline.HARD,
    "InvalidChargePermissionStatus": Decline.HARD,
    "PeriodicAmountExceeded": Decline.MONTH_FULL,
    "TransactionAmountExceeded": Decline.TOO_MUCH,
    "CurrencyMismatch": Decline.TOO_MUCH,
    "AgreementClosed": Decline.CLOSED,  # ours
    "BuyerClosed": Decline.CLOSED,
    "BuyerCanceled": Decline.CLOSED,
    "MerchantClosed": Decline.CLOSED,
    "AmazonClosed": Decline.CLOSED,
    "AmazonCanceled": Decline.CLOSED,
    "Expired": Decline.CLOSED,
}


def decline_of(reason_code: str) -> Decline:
    """A reason not known here is ours to look into: retried on the calendar, and the merchant is told."""
    return _DECLINES.get(reason_code, Decline.FAULT)


class Next(StrEnum):
    RETRY = "retry"
    AWAIT_BUYER = "await_buyer"
    AWAIT_MERCHANT = "await_merchant"
    GIVE_UP = "give_up"
    END = "end"  # the schedule itself


@dataclass(frozen=True, slots=True)
class Verdict:
    """``at``: of the next attempt; for a buyer awaited, the end of the grace period."""

    next: Next
    at: datetime | None = None


def after_decline(
    decline: Decline, dunning: Dunning, *, retries: int, first_at: datetime, now: datetime, at: time, zone: ZoneInfo
) -> Verdict:
    """What follows: ``retries`` of the calendar are used up, the first decline of this period was at ``first_at``.

    Retries keep the schedule's time of day. A full month is waited out, and only then does the grace period run.
    """
    if decline in _AT_ONCE:
        return Verdict(_AT_ONCE[decline])
    if decline is Decline.MONTH_FULL:
        return Verdict(Next.RETRY, moment(next_month(now.astimezone(zone).date()), at, zone))
    grace_until = first_at + timedelta(days=dunning.grace_days)
    if now >= grace_until:
        return Verdict(Next.GIVE_UP)
    if decline is not Decline.HARD and retries < len(dunning.retry_days):
        day = now.astimezone(zone).date() + timedelta(days=dunning.retry_days[retries])
        if (again := moment(day, at, zone)) < grace_until:
            return Verdict(Next.RETRY, again)
    return Verdict(Next.GIVE_UP) if decline is Decline.FAULT else Verdict(Next.AWAIT_BUYER, grace_until)


_AT_ONCE: Final[Mapping[Decline, Next]] = {Decline.CLOSED: Next.END, Decline.TOO_MUCH: Next.AWAIT_MERCHANT}


def next_month(day: date) -> date:
    """Amazon's limit begins anew on the first (§4.9); whose midnight is unknown, so the day after is safe anywhere."""
    year, month = (day.year + 1, 1) if day.month == _DECEMBER else (day.year, day.month + 1)
    return date(year, month, 2)


def check_dunning(retry_days: Sequence[int], grace_days: int) -> Dunning | Message:
    """The calendar, or what is wrong with it; ``give_up`` is left at its default."""
    if len(retry_days) > MOST_RETRIES or any(not 1 <= day <= LONGEST_GRACE for day in retry_days):
        return Message(
            "Up to {most} retries, each 1 to {longest} days after the one before.",
            most=MOST_RETRIES,
            longest=LONGEST_GRACE,
        )
    if not 1 <= grace_days <= LONGEST_GRACE:
        return Message("A grace period of 1 to {longest} days.", longest=LONGEST_GRACE)
    return Dunning(tuple(retry_days), grace_days)
