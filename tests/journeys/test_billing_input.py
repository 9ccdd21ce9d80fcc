"""Billing schedules asked for wrongly: a clear error on the field, nothing made, nothing charged, nothing told of others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from saleor_amazonpay.handlers.billing import scanning
from saleor_amazonpay.sandbox.saleor.nodes import global_id
from tests.journeys.agreements import agreement_of
from tests.journeys.subscriptions import TOKYO, open_subscriptions, subscribe


@pytest.fixture
async def subs(sqlite_url):
    async with open_subscriptions(sqlite_url) as subscriptions:
        yield subscriptions


def day(subs, **later):
    return (subs.shop.clock.now().astimezone(TOKYO) + timedelta(**later)).date().isoformat()


async def refused(subs, **given):
    """The one error of a creation that made nothing."""
    payload = await subs.create(**given)
    assert payload["schedule"] is None, payload
    [error] = payload["errors"]
    return error["field"], error["code"]


class TestCreate:
    async def test_what_is_wrong_is_named_and_nothing_is_made(self, subs):
        shop, customer = subs.shop, subs.shop.saleor.customer
        others = shop.saleor.create_order(user=shop.saleor.superuser)
        nobodys, draft = shop.saleor.create_order(), shop.saleor.create_order(user=customer)
        draft.status = "DRAFT"
        american = shop.saleor.create_order("us", user=customer)
        uncertain = shop.saleor.create_order("eu", user=customer)
        bare = shop.saleor.create_order(user=customer)
        bare.billing_address = None
        two = shop.saleor.create_order(lines=[("CUP-1", 2)], user=customer)
        [line], [foreign] = two.lines, others.lines
        table = [
            ({"agreementId": "agreement-unknown"}, ("agreementId", "NOT_FOUND")),
            ({"agreementId": ""}, ("agreementId", "NOT_FOUND")),
            ({"templateOrderId": global_id("Order", "x")}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": ""}, ("templateOrderId", "REQUIRED")),
            ({"templateOrderId": "#"}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": "999999"}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": "9" * 5000}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": others.number}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": subs.agreement.id}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": global_id("Checkout", "x")}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": others.id}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": nobodys.id}, ("templateOrderId", "NOT_FOUND")),
            ({"templateOrderId": draft.id}, ("templateOrderId", "INVALID")),
            ({"templateOrderId": american.id}, ("templateOrderId", "INVALID")),
            ({"templateOrderId": uncertain.id}, ("templateOrderId", "INVALID")),
            ({"templateOrderId": bare.id}, ("templateOrderId", "INVALID")),
            ({"templateOrderId": two.id, "amount": "1000"}, ("amount", "INVALID")),
            *(
                ({"templateOrderId": two.id, "lines": lines}, ("lines", code))
                for lines, code in [
                    ([{"orderLineId": "x", "quantity": 1}], "NOT_FOUND"),
                    ([{"orderLineId": foreign.id, "quantity": 1}], "NOT_FOUND"),
                    ([{"orderLineId": line.id, "quantity": 0}], "INVALID"),
                    ([{"orderLineId": line.id, "quantity": -1}], "INVALID"),
                    ([{"orderLineId": line.id, "quantity": 3}], "INVALID"),
                ]
            ),
            ({"every": 0}, ("frequency", "INVALID")),
            ({"every": -1}, ("frequency", "INVALID")),
            ({"every": 13}, ("frequency", "INVALID")),
            ({"unit": "YEAR", "every": 2}, ("frequency", "INVALID")),
            ({"nextDate": "2026-12-31"}, ("nextDate", "INVALID")),
            ({"nextDate": day(subs), "time": "11:59"}, ("nextDate", "INVALID")),
            ({"nextDate": "9999-12-31"}, ("nextDate", "INVALID")),
            ({"nextDate": "0001-01-01"}, ("nextDate", "INVALID")),
            ({"time": "25:00"}, ("time", "INVALID")),
            ({"time": "9:00"}, ("time", "INVALID")),
            ({"timeZone": "Mars/Olympus"}, ("timeZone", "INVALID")),
            ({"timeZone": "../../etc/passwd"}, ("timeZone", "INVALID")),
            ({"amount": "0"}, ("amount", "INVALID")),
            ({"amount": "-5"}, ("amount", "INVALID")),
            ({"amount": "10.5"}, ("amount", "INVALID")),
            ({"amount": "a lot"}, ("amount", "INVALID")),
            ({"amount": "1e99"}, ("amount", "INVALID")),
            ({"amount": "100001"}, ("amount", "LIMIT_EXCEEDED")),
            ({"lastDate": day(subs, days=3)}, ("lastDate", "INVALID")),
            ({"policy": {"retryDays": [0]}}, ("retryDays", "INVALID")),
            ({"policy": {"retryDays": [1] * 11}}, ("retryDays", "INVALID")),
            ({"policy": {"graceDays": 91}}, ("graceDays", "INVALID")),
            ({"idempotencyKey": ""}, ("idempotencyKey", "INVALID")),
            ({"idempotencyKey": "x" * 129}, ("idempotencyKey", "INVALID")),
        ]
        for given, expected in table:
            assert await refused(subs, **given) == expected, given
        assert await subs.schedules() == []
        assert (await subs.create())["errors"] == []

    @pytest.mark.parametrize("sign", ["", "#"])
    async def test_the_order_may_be_named_by_its_number(self, subs, sign):
        id_ = await subs.created(templateOrderId=f"{sign}{subs.template.number}")
        assert (await subs.schedule(id_)).template_order_id == subs.template.id

    async def test_dates_that_do_not_exist_are_no_dates(self, subs):
        query = 'mutation { scheduleCreate(input: {agreementId: "a", templateOrderId: "b", unit: MONTH, nextDate: "2027-02-30"}) { errors { code } } }'
        with pytest.raises(AssertionError, match=r"2027-02-30|day is out of range"):
            await subs.graphql(query)

    async def test_several_faults_are_told_at_once(self, subs):
        payload = await subs.create(every=0, time="noon", amount="0")
        assert {error["field"] for error in payload["errors"]} == {"frequency", "time", "amount"}

    async def test_an_agreement_has_one_schedule(self, subs):
        id_ = await subs.created()
        assert await refused(subs) == ("agreementId", "AGREEMENT_HAS_SCHEDULE")
        await subs.act("Cancel", id_)
        assert (await subs.create())["errors"] == []

    async def test_a_day_that_was_billed_is_not_billed_by_a_new_schedule(self, subs):
        id_ = await subs.created(nextDate=day(subs, days=1))
        await subs.until(id_)
        await subs.act("Cancel", id_)
        again = day(subs)
        assert await refused(subs, nextDate=again, time="23:59") == ("nextDate", "INVALID")
        assert (await subs.create(nextDate=day(subs, days=1)))["errors"] == []

    async def test_a_first_billing_after_the_agreements_end_would_never_come(self, subs):
        end = subs.agreement.expires_at
        assert end is not None
        after = end.date().isoformat()
        assert await refused(subs, nextDate=after, unit="YEAR", time="23:59") == ("nextDate", "INVALID")
        before = (end - timedelta(days=2)).date().isoformat()
        id_ = await subs.created(nextDate=before, unit="YEAR")
        changed = await subs.change(id_, nextDate=after, time="23:59")
        assert [(it["field"], it["code"]) for it in changed["errors"]] == [("nextDate", "INVALID")]
        assert (await subs.schedule(id_)).next_date.isoformat() == before

    async def test_an_ended_agreement(self, subs):
        subs.shop.amazon.buyer_account.close_permission(subs.agreement.charge_permission_id)
        for _ in range(50):
            await asyncio.sleep(0.02)
            await subs.shop.work()
            if (await agreement_of(subs.shop)).is_closed:
                break
        assert await refused(subs) == ("agreementId", "AGREEMENT_ENDED")

    async def test_the_same_request_makes_one_schedule_and_another_with_its_key_none(self, subs):
        first = await subs.created(idempotencyKey="k-1")
        assert await subs.created(idempotencyKey="k-1") == first
        assert await refused(subs, idempotencyKey="k-1", every=2) == ("idempotencyKey", "IDEMPOTENCY_CONFLICT")
        assert len(await subs.schedules()) == 1

    async def test_off_by_setting_or_without_the_permissions(self, subs):
        settings = vars(subs.shop.running.services.settings)
        settings["billing_schedules"] = False
        assert await refused(subs) == (None, "NOT_ENABLED")
        settings["billing_schedules"] = True
        subs.shop.saleor.find_app(subs.shop.app.id).granted -= {"IMPERSONATE_USER"}
        payload = await subs.create()
        assert payload["errors"][0]["code"] == "PERMISSION_MISSING"
        assert "IMPERSONATE_USER" in payload["errors"][0]["message"]

    async def test_saleor_is_down(self, subs):
        with subs.shop.saleor.faults.during("unavailable"):
            assert (await refused(subs))[1] == "SALEOR_UNAVAILABLE"


class TestChange:
    async def test_what_is_wrong_is_named_and_nothing_is_changed(self, subs):
        id_ = await subs.created()
        before = await subs.schedule(id_)
        table = [
            ({"every": 0}, ("frequency", "INVALID")),
            ({"nextDate": "2020-01-01"}, ("nextDate", "INVALID")),
            ({"amount": "-1"}, ("amount", "INVALID")),
            ({"lastDate": day(subs)}, ("lastDate", "INVALID")),
            ({"templateOrderId": "x"}, ("templateOrderId", "NOT_FOUND")),
            ({"time": "nine"}, ("time", "INVALID")),
            ({"policy": {"graceDays": 0}}, ("graceDays", "INVALID")),
        ]
        for given, expected in table:
            payload = await subs.change(id_, **given)
            assert [(it["field"], it["code"]) for it in payload["errors"]] == [expected], given
        assert await subs.schedule(id_) == before

    async def test_lines_chosen_of_one_order_are_not_those_of_another(self, subs):
        create = subs.shop.saleor.create_order
        two, other = (create(lines=[("CUP-1", 2)], user=subs.shop.saleor.customer) for _ in range(2))
        chosen = [{"orderLineId": two.lines[0].id, "quantity": 1}]
        twice = await subs.create(templateOrderId=two.id, lines=chosen * 2)
        assert {(it["field"], it["code"]) for it in twice["errors"]} == {("lines", "INVALID")}
        id_ = await subs.created(templateOrderId=two.id, lines=chosen)
        refused = await subs.change(id_, templateOrderId=other.id)
        assert [(it["field"], it["code"]) for it in refused["errors"]] == [("lines", "NOT_FOUND")]
        assert (await subs.schedule(id_)).template_order_id == two.id
        assert (await subs.change(id_, templateOrderId=other.id, lines=[]))["errors"] == []

    async def test_unknown_ones(self, subs):
        for verb in ("Pause", "Resume", "Skip", "Cancel", "Retry"):
            assert (await subs.act(verb, "schedule-x"))["errors"][0]["code"] == "NOT_FOUND"
        assert (await subs.change("schedule-x", every=2))["errors"][0]["code"] == "NOT_FOUND"

    async def test_a_period_whose_money_is_on_the_way_is_neither_skipped_nor_lost(self, subs):
        await subs.shop.update_options(pending_authorization=True)
        subs.shop.amazon.buyer_account.change_payment_method(subs.agreement.charge_permission_id, "0701")
        id_ = await subs.created()
        subs.shop.clock.move(days=31)
        await scanning.run(subs.shop.running.services)
        await subs.shop.work()
        assert (await subs.last(id_)).step == "initialize"
        assert (await subs.act("Skip", id_))["errors"][0]["code"] == "BEING_BILLED"
        assert (await subs.act("Cancel", id_))["errors"] == []
        for _ in range(6):
            await subs.later(minutes=20)
        assert (await subs.last(id_)).state == "billed"
        assert subs.billed() == Decimal(2980)


class TestTenants:
    async def test_nothing_of_another_tenant_is_seen_or_moved(self, subs):
        """The row of the schedule says it is another shop's: as if it were not there."""
        id_ = await subs.created()
        await subs.shop.running.services.database.run(_give_away)
        assert await subs.graphql("{ schedules { id } renewals { id } }") == {"schedules": [], "renewals": []}
        query = f'{{ schedule(id: "{id_}") {{ id }} renewals(scheduleId: "{id_}") {{ id }} scheduleEvents(scheduleId: "{id_}") {{ type }} }}'
        assert await subs.graphql(query) == {"schedule": None, "renewals": [], "scheduleEvents": []}
        for verb in ("Pause", "Resume", "Skip", "Cancel", "Retry"):
            assert (await subs.act(verb, id_))["errors"][0]["code"] == "NOT_FOUND"
        assert await refused(subs, agreementId=subs.agreement.id) == ("agreementId", "NOT_FOUND")

    async def test_a_foreign_customers_agreement_is_not_billed_with_ones_own_order(self, subs):
        other = await subscribe(subs.shop)
        assert other.agreement.id != subs.agreement.id
        template = subs.shop.saleor.create_order(user=subs.shop.saleor.superuser)
        assert await refused(subs, templateOrderId=template.id) == ("templateOrderId", "NOT_FOUND")

    async def test_the_template_changes_hands_later(self, subs):
        id_ = await subs.created()
        subs.template.user = subs.shop.saleor.superuser
        await subs.until(id_)
        assert (await subs.last(id_)).state == "awaiting_merchant"
        assert (await agreement_of(subs.shop)).last_charged_at == subs.agreement.last_charged_at


def _give_away(session):
    session.connection.execute("PRAGMA foreign_keys = OFF")
    other = "https://other.example/graphql/"
    session.connection.execute(
        "INSERT INTO installations (api_url, app_id, token_sealed, jwks, app_version, state, installed_at, updated_at) "
        "VALUES (?, 'x', 'x', '{}', '0', 'active', 0, 0)",
        (other,),
    )
    for table in ("agreements", "schedules", "renewals"):
        session.connection.execute(f"UPDATE {table} SET api_url = ?", (other,))
