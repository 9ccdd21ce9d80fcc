from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.domain.billing import (
    CatchUp,
    Decline,
    Dunning,
    GiveUp,
    Next,
    Verdict,
    after_decline,
    check_dunning,
    decline_of,
    next_month,
    sort_out,
)
from saleor_amazonpay.messages import Message

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2027, 3, 10, 0, 0, tzinfo=UTC)  # 09:00 in Tokyo
CALENDAR = Dunning()
RANGES = st.builds(lambda start, count: range(start, start + count), st.integers(0, 999), st.integers(1, 99))


def verdict(decline, *, retries=0, first_at=NOW, now=NOW, dunning=CALENDAR):
    return after_decline(decline, dunning, retries=retries, first_at=first_at, now=now, at=time(9), zone=TOKYO)


class TestSortOut:
    def test_on_time(self):
        for policy in CatchUp:
            found = sort_out(range(4, 5), NOW, NOW, policy)
            assert (list(found.missed), found.billed, found.next_number) == ([], 4, 5)

    @pytest.mark.parametrize(
        ("policy", "missed", "billed", "next_number"),
        [
            (CatchUp.BILL_LATEST, [4, 5], 6, 7),
            (CatchUp.BILL_ALL, [], 4, 5),
            (CatchUp.SKIP, [4, 5, 6], None, 7),
        ],
    )
    def test_after_a_long_absence(self, policy, missed, billed, next_number):
        found = sort_out(range(4, 7), NOW - timedelta(days=3), NOW, policy)
        assert (list(found.missed), found.billed, found.next_number) == (missed, billed, next_number)

    def test_skip_still_bills_what_is_only_hours_late(self):
        found = sort_out(range(4, 7), NOW - timedelta(hours=23), NOW, CatchUp.SKIP)
        assert (list(found.missed), found.billed) == ([4, 5], 6)

    @given(RANGES, st.sampled_from(CatchUp), st.integers(0, 100))
    def test_every_period_is_missed_billed_or_still_to_come_and_never_two_of_these(self, due, policy, hours):
        found = sort_out(due, NOW - timedelta(hours=hours), NOW, policy)
        dealt_with = [*found.missed, *([] if found.billed is None else [found.billed])]
        assert dealt_with == list(range(due.start, found.next_number))
        assert found.next_number > due.start


class TestAfterDecline:
    def test_a_soft_one_is_tried_on_the_calendar_at_the_time_of_day(self):
        seen, now = [], NOW + timedelta(hours=5)
        for retries in range(4):
            seen.append(verdict(Decline.SOFT, retries=retries, now=now))
            now = seen[-1].at or now
        days = [(it.at - NOW) / timedelta(days=1) for it in seen]
        assert [it.next for it in seen] == [Next.RETRY, Next.RETRY, Next.RETRY, Next.AWAIT_BUYER]
        assert days == [1, 4, 9, 14]

    def test_a_hard_one_waits_for_the_buyer_until_grace_ends(self):
        assert verdict(Decline.HARD) == Verdict(Next.AWAIT_BUYER, NOW + timedelta(days=14))
        assert verdict(Decline.HARD, first_at=NOW - timedelta(days=14)).next is Next.GIVE_UP

    def test_a_full_month_is_waited_out_whatever_the_grace(self):
        found = verdict(Decline.MONTH_FULL, first_at=NOW - timedelta(days=30))
        assert found == Verdict(Next.RETRY, datetime(2027, 4, 2, 0, 0, tzinfo=UTC))

    def test_no_retry_falls_behind_the_grace_period(self):
        short = Dunning((1, 9), 5)
        assert verdict(Decline.SOFT, retries=1, dunning=short).next is Next.AWAIT_BUYER

    def test_a_closed_agreement_ends_the_schedule(self):
        assert verdict(Decline.CLOSED) == Verdict(Next.END)

    def test_what_can_never_be_charged_is_the_merchants_to_decide(self):
        assert verdict(Decline.TOO_MUCH) == Verdict(Next.AWAIT_MERCHANT)

    def test_a_fault_of_ours_is_given_up_after_the_calendar_and_never_blamed_on_the_buyer(self):
        assert verdict(Decline.FAULT, retries=3).next is Next.GIVE_UP

    @given(st.sampled_from(Decline), st.integers(0, 12), st.integers(0, 200), st.integers(0, 23))
    def test_the_next_attempt_is_always_later(self, decline, retries, days, hours):
        now = NOW + timedelta(days=days, hours=hours)
        found = verdict(decline, retries=retries, now=now)
        assert found.at is None or found.at > now


@pytest.mark.parametrize(
    ("reason", "decline"),
    [
        ("SoftDeclined", Decline.SOFT),
        ("HardDeclined", Decline.HARD),
        ("BuyerClosed", Decline.CLOSED),
        ("", Decline.FAULT),
    ],
)
def test_reasons(reason, decline):
    assert decline_of(reason) is decline


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2027, 12, 31), date(2028, 1, 2)), (date(2027, 1, 31), date(2027, 2, 2))]
)
def test_next_month(day, expected):
    assert next_month(day) == expected


def test_check_dunning():
    assert check_dunning([1, 3], 7) == Dunning((1, 3), 7, GiveUp.CANCEL)
    assert isinstance(check_dunning([0], 7), Message)
    assert isinstance(check_dunning([1] * 11, 7), Message)
    assert isinstance(check_dunning([1], 0), Message)
    assert isinstance(check_dunning([1], 91), Message)
