"""Operations that could not be finished at once are never forgotten, and keep the name Saleor was told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select

from saleor_amazonpay.domain.states import OperationKind
from saleor_amazonpay.handlers.operations import CARRY_OUT, rounds
from saleor_amazonpay.handlers.sweeps import jobless
from saleor_amazonpay.jobs.table import jobs_table
from saleor_amazonpay.sandbox.amazon_pay import Fault
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import operations, reports
from tests.journeys.shop import open_shop


@pytest.fixture
async def shop(sqlite_url):
    async with open_shop(sqlite_url, answer_budget_seconds=2.0) as shop:
        yield shop


async def unresolved_charge(shop):
    """A charge whose answer never came in the webhook's time: Saleor was answered asynchronously."""
    transaction = await shop.authorized()
    fault = Fault(operation="capture_charge", times=100, timeout_after=True, hold_seconds=5.0)
    shop.amazon.faults.add(fault)
    await shop.saleor.staff.request_charge(transaction)
    assert shop.amounts(transaction) == {"charge_pending": shop.transaction(transaction).charge_pending}
    fault.times = 0
    return transaction


def claim(shop, transaction, *, seconds):
    """Somebody else takes the payment."""
    services = shop.running.services

    def take(session):
        payment = payment_rows.find(session, shop.saleor.api_url, transaction)
        lease = timedelta(seconds=seconds)
        assert payment_rows.take_claim(session, payment.id, now=shop.clock.now(), lease=lease)

    return services.database.run(take)


class TestTakenPayment:
    async def test_a_job_that_finds_the_payment_taken_comes_back(self, shop):
        transaction = await unresolved_charge(shop)
        shop.clock.move(seconds=30)
        await claim(shop, transaction, seconds=3)
        await shop.work()  # its job finds the payment taken
        await shop.until(lambda: shop.transaction(transaction).charged > 0)
        total = shop.transaction(transaction).charged
        assert shop.amounts(transaction) == {"charged": total}

    async def test_a_job_from_which_the_payment_was_taken_comes_back(self, shop):
        """Whoever took it is a webhook, and dies."""
        transaction = await unresolved_charge(shop)
        shop.amazon.faults.add(Fault(operation="capture_charge", delay=0.3))
        sent = shop.amazon.count("capture_charge")
        shop.clock.move(seconds=30)
        working = asyncio.create_task(shop.work())
        while shop.amazon.count("capture_charge") == sent:  # noqa: ASYNC110 - the call is under way
            await asyncio.sleep(0.01)
        shop.clock.move(minutes=2)
        await claim(shop, transaction, seconds=3)
        await working
        [row] = await shop.running.services.database.read(charges)
        assert row.state == "running"
        await shop.until(lambda: shop.transaction(transaction).charged > 0)

    async def test_a_name_told_meanwhile_stays(self, shop):
        transaction = await shop.authorized()
        shop.amazon.faults.add(Fault(operation="capture_charge", delay=0.3))
        asked = asyncio.create_task(shop.saleor.staff.request_charge(transaction))
        while not shop.amazon.count("capture_charge"):  # noqa: ASYNC110 - the call is under way
            await asyncio.sleep(0.01)
        await shop.running.services.database.run(announce)
        await asked
        await shop.work()
        [row] = await shop.running.services.database.read(charges)
        assert (row.state, row.announced, row.psp_reference) == ("settled", 1, "told-to-saleor")
        assert shop.last_event(transaction, "CHARGE_SUCCESS").psp_reference == "told-to-saleor"

    async def test_a_repeat_that_waited_in_vain_for_a_dead_process_does_not_forget_the_operation(
        self, shop, monkeypatch
    ):
        """The repeat's time is over before the claim is: it is announced by who does not carry it out."""
        transaction = await shop.authorized()
        die_once(monkeypatch, rounds, "settle")
        shop.saleor.faults.webhook("duplicate", "TRANSACTION_CHARGE_REQUESTED")
        await shop.saleor.staff.request_charge(transaction)
        [row] = await shop.running.services.database.read(charges)
        assert (row.state, row.announced) == ("running", 1)
        await shop.until(lambda: shop.transaction(transaction).charged > 0)
        total = shop.transaction(transaction).charged
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.amazon.count("capture_charge") == 2  # sent, and again with the same key


def die_once(monkeypatch, where, name):
    genuine = getattr(where, name)

    def dies(*_args, **_kwargs):
        monkeypatch.setattr(where, name, genuine)
        raise RuntimeError("the process is gone")

    monkeypatch.setattr(where, name, dies)


class TestLostJobs:
    """However a job was lost: what it was to finish is found, and gets another."""

    async def lose_all(self, shop):
        forget = Statement(delete(jobs_table).where(jobs_table.c.task.not_like("sweep%")))
        await shop.running.services.database.run(lambda session: session.execute(forget))

    async def test_an_announced_operation(self, shop):
        transaction = await unresolved_charge(shop)
        await self.lose_all(shop)
        shop.clock.move(minutes=1)
        await jobless.run(shop.running.services)
        await shop.until(lambda: shop.transaction(transaction).charged > 0)
        assert shop.amounts(transaction) == {"charged": shop.transaction(transaction).charged}

    async def test_a_refund_amazon_was_still_deciding(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction)
        await shop.saleor.staff.request_refund(transaction)
        assert shop.transaction(transaction).refund_pending > 0
        await self.lose_all(shop)
        shop.clock.move(hours=1)
        await jobless.run(shop.running.services)
        await shop.until(lambda: shop.transaction(transaction).refunded > 0)

    async def test_a_report_that_is_due(self, shop):
        transaction = await shop.authorized()
        shop.saleor.faults.webhook("lost-answer", "TRANSACTION_CHARGE_REQUESTED")
        await shop.saleor.staff.request_charge(transaction)
        await self.lose_all(shop)
        shop.clock.move(minutes=2)
        await jobless.run(shop.running.services)
        await shop.until(lambda: shop.transaction(transaction).charged > 0)

    async def test_a_job_that_waits_for_its_time_is_left_alone(self, shop):
        await unresolved_charge(shop)
        before = await shop.running.services.database.read(waiting)
        shop.clock.move(minutes=1)
        await jobless.run(shop.running.services)
        assert await shop.running.services.database.read(waiting) == before

    async def test_every_page_is_looked_at(self, shop, monkeypatch):
        monkeypatch.setattr(jobless, "PAGE", 1)
        transactions = [await unresolved_charge(shop) for _ in range(2)]
        await self.lose_all(shop)
        shop.clock.move(minutes=1)
        await jobless.run(shop.running.services)
        await shop.until(lambda: all(shop.transaction(it).charged > 0 for it in transactions))


def waiting(session):
    rows = session.all(Statement(select(jobs_table.c.key, jobs_table.c.run_at).where(jobs_table.c.task == CARRY_OUT)))
    return [(row.key, row.run_at) for row in rows]


REPORTS = Statement(select(reports))
CHARGES = Statement(select(operations).where(operations.c.kind == OperationKind.CHARGE.value))


def charges(session):
    return session.all(CHARGES)


def announce(session):
    """Another actor, whose time is over first, tells Saleor the operation's own reference."""
    [row] = charges(session)
    payment = payment_rows.by_id(session, row.payment_id)
    operation = operation_rows.by_id(session, row.id, payment.amount.currency)
    operation_rows.update_(session, operation.with_(announced=True, psp_reference="told-to-saleor"))


class TestLessThanNothing:
    async def test_a_negative_request_is_refused_without_blocking_what_follows(self, shop):
        """Two refunds of everything that cross leave less than nothing in Saleor, and it asks for that.

        Where the refusal is lost Saleor writes a failure of its own; no report could name its amount.
        """
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction)
        total = shop.transaction(transaction).charged
        item = next(each for each in shop.saleor.store.transactions if each.id == transaction)
        item.amounts.charged = Decimal(-500)
        shop.saleor.faults.webhook("lost-answer", "TRANSACTION_REFUND_REQUESTED")
        await shop.saleor.staff.request_refund(transaction)
        item.recalculate()
        shop.clock.move(minutes=2)
        await shop.saleor.staff.request_refund(transaction, Decimal(300))
        await shop.until(lambda: shop.transaction(transaction).refunded == 300)
        await shop.later(minutes=2)
        assert shop.amounts(transaction) == {"charged": total - 300, "refunded": Decimal(300)}
        told = await shop.running.services.database.read(lambda session: session.all(REPORTS))
        assert [row.amount for row in told if row.type == "REFUND_FAILURE"] == []
        assert {row.state for row in told} <= {"delivered", "dropped"}
