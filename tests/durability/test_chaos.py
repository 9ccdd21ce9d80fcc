"""Everything goes wrong at once, at random and by a seed; when it is over the three books must agree to the last yen.

Buyers pay, staff charge, refund and cancel, people repeat themselves; Amazon and Saleor answer nonsense, late or not at
all; notifications come twice and in any order; processes are killed with -9. A short storm is part of ``make test``;
``make soak`` has minutes of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import astuple
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from saleor_amazonpay.sandbox.amazon_pay import Fault
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.saleor.clients import GraphQLFailed
from tests.durability import audit
from tests.durability.world import World, open_world
from tests.plugins.tables import columns

CHANNELS = {"default-jp": (100, 1000), "us": (1, 12)}  # and amounts staff ask for
MOVING = ("complete_checkout_session", "capture_charge", "create_charge", "cancel_charge", "create_refund", "*")
REFUSED_AT_THE_DOOR = (401, 403, 408, 429, 500, 502, 503, 504)
LONGEST = 10  # times the seconds of a storm
DONE_AND_THEN = (500, 502, 503, 504)
WENT_WRONG = (
    # what a storefront sees when no answer, or none with data, comes
    *(AssertionError, GraphQLFailed, httpx2.HTTPError, LookupError, TypeError, ValueError),
    ApiProblem,  # the page at Amazon refuses
)


class Storm:
    """One run; ``happened`` counts what was done and what went wrong."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.transactions: list[tuple[str, str, str]] = []
        self.happened: Counter[str] = Counter()
        self._starting: asyncio.Task[None] | None = None

    async def rage(self, seconds: float, *, buyers: int = 3, staff: int = 3) -> None:
        """For ``seconds`` and, where the machine is slow, on until there was something to go wrong."""
        actors = [self.buy] * buyers + [self.manage] * staff + [self.spoil_amazon, self.spoil_saleor]
        actors += [self.kill, self.jumble_notifications]
        tasks = [asyncio.create_task(self.repeat(actor)) for actor in actors]
        for _ in range(LONGEST):
            await asyncio.wait(tasks, timeout=seconds)
            if self.happened["bought"] and self.happened["kill -9"]:
                break
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(outcome, asyncio.CancelledError):
                raise AssertionError("an actor of the storm broke down") from outcome  # noqa: TRY004

    async def calm(self) -> None:
        """No more faults; everyone alive; what was held back comes."""
        self.world.amazon.faults.clear()
        self.world.saleor.faults.clear()
        await self.world.amazon.ipn.release(shuffle=self.random)
        if self._starting is not None:
            await asyncio.wait([self._starting])
        while len(self.world.replicas) < self.world.planned:
            await self.world.start()
        await self.world.quiet()

    async def repeat(self, actor: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await actor()
            except WENT_WRONG as error:
                self.happened[f"{actor.__name__}: {type(error).__name__}"] += 1
            await asyncio.sleep(self.random.uniform(0.0, 0.1))

    # --- people

    async def buy(self) -> None:
        world, channel = self.world, self.random.choice(list(CHANNELS))
        world.flow(channel, self.random.choice(["AUTHORIZATION", "CHARGE"]))
        checkout = world.saleor.create_checkout(channel)
        session_id = await world.open_session(checkout.id)
        begun = await world.initialize(checkout.id, session_id)
        if not begun.transaction_id:
            return
        if world.amazon.session(session_id)["webCheckoutDetails"]["amazonPayRedirectUrl"] is None:
            await world.process(begun.transaction_id, session_id)  # the update was lost: processing repairs it
        world.amazon.buyer_approves(session_id)
        for _ in range(self.random.randint(1, 3)):
            await self.together(world.process, begun.transaction_id, session_id)
        self.transactions.append((begun.transaction_id, session_id, channel))
        self.happened["bought"] += 1

    async def together(self, act: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Once, or twice at the same moment."""
        times = self.random.choice([1, 1, 2])
        outcomes = await asyncio.gather(*(act(*args) for _ in range(times)), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def manage(self) -> None:
        if not self.transactions:
            return
        transaction, session_id, channel = self.random.choice(self.transactions)
        kind = self.random.choice(["CHARGE", "CHARGE", "CHARGE", "REFUND", "REFUND", "CANCEL", "PROCESS"])
        if kind == "PROCESS":
            await self.world.process(transaction, session_id)
            return
        low, high = CHANNELS[channel]
        whole = kind == "CANCEL" or self.random.random() < 0.3
        amount = None if whole else Decimal(self.random.randint(low, high))
        await self.world.saleor.staff.request_action(transaction, kind, amount, settle=False)
        self.happened[kind] += 1

    # --- the weather

    async def spoil_amazon(self) -> None:
        pick = self.random.choice
        fault = pick(
            [
                {"status": pick(REFUSED_AT_THE_DOOR)},
                {"status": pick(DONE_AND_THEN), "work_done": True},
                {"timeout_before": True},
                {"timeout_after": True},
                {"reset_before": True},
                {"reset_after": True},
                {"nonsense": True},
                {"delay": self.random.uniform(0.05, 0.5)},
                {"reason_code": "ProcessingFailure"},
            ]
        )
        operation = pick(MOVING)
        if "reason_code" in fault:
            operation = pick(["capture_charge", "create_refund"])
        self.world.amazon.faults.add(Fault(operation=operation, hold_seconds=0.5, **fault))
        self.happened["fault at Amazon"] += 1
        await asyncio.sleep(self.random.uniform(0.1, 0.3))

    async def spoil_saleor(self) -> None:
        faults = self.world.saleor.faults
        if self.random.random() < 0.5:
            faults.webhook(self.random.choice(["refused", "lost-request", "lost-answer", "duplicate"]))
        else:
            kind = self.random.choice(["unavailable", "graphql-error", "lost-answer", "not-json", "slow"])
            faults.api(kind, "transactionEventReport", seconds=0.3)
        self.happened["fault at Saleor"] += 1
        await asyncio.sleep(self.random.uniform(0.2, 0.6))

    async def jumble_notifications(self) -> None:
        ipn = self.world.amazon.ipn
        ipn.copies, ipn.is_held = self.random.randint(1, 3), True
        await asyncio.sleep(self.random.uniform(0.2, 1.0))
        await ipn.release(reverse=self.random.random() < 0.3, shuffle=self.random)

    async def kill(self) -> None:
        await asyncio.sleep(self.random.uniform(0.8, 2.5))
        self.world.remove(self.random.choice(self.world.replicas))
        self.happened["kill -9"] += 1
        self._starting = asyncio.create_task(self.world.start())
        await asyncio.shield(self._starting)


async def storm(url: str, folder: Any, seed: int, seconds: float) -> Counter[str]:
    async with open_world(url, folder, ipn=True) as world:
        raging = Storm(world, seed)
        await raging.rage(seconds)
        with contextlib.suppress(TimeoutError):  # what is not quiet by then is shown as a difference
            await raging.calm()
        different = await audit.differences(world.amazon, world.saleor, world.database)
        assert not different, f"seed {seed}\n" + columns(
            [("transaction", "what", "amazon", "saleor", "ours"), *map(astuple, different)]
        )
        assert not await audit.dead_jobs(world.database)
        assert world.amazon.audit()["charges"]
        return raging.happened


@pytest.mark.parametrize(("database", "seed"), [("sqlite", 11), ("postgresql", 12)])
async def test_a_short_storm_leaves_no_difference(request, tmp_path, record_property, database, seed):
    happened = await storm(request.getfixturevalue(f"{database}_url"), tmp_path, seed, 4.0)
    record_property("table", ["Chaos", database, seed, dict(happened)])
    assert happened["kill -9"]
    assert happened["bought"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(101, 105))
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_a_long_storm_leaves_no_difference(request, tmp_path, record_property, database, seed):
    happened = await storm(request.getfixturevalue(f"{database}_url"), tmp_path, seed, 60.0)
    record_property("table", ["Chaos", database, seed, dict(happened)])
    assert min(happened[kind] for kind in ("bought", "CHARGE", "REFUND", "CANCEL", "kill -9")) > 0
