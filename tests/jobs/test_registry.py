from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from saleor_amazonpay.jobs.registry import LONGEST_NAME, Periodic, RetryLater, RetryPolicy, Tasks


async def nothing(_args=None):
    pass


class TestRetryPolicy:
    def test_waits_double_up_to_the_longest_with_at_most_half_off(self):
        policy = RetryPolicy(max_attempts=100, first_wait=2, longest_wait=60)
        for attempt, full in [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (99, 60)]:
            wait = policy.wait(attempt, ValueError(), random.Random(attempt))
            assert full / 2 <= wait <= full

    def test_waits_are_spread(self):
        jitter = random.Random(1)
        assert len({RetryPolicy().wait(1, ValueError(), jitter) for _ in range(10)}) == 10

    def test_the_handler_decides_with_retry_later(self):
        assert RetryPolicy().wait(1, RetryLater(7, "x"), random.Random(1)) == 7

    def test_retry_later_may_leave_it_to_the_policy(self):
        assert 1 <= RetryPolicy().wait(1, RetryLater(None, "x"), random.Random(1)) <= 2

    @pytest.mark.parametrize("error", [ValueError(), RetryLater(1, "x")])
    def test_the_last_attempt_is_the_last(self, error):
        policy = RetryPolicy(max_attempts=3)
        assert policy.wait(2, error, random.Random(1)) is not None
        assert policy.wait(3, error, random.Random(1)) is None

    def test_the_defaults_keep_trying_for_about_a_day(self):
        policy = RetryPolicy()
        waits = [policy.wait(attempt, ValueError(), random.Random(attempt)) for attempt in range(1, 30)]
        assert 10 * 3600 < sum(waits) < 30 * 3600


class TestTasks:
    def test_a_name_is_registered_once(self):
        tasks = Tasks()
        tasks.register("a", nothing)
        with pytest.raises(ValueError, match="already"):
            tasks.register_periodic("a", nothing, seconds=1)

    def test_a_name_fits_into_a_channel_name(self):
        with pytest.raises(ValueError, match="longer"):
            Tasks().register("a" * (LONGEST_NAME + 1), nothing)

    def test_periodic_tasks_are_tasks(self):
        tasks = Tasks()
        tasks.register("a", nothing)
        tasks.register_periodic("b", nothing, seconds=60)
        assert tasks.names == ["a", "b"]
        assert [task.name for task in tasks.periodic] == ["b"]


class TestSlots:
    @pytest.mark.parametrize(
        ("moment", "slot"),
        [("10:00:00", "10:05:00"), ("10:04:59", "10:05:00"), ("10:05:00", "10:10:00"), ("23:59:59", "00:00:00")],
    )
    def test_the_next_slot_is_the_next_multiple(self, moment, slot):
        task = Periodic("a", nothing, RetryPolicy(), timedelta(minutes=5))
        after = task.slot_after(datetime.fromisoformat(f"2026-03-01T{moment}").replace(tzinfo=UTC))
        assert after.strftime("%H:%M:%S") == slot
