"""Amazon's request rates: the storefront never waits, background work does, replicas share what there is."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from decimal import Decimal
from threading import Event

import psycopg
import pytest

from saleor_amazonpay.amazonpay import Environment
from saleor_amazonpay.amazonpay.quotas import QUOTAS, Quota
from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.handlers.rate_limits import RateLimits, background
from saleor_amazonpay.observability.metrics import Metrics
from saleor_amazonpay.sandbox.amazon_pay import throttle
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.storage import rate_limits as bucket_rows
from saleor_amazonpay.storage.engine import Database
from saleor_amazonpay.storage.postgresql import conninfo
from tests.journeys.helpers import settle
from tests.journeys.shop import open_shop

LIVE = QUOTAS[Environment.LIVE]
OPERATION = "get_charge"  # 20, and 4 a second
SELLER = "AMERCHANT0001/live"


class Account:
    merchant_id = "AMERCHANT0001"
    environment = "live"


class FakeClock(MovableClock):
    """Sleeping moves the time instead of taking it."""

    def __init__(self):
        super().__init__()
        self.moment = 0.0
        self.slept = 0.0
        self.start = super().now()

    def now(self):
        return self.start + timedelta(seconds=self.moment)

    def monotonic(self):
        return self.moment

    async def sleep(self, seconds):
        self.moment += seconds
        self.slept += seconds


@asynccontextmanager
async def replica(database, clock):
    limits = RateLimits(database, clock, Metrics())
    try:
        yield limits.gate(Account())
    finally:
        await limits.close()


async def sent_in_background(gate, seconds=0.0, *, most=100):
    """How many background calls are let through within ``seconds`` of waiting each."""
    with background():
        for sent in range(most):
            if not await gate.admit(OPERATION, seconds):
                return sent
    return most


class TestTheTable:
    @pytest.mark.parametrize("environment", Environment)
    def test_it_is_the_one_the_simulated_amazon_keeps(self, environment):
        theirs = throttle.QUOTAS[environment.value]
        shared = QUOTAS[environment].keys() & theirs.keys()
        assert len(shared) >= 13
        assert {name: QUOTAS[environment][name] for name in shared} == {name: Quota(*theirs[name]) for name in shared}


class TestBackground:
    async def test_it_leaves_half_the_bucket_to_the_storefront(self, database):
        async with replica(database, FakeClock()) as gate:
            assert await sent_in_background(gate) == LIVE[OPERATION].size / 2

    async def test_it_goes_on_as_the_bucket_fills(self, database):
        clock = FakeClock()
        async with replica(database, clock) as gate:
            assert await sent_in_background(gate, 60.0, most=50) == 50
        assert clock.slept == pytest.approx(40 / LIVE[OPERATION].per_second, abs=1.5)

    async def test_two_replicas_together_take_no_more_than_one(self, database):
        clock = FakeClock()
        async with replica(database, clock) as one, replica(database, clock) as other:
            sent = 0
            for _ in range(20):
                sent += await sent_in_background(one, most=1) + await sent_in_background(other, most=1)
        assert sent == LIVE[OPERATION].size / 2

    async def test_operations_and_sellers_have_buckets_of_their_own(self, database):
        async with replica(database, FakeClock()) as gate:
            await sent_in_background(gate)
            with background():
                assert await gate.admit("get_refund", 0.1)
                assert await gate.admit("get_dispute", 0.1)  # no published quota

    async def test_what_the_storefront_sends_elsewhere_is_taken_out(self, database):
        clock = FakeClock()
        async with replica(database, clock) as shop_front:
            for _ in range(30):
                assert await shop_front.admit(OPERATION, 0.0)
        async with replica(database, clock) as worker:
            assert await sent_in_background(worker) == 0
            clock.moment += 60
            assert await sent_in_background(worker) == LIVE[OPERATION].size / 2

    async def test_a_429_pauses_it_on_every_replica(self, database):
        clock = FakeClock()
        async with replica(database, clock) as one:
            one.throttled(OPERATION, 30.0)
            assert await sent_in_background(one) == 0
        async with replica(database, clock) as other:
            assert await sent_in_background(other, 10.0) == 0
            assert await sent_in_background(other, 31.0, most=1) == 1
        assert clock.slept == pytest.approx(30.0, abs=0.1)


@contextmanager
def in_hand(url):
    """Another replica has the buckets and takes its time."""
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("UPDATE rate_limits SET full_at = full_at")
        yield


class TestBucketInAnothersHand:
    """Only PostgreSQL locks rows. Whoever waited for one would have everybody behind it wait too."""

    async def test_nobody_waits_for_it_and_what_was_spent_is_told_later(self, postgresql_url):
        clock, size = FakeClock(), LIVE[OPERATION].size
        async with Database.connect(postgresql_url) as database:
            limits = RateLimits(database, clock, Metrics())
            gate = limits.gate(Account())
            share = limits.share(SELLER, OPERATION, LIVE[OPERATION])
            assert await sent_in_background(gate, most=1) == 1
            clock.moment += 60
            for _ in range(3):
                assert await gate.admit(OPERATION, 0.0)
            with in_hand(postgresql_url):
                assert await sent_in_background(gate) == 0
                assert await limits._tell_now()
            assert share.spent == 3
            assert not await limits._tell_now()
            assert share.spent == 0
            assert await sent_in_background(gate) == size / 2 - 3
            await limits.close()

    async def test_nor_while_another_makes_it(self, postgresql_url):
        """The first of a seller's requests may go out from two replicas at the same moment."""
        clock = FakeClock()
        async with Database.connect(postgresql_url) as database:
            limits = RateLimits(database, clock, Metrics())
            gate = limits.gate(Account())
            made, kept = Event(), Event()

            def make(session):
                bucket_rows.lease(session, SELLER, OPERATION, LIVE[OPERATION], spent=0, keep=0, most=1, now=clock.now())
                made.set()
                assert kept.wait(5)

            making = asyncio.create_task(database.run(make))
            assert await asyncio.to_thread(made.wait, 5)
            async with asyncio.timeout(2):
                assert await sent_in_background(gate) == 0
            kept.set()
            await making
            assert await sent_in_background(gate, most=1) == 1
            await limits.close()


class TestStorefront:
    async def test_it_never_waits_and_writes_nothing_before_it_has_spent_its_share(self, database):
        clock = FakeClock()
        limits = RateLimits(database, clock, Metrics())
        gate = limits.gate(Account())
        for _ in range(4):
            assert await gate.admit(OPERATION, 0.0)
        assert limits._telling is None
        for _ in range(500):
            assert await gate.admit(OPERATION, 0.0)
        assert clock.slept == 0
        assert limits._telling is not None
        await limits.close()

    async def test_its_debt_is_bounded(self, database):
        clock, quota = FakeClock(), LIVE[OPERATION]
        now = clock.now()
        epoch = now - timedelta(days=1)
        await database.run(
            lambda session: bucket_rows.take(session, SELLER, OPERATION, quota, spent=1e6, paused_until=epoch, now=now)
        )
        clock.moment += 3 * quota.size / quota.per_second
        async with replica(database, clock) as gate:
            assert await sent_in_background(gate) > 0


class TestJourney:
    async def test_throttled_jobs_wait_and_the_buyer_does_not(self, sqlite_url):
        async with open_shop(sqlite_url, rate_limit_factor=1.0) as shop:
            transaction = await shop.authorized()
            await shop.saleor.staff.request_charge(transaction)
            shop.amazon.faults.add(Fault(operation="get_refund", times=1, status=429, reason_code="TooManyRequests"))
            await shop.saleor.staff.request_refund(transaction, Decimal(300))
            await settle(shop)
            assert shop.transaction(transaction).refunded == 300
            metrics = shop.running.services.metrics.render().decode()
            assert 'saleor_amazonpay_throttled_total{by="amazon",operation="get_refund"} 1.0' in metrics
