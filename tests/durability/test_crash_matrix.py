"""A real server dies with -9 at every step between "request read" and "report accepted"; the books agree in the end.

``make test`` runs a selection in which every step meets both databases, and so does every flow; ``make soak`` runs the
whole product. The table at the end of the run names every cell that was run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from tests.durability import audit
from tests.durability.world import World, open_world

DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Flow:
    """``prepare`` tells the story up to the request; ``act`` is the request; ``amounts`` is what Saleor shows in the end.

    ``calls`` is how many CV2 requests that move money it takes, ``objects`` the CV2 objects there are in the end;
    ``first_reads`` how many charges are read in a round of its own before anything is planned.
    """

    name: str
    prepare: Callable[[World], Awaitable[Any]]
    act: Callable[[World, Any], Awaitable[Any]]
    amounts: Callable[[Decimal], dict[str, Decimal]]
    objects: dict[str, int]
    calls: int = 1
    reads_back: bool = False
    decided_later: bool = False
    first_reads: int = 0
    is_report_only: bool = False


async def approved(world: World, channel: str, strategy: str) -> tuple[str, str]:
    """A transaction whose buyer has approved it at Amazon."""
    world.flow(channel, strategy)
    checkout = world.saleor.create_checkout(channel)
    session_id = await world.open_session(checkout.id)
    begun = await world.initialize(checkout.id, session_id)
    world.amazon.buyer_approves(session_id)
    return begun.transaction_id, session_id


async def authorized(world: World) -> tuple[str, str]:
    transaction, session_id = await approved(world, "default-jp", "AUTHORIZATION")
    await world.process(transaction, session_id)
    await world.decided()
    return transaction, session_id


async def charged(world: World, *amounts: int | None) -> tuple[str, str]:
    transaction, session_id = await authorized(world)
    for amount in amounts:
        await world.saleor.staff.request_charge(transaction, None if amount is None else Decimal(amount))
    return transaction, session_id


async def complete(world: World, case: tuple[str, str]) -> None:
    await world.process(*case)


def charge(amount: int | None = None) -> Callable[[World, Any], Awaitable[Any]]:
    return lambda world, case: world.saleor.staff.request_charge(case[0], None if amount is None else Decimal(amount))


def refund(amount: int) -> Callable[[World, Any], Awaitable[Any]]:
    return lambda world, case: world.saleor.staff.request_refund(case[0], Decimal(amount))


async def cancel(world: World, case: tuple[str, str]) -> None:
    await world.saleor.staff.request_cancel(case[0])


async def charge_unheard(world: World, case: tuple[str, str]) -> None:
    """Saleor never gets the answer: only the report can tell it."""
    world.saleor.faults.webhook("lost-answer", "TRANSACTION_CHARGE_REQUESTED")
    await world.saleor.staff.request_charge(case[0])


FLOWS = (
    Flow(
        "complete AUTHORIZATION",
        lambda world: approved(world, "default-jp", "AUTHORIZATION"),
        complete,
        lambda total: {"authorized": total},
        {"charges": 1, "refunds": 0},
        reads_back=True,
    ),
    Flow(
        "complete CHARGE",
        lambda world: approved(world, "us", "CHARGE"),
        complete,
        lambda total: {"charged": total},
        {"charges": 1, "refunds": 0},
        reads_back=True,
    ),
    Flow("capture", authorized, charge(), lambda total: {"charged": total}, {"charges": 1, "refunds": 0}),
    Flow(
        "charge after a partial capture",
        lambda world: charged(world, 1000),
        charge(500),
        lambda total: {"charged": Decimal(1500), "authorized": total - 1500},
        {"charges": 2, "refunds": 0},
        reads_back=True,
    ),
    Flow(
        "refund",
        lambda world: charged(world, None),
        refund(300),
        lambda total: {"charged": total - 300, "refunded": Decimal(300)},
        {"charges": 1, "refunds": 1},
        decided_later=True,
        first_reads=1,
    ),
    Flow(
        "refund over two charges",
        lambda world: charged(world, 1000, 500),
        refund(1200),
        lambda total: {"charged": Decimal(300), "refunded": Decimal(1200), "authorized": total - 1500},
        {"charges": 2, "refunds": 2},
        calls=2,
        decided_later=True,
        first_reads=2,
    ),
    Flow("cancel", authorized, cancel, lambda total: {"canceled": total}, {"charges": 1, "refunds": 0}, calls=2),
    Flow(
        "report of an unheard answer",
        authorized,
        charge_unheard,
        lambda total: {"charged": total},
        {"charges": 1, "refunds": 0},
        is_report_only=True,
    ),
)


@dataclass(frozen=True)
class Step:
    """Where the process dies: ``point`` (see server.py) at its ``passing``-th time, in the flows it ``happens_in``.

    ``is_before_intent``: nothing may have happened, and the request is simply made again, as a person would. The round
    that only reads is not counted in ``passing``, unless the step ``is_of_first_reading``.
    """

    name: str
    point: str
    passing: int = 1
    is_before_intent: bool = False
    is_of_first_reading: bool = False
    happens_in: Callable[[Flow], bool] = lambda flow: not flow.is_report_only

    def passing_in(self, flow: Flow) -> int:
        if self.is_of_first_reading:
            return self.passing
        passed_before = {"before the read-back": flow.first_reads}
        passed_before |= dict.fromkeys(("before the settle commit", "after the settle commit"), int(reads_first(flow)))
        return self.passing + passed_before.get(self.point, 0)

    @property
    def is_of_a_report(self) -> bool:
        return "report" in self.name


def two_calls(flow: Flow) -> bool:
    return flow.calls == 2


def decided_later(flow: Flow) -> bool:
    return flow.decided_later


def reads_first(flow: Flow) -> bool:
    return flow.first_reads > 0


def plans_at_once(flow: Flow) -> bool:
    return not flow.is_report_only and not reads_first(flow)


def everywhere(_flow: Flow) -> bool:
    return True


STEPS = (
    Step("request read, nothing stored", "request read", is_before_intent=True),
    Step("intent written, not committed", "before the intent commit", is_before_intent=True, happens_in=plans_at_once),
    Step("before the first reading", "before the read-back", is_of_first_reading=True, happens_in=reads_first),
    Step("read and planned, not committed", "before the intent commit", happens_in=reads_first),
    Step("intent committed", "after the intent commit"),
    Step("before call 1 is sent", "before the call"),
    Step("call 1 done, answer unread", "call done"),
    Step("answer 1 read", "answer read"),
    Step("before call 2 is sent", "before the call", 2, happens_in=two_calls),
    Step("call 2 done, answer unread", "call done", 2, happens_in=two_calls),
    Step("answer 2 read", "answer read", 2, happens_in=two_calls),
    Step("before the outcome is read back", "before the read-back", happens_in=lambda flow: flow.reads_back),
    Step("settled, not committed", "before the settle commit"),
    Step("settle committed", "after the settle commit"),
    Step("before the answer to Saleor", "before the answer"),
    Step("answer sent to Saleor", "answer sent"),
    Step("before a later look", "before the read-back", happens_in=decided_later),
    Step("later decision, not committed", "before the settle commit", 2, happens_in=decided_later),
    Step("later decision committed", "after the settle commit", 2, happens_in=decided_later),
    Step("before the report is sent", "before the report", happens_in=everywhere),
    Step("report accepted, not noted", "report accepted", happens_in=everywhere),
    Step("report noted, not committed", "before the delivered commit", happens_in=everywhere),
    Step("report noted", "after the delivered commit", happens_in=everywhere),
)

PRODUCT = [(step, flow) for step in STEPS for flow in FLOWS if step.happens_in(flow)]


def selection() -> Iterator[tuple[Step, Flow, str]]:
    """Every step with both databases, the flows taken in turn so that each meets both as well."""
    used = dict.fromkeys(((flow.name, database) for flow in FLOWS for database in DATABASES), 0)
    for step in STEPS:
        taken: set[str] = set()
        for database in DATABASES:
            fitting = [flow for flow in FLOWS if step.happens_in(flow) and (flow.name not in taken or _only(step))]
            flow = min(fitting, key=lambda flow: used[flow.name, database])
            used[flow.name, database] += 1
            taken.add(flow.name)
            yield step, flow, database


def _only(step: Step) -> bool:
    return sum(step.happens_in(flow) for flow in FLOWS) == 1


SELECTED = list(selection())
REST = [
    (step, flow, database) for step, flow in PRODUCT for database in DATABASES if (step, flow, database) not in SELECTED
]


def cells(chosen: list[tuple[Step, Flow, str]]) -> pytest.MarkDecorator:
    ids = [f"{flow.name}-{step.name}-{database}" for step, flow, database in chosen]
    return pytest.mark.parametrize(("step", "flow", "database"), chosen, ids=ids)


async def dies_and_recovers(step: Step, flow: Flow, url: str, folder: Any) -> str:
    """One cell; how it ended, in words."""
    async with open_world(url, folder, kill=(step.point, step.passing_in(flow))) as world:
        case = await flow.prepare(world)
        if step.is_of_a_report:
            await world.quiet()  # those of the story so far are not meant
        else:
            await world.decided()
        before = world.amounts(case[0])
        transaction = world.saleor.transaction(case[0])
        total = next(event.amount for event in reversed(transaction.events) if event.type.endswith("ACTION_REQUIRED"))
        world.arm()
        await flow.act(world, case)
        await world.killed()
        await world.quiet()
        outcome = "finished by itself"
        if step.is_before_intent:
            assert world.amounts(case[0]) == before
            await flow.act(world, case)
            await world.quiet()
            outcome = "nothing had happened; asked again, done"
        assert {name: len(world.amazon.audit()[name]) for name in flow.objects} == flow.objects
        assert world.amounts(case[0]) == flow.amounts(total)
        different = await audit.differences(world.amazon, world.saleor, world.database)
        assert not different, different
        assert not await audit.dead_jobs(world.database)
        return outcome


@pytest.fixture
def cell(request, record_property, step, flow, database):
    """The cell's database, and its line in the table."""

    def note(outcome: str) -> None:
        record_property("table", ["Crash matrix", flow.name, step.name, database, outcome])

    note.url = request.getfixturevalue(f"{database}_url")
    return note


@cells(SELECTED)
async def test_the_books_agree_after_a_crash(step, flow, cell, tmp_path):
    cell(await dies_and_recovers(step, flow, cell.url, tmp_path))


@pytest.mark.soak
@cells(REST)
async def test_the_books_agree_after_every_crash(step, flow, cell, tmp_path):
    cell(await dies_and_recovers(step, flow, cell.url, tmp_path))


class TestSelection:
    def test_every_step_and_every_flow_meets_both_databases(self):
        for database in DATABASES:
            chosen = [(step, flow) for step, flow, its in SELECTED if its == database]
            assert {step.name for step, _ in chosen} == {step.name for step in STEPS}
            assert {flow.name for _, flow in chosen} == {flow.name for flow in FLOWS}
