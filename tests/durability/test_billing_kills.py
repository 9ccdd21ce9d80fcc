"""A real server dies with -9 at every step of a renewal; the period is billed once all the same.

``make test`` runs the steps where it matters most, on both databases; ``make soak`` runs them all.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import bindparam, select

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import renewals as table
from saleor_amazonpay.storage.times import to_micros
from tests.durability import audit
from tests.durability.world import open_world
from tests.journeys.agreements import MONTHLY, agree
from tests.journeys.subscriptions import Subscriptions

MUTATIONS = {  # in the order a renewal sends them; several of the steps pass twice
    1: "checkoutCreateFromOrder",
    2: "for the customer",
    3: "for delivery",
    4: "transactionInitialize",
    5: "checkoutComplete",
}
COMMITS = range(1, 8)
POINTS = [
    *(("before the renewal's mutation", n) for n in MUTATIONS),
    *(("the renewal's mutation done", n) for n in MUTATIONS),
    *((f"{when} the renewal commit", n) for when in ("before", "after") for n in COMMITS),
    ("before the call", 1),  # Create Charge
    ("call done", 1),
    ("before the settle commit", 1),
    ("after the settle commit", 1),
    ("call done", 2),  # Capture Charge
    ("after the settle commit", 2),
]
WORST = [("the renewal's mutation done", 4), ("call done", 2)]
OF_SCHEDULE = Statement(select(table).where(table.c.schedule_id == bindparam("schedule_id")))
_BILLED_WITHIN = 90.0


@pytest.mark.parametrize(("point", "passing"), WORST)
async def test_the_worst_steps(database_url, tmp_path, point, passing):
    await dies_and_is_billed_once(database_url, tmp_path, point, passing)


@pytest.mark.soak
@pytest.mark.parametrize(("point", "passing"), POINTS)
async def test_every_step(database_url, tmp_path, point, passing):
    await dies_and_is_billed_once(database_url, tmp_path, point, passing)


async def dies_and_is_billed_once(database_url, folder, point, passing):
    async with open_world(database_url, folder, kill=(point, passing), billing_schedules=True) as world:
        subs = await subscribed(world)
        id_ = await subs.created()
        await asyncio.sleep(0.5)
        world.arm()
        await world.database.run(lambda session: make_due(session, subs, id_))
        await world.killed()
        await until_billed(world, id_)
        await world.quiet()
        rows = await world.database.read(lambda session: renewals(session, id_))
        assert [(row.state, row.amount) for row in rows] == [("billed", 2980)]
        orders = [order for order in subs.orders() if order.charged]
        assert [order.charged for order in orders] == [Decimal(2980)]
        charges = [it for it in world.amazon.audit()["charges"] if it["chargeInitiator"] == "MITR"]
        assert [it["statusDetails"]["state"] for it in charges] == ["Captured"]
        assert world.amazon.net_captured("AJPMERCHANT000", "JPY") == Money(2 * 2980, Currency.JPY)
        assert await audit.differences(world.amazon, world.saleor, world.database) == []


async def subscribed(world) -> Subscriptions:
    """As ``subscriptions.subscribe``, with nothing of the app in this process."""
    customer = world.saleor.customer
    checkout = world.saleor.create_checkout(lines=(("BOX-1", 1),), user=customer)
    world.flow("default-jp", "CHARGE")
    await agree(world, checkout.id, recurring=MONTHLY)
    made = await world.saleor.storefront.checkout_complete(checkout.id, user=customer)
    await world.quiet()
    [agreement] = await world.database.read(
        lambda session: agreement_rows.of_customer(session, world.saleor.api_url, customer.id)
    )
    return Subscriptions(world, agreement, world.saleor.order(made.order_id))


def make_due(session, subs, schedule_id):
    """The day has come: time here is real, so the schedule's is moved."""
    now = subs.shop.clock.now()
    yesterday = (now - timedelta(days=1)).date().isoformat()
    session.connection.execute(
        f"UPDATE schedules SET anchor = '{yesterday}', next_number = 0, next_at = {to_micros(now)} "
        f"WHERE id = '{schedule_id}'"
    )


def renewals(session, schedule_id):
    return session.all(OF_SCHEDULE, {"schedule_id": schedule_id})


async def until_billed(world, schedule_id):
    async with asyncio.timeout(_BILLED_WITHIN):
        while True:
            rows = await world.database.read(lambda session: renewals(session, schedule_id))
            if rows and all(row.state == "billed" for row in rows):
                return
            await asyncio.sleep(0.1)
