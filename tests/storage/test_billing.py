from __future__ import annotations

import dataclasses
from datetime import date, time, timedelta

import pytest

from saleor_amazonpay.domain.billing import CatchUp, Dunning, GiveUp, Policy, RenewalState, ScheduleState, Step
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.recurrence import Recurrence, Unit
from saleor_amazonpay.storage import rotation
from saleor_amazonpay.storage.billing import events, renewals, schedules, settings
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.settings import BillingSettings
from saleor_amazonpay.storage.due import Promise
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Database, UniqueViolation
from saleor_amazonpay.storage.times import to_micros
from tests.storage.billing_rows import NOW, TENANT, TOKYO, add_many, schedule

SCHEDULES_DUE = {
    "ix_schedules_due": schedules.DUE,
    "ix_renewals_due": renewals.DUE,
    "ix_billing_events_due": events.OVERDUE,
}
YEN = Currency.JPY
MOMENT = to_micros(NOW)


@pytest.fixture
async def database(database):
    """Three agreements with a schedule each."""
    await database.run(lambda session: add_many(session, 3))
    return database


@pytest.fixture
async def bare(database):
    """The same without their schedules."""
    await database.run(lambda session: session.connection.execute("DELETE FROM schedules"))
    return database


def renewal(number=1, day=date(2027, 1, 31), **changes):
    values = {field.name: None for field in dataclasses.fields(Renewal)} | {
        "id": renewals.renewal_id(f"agreement-{number}", day),
        "schedule_id": f"schedule-{number}",
        "agreement_id": f"agreement-{number}",
        "api_url": TENANT,
        "period": day,
        "due_at": NOW,
        "state": RenewalState.RUNNING,
        "step": Step.CHECKOUT,
        "attempt": 1,
        "retries": 0,
        "currency": YEN,
        "next_at": NOW,
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Renewal(**{**values, **changes})


class TestSchedules:
    async def test_one_is_read_back_as_it_was_written(self, bare):
        policy = Policy(catch_up=CatchUp.SKIP, dunning=Dunning((2, 4), 9, GiveUp.PAUSE))
        made = schedule(amount=Money(980, YEN), last_date=date(2029, 1, 1), policy=policy, last_amount=Money(1, YEN))
        await bare.run(lambda session: schedules.add(session, made))
        assert await bare.read(lambda session: schedules.by_id(session, made.id)) == made

    async def test_a_second_one_of_the_agreement_is_refused_until_the_first_has_ended(self, bare):
        await bare.run(lambda session: schedules.add(session, schedule()))
        second = schedule(agreement_id="agreement-1", id="other", request_key="other")
        with pytest.raises(UniqueViolation):
            await bare.run(lambda session: schedules.add(session, second))
        await bare.run(lambda session: schedules.change(session, "schedule-1", NOW, state=ScheduleState.ENDED))
        await bare.run(lambda session: schedules.add(session, second))
        found = await bare.read(lambda session: schedules.of_agreement(session, "agreement-1"))
        assert {it.id for it in found} == {"other", "schedule-1"}

    async def test_a_request_makes_one_schedule(self, bare):
        await bare.run(lambda session: schedules.add(session, schedule()))
        with pytest.raises(UniqueViolation):
            await bare.run(lambda session: schedules.add(session, schedule(2, request_key="key-1")))

    async def test_changes(self, bare):
        await bare.run(lambda session: schedules.add(session, schedule()))
        weekly = Recurrence(date(2027, 3, 1), Unit.WEEK, 2, time(10, 30), TOKYO)
        changes = {"recurrence": weekly, "amount": Money(5, YEN), "next_at": None, "reason": "x"}
        await bare.run(lambda session: schedules.change(session, "schedule-1", NOW + timedelta(1), **changes))
        found = await bare.read(lambda session: schedules.by_id(session, "schedule-1"))
        assert found == schedule(**changes, updated_at=NOW + timedelta(1))
        with pytest.raises(AttributeError, match="agreement_id"):
            await bare.run(lambda session: schedules.change(session, "schedule-1", NOW, agreement_id="x"))

    async def test_a_promise_to_saleor_made_while_the_one_before_is_kept_stays(self, bare):
        def promised(session):
            schedules.to_be_told(session, "schedule-1", NOW)
            return schedules.by_id(session, "schedule-1")

        await bare.run(lambda session: schedules.add(session, schedule()))
        first, second = await bare.run(promised), await bare.run(promised)
        await bare.run(lambda session: schedules.told(session, first))
        assert await bare.read(lambda session: schedules.by_id(session, "schedule-1")) == second
        await bare.run(lambda session: schedules.told(session, second))
        assert await bare.read(lambda session: schedules.by_id(session, "schedule-1")) == schedule()

    async def test_pages(self, database):
        first = await database.read(lambda s: schedules.page(s, TENANT, before=(NOW, ""), limit=2))
        last = first[-1]
        rest = await database.read(lambda s: schedules.page(s, TENANT, before=(last.created_at, last.id), limit=2))
        assert [it.id for it in (*first, *rest)] == ["schedule-3", "schedule-2", "schedule-1"]
        assert await database.read(lambda s: schedules.page(s, "https://other/", before=(NOW, ""), limit=9)) == []


class TestRenewals:
    async def test_a_period_of_an_agreement_has_one_renewal(self, database):
        assert await database.run(lambda session: renewals.add(session, renewal()))
        assert not await database.run(lambda session: renewals.add(session, renewal(schedule_id="schedule-2")))
        assert await database.read(lambda session: renewals.by_id(session, renewal().id)) == renewal()
        assert await database.run(lambda session: renewals.add(session, renewal(2)))

    async def test_changes_count_versions(self, database):
        made = renewal()
        await database.run(lambda session: renewals.add(session, made))
        changes = {"amount": Money(980, YEN), "step": Step.CAPTURE, "transaction_id": "t"}
        await database.run(lambda session: renewals.change(session, made, NOW, **changes))
        found = await database.read(lambda session: renewals.by_transaction(session, TENANT, "t"))
        assert found == dataclasses.replace(made, **changes, version=2)

    async def test_only_what_is_due_is_found(self, database):
        def fill(session):
            renewals.add(session, renewal())
            renewals.add(session, renewal(2, next_at=None, state=RenewalState.BILLED))
            renewals.add(session, renewal(3, next_at=NOW + timedelta(1)))

        await database.run(fill)
        [found] = await database.read(lambda session: renewals.due(session, now=NOW, limit=9))
        assert found == Promise(renewal().id, "running", to_micros(NOW))

    async def test_page_by_page_every_one_is_found_once(self, database):
        moments = [NOW, NOW, NOW - timedelta(1)]
        made = [renewal(n + 1, next_at=at) for n, at in enumerate(moments)]
        await database.run(lambda session: [renewals.add(session, it) for it in made])
        seen, after = [], None
        while page := await database.read(lambda s, last=after: renewals.due(s, now=NOW, limit=1, after=last)):
            after = page[-1]
            seen.append(after.id)
        assert seen[0] == made[2].id
        assert sorted(seen) == sorted(it.id for it in made)

    async def test_history_and_last_period(self, database):
        def fill(session):
            for month in (1, 2, 3):
                renewals.add(session, renewal(day=date(2027, month, 28), due_at=NOW + timedelta(days=31 * month)))

        await database.run(fill)
        before = NOW + timedelta(days=93)
        found = await database.read(lambda s: renewals.of_schedule(s, "schedule-1", before=before, limit=9))
        assert [it.period.month for it in found] == [2, 1]
        assert await database.read(lambda s: renewals.last_period(s, "agreement-1")) == date(2027, 3, 28)
        assert await database.read(lambda s: renewals.last_period(s, "agreement-2")) is None
        page = await database.read(lambda s: renewals.page(s, TENANT, before=(before, ""), limit=1))
        assert [it.period.month for it in page] == [2]


class TestEvents:
    async def test_they_are_delivered_in_order_and_kept(self, database):
        def add(session, type_, is_delivered=True):
            events.add(
                session, api_url=TENANT, schedule_id="schedule-1", renewal_id=None, type_=type_, at=NOW,
                detail={"注": 1}, is_delivered=is_delivered,
            )  # fmt: skip

        await database.run(lambda session: [add(session, "a"), add(session, "b"), add(session, "c", False)])
        first = await database.read(lambda session: events.first_due(session, "schedule-1"))
        assert (first.type, first.detail) == ("a", {"注": 1})
        await database.run(lambda session: events.move(session, first.id, events.DELIVERED, due_at=NOW))
        second = await database.read(lambda session: events.first_due(session, "schedule-1"))
        await database.run(lambda session: events.move(session, second.id, events.DUE, due_at=NOW, error="503"))
        history = await database.read(lambda session: events.of_schedule(session, "schedule-1", limit=9))
        assert [(it.type, it.state, it.attempts) for it in history] == [
            ("c", "kept", 0),
            ("b", "due", 1),
            ("a", "delivered", 1),
        ]
        [overdue] = await database.read(lambda s: events.overdue(s, now=NOW, limit=9))
        assert overdue.id == "schedule-1"
        assert await database.read(lambda s: events.overdue(s, now=NOW, limit=9, after=overdue)) == []


class TestSettings:
    async def test_the_secret_is_sealed_and_rotated(self, database):
        old, new = SecretBox("o" * 40), SecretBox("n" * 40, ["o" * 40])
        chosen = BillingSettings(TENANT, Policy(CatchUp.BILL_ALL), "https://merchant.example/hook", "whsec_eA==")
        assert await database.read(lambda s: settings.get(s, TENANT, old)) == BillingSettings(TENANT)
        await database.run(lambda session: settings.save(session, chosen, old, NOW))
        row = await database.read(
            lambda s: s.connection.execute("SELECT webhook_secret_sealed FROM billing_settings").fetchone()
        )
        assert "whsec" not in row[0]
        await database.run(lambda s: s.connection.execute("DELETE FROM schedules"))
        await database.run(lambda s: s.connection.execute("DELETE FROM agreements"))
        await database.run(lambda s: s.connection.execute("DELETE FROM accounts"))
        await database.run(
            lambda s: s.connection.execute(
                f"UPDATE installations SET token_sealed = '{old.seal('t', context=f'installations/token_sealed/{TENANT}')}'"
            )
        )
        assert await rotation.rotate(database, new) == 2
        assert await database.read(lambda s: settings.get(s, TENANT, SecretBox("n" * 40))) == chosen
        assert await database.read(lambda s: settings.has_endpoint(s, TENANT))
        cleared = dataclasses.replace(chosen, webhook_url=None, webhook_secret=None)
        await database.run(lambda session: settings.save(session, cleared, new, NOW))
        assert not await database.read(lambda s: settings.has_endpoint(s, TENANT))
        assert await rotation.rotate(database, new) == 0


def plan(session, statement):
    sql, values = statement.on(session.dialect).bind({"moment": 1, "limit": 10, "after": 0, "after_id": ""})
    return str(
        session.connection.execute(
            f"EXPLAIN {'' if session.dialect == 'postgresql' else 'QUERY PLAN '}{sql}", values
        ).fetchall()
    )


class TestScale:
    """A look costs what is due, not what there is."""

    @pytest.mark.parametrize("index", SCHEDULES_DUE)
    async def test_each_look_has_an_index_of_its_own(self, database, index):
        def explained(session):
            if session.dialect == "postgresql":
                session.connection.execute("SET LOCAL enable_seqscan = off")
                session.connection.execute("SET LOCAL enable_sort = off")
            return plan(session, SCHEDULES_DUE[index])

        assert index in await database.run(explained)

    async def test_among_many_the_planner_itself_chooses_it(self, database_url):
        await only_the_due_ones(database_url, 20_000, due=200)

    @pytest.mark.soak
    async def test_among_a_million_with_ten_thousand_due_only_those_are_touched(self, database_url):
        await only_the_due_ones(database_url, 1_000_000, due=10_000)


async def only_the_due_ones(url, count, *, due):
    async with Database.connect(url) as database:
        await database.run(lambda session: add_many(session, count, due=due))

        def look(session):
            if session.dialect == "postgresql":
                session.connection.execute("ANALYZE schedules")
                sql, values = schedules.DUE.on("postgresql").bind({"moment": MOMENT, "limit": count})
                told = str(session.connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", values).fetchall())
                assert "Seq Scan" not in told, told
                assert "Rows Removed" not in told, told
                assert f"rows={due}.00" in told or f"rows={due} " in told, told
                return told
            return plan(session, schedules.DUE)

        assert "ix_schedules_due" in await database.run(look)
        assert len(await database.read(lambda session: schedules.due(session, now=NOW, limit=count))) == due
