from __future__ import annotations

import asyncio

import pytest

from saleor_amazonpay.amazonpay import Attempt
from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.handlers import chronicle
from saleor_amazonpay.handlers.chronicle import Chronicle, see, sendings
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.engine import Database, StorageUnavailable

ATTEMPT = Attempt("get_charge", 1, 0.012, 200, None, "", "request-1", "")


@pytest.fixture
async def kept(sqlite_url):
    async with Database.connect(sqlite_url) as database:
        yield Chronicle(database, MovableClock()), database


async def of_payment(database, payment_id="payment"):
    return await database.read(lambda session: timeline.of_payment(session, payment_id))


async def test_what_is_noted_is_written_together_and_in_order(kept):
    made, database = kept
    made.note("payment", "request", event="a", amount=None)
    with made.following("payment"):
        see(ATTEMPT, made._clock.now())
    made.note("payment", "answer", result="b")
    assert await of_payment(database) == []
    await made.close()
    told = await of_payment(database)
    assert [entry.kind for entry in told] == ["request", "call", "answer"]
    assert told[0].detail == {"event": "a"}


async def test_it_writes_by_itself_a_moment_later(kept, monkeypatch):
    monkeypatch.setattr(chronicle, "_WRITE_SECONDS", 0.0)
    made, database = kept
    made.note("payment", "answer", result="b")
    await made._writing
    assert len(await of_payment(database)) == 1
    await made.close()


async def test_many_are_written_at_once(kept, monkeypatch):
    monkeypatch.setattr(chronicle, "_WRITE_SECONDS", 3600.0)
    monkeypatch.setattr(chronicle, "_MANY", 3)
    made, database = kept
    for number in range(3):
        made.note("payment", "answer", result=number)
    async with asyncio.timeout(5):
        await made._writing
    assert len(await of_payment(database)) == 3
    await made.close()


async def test_what_is_noted_during_the_writing_is_written_next(kept, monkeypatch):
    monkeypatch.setattr(chronicle, "_WRITE_SECONDS", 0.0)
    made, database = kept
    write = database.run

    async def slowly(work):
        await write(work)
        if not made._kept and made._late:
            made.note("payment", "answer", result=made._late.pop())

    made._late = ["b"]
    monkeypatch.setattr(database, "run", slowly)
    made.note("payment", "answer", result="a")
    await made._writing
    assert [entry.detail["result"] for entry in await of_payment(database)] == ["a", "b"]
    await made.close()


async def test_nobody_is_told_of_sendings_nobody_follows():
    see(ATTEMPT, MovableClock().now())
    with sendings() as outer:
        with sendings() as inner:
            see(ATTEMPT, MovableClock().now())
        see(ATTEMPT, MovableClock().now())
    assert (len(outer), len(inner)) == (1, 1)
    assert inner[0].detail == {"operation": "get_charge", "status": 200, "request_id": "request-1", "ms": 12}


async def test_a_database_that_is_away_fails_nobody(kept, monkeypatch):
    made, database = kept

    async def away(_work):
        raise StorageUnavailable

    monkeypatch.setattr(database, "run", away)
    made.note("payment", "answer", result="b")
    await made.close()


async def test_more_than_can_be_kept_is_given_up(kept, monkeypatch):
    monkeypatch.setattr(chronicle, "_MOST_KEPT", 2)
    made, database = kept
    for number in range(5):
        made.note("payment", "answer", result=number)
    await made.close()
    assert len(await of_payment(database)) == 2


async def test_what_is_being_written_when_it_closes_is_written_to_its_end(kept, monkeypatch):
    monkeypatch.setattr(chronicle, "_WRITE_SECONDS", 0.0)
    monkeypatch.setattr(chronicle, "_MANY", 2)
    made, database = kept
    write, has_begun = database.run, asyncio.Event()

    async def slowly(work):
        has_begun.set()
        await asyncio.sleep(0.01)
        await write(work)

    monkeypatch.setattr(database, "run", slowly)
    for number in range(7):
        made.note("payment", "answer", result=number)
    await has_begun.wait()
    await made.close()
    assert [entry.detail["result"] for entry in await of_payment(database)] == [*range(7)]


async def test_a_part_that_cannot_be_written_takes_no_other_with_it(kept, monkeypatch):
    monkeypatch.setattr(chronicle, "_MANY", 2)
    made, database = kept
    write, parts = database.run, iter([True, False, True])

    async def once_away(work):
        if not next(parts):
            raise StorageUnavailable
        await write(work)

    monkeypatch.setattr(database, "run", once_away)
    for number in range(5):
        made.note("payment", "answer", result=number)
    await made.close()
    assert [entry.detail["result"] for entry in await of_payment(database)] == [0, 1, 4]


async def test_any_number_is_written_in_its_order(database_url):
    async with Database.connect(database_url) as database:
        made = Chronicle(database, MovableClock())
        for number in range(64 + 8 + 3):
            made.note("payment", "answer", result=number, text="お茶 'quoted' \\ \"")
        await made.close()
        told = await of_payment(database)
    assert [entry.detail["result"] for entry in told] == [*range(64 + 8 + 3)]
    assert told[0].detail["text"] == "お茶 'quoted' \\ \""
