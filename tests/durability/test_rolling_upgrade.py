"""Replicas are replaced one after another while shops sell: nobody notices, and the books agree afterwards.

What an orchestrator does: start the new one, send SIGTERM to the old one, let it finish what it has begun. The balancer
learns it by a refused connection, after which it asks the next replica.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

from tests.durability import audit
from tests.durability.world import World, open_world

SHOPPERS = 4
ROUNDS = 2  # of replacing every replica
_AS_IN_PRODUCTION = {"answer_budget_seconds": 12.0, "job_lease_seconds": 30.0}  # nobody is taken for dead here


class Trade:
    """Shoppers who buy, are charged and refunded until it is over; any wrong answer ends the test."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_over = False
        self.happened: Counter[str] = Counter()

    async def go_on(self) -> None:
        staff = self.world.saleor.staff
        while not self.is_over:
            transaction = await self.buy()
            await staff.request_action(transaction, "CHARGE", None)
            await staff.request_action(transaction, "REFUND", Decimal(300))
            self.happened["purchases"] += 1

    async def buy(self) -> str:
        """An authorized payment; told that it is being processed, the storefront asks again."""
        world = self.world
        world.flow("default-jp", "AUTHORIZATION")
        checkout = world.saleor.create_checkout("default-jp")
        session_id = await world.open_session(checkout.id)
        begun = await world.initialize(checkout.id, session_id)
        assert begun.result == "AUTHORIZATION_ACTION_REQUIRED", begun
        world.amazon.buyer_approves(session_id)
        done = await world.process(begun.transaction_id, session_id)
        while done.data["status"] == "processing":
            done = await world.process(begun.transaction_id, session_id)
        assert done.result == "AUTHORIZATION_SUCCESS", done
        return begun.transaction_id

    async def replace_everybody(self) -> None:
        for old in list(self.world.replicas):
            await self.world.start()
            served = self.happened["purchases"]
            await self.world.retire(old)
            self.happened["replicas replaced"] += 1
            async with asyncio.timeout(60):
                while self.happened["purchases"] < served + SHOPPERS:  # noqa: ASYNC110 - shoppers make it true
                    await asyncio.sleep(0.05)


async def test_a_rolling_upgrade_drops_nothing(postgresql_url, tmp_path, record_property):
    async with open_world(postgresql_url, tmp_path, ipn=True, **_AS_IN_PRODUCTION) as world:
        trade = Trade(world)
        shoppers = [asyncio.create_task(trade.go_on()) for _ in range(SHOPPERS)]
        try:
            for _ in range(ROUNDS):
                await trade.replace_everybody()
        finally:
            trade.is_over = True
            await asyncio.gather(*shoppers)
        await world.quiet()
        assert trade.happened["replicas replaced"] == 2 * ROUNDS
        assert not await audit.differences(world.amazon, world.saleor, world.database)
        assert not await audit.dead_jobs(world.database)
        assert [line for line in world.log.read_text().splitlines() if '"level":"error"' in line] == []
        record_property("table", ["Rolling upgrade", dict(trade.happened)])
