from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from saleor_amazonpay.domain.recurrence import LONGEST, Recurrence, RecurrenceError, Unit, moment, time_zone

TOKYO, BERLIN, NEW_YORK = map(ZoneInfo, ("Asia/Tokyo", "Europe/Berlin", "America/New_York"))
ZONES = st.sampled_from([ZoneInfo(name) for name in sorted(available_timezones()) if "/" in name])
UNITS = st.sampled_from(list(Unit))
ANCHORS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
TIMES = st.times().map(lambda at: at.replace(microsecond=0))


def monthly(anchor, every=1, unit=Unit.MONTH, at=time(9), zone=TOKYO):
    return Recurrence(anchor, unit, every, at, zone)


@st.composite
def recurrences(draw):
    unit = draw(UNITS)
    every = draw(st.integers(1, LONGEST[unit]))
    return Recurrence(draw(ANCHORS), unit, every, draw(TIMES), draw(ZONES))


class TestDates:
    def test_the_31st_is_the_last_day_of_shorter_months_and_the_31st_again(self):
        days = list(monthly(date(2027, 1, 31)).upcoming(0, 14))
        assert [day.day for day in days] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29]
        assert days[-1] == date(2028, 2, 29)

    def test_29_february_is_the_28th_in_common_years(self):
        days = monthly(date(2028, 2, 29), unit=Unit.YEAR).upcoming(0, 9)
        assert [(day.month, day.day) for day in days] == [(2, 29), *[(2, 28)] * 3, (2, 29), *[(2, 28)] * 3, (2, 29)]

    def test_2100_is_no_leap_year(self):
        assert monthly(date(2096, 2, 29), unit=Unit.YEAR).date_of(4) == date(2100, 2, 28)

    def test_weeks_keep_their_weekday(self):
        days = list(monthly(date(2026, 12, 30), every=2, unit=Unit.WEEK).upcoming(0, 30))
        assert {day.weekday() for day in days} == {2}
        assert days[1] == date(2027, 1, 13)

    @given(recurrences(), st.integers(0, 400))
    def test_each_comes_after_the_one_before(self, recurrence, number):
        assert recurrence.date_of(number) < recurrence.date_of(number + 1)

    @given(ANCHORS, st.integers(1, 12), st.integers(0, 500))
    def test_months_are_the_anchors_day_or_the_last(self, anchor, every, number):
        day = monthly(anchor, every).date_of(number)
        last = calendar.monthrange(day.year, day.month)[1]
        assert day.day == min(anchor.day, last)
        assert (day.year * 12 + day.month) - (anchor.year * 12 + anchor.month) == every * number

    @given(ANCHORS)
    def test_occurrence_0_is_the_anchor(self, anchor):
        assert all(monthly(anchor, unit=unit).date_of(0) == anchor for unit in Unit)


class TestMoments:
    def test_nine_in_the_morning_stays_nine_when_the_clocks_change(self):
        recurrence = monthly(date(2027, 3, 1), unit=Unit.DAY, zone=BERLIN)
        hours = {recurrence.moment_of(number).astimezone(BERLIN).time() for number in range(400)}
        assert hours == {time(9)}
        assert {recurrence.moment_of(number).hour for number in range(400)} == {7, 8}

    @pytest.mark.parametrize(
        ("at", "utc"),
        [
            (time(1, 59), datetime(2027, 3, 28, 0, 59, tzinfo=UTC)),
            (time(2, 0), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),  # 02:00 to 02:59 do not exist: 03:00 then
            (time(2, 30), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
            (time(3, 0), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        ],
    )
    def test_a_time_that_does_not_exist_is_when_the_clocks_jump(self, at, utc):
        assert moment(date(2027, 3, 28), at, BERLIN) == utc

    def test_a_time_that_exists_twice_is_the_first(self):
        assert moment(date(2027, 10, 31), time(2, 30), BERLIN) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
        assert moment(date(2027, 11, 7), time(1, 30), NEW_YORK) == datetime(2027, 11, 7, 5, 30, tzinfo=UTC)

    def test_a_day_that_does_not_exist_is_the_next(self):
        """Samoa went over the date line and left 30 December 2011 out."""
        apia = ZoneInfo("Pacific/Apia")
        assert moment(date(2011, 12, 30), time(9), apia) == datetime(2011, 12, 30, 10, tzinfo=UTC)

    @given(st.dates(date(1990, 1, 1), date(2037, 1, 1)), TIMES, ZONES)
    def test_a_moment_is_its_local_time_or_the_end_of_a_gap(self, day, at, zone):
        local = moment(day, at, zone).astimezone(zone)
        if local.replace(tzinfo=None) != datetime.combine(day, at):
            before = (local - timedelta(seconds=1)).astimezone(UTC).astimezone(zone)
            shown = before.replace(tzinfo=None)
            assert shown < datetime.combine(day, at) < local.replace(tzinfo=None)

    @given(recurrences(), st.integers(0, 200))
    def test_moments_rise(self, recurrence, number):
        assert recurrence.moment_of(number) <= recurrence.moment_of(number + 1)


class TestDue:
    @given(recurrences(), st.integers(0, 300), st.integers(-3, 3))
    @example(monthly(date(2028, 2, 29), unit=Unit.YEAR), 1, 0)
    def test_first_after_is_exact(self, recurrence, number, seconds):
        now = recurrence.moment_of(number) + timedelta(seconds=seconds)
        first = recurrence.first_after(now)
        assert recurrence.moment_of(first) > now
        assert first == 0 or recurrence.moment_of(first - 1) <= now

    @given(recurrences(), st.integers(946_684_800, 4_102_444_800))
    def test_first_after_any_moment(self, recurrence, second):
        now = datetime.fromtimestamp(second, UTC)
        first = recurrence.first_after(now)
        assert recurrence.moment_of(first) > now
        assert first == 0 or recurrence.moment_of(first - 1) <= now

    def test_nothing_is_due_before_the_anchor(self):
        recurrence = monthly(date(2027, 1, 31))
        assert not recurrence.due(0, recurrence.moment_of(0) - timedelta(seconds=1))
        assert recurrence.due(0, recurrence.moment_of(0)) == range(1)

    @given(recurrences(), st.integers(0, 50), st.integers(0, 100))
    def test_what_was_missed_is_counted(self, recurrence, since, missed):
        now = recurrence.moment_of(since + missed)
        assume(recurrence.moment_of(since + missed + 1) > now)
        assert recurrence.due(since, now) == range(since, since + missed + 1)

    def test_a_far_future_does_not_take_long(self):
        recurrence = monthly(date(2027, 1, 1), unit=Unit.DAY)
        assert recurrence.first_after(datetime(7999, 12, 31, tzinfo=UTC)) == (date(8000, 1, 1) - date(2027, 1, 1)).days


class TestBadInput:
    @pytest.mark.parametrize(("unit", "every"), [(unit, n) for unit in Unit for n in (-1, 0, LONGEST[unit] + 1)])
    def test_a_frequency_that_is_none(self, unit, every):
        with pytest.raises(RecurrenceError, match="every"):
            monthly(date(2027, 1, 1), every, unit)

    @pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Asia", "\0", "x" * 300])
    def test_a_zone_that_is_none(self, name):
        with pytest.raises(RecurrenceError, match="time zone"):
            time_zone(name)

    def test_after_the_end_of_time(self):
        for beyond in (date.min, date(1989, 12, 31), date(9500, 1, 1), date.max):
            with pytest.raises(RecurrenceError, match="too far"):
                monthly(beyond)
        with pytest.raises(RecurrenceError, match="9999"):
            monthly(date(2027, 1, 1)).date_of(12 * 8000)

    def test_a_time_with_a_zone_of_its_own(self):
        with pytest.raises(RecurrenceError):
            monthly(date(2027, 1, 1), at=time(9, tzinfo=UTC))
