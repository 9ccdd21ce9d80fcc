"""When a billing schedule is due: calendar arithmetic, no clock and no storage.

Every occurrence is counted from the anchor and never from the one before, so that a schedule anchored on the 31st bills
on the last day of shorter months and on the 31st again afterwards, and one anchored on 29 February bills on the 28th in
common years and on the 29th in leap years. A date becomes a moment in the channel's time zone: 09:00 stays 09:00 when
the clocks change, a time that does not exist on that day is the moment the clocks jump to, one that exists twice is
the first. Source: DESIGN §8.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from saleor_amazonpay.messages import Message, marked

_FIRST_YEAR, _LAST_YEAR = 1990, 9000  # years beyond are a mistake of typing; date arithmetic ends at 1 and 9999
_MONTHS_OF_YEAR: Final = 12


class Unit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


LONGEST: Final = {Unit.DAY: 366, Unit.WEEK: 52, Unit.MONTH: 12, Unit.YEAR: 1}
"""The most of a unit between two charges: Amazon ends an agreement that was not charged for 13 months (§4.1)."""

_TOO_LONG: Final = {
    Unit.DAY: marked("Bill every 1 to {most} days, not every {every}."),
    Unit.WEEK: marked("Bill every 1 to {most} weeks, not every {every}."),
    Unit.MONTH: marked("Bill every 1 to {most} months, not every {every}."),
    Unit.YEAR: marked("Bill every {most} year, not every {every}: Amazon ends what is not charged for 13 months."),
}


class RecurrenceError(ValueError):
    """Not a schedule; ``sentence`` says why and can be shown to a person."""

    def __init__(self, sentence: Message) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


@dataclass(frozen=True)
class Recurrence:
    """Every ``every`` units from ``anchor`` on, at ``at`` in ``zone``; occurrence 0 is the anchor itself.

    Raises:
        RecurrenceError: a frequency that is none, or rarer than Amazon keeps an agreement alive.
    """

    anchor: date
    unit: Unit
    every: int
    at: time
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if not 1 <= self.every <= LONGEST[self.unit]:
            raise RecurrenceError(Message(_TOO_LONG[self.unit], most=LONGEST[self.unit], every=self.every))
        if not _FIRST_YEAR <= self.anchor.year <= _LAST_YEAR:
            raise RecurrenceError(Message("The date {day} is too far away.", day=self.anchor))
        if self.at.tzinfo is not None:
            raise RecurrenceError(Message("The time of day is that of the time zone; it has none of its own."))

    def date_of(self, number: int) -> date:
        """The local date of an occurrence.

        Raises:
            RecurrenceError: after the year 9999.
        """
        try:
            if self.unit is Unit.DAY:
                return self.anchor + timedelta(days=number * self.every)
            if self.unit is Unit.WEEK:
                return self.anchor + timedelta(weeks=number * self.every)
            months = number * self.every * (_MONTHS_OF_YEAR if self.unit is Unit.YEAR else 1)
            return _months_after(self.anchor, months)
        except (OverflowError, ValueError):
            raise RecurrenceError(Message("There are no dates after the year 9999.")) from None

    def moment_of(self, number: int) -> datetime:
        """When an occurrence is due, in UTC."""
        return moment(self.date_of(number), self.at, self.zone)

    def first_after(self, now: datetime) -> int:
        """The first occurrence (0 or later) that is due after ``now``."""
        number = max(0, self._estimate(now.astimezone(self.zone).date()) - 1)
        while self.moment_of(number) <= now:
            number += 1
        return number

    def due(self, since: int, now: datetime) -> range:
        """The occurrences from ``since`` on that are due at ``now``."""
        return range(since, max(since, self.first_after(now)))

    def upcoming(self, since: int, count: int) -> Iterator[date]:
        return (self.date_of(number) for number in range(since, since + count))

    def _estimate(self, day: date) -> int:
        """An occurrence at or shortly before ``day``: at most one too small, never too large."""
        if self.unit in {Unit.DAY, Unit.WEEK}:
            return (day - self.anchor).days // (self._days * self.every)
        months = (day.year - self.anchor.year) * _MONTHS_OF_YEAR + day.month - self.anchor.month
        per = self.every * (_MONTHS_OF_YEAR if self.unit is Unit.YEAR else 1)
        return (months - 1) // per

    @cached_property
    def _days(self) -> int:
        return 7 if self.unit is Unit.WEEK else 1


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The local date and time in UTC; see the module's text on days when the clocks change."""
    local = datetime.combine(day, at, zone)  # fold 0: of two the first, of none by the offset before the gap
    there_and_back = local.astimezone(UTC).astimezone(zone)
    if there_and_back.replace(tzinfo=None) != local.replace(tzinfo=None):
        return _end_of_gap(local)
    return local.astimezone(UTC)


def time_zone(name: str) -> ZoneInfo:
    """Raises RecurrenceError: no such zone of the IANA database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RecurrenceError(
            Message("There is no time zone {name}; write one like Asia/Tokyo.", name=repr(name))
        ) from None


def _months_after(anchor: date, months: int) -> date:
    year, month = divmod(anchor.year * _MONTHS_OF_YEAR + anchor.month - 1 + months, _MONTHS_OF_YEAR)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(anchor.day, last))


def _end_of_gap(local: datetime) -> datetime:
    """Where the clocks jump to: the offset before the gap gives a moment after it, the one after it a moment before.

    The jump lies between the two; a gap is at most a day, and begins and ends at a full minute.
    """
    before, after = sorted((local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)))
    offset = before.astimezone(local.tzinfo).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        is_before = (before + timedelta(seconds=middle)).astimezone(local.tzinfo).utcoffset() == offset
        low, high = (middle, high) if is_before else (low, middle)
    return before + timedelta(seconds=high)
