"""More requests than can be answered: who comes first, who is refused, and that no place is ever lost."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest

from saleor_amazonpay.api.admission import BESIDE_A_SMALLER_ONE, LINGER_SECONDS, Admission, OutsideClock, Overloaded


class StoppedClock:
    def __init__(self):
        self.moment = 0.0

    def now(self):
        return datetime.fromtimestamp(self.moment, UTC)

    def monotonic(self):
        return self.moment

    async def sleep(self, _seconds):
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def admission(clock):
    return Admission(clock, at_once=2, patience=1.0, longest=60.0)


@pytest.fixture
def crowd(admission):
    """Requests that note when they are let in, and stay for some turns of the loop."""
    return Crowd(admission)


class Crowd:
    def __init__(self, admission):
        self.admission = admission
        self.entered = []
        self.refused = []
        self.tasks = []
        self.most = 0

    def is_signed(self, tenant):
        return tenant != "forged"

    def comes(self, tenant, count, *, moves_money=False, turns=2, work=None):
        new = [
            asyncio.create_task(self.one(f"{tenant}{number}", tenant, moves_money, work or (lambda: turns_(turns))))
            for number in range(count)
        ]
        self.tasks += new
        return new

    async def one(self, name, tenant, moves_money, work):
        try:
            await self.admission.enter(tenant, moves_money=moves_money)
            self.entered.append(name)
            if self.is_signed(tenant):
                self.admission.proven()
            self.most = max(self.most, self.admission.busy)
            await work()
        except Overloaded:
            self.refused.append(name)
        finally:
            self.admission.leave()

    async def all(self):
        await asyncio.wait_for(asyncio.gather(*self.tasks, return_exceptions=True), 10)
        assert (self.admission.busy, self.admission.waiting) == (0, 0)


async def turns_(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_whoever_comes_alone_is_let_in_at_once(admission):
    entering = admission.enter("a", moves_money=False)
    with pytest.raises(StopIteration):
        entering.send(None)  # without giving the loop a turn


async def test_only_so_many_are_worked_on_at_once_in_their_order(crowd):
    crowd.comes("a", 20)
    await crowd.all()
    assert crowd.most == 2
    assert crowd.entered == [f"a{number}" for number in range(20)]


async def test_a_flood_mostly_makes_itself_wait(crowd):
    crowd.comes("flood", 100)
    await turns_(3)
    crowd.comes("other", 6)
    await crowd.all()
    places = sorted(crowd.entered.index(f"other{number}") for number in range(6))
    assert places[0] <= 8
    assert places[-1] <= places[0] + 10  # two turns of three


async def test_the_flood_is_not_starved_either(crowd):
    crowd.comes("flood", 30)
    await turns_(3)
    crowd.comes("other", 30)
    await crowd.all()
    first = crowd.entered[:40]
    assert sum(name.startswith("flood") for name in first) >= 12


class TestSmallerOne:
    """Whoever is in shares the loop with all who are: a flood that is in is in a smaller tenant's way as well."""

    @pytest.fixture
    def admission(self, clock):
        return Admission(clock, at_once=3 * BESIDE_A_SMALLER_ONE, longest=60.0)

    def inside(self, crowd):
        return crowd.admission._inside["flood"]

    async def test_the_flood_has_few_places_while_it_is_about_and_all_when_it_has_gone(self, crowd, clock):
        gate = asyncio.Event()
        crowd.comes("flood", 60, turns=1)
        await turns_(1)
        assert self.inside(crowd) == 3 * BESIDE_A_SMALLER_ONE
        crowd.comes("small", 1, work=gate.wait)
        await turns_(20)
        assert "small0" in crowd.entered
        crowd.comes("flood", 60, turns=1)
        await turns_(5)
        assert 0 < self.inside(crowd) <= BESIDE_A_SMALLER_ONE
        gate.set()
        await turns_(5)
        assert 0 < self.inside(crowd) <= BESIDE_A_SMALLER_ONE  # its next wave may be on the way
        clock.moment += LINGER_SECONDS + 0.01
        await turns_(5)
        assert self.inside(crowd) > BESIDE_A_SMALLER_ONE
        await crowd.all()

    async def test_the_next_wave_meets_no_more_of_the_flood_than_the_one_before(self, crowd, clock):
        crowd.comes("small", 4, turns=1)
        await turns_(2)
        gate = asyncio.Event()
        crowd.comes("flood", 60, work=gate.wait)
        await turns_(6)
        assert len(crowd.entered) == 4 + BESIDE_A_SMALLER_ONE  # all four are answered, for now
        clock.moment += LINGER_SECONDS / 2
        crowd.comes("small", 4, turns=1)
        await turns_(3)
        assert crowd.entered[-4:] == ["small0", "small1", "small2", "small3"]
        gate.set()
        await crowd.all()

    async def test_a_lone_shop_has_all_places_whenever_it_was_here_last(self, crowd):
        crowd.comes("flood", 1, turns=1)
        await turns_(4)
        gate = asyncio.Event()
        crowd.comes("flood", 60, work=gate.wait)
        await turns_(6)
        assert self.inside(crowd) == 3 * BESIDE_A_SMALLER_ONE
        gate.set()
        await crowd.all()

    async def test_it_is_about_while_it_waits_for_amazon_too(self, crowd, admission):
        gate = asyncio.Event()

        async def asks_amazon():
            with admission.outside():
                await gate.wait()

        crowd.comes("small", 1, work=asks_amazon)
        await turns_(2)
        crowd.comes("flood", 60, work=gate.wait)
        await turns_(2)
        crowd.comes("flood", 1, work=gate.wait)
        await turns_(2)
        assert self.inside(crowd) <= BESIDE_A_SMALLER_ONE
        gate.set()
        await crowd.all()

    async def test_nobody_is_it_by_name_only(self, crowd, admission):
        """One connection whose body comes slowly would hold every shop down."""
        gate = asyncio.Event()

        async def reads_its_body():
            with admission.outside():
                await gate.wait()

        crowd.comes("forged", 1, work=reads_its_body)
        await turns_(2)
        crowd.comes("flood", 60, work=gate.wait)
        await turns_(2)
        assert self.inside(crowd) == 3 * BESIDE_A_SMALLER_ONE
        gate.set()
        await crowd.all()


async def test_money_goes_first_whoever_floods(crowd):
    crowd.comes("a", 50)
    await turns_(1)
    crowd.comes("a-money", 4, moves_money=True)
    await crowd.all()
    assert max(crowd.entered.index(f"a-money{number}") for number in range(4)) < 8


async def test_a_session_event_is_refused_when_its_lane_is_late_but_not_for_another_lane(crowd, clock):
    crowd.comes("a", 30)
    await turns_(1)
    clock.moment = 1.5
    late = crowd.comes("a", 1)[0]
    crowd.comes("b", 1)
    await asyncio.wait_for(late, 5)
    await crowd.all()
    assert crowd.refused == ["a0"]
    assert len(crowd.entered) == 31


async def test_a_session_event_is_refused_where_the_lane_is_too_long_for_the_pace(crowd, clock):
    """Nobody is kept waiting only to be refused."""
    crowd.comes("a", 60, turns=1)
    for _ in range(50):
        clock.moment += 0.01
        await turns_(1)
    assert not crowd.refused
    crowd.comes("a", 400)
    await crowd.all()
    assert 100 < len(crowd.refused) < 350


async def test_money_is_never_refused(crowd, clock):
    crowd.comes("a", 30, moves_money=True)
    await turns_(1)
    clock.moment = 3600.0
    crowd.comes("b", 5, moves_money=True)
    await crowd.all()
    assert crowd.refused == []
    assert len(crowd.entered) == 35


async def test_whatever_holds_the_places_money_comes_in_and_a_session_event_is_told(crowd, admission):
    admission._longest = 0.05
    gate = asyncio.Event()
    crowd.comes("stuck", 2, work=gate.wait)
    await turns_(1)
    money, session = crowd.comes("m", 1, moves_money=True)[0], crowd.comes("s", 1)[0]
    await asyncio.wait_for(asyncio.gather(money, session), 5)
    assert (crowd.entered[-1], crowd.refused) == ("m0", ["s0"])
    gate.set()
    await crowd.all()


async def test_it_recovers_when_the_crowd_has_gone(crowd, clock):
    crowd.comes("a", 30)
    await turns_(1)
    clock.moment = 10.0
    crowd.comes("a", 10)
    await crowd.all()
    assert crowd.refused
    crowd.refused.clear()
    crowd.comes("a", 2)
    await crowd.all()
    assert crowd.refused == []


class TestOutside:
    async def test_whoever_waits_for_another_makes_room(self, crowd, admission, clock):
        gate = asyncio.Event()

        async def asks_amazon():
            with admission.outside():
                await gate.wait()

        crowd.comes("slow", 10, work=asks_amazon)
        await turns_(20)
        assert len(crowd.entered) == 10
        assert admission.busy == 0
        gate.set()
        await crowd.all()

    async def test_sleeping_makes_room_too(self, crowd, admission, clock):
        sleepers = OutsideClock(clock, admission)
        crowd.comes("a", 10, work=lambda: sleepers.sleep(1))
        await crowd.all()
        assert len(crowd.entered) == 10

    async def test_inside_of_inside_counts_once(self, crowd, admission):
        async def twice():
            with admission.outside(), admission.outside():
                await asyncio.sleep(0)

        crowd.comes("a", 5, work=twice)
        await crowd.all()

    async def test_a_task_that_outlives_its_request_takes_no_place(self, crowd, admission):
        gate, children = asyncio.Event(), []

        async def child():
            with admission.outside():
                await gate.wait()

        async def leaves_a_child():
            children.append(asyncio.create_task(child()))
            await asyncio.sleep(0)

        crowd.comes("a", 3, work=leaves_a_child)
        await crowd.all()
        gate.set()
        await asyncio.gather(*children)
        assert admission.busy == 0

    async def test_without_a_place_it_changes_nothing(self, admission):
        with admission.outside():
            assert admission.busy == 0


async def test_connections_that_are_gone_take_no_turn(crowd):
    gone = crowd.comes("a", 20)
    await turns_(1)
    for task in gone:
        task.cancel()
    crowd.comes("b", 2)
    await crowd.all()
    assert {"b0", "b1"} <= set(crowd.entered)


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_whatever_happens(crowd, admission, seed):
    """Comings, goings, waits, faults and cancellations in any order."""
    dice = random.Random(seed)

    async def anything():
        for _ in range(dice.randrange(4)):
            if dice.random() < 0.4:
                with admission.outside():
                    await turns_(dice.randrange(4))
            await turns_(dice.randrange(3))
        if dice.random() < 0.2:
            raise Overloaded("a fault of the work")

    for _ in range(120):
        crowd.comes(dice.choice("abc"), dice.randrange(1, 4), moves_money=dice.random() < 0.3, work=anything)
        await turns_(dice.randrange(3))
        if dice.random() < 0.3:
            dice.choice(crowd.tasks).cancel()
    await crowd.all()
