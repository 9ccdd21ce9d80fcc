"""More requests than can be answered: who comes first, who is refused, and that nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest

from saleor_amazonpay.api.admission import Admission, Overloaded


class StoppedClock:
    def __init__(self):
        self.moment = 0.0

    def monotonic(self):
        return self.moment


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def admission(clock):
    return Admission(clock, per_turn=2, patience=1.0)


@pytest.fixture
def crowd(admission):
    """Requests that note when they are let in."""
    return Crowd(admission)


class Crowd:
    def __init__(self, admission):
        self.admission = admission
        self.entered = []
        self.refused = []
        self.tasks = []

    def comes(self, tenant, count, *, moves_money=False):
        self.tasks += [
            asyncio.create_task(self.one(f"{tenant}{number}", tenant, moves_money)) for number in range(count)
        ]
        return self.tasks[-count:]

    async def one(self, name, tenant, moves_money):
        try:
            await self.admission.enter(tenant, moves_money=moves_money)
        except Overloaded:
            self.refused.append(name)
        else:
            self.entered.append(name)

    async def all(self):
        await asyncio.wait_for(asyncio.gather(*self.tasks, return_exceptions=True), 5)


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_whoever_comes_alone_is_let_in_at_once(admission):
    entering = admission.enter("a", moves_money=False)
    with pytest.raises(StopIteration):
        entering.send(None)  # without giving the loop a turn


async def test_a_turn_admits_a_few(crowd):
    crowd.comes("a", 6)
    await turns(1)
    assert len(crowd.entered) == 2
    await turns(2)
    assert len(crowd.entered) <= 4
    await crowd.all()
    assert crowd.entered == [f"a{number}" for number in range(6)]


async def test_a_tenants_flood_makes_another_wait_for_one_turn_only(crowd):
    crowd.comes("flood", 100)
    await turns(2)
    crowd.comes("other", 3)
    await crowd.all()
    places = [crowd.entered.index(f"other{number}") for number in range(3)]
    assert places[0] <= 8
    assert places[2] - places[0] <= 4  # every second one in the meantime


async def test_money_goes_first_whoever_floods(crowd):
    crowd.comes("a", 50)
    await turns(1)
    crowd.comes("a-money", 4, moves_money=True)
    await crowd.all()
    assert max(crowd.entered.index(f"a-money{number}") for number in range(4)) < 12


async def test_money_of_several_tenants_takes_turns_too(crowd):
    crowd.comes("a", 20, moves_money=True)
    await turns(1)
    crowd.comes("b", 1, moves_money=True)
    await crowd.all()
    assert crowd.entered.index("b0") <= 6


async def test_a_session_event_is_refused_when_its_lane_is_late_but_not_for_another_lane(crowd, clock):
    crowd.comes("a", 30)
    await turns(2)
    clock.moment = 1.5
    late = crowd.comes("a", 1)[0]
    fresh = crowd.comes("b", 1)[0]
    await asyncio.wait_for(late, 5)
    assert crowd.refused == ["a0"]
    await asyncio.wait_for(fresh, 5)
    await crowd.all()
    assert crowd.refused == ["a0"]
    assert len(crowd.entered) == 31


async def test_money_is_never_refused(crowd, clock):
    crowd.comes("a", 30, moves_money=True)
    await turns(2)
    clock.moment = 3600.0
    crowd.comes("b", 5, moves_money=True)
    crowd.comes("a", 5, moves_money=True)
    await crowd.all()
    assert crowd.refused == []
    assert len(crowd.entered) == 40


async def test_it_recovers_when_the_crowd_has_gone(crowd, clock):
    crowd.comes("a", 30)
    await turns(2)
    clock.moment = 10.0
    crowd.comes("a", 10)
    await crowd.all()
    assert crowd.refused
    crowd.refused.clear()
    crowd.comes("a", 2)
    await crowd.all()
    assert crowd.refused == []


async def test_connections_that_are_gone_take_no_turn(crowd):
    gone = crowd.comes("a", 20)
    await turns(2)
    for task in gone:
        task.cancel()
    crowd.comes("b", 2)
    await crowd.all()
    assert {"b0", "b1"} <= set(crowd.entered)
    assert len(crowd.entered) <= 8
