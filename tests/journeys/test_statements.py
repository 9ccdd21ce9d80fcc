"""A statement is a way to PostgreSQL and back, and most of what a webhook costs there: how many each event takes."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import pytest

from saleor_amazonpay.storage.engine import Session


@pytest.fixture
def statements(monkeypatch):
    """``with statements() as told:`` collects the SQL of everything run inside."""
    told: list[str] = []
    run = Session._run

    def seen(session, form, params):
        told.append(form.sql)
        return run(session, form, params)

    monkeypatch.setattr(Session, "_run", seen)

    @contextmanager
    def inside():
        told.clear()
        yield told

    return inside


def reads(told, table):
    return sum(f"FROM {table}" in sql for sql in told)


class TestWhatAnEventTakes:
    async def test_completing_a_session(self, shop, statements):
        checkout = shop.saleor.create_checkout("default-jp")
        session_id = await shop.open_session(checkout.id)
        transaction = (await shop.initialize(checkout.id, session_id)).transaction_id
        shop.amazon.buyer_approves(session_id)
        with statements() as told:
            await shop.process(transaction, session_id)
        assert len(told) <= 35, Counter(told)
        assert reads(told, "refunds") <= 2

    async def test_a_capture(self, shop, statements):
        transaction = await shop.authorized()
        with statements() as told:
            await shop.saleor.staff.request_charge(transaction)
        assert len(told) <= 38, Counter(told)
        assert reads(told, "refunds") <= 3
