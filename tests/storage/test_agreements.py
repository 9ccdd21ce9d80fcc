from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from saleor_amazonpay.domain.agreements import Frequency
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import FrequencyUnit
from saleor_amazonpay.storage import agreements
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import accounts, installations

SHOP, OTHER = "https://shop.example/graphql/", "https://other.example/graphql/"
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
LAST = datetime(9999, 1, 1, tzinfo=UTC), ""


def agreement(number: int = 1, **values) -> Agreement:
    made = Agreement(
        id=f"agreement-{number}",
        api_url=SHOP,
        account_id="account",
        channel_slug="japan",
        customer_id="VXNlcjox",
        payment_id="payment-1",
        charge_permission_id=f"C01-{number}",
        charge_permission_type="Recurring",
        buyer_id="buyer",
        payment_descriptor="Amazon Pay",
        currency=Currency.JPY,
        amount=Money(500, Currency.JPY),
        frequency=Frequency(FrequencyUnit.MONTH, 1),
        state="Chargeable",
        reasons=(),
        status_at=NOW,
        amount_limit=Money(100_000, Currency.JPY),
        amount_balance=Money(99_500, Currency.JPY),
        read_at=NOW,
        expires_at=NOW + timedelta(days=395),
        last_charged_at=NOW,
        closing_since=None,
        closing_reason=None,
        watch_at=NOW + timedelta(days=1),
        created_at=NOW + timedelta(seconds=number),
        updated_at=NOW,
    )
    return replace(made, **values)


def blank(table):
    """A row with nothing in it that need not be."""
    return {column.name: None if column.nullable else column.type.python_type() for column in table.c}


@pytest.fixture
async def shops(database):
    def fill(session):
        for api_url in (SHOP, OTHER):
            session.execute(Statement(installations.insert()), blank(installations) | {"api_url": api_url})
        session.execute(Statement(accounts.insert()), blank(accounts) | {"id": "account", "api_url": SHOP})

    await database.run(fill)
    return database


async def test_comes_back_as_it_was_stored(shops):
    fixed, varying = agreement(1), agreement(2, amount=None, frequency=None, reasons=("PaymentMethodInvalid",))
    assert (
        await shops.run(lambda session: [agreements.insert(session, made) for made in (fixed, varying)]) == [True] * 2
    )
    assert await shops.read(lambda session: agreements.by_id(session, fixed.id)) == fixed
    assert await shops.read(lambda session: agreements.by_permission(session, SHOP, "C01-2")) == varying
    assert await shops.read(lambda session: agreements.by_permission(session, OTHER, "C01-2")) is None


async def test_the_same_permission_is_one_agreement(shops):
    await shops.run(lambda session: agreements.insert(session, agreement()))
    assert not await shops.run(lambda session: agreements.insert(session, agreement(id="again", state="Closed")))
    assert (await shops.read(lambda session: agreements.by_permission(session, SHOP, "C01-1"))).state == "Chargeable"


async def test_of_a_customer_newest_first_and_in_pages(shops):
    mine = [agreement(number) for number in range(1, 5)]
    foreign = agreement(9, customer_id="VXNlcjoy")
    await shops.run(lambda session: [agreements.insert(session, made) for made in (*mine, foreign)])
    assert await shops.read(lambda session: agreements.of_customer(session, SHOP, "VXNlcjox")) == mine[::-1]
    first = await shops.read(lambda session: agreements.page(session, SHOP, before=LAST, limit=3))
    assert [made.id for made in first] == ["agreement-9", "agreement-4", "agreement-3"]
    after = first[-1].created_at, first[-1].id
    rest = await shops.read(lambda session: agreements.page(session, SHOP, before=after, limit=3))
    assert [made.id for made in rest] == ["agreement-2", "agreement-1"]


async def test_change_sets_what_is_named(shops):
    await shops.run(lambda session: agreements.insert(session, agreement()))
    weekly = Frequency(FrequencyUnit.WEEK, 2)
    news = {"state": "NonChargeable", "reasons": ["MFAFailed"], "amount_balance": Money(0, Currency.JPY)}
    later = NOW + timedelta(hours=1)
    await shops.run(
        lambda session: agreements.change(session, "agreement-1", later, **news, frequency=weekly, watch_at=None)
    )
    changed = await shops.read(lambda session: agreements.by_id(session, "agreement-1"))
    assert changed == agreement(**news | {"reasons": ("MFAFailed",)}, frequency=weekly, watch_at=None, updated_at=later)
    with pytest.raises(AttributeError, match="api_url"):
        await shops.run(lambda session: agreements.change(session, "agreement-1", later, api_url=OTHER))


async def test_due_are_the_longest_waiting(shops):
    waiting = [agreement(number, watch_at=NOW - timedelta(minutes=number)) for number in range(1, 4)]
    later, never = agreement(7, watch_at=NOW + timedelta(minutes=1)), agreement(8, watch_at=None)
    await shops.run(lambda session: [agreements.insert(session, made) for made in (*waiting, later, never)])
    due = await shops.read(lambda session: agreements.due(session, now=NOW, limit=2))
    assert [made.id for made in due] == ["agreement-3", "agreement-2"]


QUESTIONS = {
    "due": (agreements._DUE, {"moment": 1, "limit": 10}, "ix_agreements_watch"),
    "customer": (agreements._OF_CUSTOMER, {"api_url": SHOP, "customer_id": "x"}, "ix_agreements_owner"),
    "page": (
        agreements._PAGE,
        {"api_url": SHOP, "before_time": 1, "before_id": "", "limit": 10},
        "ix_agreements_page",
    ),
    "suspended": (agreements._COUNT_SUSPENDED, {"api_url": SHOP}, "ix_agreements_state"),
    "lapsing": (agreements._COUNT_LAPSING, {"api_url": SHOP, "moment": 1}, "ix_agreements_"),
    "ended": (agreements._COUNT_ENDED, {"api_url": SHOP, "moment": 1}, "ix_agreements_state"),
    "forgotten": (agreements._ENDED_LONG_AGO, {"moment": 1, "limit": 10}, "ix_agreements_ended"),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_each_question_is_answered_by_an_index(question, sqlite_url):
    """A shop with a million agreements asks the same questions every minute."""
    statement, values, index = QUESTIONS[question]
    form = statement.on("sqlite")
    sql, bound = form.bind(values)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bound)]
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN") and "INDEX" not in step for step in plan), plan
