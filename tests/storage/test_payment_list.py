from __future__ import annotations

import time
from base64 import b64encode
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import PaymentStatus
from saleor_amazonpay.storage import payment_list
from saleor_amazonpay.storage.engine import Database, Statement
from saleor_amazonpay.storage.payment_list import PaymentFilter, Position
from saleor_amazonpay.storage.tables import payments
from tests.storage.crowd import OTHER, SHOP, analyze, cost, fill, found

FEW = 400


def moment(number):
    return datetime.fromtimestamp(number, UTC)


@pytest.fixture
async def shop(database):
    """A shop with a few payments, and another one that has some of the same numbers."""

    def make(session):
        found(session)
        fill(session, 1, FEW)
        analyze(session)

    await database.run(make)
    return database


async def page(shop, after=None, size=50, tenant=SHOP, **wanted):
    return await shop.read(
        lambda session: payment_list.page(session, tenant, PaymentFilter(**wanted), after=after, size=size)
    )


async def every(shop, size=50, **wanted):
    """All pages, as the numbers of their payments."""
    numbers, after = [], None
    for _ in range(100):
        found_ = await page(shop, after, size, **wanted)
        numbers += [number_of(one) for one in found_.payments]
        after = found_.after
        if after is None:
            return numbers
    raise AssertionError("the pages never end")


def number_of(listed):
    return int(listed.id.removeprefix("payment-"))


class TestPages:
    async def test_newest_first_each_once(self, shop):
        assert await every(shop, size=150) == [*range(FEW, 0, -1)]

    async def test_a_page_that_is_just_full_is_the_last_one(self, shop):
        assert (await page(shop, size=FEW)).after is None

    async def test_payments_of_the_same_moment_are_not_lost_between_pages(self, shop):
        await shop.run(lambda session: session.execute(Statement(payments.update().values(created_at=5))))
        numbers = await every(shop, size=7)
        assert sorted(numbers) == [*range(1, FEW + 1)]

    async def test_what_is_new_does_not_shift_the_pages(self, shop):
        first = await page(shop, size=10)
        await shop.run(lambda session: fill(session, FEW + 1, FEW + 5))
        second = await page(shop, first.after, size=10)
        assert [number_of(one) for one in second.payments] == [*range(FEW - 10, FEW - 20, -1)]

    async def test_a_line_has_amazons_sums(self, shop):
        [newest] = (await page(shop, size=1)).payments
        assert (newest.captured, newest.refunded) == (Money(1400, Currency.USD), Money(100, Currency.USD))
        assert (newest.order_number, newest.status) == ("400", PaymentStatus.CAPTURED)

    async def test_a_page_is_never_larger_than_it_may_be(self, shop):
        assert len((await page(shop, size=10**9)).payments) == FEW

    async def test_an_empty_shop(self, shop):
        assert (await page(shop, tenant=OTHER)).payments == []


class TestPositions:
    def test_come_back_as_they_were(self):
        assert Position.parse(str(Position(17, "payment-a.b"))) == Position(17, "payment-a.b")

    @pytest.mark.parametrize(
        "text", ["", "x", "....", "MTc", "LTE3LmE", "é", "9" * 300, "MTIzNDU2Nzg5MDEyMzQ1Njc4OS5h"]
    )
    def test_nonsense_is_none(self, text):
        assert Position.parse(text) is None


FILTERS = {
    "status": ({"status": PaymentStatus.AUTHORIZED}, lambda i: i <= 2),
    "channel": ({"channel": "rare"}, lambda i: i <= 3),
    "account": ({"account_id": "rare"}, lambda i: i <= 3),
    "customer": ({"customer_id": "customer-2"}, lambda i: i // 20 == 2),
    "currency": ({"currency": Currency.USD}, lambda i: i % 50 == 0),
    "from": ({"created_from": moment(300)}, lambda i: i >= 300),
    "before": ({"created_before": moment(300)}, lambda i: i < 300),
    "a day": ({"created_from": moment(100), "created_before": moment(200)}, lambda i: 100 <= i < 200),
    "amount in yen": ({"amount_from": Decimal(1390), "amount_to": Decimal("1395.5")}, lambda i: 390 <= i <= 395),
    "amount in cents": (
        {"amount_from": Decimal("10.5"), "amount_to": Decimal("12.001"), "currency": Currency.USD},
        lambda i: i % 50 == 0 and 50 <= i <= 200,
    ),
    "status and channel": ({"status": PaymentStatus.CAPTURED, "channel": "rare"}, lambda i: i == 3),
    "everything": (
        {
            "status": PaymentStatus.AUTHORIZED,
            "channel": "rare",
            "account_id": "rare",
            "customer_id": "customer-0",
            "currency": Currency.JPY,
            "created_from": moment(2),
            "created_before": moment(3),
            "amount_from": Decimal(1),
            "amount_to": Decimal(10**30),
        },
        lambda i: i == 2,
    ),
}


class TestFilters:
    async def test_exactly_what_matches_and_nothing_of_another_shop(self, shop):
        for name, (wanted, matches) in FILTERS.items():
            assert await every(shop, size=30, **wanted) == [i for i in range(FEW, 0, -1) if matches(i)], name
            assert (await page(shop, tenant=OTHER, **wanted)).payments == [], name

    async def test_a_rare_match_is_reached_in_bounded_steps(self, shop, monkeypatch):
        monkeypatch.setattr(payment_list, "SCAN", 60)
        short = await page(shop, size=50, amount_to=Decimal(1003), currency=Currency.JPY)
        assert short.payments == []
        assert short.searched_to == moment(FEW - 59)
        assert await every(shop, amount_to=Decimal(1003), currency=Currency.JPY) == [3, 2, 1]


UUID_ = "0b5b7e9e-5f0d-4a55-9d58-1f9a3c4d2e10"


class TestSearch:
    async def found_by(self, shop, text, tenant=SHOP):
        return await shop.read(lambda session: payment_list.search(session, tenant, text))

    async def test_by_any_identifier(self, shop):
        for text in (
            "40", " #40 ", "transaction-40", "S03-40", "s03-40", "S03-40-C1", "S03-40-R1", "source-40", "order-40",
            "session-40", "SESSION-40", "charge-payment-40",
        ):  # fmt: skip
            assert await self.found_by(shop, text) == ["payment-40"], text
            assert await self.found_by(shop, text, OTHER) == [], text
        assert await self.found_by(shop, "customer-1") == [f"payment-{i}" for i in range(39, 19, -1)]

    async def test_by_the_token_that_saleors_dashboard_shows(self, shop):
        global_id = b64encode(f"TransactionItem:{UUID_}".encode()).decode()
        change = Statement(payments.update().where(payments.c.id == "payment-7").values(transaction_id=global_id))
        await shop.run(lambda session: session.execute(change))
        for text in (UUID_, UUID_.upper(), UUID(UUID_).hex, global_id):
            assert await self.found_by(shop, text) == ["payment-7"]

    async def test_nothing_for_nothing(self, shop):
        for text in ("", "  ", "#", "nobody", "%", "4_", "'; --", "x" * 5000):
            assert await self.found_by(shop, text) == []

    async def test_what_is_found_is_filtered_and_in_order(self, shop):
        ids = [f"payment-{i}" for i in (5, 300, 2)]
        wanted = PaymentFilter(created_before=moment(100))
        found_ = await shop.read(lambda session: payment_list.by_ids(session, SHOP, ids, wanted))
        assert [number_of(one) for one in found_] == [5, 2]
        assert await shop.read(lambda session: payment_list.by_ids(session, OTHER, ids, wanted)) == []


# --- what it costs ------------------------------------------------------------------------------------------------

COSTLY = {name: wanted for name, (wanted, _) in FILTERS.items()} | {
    "no filter": {},
    "tomorrow": {"created_from": moment(10**7)},
    "the first day": {"created_before": moment(2)},
    "tomorrow in a channel": {"created_from": moment(10**7), "channel": "japan"},
    "the rarest amount": {"amount_to": Decimal(1001)},
    "the rarest status in another channel": {"status": PaymentStatus.REFUNDED, "channel": "nowhere"},
}


def costs(session):
    """Of the first page by each filter, of a page far down, and of each look-up of a search."""
    for name, wanted in COSTLY.items():
        for after in (Position(2**62, ""), Position(1_500_000_000, "")):
            filter_ = PaymentFilter(**wanted)
            values = payment_list._values(SHOP, filter_, after) | {"limit": 51, "scan": 200}
            yield f"{name} after {after.created_at}", cost(session, payment_list.statement(filter_), values)
    for index, look_up in payment_list.SEARCHES.items():
        yield index, cost(session, look_up, {"api_url": SHOP, "text": "nobody"})


async def grown(database: Database, *sizes):
    """The costs at each size of the shop."""

    def make(session, first, last):
        fill(session, first, last)
        analyze(session)
        return dict(costs(session))

    await database.run(found)
    return [
        await database.run(lambda session, first=first, last=last: make(session, first + 1, last))
        for first, last in pairwise((0, *sizes))
    ]


async def test_a_shop_of_ten_times_the_size_costs_the_same(database):
    small, large = await grown(database, 2_000, 20_000)
    for name, before in small.items():
        assert large[name] <= 2 * before + 400, name  # a tree grows a level; what is cheap enough is scanned


@pytest.mark.soak
async def test_a_million_payments_cost_what_a_thousand_do(database):
    small, large = await grown(database, 2_000, 1_000_000)
    for name, before in small.items():
        assert large[name] <= 3 * before + 400, name
    started = time.perf_counter()
    for wanted in COSTLY.values():
        await page(database, **wanted)
    assert time.perf_counter() - started < 2 * len(COSTLY)


PLANS = {
    "ix_payments_list": {},
    "ix_payments_list_status": {"status": PaymentStatus.AUTHORIZED, "channel": "japan"},
    "ix_payments_list_channel": {"channel": "rare", "status": PaymentStatus.CAPTURED},
    "ix_payments_list_account": {"account_id": "rare", "channel": "japan"},
    "ix_payments_list_customer": {"customer_id": "customer-1", "status": PaymentStatus.AUTHORIZED},
}


def plan(session, statement, values):
    """Forced on PostgreSQL, which would rather read a small table as a whole: may the index answer at all?"""
    sql, bound = statement.on(session.dialect).bind(values)
    if session.dialect == "postgresql":
        for road in ("seqscan", "sort", "bitmapscan", "incremental_sort"):
            session.connection.execute(f"SET LOCAL enable_{road} = off")
        sql = f"EXPLAIN {sql}"
    else:
        sql = f"EXPLAIN QUERY PLAN {sql}"
    return str(session.connection.execute(sql, bound).fetchall())


class TestPlans:
    async def test_a_page_goes_along_its_index(self, shop):
        for index, filters in PLANS.items():
            wanted = PaymentFilter(**filters)
            values = payment_list._values(SHOP, wanted, Position(2**62, "")) | {"limit": 51, "scan": 2000}
            text = await shop.run(lambda session, wanted=wanted, values=values: self.plan(session, wanted, values))
            assert f"{index} " in text, text

    def plan(self, session, wanted, values):
        return plan(session, payment_list.statement(wanted), values)

    async def test_a_look_up_has_its_own_index(self, shop):
        for index, look_up in payment_list.SEARCHES.items():
            text = await shop.run(
                lambda session, look_up=look_up: plan(session, look_up, {"api_url": SHOP, "text": "x"})
            )
            assert BY_ITSELF[shop.dialect].get(index, index) in text, text


BY_ITSELF = {"sqlite": {"uq_payments_api_url_transaction_id": "sqlite_autoindex_payments_2"}, "postgresql": {}}
"""SQLite names the index of a constraint itself."""
