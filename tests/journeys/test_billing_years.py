"""Years of schedules in seconds: declines, new cards, pauses, prices, outages and deaths, by a seed; then the books.

``make test`` tells three years of the schedules that come due seldom and months of the others, and PostgreSQL's with two
replicas at once; ``make soak`` tells three years of every kind on both databases.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from saleor_amazonpay.app import Application, application
from saleor_amazonpay.domain.billing import OPEN, RenewalState
from saleor_amazonpay.domain.recurrence import Unit
from saleor_amazonpay.handlers.billing import renewing, scanning
from saleor_amazonpay.handlers.sweeps import agreements as agreement_sweep
from tests.journeys.helpers import break_amazon, charges, mend, settle
from tests.journeys.subscriptions import START, TOKYO, Subscriptions, open_subscriptions

YEARS = 3
_HURRY = "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND task_name NOT LIKE 'sweep%'"
SCHEDULES = {
    "monthly": {"unit": "MONTH", "nextDate": "2027-02-15"},
    "weekly": {"unit": "WEEK", "nextDate": "2027-01-18"},
    "yearly": {"unit": "YEAR", "nextDate": "2027-03-01"},
    "the 31st": {"unit": "MONTH", "nextDate": "2027-01-31"},
    "29 February": {"unit": "YEAR", "nextDate": "2028-02-29"},
    "every two days": {"unit": "DAY", "every": 2, "nextDate": "2027-01-20"},
}
AGREED_ON = {"29 February": datetime(2028, 2, 1, 3, tzinfo=UTC)}
"""Where the first billing is more than 13 months after the other stories begin: the agreement would be over by then."""
EXPECTED_DAYS = {"the 31st": {28, 29, 30, 31}, "monthly": {15}, "29 February": {28, 29}}
MISHAPS = [
    *["nothing"] * 6,
    *["soft"] * 2,
    *("hard", "pause", "price", "amazon", "saleor", "lost", "death", "long", "skip"),
]
MONTHLY_LIMIT = 100_000  # JPY, Amazon's
PRICES = [Decimal(it) for it in (1980, 2480, 2980, 30_000)]


@dataclass
class Mortality:
    """Steps whose worker dies at a commit of theirs: counted down from ``dies_at``."""

    dice: random.Random
    dies_at: int = 0

    def reap(self, monkeypatch: pytest.MonkeyPatch) -> Mortality:
        for name in ("advance", "write"):
            monkeypatch.setattr(renewing.Situation, name, self._mortal(getattr(renewing.Situation, name)))
        return self

    def _mortal(self, commit: Any) -> Any:
        async def mortal(it: Any, *args: Any, **kwargs: Any) -> Any:
            self.dies_at -= 1
            is_early = self.dice.random() < 0.5
            if self.dies_at == 0 and is_early:
                raise Death
            done = await commit(it, *args, **kwargs)
            if self.dies_at == 0:
                raise Death
            return done

        return mortal


class Death(Exception):
    """The process is gone, as far as this step is concerned; its job is taken up by somebody else."""


@dataclass
class Story:
    """What befalls one schedule; ``replicas`` all work at once."""

    subs: Subscriptions
    replicas: list[Application]
    dice: random.Random
    mortality: Mortality
    schedule_id: str = ""
    told: Counter[str] = field(default_factory=Counter)

    @property
    def shop(self) -> Any:
        return self.subs.shop

    @property
    def permission(self) -> str:
        return self.subs.agreement.charge_permission_id

    async def tell(self, until: datetime) -> None:
        while self.shop.clock.now() < until:
            schedule = await self.subs.schedule(self.schedule_id)
            if schedule.has_ended:
                return
            renewal = await self._open()
            moments = [it for it in (schedule.next_at, renewal and renewal.next_at) if it is not None]
            await self._befall()
            now = self.shop.clock.now()
            next_ = min([*moments, now + timedelta(days=9)])
            self.shop.clock.move(seconds=max(31.0, (next_ - now).total_seconds() + 1))
            await self.work()

    async def _open(self):
        schedule = await self.subs.schedule(self.schedule_id)
        found = await self.subs.renewals(self.schedule_id)
        return next((it for it in found if it.id == schedule.open_renewal_id), None)

    async def work(self) -> None:
        """All replicas look for what is due and do it, at the same time."""
        for _ in range(3):
            await self._let_time_pass_in_the_database()
            await asyncio.gather(*(self._replica(each) for each in self.replicas))
            await self.shop.saleor.settle()
            self.shop.clock.move(seconds=31)

    async def _let_time_pass_in_the_database(self) -> None:
        """PostgreSQL's jobs wait by its own clock, which nobody can move."""
        database = self.shop.running.services.database
        if database.dialect == "postgresql":
            await database.run(lambda session: session.connection.execute(_HURRY))

    async def _replica(self, replica: Application) -> None:
        await scanning.run(replica.services)
        await replica.jobs.run_due()

    async def _befall(self) -> None:
        names = [*MISHAPS]
        if (await self.subs.schedule(self.schedule_id)).recurrence.unit is Unit.YEAR:
            names = [
                it for it in names if it not in {"skip", "pause"}
            ]  # a year's only date left out ends the agreement
        name = self.dice.choice(names)
        self.told[name] += 1
        await getattr(self, f"_{name}")()

    async def _nothing(self) -> None: ...

    async def _soft(self) -> None:
        break_amazon(self.shop, "create_charge", reason_code=self.dice.choice(["SoftDeclined", "TransactionTimedOut"]))

    async def _hard(self) -> None:
        """The card fails; the buyer repairs it some days later."""
        if await self.is_over():
            return
        self.shop.amazon.buyer_account.break_payment_method(self.permission)
        await self.work()
        self.shop.clock.move(days=self.dice.randint(0, 4))
        await self.work()
        await self.repair(self.dice.choice(["1111", "4444", "0005"]))
        await self.work()

    async def repair(self, card: str = "1111") -> None:
        if not await self.is_over():
            self.shop.amazon.buyer_account.change_payment_method(self.permission, card)

    async def is_over(self) -> bool:
        """Amazon ends an agreement nobody has charged for 13 months: of a yearly schedule one period left out is enough."""
        found = self.shop.amazon.audit()["permissions"]
        [mine] = [it for it in found if it["chargePermissionId"] == self.permission]
        return mine["statusDetails"]["state"] == "Closed"

    async def _pause(self) -> None:
        await self.subs.act("Pause", self.schedule_id)
        self.shop.clock.move(days=self.dice.randint(1, 40))
        await self.work()
        await self.subs.act("Resume", self.schedule_id)

    async def _price(self) -> None:
        variant = self.subs.template.lines[0].variant
        variant.prices["default-jp"] = self.dice.choice(PRICES)

    async def _amazon(self) -> None:
        """Amazon is down, or its answers get lost."""
        fault = self.dice.choice([{"status": 503}, {"reset_before": True}, {"reset_after": True}, {"status": 500}])
        break_amazon(self.shop, "*", times=self.dice.randint(1, 6), **fault)
        await self.work()
        mend(self.shop)

    async def _saleor(self) -> None:
        with self.shop.saleor.faults.during("unavailable"):
            self.shop.clock.move(days=self.dice.randint(1, 3))
            await self.work()

    async def _lost(self) -> None:
        """Saleor did it and its answer got lost, at any step."""
        step = ["checkoutCreateFromOrder", "checkoutCustomerAttach", "transactionInitialize", "checkoutComplete"]
        self.shop.saleor.faults.api("lost-answer", self.dice.choice(step))

    async def _death(self) -> None:
        """Whoever takes the next steps dies just before, or just after, one of their commits."""
        self.mortality.dies_at = self.dice.randint(1, 8)

    async def _long(self) -> None:
        """Nobody was there for weeks."""
        self.shop.clock.move(days=self.dice.randint(5, 70))

    async def _skip(self) -> None:
        await self.subs.act("Skip", self.schedule_id)


async def come_to_rest(story: Story) -> None:
    """Nothing goes wrong any more: what is open is billed, or given up."""
    subs = story.subs
    mend(subs.shop)
    subs.shop.saleor.faults.clear()
    await story.repair()
    await story.work()
    for _ in range(30):
        renewal = await story._open()
        if renewal is None:
            break
        if renewal.state is RenewalState.AWAITING_MERCHANT:
            await subs.act("Resume", story.schedule_id)
        now = subs.shop.clock.now()
        subs.shop.clock.move(seconds=max(60.0, ((renewal.next_at or now) - now).total_seconds() + 1))
        await story.work()
    await subs.act("Cancel", story.schedule_id)
    for _ in range(20):
        await story.work()
    await settle(subs.shop)
    await agreement_sweep.run(subs.shop.running.services)


@dataclass(frozen=True)
class Books:
    """How the periods ended, and the most that was captured in a calendar month."""

    ends: Counter[str]
    most_in_a_month: int


async def check_books(story: Story, kind: str) -> Books:
    """Every period has one end; what is billed, what Saleor's orders say and what Amazon captured are the same."""
    subs = story.subs
    renewals = await subs.renewals(story.schedule_id)
    assert not [it for it in renewals if it.state in OPEN]
    assert len({it.period for it in renewals}) == len(renewals)
    await _check_nothing_between(story, [it.period for it in renewals], kind)
    billed = {it.order_id: it for it in renewals if it.state is RenewalState.BILLED}
    orders = {order.id: order for order in subs.orders()}
    assert set(billed) <= set(orders)
    for order in orders.values():
        paid = Decimal(billed[order.id].amount.amount) if order.id in billed else Decimal(0)
        assert order.charged == paid, (order.id, order.charged, paid)
    captured = [it for it in charges(subs.shop, "Captured") if it["chargeInitiator"] == "MITR"]
    assert sorted(it["captureAmount"]["amount"] for it in captured) == sorted(
        it.amount.amount for it in billed.values()
    )
    assert charges(subs.shop, "Authorized") == []
    months: dict[str, int] = defaultdict(int)
    for charge in charges(subs.shop, "Captured"):
        at = datetime.strptime(charge["creationTimestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        months[f"{at.astimezone(TOKYO):%Y-%m}"] += int(charge["captureAmount"]["amount"])
    assert max(months.values()) <= MONTHLY_LIMIT
    return Books(Counter(str(it.state) for it in renewals), max(months.values()))


async def _check_nothing_between(story: Story, periods: list[date], kind: str) -> None:
    """The periods dealt with are the calendar's, from the first on, without a gap."""
    schedule = await story.subs.schedule(story.schedule_id)
    first = schedule.recurrence.anchor
    expected = list(schedule.recurrence.upcoming(0, schedule.next_number))
    assert expected == periods, (first, set(expected) ^ set(periods))
    assert {it.day for it in periods} <= EXPECTED_DAYS.get(kind, set(range(1, 32)))


async def tell(
    monkeypatch: pytest.MonkeyPatch, database_url: str, kind: str, seed: int, *, years: float, replicas: int = 1
) -> Counter[str]:
    dice = random.Random(f"{kind} {seed}")
    start = AGREED_ON.get(kind, START)
    async with open_subscriptions(database_url, start) as subs, contextlib.AsyncExitStack() as stack:
        settings, clock = subs.shop.running.services.settings, subs.shop.clock
        others = [await stack.enter_async_context(application(settings, clock=clock)) for _ in range(replicas - 1)]
        mortality = Mortality(dice).reap(monkeypatch)
        story = Story(subs, [subs.shop.running, *others], dice, mortality)
        policy = {
            "catchUp": dice.choice(["BILL_LATEST", "BILL_ALL", "SKIP"]),
            "giveUp": "SKIP",
            "unavailable": "BILL_REST",
        }
        story.schedule_id = await subs.created(**SCHEDULES[kind], policy=policy)
        await story.tell(clock.now() + timedelta(days=365 * years))
        await come_to_rest(story)
        books = await check_books(story, kind)
        due, dialect = books.ends.total(), subs.shop.running.services.database.dialect
        ends = ", ".join(f"{state} {count}" for state, count in sorted(books.ends.items()))
        print(  # noqa: T201 - what the story came to, shown by -s and where it fails
            f"{kind}, seed {seed}, {dialect}, {replicas} replica(s), {policy['catchUp']}: {due} due, {ends}; "
            f"at most {books.most_in_a_month} JPY in a month; {dict(story.told)}"
        )
        return books.ends


class TestStory:
    @pytest.mark.parametrize("kind", ["monthly", "the 31st", "yearly", "29 February"])
    async def test_three_years_on_one_replica(self, sqlite_url, monkeypatch, kind):
        ends = await tell(monkeypatch, sqlite_url, kind, 4, years=YEARS)
        assert ends["billed"] > 0

    @pytest.mark.parametrize("kind", ["weekly", "every two days"])
    async def test_months_on_one_replica(self, sqlite_url, monkeypatch, kind):
        ends = await tell(monkeypatch, sqlite_url, kind, 1, years=0.4)
        assert ends["billed"] > 2

    async def test_months_on_two_replicas_at_once(self, postgresql_url, monkeypatch):
        ends = await tell(monkeypatch, postgresql_url, "weekly", 2, years=0.2, replicas=2)
        assert ends["billed"] > 2

    @pytest.mark.soak
    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize("kind", SCHEDULES)
    async def test_years(self, database_url, monkeypatch, kind, seed):
        replicas = 2 if database_url.startswith("postgresql") else 1
        years = 5 if kind == "29 February" else YEARS
        ends = await tell(monkeypatch, database_url, kind, seed, years=years, replicas=replicas)
        assert ends["billed"] > 0
