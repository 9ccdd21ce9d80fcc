"""Billing schedules: every period one order, one charge; what goes wrong is retried, waited for, or accounted for."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest

from saleor_amazonpay.handlers.billing import calling, scanning, settling
from saleor_amazonpay.handlers.sweeps import dead_jobs, jobless, retention
from saleor_amazonpay.jobs.registry import RetryPolicy
from saleor_amazonpay.sandbox.saleor import selling
from saleor_amazonpay.storage.times import to_micros
from tests.journeys.helpers import INITIALIZE, break_amazon, charges, mend, operations_of, report_states
from tests.journeys.subscriptions import TOKYO, open_subscriptions, subscribe


@pytest.fixture
async def subs(sqlite_url):
    async with open_subscriptions(sqlite_url) as subscriptions:
        yield subscriptions


@pytest.fixture
async def any_subs(database_url):
    async with open_subscriptions(database_url) as subscriptions:
        yield subscriptions


def today(subs, **later):
    return (subs.shop.clock.now().astimezone(TOKYO) + timedelta(**later)).date().isoformat()


def captured(subs):
    """Charges that brought money, the first purchase's left out."""
    return [it["captureAmount"]["amount"] for it in charges(subs.shop, "Captured")][1:]


def _restore(session, schedule_id):
    """The rows as they were before the period was billed."""
    session.connection.execute("DELETE FROM renewals")
    session.connection.execute(f"UPDATE schedules SET next_number = 0, next_at = 0 WHERE id = '{schedule_id}'")


class TestRenewing:
    async def test_a_period_becomes_an_order_that_is_paid(self, any_subs):
        subs = any_subs
        id_ = await subs.created()
        await subs.until(id_)
        renewal = await subs.last(id_)
        assert (renewal.state, renewal.amount.amount) == ("billed", "2980")
        [order] = subs.orders()
        assert (order.id, order.number) == (renewal.order_id, renewal.order_number)
        assert (order.charge_status, order.user, order.user_email) == (
            "FULL",
            subs.template.user,
            "customer@example.com",
        )
        assert order.shipping_address.street_address_1 == subs.template.shipping_address.street_address_1
        assert order.delivery_method.id == subs.template.delivery_method.id
        assert order.metadata["amazonPay.schedule"] == id_
        [transaction] = order.transactions
        types = subs.shop.transaction(transaction.id).event_types
        assert sorted(types) == ["AUTHORIZATION_REQUEST", "AUTHORIZATION_SUCCESS", "CHARGE_SUCCESS"]
        assert await subs.events(id_) == ["schedule.created", "renewal.billed"]

    async def test_amazon_is_told_who_charges_and_authorizes_before_it_captures(self, subs):
        await subs.until(await subs.created())
        made = [call for call in subs.shop.amazon.calls if call.operation == "create_charge"]
        assert [(call.body["chargeInitiator"], call.body["captureNow"]) for call in made] == [("MITR", False)]
        assert subs.shop.amazon.count("capture_charge") == 1

    async def test_today_s_prices_are_billed(self, subs):
        id_ = await subs.created()
        subs.template.lines[0].variant.prices["default-jp"] = Decimal(3000)
        await subs.until(id_)
        assert (await subs.last(id_)).amount.amount == "3500"

    async def test_an_agreed_amount_is_billed_whatever_the_prices(self, subs):
        id_ = await subs.created(amount="1980")
        subs.template.lines[0].variant.prices["default-jp"] = Decimal(9999)
        await subs.until(id_)
        assert subs.orders()[0].total_gross == Decimal(1980)
        assert captured(subs) == ["1980"]

    async def test_goods_that_cost_nothing_make_an_order_without_a_charge(self, subs):
        id_ = await subs.created()
        subs.template.lines[0].variant.prices["default-jp"] = Decimal(0)
        subs.shop.saleor.channel("default-jp").shipping_price = Decimal(0)
        await subs.until(id_)
        assert (await subs.last(id_)).state == "billed"
        assert (len(subs.orders()), captured(subs)) == (1, [])

    async def test_the_template_order_says_how_the_subscription_stands(self, subs):
        id_ = await subs.created(nextDate=today(subs, days=3))
        await subs.bill()
        assert (subs.metadata(id_)["state"], subs.metadata(id_)["nextDate"]) == ("active", today(subs, days=3))
        await subs.until(id_)
        assert (subs.metadata(id_)["periodState"], subs.metadata(id_)["orderNumber"]) == (
            "billed",
            subs.orders()[0].number,
        )

    async def test_schedules_that_repeat_the_same_order_are_told_apart(self, any_subs):
        first = await any_subs.created(nextDate=today(any_subs, days=3))
        another = await subscribe(any_subs.shop)
        second = await any_subs.created(agreementId=another.agreement.id, nextDate=today(any_subs, days=5))
        await any_subs.act("Pause", second)
        await any_subs.until(first)
        told = [any_subs.metadata(id_) for id_ in (first, second)]
        assert [(it["state"], it["periodState"]) for it in told] == [("active", "billed"), ("paused", "")]
        assert told[1]["nextDate"] == (await any_subs.schedule(second)).next_date.isoformat()

    async def test_two_looks_at_once_make_one_order(self, subs):
        id_ = await subs.created()
        subs.shop.clock.move(days=32)
        services = subs.shop.running.services
        await scanning.run(services)
        await scanning.run(services)
        await subs.bill()
        assert await subs.periods(id_) == [((await subs.last(id_)).period.isoformat(), "billed")]
        assert len(subs.orders()) == 1


class TestDunning:
    async def test_a_soft_decline_is_tried_again_by_the_calendar(self, subs):
        id_ = await subs.created()
        subs.fail_next("SoftDeclined", 2)
        await subs.until(id_)
        renewal = await subs.last(id_)
        assert (renewal.state, renewal.reason_code) == ("retrying", "SoftDeclined")
        assert (renewal.next_at - renewal.due_at).days == 1
        assert subs.metadata(id_)["decline"] == "SoftDeclined"
        assert subs.metadata(id_)["paymentPage"].endswith(subs.agreement.charge_permission_id)
        await subs.later(days=1)
        assert (await subs.last(id_)).state == "retrying"
        await subs.later(days=3)
        assert (await subs.last(id_)).state == "billed"
        assert subs.metadata(id_)["decline"] == ""
        assert await subs.events(id_) == [
            "schedule.created",
            "renewal.declined",
            "renewal.declined",
            "renewal.billed",
        ]
        assert len(subs.orders()) == len(captured(subs)) == 1

    async def test_a_hard_decline_waits_for_the_buyer_and_goes_on_with_the_notification(self, subs):
        id_ = await subs.created()
        permission = subs.agreement.charge_permission_id
        subs.shop.amazon.buyer_account.break_payment_method(permission)
        await subs.until(id_)
        renewal = await subs.last(id_)
        assert (renewal.state, renewal.reason_code) == ("awaiting_buyer", "PaymentMethodExpired")
        assert subs.shop.amazon.count("create_charge") == 0
        await subs.later(days=2)
        assert (await subs.last(id_)).state == "awaiting_buyer"
        subs.shop.amazon.buyer_account.change_payment_method(permission)
        await subs.shop.until(lambda: len(subs.orders()) == 1)
        await subs.bill()
        assert (await subs.last(id_)).state == "billed"

    async def test_a_lost_notification_is_made_up_for(self, subs):
        subs.shop.amazon.set_ipn_url("AJPMERCHANT000", None)
        id_ = await subs.created()
        subs.shop.amazon.buyer_account.break_payment_method(subs.agreement.charge_permission_id)
        await subs.until(id_)
        subs.shop.amazon.buyer_account.change_payment_method(subs.agreement.charge_permission_id)
        await subs.later(hours=7)
        assert (await subs.last(id_)).state == "billed"

    @pytest.mark.parametrize(("action", "state"), [("CANCEL", "ended"), ("PAUSE", "paused"), ("SKIP", "active")])
    async def test_a_period_nobody_pays_is_given_up_after_the_grace_period(self, subs, action, state):
        id_ = await subs.created(policy={"graceDays": 3, "giveUp": action})
        subs.shop.amazon.buyer_account.break_payment_method(subs.agreement.charge_permission_id)
        await subs.until(id_)
        await subs.later(days=3)
        assert (await subs.last(id_)).state == "given_up"
        schedule = await subs.schedule(id_)
        assert (schedule.state, schedule.next_at is not None) == (state, action == "SKIP")
        assert captured(subs) == []

    async def test_a_full_month_is_waited_out(self, subs):
        id_ = await subs.created()
        subs.fail_next("PeriodicAmountExceeded")
        await subs.until(id_)
        renewal = await subs.last(id_)
        assert (renewal.state, renewal.next_at.astimezone(TOKYO).day) == ("retrying", 2)
        await subs.at(renewal.next_at)
        assert (await subs.last(id_)).state == "billed"

    async def test_more_than_amazon_takes_in_a_month_is_the_merchants_to_decide(self, subs):
        id_ = await subs.created()
        subs.template.lines[0].variant.prices["default-jp"] = Decimal(100_000)
        await subs.until(id_)
        assert (await subs.last(id_)).state == "awaiting_merchant"
        assert (await subs.schedule(id_)).state == "paused"
        subs.template.lines[0].variant.prices["default-jp"] = Decimal(2480)
        await subs.act("Resume", id_)
        await subs.bill()
        assert (await subs.last(id_)).state == "billed"

    @pytest.mark.parametrize("action", ["", "Pause"])
    async def test_the_buyer_ends_the_agreement(self, any_subs, action):
        """A year's subscription does not look alive for the rest of the year."""
        subs, id_ = any_subs, await any_subs.created(unit="YEAR")
        if action:
            await subs.act(action, id_)
        subs.shop.amazon.buyer_account.close_permission(subs.agreement.charge_permission_id)
        await subs.shop.until(lambda: subs.metadata(id_).get("state") == "ended")
        schedule = await subs.schedule(id_)
        assert (schedule.state, schedule.next_at) == ("ended", None)
        assert await subs.renewals(id_) == []
        assert (await subs.events(id_))[-1] == "schedule.ended"

    async def test_the_buyer_ends_the_agreement_and_the_notification_is_lost(self, subs):
        id_ = await subs.created()
        subs.shop.amazon.set_ipn_url("AJPMERCHANT0001"[:14], None)
        subs.shop.amazon.buyer_account.close_permission(subs.agreement.charge_permission_id)
        await subs.until(id_)
        assert (await subs.schedule(id_)).state == "ended"
        assert (await subs.last(id_)).state == "canceled"
        assert subs.metadata(id_)["state"] == "ended"

    async def test_an_order_saleor_does_not_make_gives_its_money_back(self, subs, monkeypatch):
        id_ = await subs.created()

        def sold_out(*_):
            monkeypatch.undo()
            raise selling.CannotComplete("lines", "INSUFFICIENT_STOCK", "Insufficient product stock.")

        monkeypatch.setattr(selling, "complete", sold_out)
        await subs.until(id_)
        renewal = await subs.last(id_)
        assert (renewal.state, renewal.reason_code) == ("retrying", "OrderNotMade")
        assert [it["statusDetails"]["state"] for it in charges(subs.shop)][1:] == ["Canceled"]
        await subs.later(days=1)
        assert (await subs.last(id_)).state == "billed"
        assert captured(subs) == ["2980"]


class TestCalled:
    """What Amazon decides late is what the renewal waits for: it goes on with the notification, and without it later."""

    async def waiting(self, subs, card="0701"):
        """A due period whose authorization Amazon is still deciding."""
        await subs.shop.update_options(pending_authorization=True)
        subs.shop.amazon.buyer_account.change_payment_method(subs.agreement.charge_permission_id, card)
        id_ = await subs.created()
        subs.shop.clock.move(seconds=((await subs.schedule(id_)).next_at - subs.shop.clock.now()).total_seconds() + 1)
        await scanning.run(subs.shop.running.services)
        await subs.shop.work()
        waiting = await subs.last(id_)
        assert (waiting.state, waiting.step) == ("running", "initialize")
        assert waiting.next_at > subs.shop.clock.now()
        return id_, waiting

    async def put_off(self, subs, renewal):
        """No look of the renewal's own is near; the job of the one that was comes to nothing."""
        far = subs.shop.clock.now() + timedelta(days=1)
        put_off = f"UPDATE renewals SET next_at = {to_micros(far)} WHERE id = '{renewal.id}'"
        await subs.shop.running.services.database.run(lambda session: session.connection.execute(put_off))
        await subs.pass_time((renewal.next_at - subs.shop.clock.now()).total_seconds() + 1)
        await subs.shop.work()
        assert (await subs.last(renewal.schedule_id)).state == "running"
        return far

    async def decided(self, subs, id_):
        """Amazon has decided and notifies; what follows is all that happens, no sweep runs and no clock is moved."""
        subs.shop.clock.move(minutes=2)
        subs.shop.amazon.settle_pending()
        for _ in range(60):
            await subs.shop.work()
            if not charges(subs.shop, "AuthorizationInitiated") and (await self.has_heard(subs, id_)):
                break
            await asyncio.sleep(0.1)
        await subs.shop.work()

    async def has_heard(self, subs, id_):
        """The renewal's own authorization is settled."""
        operations = await operations_of(subs.shop, (await subs.last(id_)).transaction_id)
        return all(operation.is_settled for operation in operations)

    async def test_the_notification_calls_it(self, any_subs):
        id_, waiting = await self.waiting(any_subs)
        far = await self.put_off(any_subs, waiting)
        await self.decided(any_subs, id_)
        assert ((await any_subs.last(id_)).state, captured(any_subs)) == ("billed", ["2980"])
        assert any_subs.shop.clock.now() < far

    async def test_a_decline_calls_it_too(self, any_subs):
        id_, waiting = await self.waiting(any_subs, card="4354")
        await self.put_off(any_subs, waiting)
        await self.decided(any_subs, id_)
        assert (await any_subs.last(id_)).state in {"retrying", "awaiting_buyer"}
        assert captured(any_subs) == []

    async def test_where_the_call_is_lost_it_ends_by_the_look(self, any_subs, monkeypatch):
        id_, waiting = await self.waiting(any_subs)
        far = await self.put_off(any_subs, waiting)
        monkeypatch.setattr(calling, "follow", lambda *_: None)
        await self.decided(any_subs, id_)
        assert (await any_subs.last(id_)).state == "running"
        await any_subs.at(far)
        assert ((await any_subs.last(id_)).state, captured(any_subs)) == ("billed", ["2980"])

    async def test_the_capture_calls_it_without_any_look(self, any_subs):
        """The scan makes the renewal; from there on one thing sets off the next."""
        id_ = await any_subs.created()
        services = any_subs.shop.running.services
        vars(services.settings)["poll_seconds"] = 3600.0  # settings are frozen to everybody else
        any_subs.shop.clock.move(days=32)
        await scanning.run(services)
        for _ in range(5):  # a notification may have the payment in hand: the capture comes back a second later
            await any_subs.shop.work()
            await any_subs.pass_time(1)
        assert (await any_subs.last(id_)).state == "billed"


class TestGoods:
    @pytest.mark.parametrize(
        ("policy", "state", "amount"),
        [("BILL_REST", "billed", "13300"), ("SKIP", "skipped", None), ("PAUSE", "awaiting_merchant", None)],
    )
    async def test_what_is_gone_is_dealt_with_as_the_merchant_says(self, subs, policy, state, amount):
        template = subs.shop.saleor.create_order(lines=[("BOX-1", 1), ("POT-1", 1)], user=subs.shop.saleor.customer)
        id_ = await subs.created(templateOrderId=template.id, policy={"unavailable": policy})
        template.lines[0].variant.is_deleted = True
        await subs.until(id_)
        renewal = await subs.last(id_)
        assert (renewal.state, renewal.amount and renewal.amount.amount) == (state, amount)

    async def test_nothing_left_to_sell_skips_the_period(self, subs):
        id_ = await subs.created()
        subs.template.lines[0].variant.stock = 0
        await subs.until(id_)
        assert (await subs.last(id_)).state == "skipped"
        assert (await subs.schedule(id_)).state == "active"

    async def test_a_new_price_waits_for_the_merchant_where_he_wants_that(self, subs):
        id_ = await subs.created(policy={"priceChange": "PAUSE"})
        await subs.until(id_)
        subs.template.lines[0].variant.prices["default-jp"] = Decimal(2500)
        await subs.until(id_)
        assert [state for _, state in await subs.periods(id_)] == ["billed", "awaiting_merchant"]
        await subs.act("Resume", id_)
        await subs.bill()
        assert captured(subs) == ["2980", "3000"]


class TestChosenLines:
    """Of the template order's goods only some, or fewer pieces, are billed."""

    @pytest.fixture
    def template(self, any_subs):
        lines = [("BOX-1", 1), ("CUP-1", 5), ("PDF-1", 1), ("BOX-1", 2)]
        return any_subs.shop.saleor.create_order(lines=lines, user=any_subs.shop.saleor.customer)

    def chosen(self, template, *pieces):
        """By the order's lines: how many pieces of each."""
        named = zip(template.lines, pieces, strict=False)
        return [{"orderLineId": line.id, "quantity": count} for line, count in named if count]

    async def billed(self, subs, id_):
        """What the newest order has, or why there is none."""
        await subs.until(id_)
        renewal = await subs.last(id_)
        if renewal.state != "billed":
            return renewal.state, renewal.message
        order = subs.shop.saleor.order(renewal.order_id)
        return {line.variant.sku: line.quantity for line in order.lines}

    @pytest.mark.parametrize(
        ("pieces", "expected"),
        [
            ((1, 0, 0, 0), {"BOX-1": 1}),
            ((0, 0, 0, 2), {"BOX-1": 2}),
            ((1, 2, 0, 1), {"BOX-1": 2, "CUP-1": 2}),
            ((0, 0, 1, 0), {"PDF-1": 1}),
        ],
    )
    async def test_only_those_are_billed(self, any_subs, template, pieces, expected):
        id_ = await any_subs.created(templateOrderId=template.id, lines=self.chosen(template, *pieces))
        assert await self.billed(any_subs, id_) == expected
        assert await self.billed(any_subs, id_) == expected
        assert len(captured(any_subs)) == 2

    async def test_they_are_kept_changed_and_given_up(self, any_subs, template):
        subs = any_subs
        id_ = await subs.created(templateOrderId=template.id, lines=self.chosen(template, 1, 3))
        changed = await subs.change(id_, every=2)
        told = [(it["quantity"], it["productName"]) for it in changed["schedule"]["lines"]]
        assert told == [(1, "Tea monthly お茶の定期便"), (3, "Tea cup 茶碗")]
        await subs.change(id_, lines=self.chosen(template, 0, 1))
        assert await self.billed(subs, id_) == {"CUP-1": 1}
        whole = await subs.change(id_, lines=[])
        assert whole["schedule"]["lines"] is None
        assert await self.billed(subs, id_) == {"BOX-1": 2, "CUP-1": 5, "PDF-1": 1}

    async def test_everything_is_the_same_as_nothing_named(self, subs):
        made = await subs.create(lines=self.chosen(subs.template, 1))
        assert made["schedule"]["lines"] is None

    async def test_what_was_not_chosen_may_be_gone(self, any_subs, template):
        policy = {"unavailable": "PAUSE"}
        id_ = await any_subs.created(templateOrderId=template.id, lines=self.chosen(template, 1), policy=policy)
        template.lines[1].variant.is_deleted = True
        assert await self.billed(any_subs, id_) == {"BOX-1": 1}

    async def test_fewer_pieces_than_the_line_has_may_be_in_stock(self, any_subs, template):
        id_ = await any_subs.created(templateOrderId=template.id, lines=self.chosen(template, 1, 2))
        template.lines[1].variant.stock = 3
        assert await self.billed(any_subs, id_) == {"BOX-1": 1, "CUP-1": 2}
        template.lines[1].variant.stock = 1
        assert await self.billed(any_subs, id_) == {"BOX-1": 1}

    async def test_nothing_left_of_what_was_chosen_skips_the_period(self, any_subs, template):
        id_ = await any_subs.created(templateOrderId=template.id, lines=self.chosen(template, 0, 5))
        template.lines[1].variant.stock = 0
        state, message = await self.billed(any_subs, id_)
        assert (state, "Only 0 remaining" in message) == ("skipped", True)
        assert captured(any_subs) == []

    async def test_a_line_that_is_gone_from_the_order_waits_for_the_merchant(self, any_subs, template):
        id_ = await any_subs.created(templateOrderId=template.id, lines=self.chosen(template, 1, 2))
        template.lines[1].quantity = 1
        waiting = (
            "awaiting_merchant",
            f"Order {template.number} does not have any more what was chosen of it: Tea cup 茶碗.",
        )
        assert await self.billed(any_subs, id_) == waiting

    async def test_an_agreed_amount_is_of_the_one_piece_that_was_chosen(self, any_subs, template):
        chosen = self.chosen(template, 0, 1)
        id_ = await any_subs.created(templateOrderId=template.id, lines=chosen, amount="1980")
        assert await self.billed(any_subs, id_) == {"CUP-1": 1}
        assert captured(any_subs) == ["1980"]


class TestMissed:
    @pytest.mark.parametrize(
        ("policy", "states"),
        [
            ("BILL_LATEST", ["missed", "missed", "billed"]),
            ("BILL_ALL", ["billed", "billed", "billed"]),
            ("SKIP", ["missed", "missed", "missed"]),
        ],
    )
    async def test_three_periods_of_downtime(self, subs, policy, states):
        id_ = await subs.created(unit="WEEK", policy={"catchUp": policy})
        first = (await subs.schedule(id_)).next_at
        await subs.at(first + timedelta(days=16))
        assert [state for _, state in await subs.periods(id_)] == states
        assert len(captured(subs)) == states.count("billed")
        assert (await subs.schedule(id_)).next_at == first + timedelta(days=21)


class TestMerchant:
    async def test_pause_and_resume(self, subs):
        id_ = await subs.created(unit="WEEK")
        await subs.act("Pause", id_)
        await subs.later(days=15)
        assert await subs.periods(id_) == []
        resumed = await subs.act("Resume", id_)
        assert resumed["schedule"]["state"] == "ACTIVE"
        assert [state for _, state in await subs.periods(id_)] == ["skipped", "skipped"]
        await subs.until(id_)
        assert [state for _, state in await subs.periods(id_)] == ["skipped", "skipped", "billed"]

    async def test_skip_the_next(self, subs):
        id_ = await subs.created(unit="WEEK")
        skipped = await subs.act("Skip", id_)
        assert skipped["schedule"]["nextDate"] == today(subs, days=14)
        await subs.until(id_)
        assert [state for _, state in await subs.periods(id_)] == ["skipped", "billed"]

    async def test_skip_what_waits_for_the_buyer(self, subs):
        id_ = await subs.created(unit="WEEK")
        subs.fail_next("SoftDeclined")
        await subs.until(id_)
        await subs.act("Skip", id_)
        assert [state for _, state in await subs.periods(id_)] == ["skipped"]

    async def test_cancel(self, subs):
        id_ = await subs.created()
        subs.fail_next("SoftDeclined")
        await subs.until(id_)
        canceled = await subs.act("Cancel", id_)
        assert (canceled["schedule"]["state"], canceled["schedule"]["nextDate"]) == ("ENDED", None)
        await subs.later(days=400)
        assert [state for _, state in await subs.periods(id_)] == ["canceled"]
        assert (await subs.act("Cancel", id_))["errors"] == []
        assert (await subs.act("Resume", id_))["errors"][0]["code"] == "NOT_CHANGEABLE"

    async def test_change_the_frequency_and_the_amount(self, subs):
        id_ = await subs.created()
        changed = await subs.change(
            id_, unit="WEEK", every=2, nextDate=today(subs, days=5), amount="1000", time="18:30"
        )
        assert changed["errors"] == []
        assert changed["schedule"]["upcoming"][:2] == [today(subs, days=5), today(subs, days=19)]
        await subs.until(id_)
        assert captured(subs) == ["1000"]
        assert (await subs.last(id_)).due_at.astimezone(TOKYO).strftime("%H:%M") == "18:30"
        cleared = await subs.change(id_, amount="")
        assert cleared["schedule"]["amount"] is None

    async def test_retry_now(self, subs):
        id_ = await subs.created()
        subs.fail_next("SoftDeclined")
        await subs.until(id_)
        assert (await subs.act("Retry", id_))["errors"] == []
        await subs.bill()
        assert (await subs.last(id_)).state == "billed"
        assert (await subs.act("Retry", id_))["errors"][0]["code"] == "NOT_CHANGEABLE"

    async def test_the_last_date_ends_it(self, subs):
        id_ = await subs.created(unit="WEEK", lastDate=today(subs, days=14))
        await subs.until(id_)
        await subs.until(id_)
        assert (await subs.schedule(id_)).state == "ended"
        assert len(captured(subs)) == 2

    async def test_a_captured_renewal_can_be_refunded_as_any_payment(self, subs):
        id_ = await subs.created()
        await subs.until(id_)
        transaction = (await subs.last(id_)).transaction_id
        await subs.shop.saleor.staff.request_refund(transaction, Decimal(1000))
        await subs.shop.until(lambda: subs.shop.amounts(transaction).get("refunded") == Decimal(1000))


class TestFaults:
    @pytest.mark.parametrize("operation", ["create_charge", "capture_charge"])
    @pytest.mark.parametrize("fault", ["reset_before", "reset_after", "status"])
    async def test_amazon_fails_and_the_period_is_billed_once(self, subs, operation, fault):
        id_ = await subs.created()
        given = {"status": 503} if fault == "status" else {fault: True}
        break_amazon(subs.shop, operation, times=2, **given)
        await subs.until(id_)
        for _ in range(8):
            if (await subs.last(id_)).state == "billed":
                break
            await subs.later(minutes=5)
        assert (await subs.last(id_)).state == "billed"
        assert captured(subs) == ["2980"]
        assert len(subs.orders()) == 1

    async def test_a_period_saleor_knows_of_is_not_billed_again_by_a_restored_database(self, subs):
        id_ = await subs.created()
        await subs.until(id_)
        await subs.shop.running.services.database.run(lambda session: _restore(session, id_))
        await subs.bill()
        renewal = await subs.last(id_)
        assert (renewal.state, (await subs.schedule(id_)).state) == ("awaiting_merchant", "paused")
        assert captured(subs) == ["2980"]

    async def test_a_payment_saleor_was_not_told_of_is_reported_before_its_order_is_made(self, any_subs):
        """As where the process died with the answer of its webhook: to Saleor the checkout is not paid."""
        id_ = await any_subs.created()
        any_subs.shop.saleor.faults.webhook("lost-answer", INITIALIZE)
        await any_subs.until(id_)
        renewal = await any_subs.last(id_)
        assert (renewal.state, renewal.attempt) == ("billed", 1)
        assert captured(any_subs) == ["2980"]
        assert [order.charge_status for order in any_subs.orders()] == ["FULL"]
        reported = await report_states(any_subs.shop, renewal.transaction_id)
        assert ("AUTHORIZATION_SUCCESS", "delivered") in reported

    async def test_a_pending_authorization_is_waited_for(self, subs):
        await subs.shop.update_options(pending_authorization=True)
        subs.shop.amazon.buyer_account.change_payment_method(subs.agreement.charge_permission_id, "0701")
        id_ = await subs.created()
        await subs.until(id_)
        for _ in range(8):
            await subs.later(minutes=10)
        assert (await subs.last(id_)).state == "billed"
        assert captured(subs) == ["2980"]

    async def test_money_never_exceeds_the_month(self, subs):
        id_ = await subs.created(unit="DAY", policy={"catchUp": "BILL_ALL"})
        subs.template.lines[0].variant.prices["default-jp"] = Decimal(30_000)
        for _ in range(5):
            await subs.later(days=1)
        assert captured(subs) == ["30500"] * 3
        renewal = await subs.last(id_)
        assert (renewal.state, renewal.reason_code) == ("retrying", "PeriodicAmountExceeded")
        assert renewal.next_at.astimezone(TOKYO).strftime("%m-%d %H:%M") == "02-02 09:00"
        await subs.at(renewal.next_at)
        assert captured(subs) == ["30500"] * 6


class TestKeptForATime:
    async def test_old_events_go_batch_by_batch_and_what_is_not_told_yet_stays(self, any_subs, monkeypatch):
        monkeypatch.setattr(retention, "_ROWS", 1)
        services, id_ = any_subs.shop.running.services, await any_subs.created()
        for verb in ("Pause", "Resume", "Skip"):
            await any_subs.act(verb, id_)
        untold = "UPDATE billing_events SET state = 'due' WHERE type = 'schedule.paused'"
        await services.database.run(lambda session: session.connection.execute(untold))
        await retention.run(services)
        assert len(await any_subs.events(id_)) == 4
        any_subs.shop.clock.move(days=401)
        await any_subs.act("Pause", id_)
        await retention.run(services)
        assert await any_subs.events(id_) == ["schedule.paused", "schedule.paused"]
        assert await any_subs.periods(id_) != []


async def lose_jobs(subs):
    """Whatever waits for its turn is gone, the sweeps left out."""
    database = subs.shop.running.services.database
    lost = {
        "sqlite": "DELETE FROM jobs WHERE task NOT LIKE 'sweep%'",
        "postgresql": "DELETE FROM procrastinate_jobs WHERE task_name NOT LIKE 'sweep%'",
    }[database.dialect]
    await database.run(lambda session: session.connection.execute(lost))


class TestLostJobs:
    """However a job was lost: what it was to do is found in the rows, and done once."""

    async def test_a_due_period_whose_job_was_lost(self, any_subs, monkeypatch):
        monkeypatch.setattr(scanning, "PAGE", 1)
        id_ = await any_subs.created()
        any_subs.shop.clock.move(days=32)
        await scanning.run(any_subs.shop.running.services)
        await lose_jobs(any_subs)
        await any_subs.shop.work()
        assert ((await any_subs.last(id_)).state, any_subs.orders()) == ("running", [])
        await any_subs.later(minutes=1)
        assert ((await any_subs.last(id_)).state, captured(any_subs)) == ("billed", ["2980"])

    async def test_a_capture_whose_jobs_were_lost(self, any_subs):
        """The operation's own job and the renewal's look, both."""
        break_amazon(any_subs.shop, "capture_charge", status=503, times=50)
        id_ = await any_subs.created()
        any_subs.shop.clock.move(days=32)
        await scanning.run(any_subs.shop.running.services)
        await any_subs.shop.work()
        assert (await any_subs.last(id_)).step == "capture"
        await lose_jobs(any_subs)
        mend(any_subs.shop)
        for _ in range(3):
            any_subs.shop.clock.move(minutes=5)
            await jobless.run(any_subs.shop.running.services)
            await any_subs.bill()
        assert ((await any_subs.last(id_)).state, captured(any_subs)) == ("billed", ["2980"])

    async def test_what_saleor_was_to_be_told_of_a_schedule(self, any_subs, monkeypatch):
        monkeypatch.setattr(jobless, "PAGE", 1)
        id_ = await any_subs.created()
        await any_subs.bill()
        await any_subs.act("Pause", id_)
        await lose_jobs(any_subs)
        await any_subs.shop.work()
        assert any_subs.metadata(id_)["state"] == "active"
        any_subs.shop.clock.move(minutes=1)
        for _ in range(2):
            await jobless.run(any_subs.shop.running.services)
            await any_subs.shop.work()
            assert any_subs.metadata(id_)["state"] == "paused"
            assert (await any_subs.schedule(id_)).untold_since is None

    async def test_one_given_up_is_told_to_its_shop(self, subs):
        id_ = await subs.created()
        known = subs.shop.running.jobs._tasks._tasks
        whole = known[settling.CARRY_ON]
        known[settling.CARRY_ON] = dataclasses.replace(whole, handler=break_down, retry=RetryPolicy(max_attempts=1))
        subs.shop.clock.move(days=32)
        await scanning.run(subs.shop.running.services)
        await subs.shop.work()
        await dead_jobs.run(subs.shop.running.services)
        await subs.shop.work()
        [app] = [app for app in subs.shop.saleor.store.apps if app.id == subs.shop.app.id]
        assert any(settling.CARRY_ON in problem.message for problem in app.problems)
        known[settling.CARRY_ON] = whole
        await subs.later(minutes=1)
        assert (await subs.last(id_)).state == "billed"


async def break_down(_args):
    raise RuntimeError("broken")
