"""A server dies with -9 while a customer pays with an agreement: the agreement is charged once, and Saleor is told."""

from __future__ import annotations

import pytest

from tests.durability import audit
from tests.durability.world import open_world
from tests.journeys.agreements import agree, cart
from tests.journeys.helpers import charges
from tests.journeys.shop import GATEWAY

# Where it dies (server.py), and at which passing: the round that only reads the permission settles first.
POINTS = [("after the intent commit", 1), ("call done", 1), ("answer read", 1), ("before the settle commit", 2)]
SELECTED = [("sqlite", POINTS[1]), ("postgresql", POINTS[3])]
REST = [(database, point) for database in ("sqlite", "postgresql") for point in POINTS]


def cells(chosen):
    ids = [f"{database}-{point}" for database, (point, _) in chosen]
    return pytest.mark.parametrize(("database", "point"), chosen, ids=ids)


async def dies_and_recovers(url, folder, point):
    async with open_world(url, folder, kill=point) as world:
        world.flow("default-jp", "CHARGE")
        first = await agree(world, cart(world).id)
        await world.quiet()
        front, customer = world.saleor.storefront, world.saleor.customer
        [kept] = await front.stored_payment_methods("default-jp", customer)
        world.arm()
        data = {"flow": "stored", "paymentMethodId": kept.id}
        begun = await front.transaction_initialize(cart(world).id, GATEWAY, data, user=customer)
        await world.killed()
        await world.quiet()
        assert len(charges(world, "Captured")) == 2
        paid = world.amounts(first.transaction_id)
        assert world.amounts(begun.transaction_id) == paid
        assert not await audit.dead_jobs(world.database)
        assert await audit.differences(world.amazon, world.saleor, world.database) == []
        again = await world.process(begun.transaction_id)
        assert (again.result, len(charges(world))) == ("CHARGE_SUCCESS", 2)


@pytest.fixture
def url(request, database):
    return request.getfixturevalue(f"{database}_url")


@cells(SELECTED)
async def test_the_agreement_is_charged_once(url, point, tmp_path):
    await dies_and_recovers(url, tmp_path, point)


@pytest.mark.soak
@cells([cell for cell in REST if cell not in SELECTED])
async def test_the_agreement_is_charged_once_whenever_it_dies(url, point, tmp_path):
    await dies_and_recovers(url, tmp_path, point)
