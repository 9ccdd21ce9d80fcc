"""What is found by looking: buyers who never came back, authorizations that end, requests that never arrived."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import bindparam, update

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.handlers.problems import raise_problem
from saleor_amazonpay.handlers.sweeps import (
    authorizations,
    cancelled_orders,
    drift,
    order_numbers,
    retention,
    sessions,
    undelivered_requests,
)
from saleor_amazonpay.messages import Message
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.sandbox.saleor.selling import pay_part_by_gift_card
from saleor_amazonpay.storage import drift as drift_rows
from saleor_amazonpay.storage import due, timeline
from saleor_amazonpay.storage.statements import Statement
from saleor_amazonpay.storage.tables import payments
from tests.journeys.cv1.helpers import old_order
from tests.journeys.helpers import CHARGE, PROCESS, mend, operations_of, payment_of, settle, silence
from tests.journeys.shop import GATEWAY, RESULT_URL, open_shop

BREAK = Statement(
    update(payments).where(payments.c.id == bindparam("broken")).values(currency="XXX")
)  # as a row no code of ours would write
PERMISSIONS_WITH_CHECKOUTS = ("HANDLE_PAYMENTS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS")


async def sweep(shop, which):
    await which.run(shop.running.services)
    await shop.work()


async def begun(shop, source_id, **kwargs):
    """A payment whose buyer is at Amazon."""
    session_id = await shop.open_session(source_id, **kwargs)
    return (await shop.initialize(source_id, session_id)).transaction_id, session_id


async def problems(shop):
    app = shop.saleor.find_app(shop.app.id)
    return {problem.key: problem.message for problem in app.problems}


def completing_by_itself(shop, *, granted=PERMISSIONS_WITH_CHECKOUTS):
    shop.saleor.find_app(shop.app.id).granted = frozenset(granted)
    shop.saleor.channel("default-jp").checkout_settings.automatically_complete_fully_paid_checkouts = True


class TestSessionsThatExpired:
    async def test_the_failure_is_learnt_from_amazon_and_told(self, any_shop):
        shop = any_shop
        transaction, _ = await begun(shop, shop.saleor.create_checkout().id)
        shop.clock.move(hours=25)
        await sweep(shop, sessions)
        await shop.until(lambda: "CHARGE_FAILURE" in shop.transaction(transaction).event_types)
        assert shop.amounts(transaction) == {}
        assert "expired" in shop.last_event(transaction, "CHARGE_FAILURE").message
        assert (await payment_of(shop, transaction)).state == "failed"

    async def test_a_completion_whose_answer_nobody_got_is_told(self, shop):
        shop.flow("default-jp", "AUTHORIZATION")
        transaction, session_id = await begun(shop, shop.saleor.create_checkout().id)
        shop.amazon.buyer_approves(session_id)
        shop.saleor.faults.webhook("lost-answer", PROCESS)
        await shop.process(transaction, session_id)
        await settle(shop)
        assert shop.amounts(transaction).keys() == {"authorized"}

    async def test_one_that_was_paid_and_whose_hold_has_expired_since_is_still_paid(self, shop):
        shop.flow("default-jp", "AUTHORIZATION")
        checkout = shop.saleor.create_checkout()
        transaction, session_id = await begun(shop, checkout.id)
        shop.amazon.buyer_approves(session_id)
        silence(shop, "complete_checkout_session", times=2, timeout_after=True)
        await shop.process(transaction, session_id)
        mend(shop)
        shop.clock.move(days=3)
        await settle(shop)
        total = checkout.total_price.gross.amount
        assert shop.amounts(transaction) == {"authorized": total}
        assert (await payment_of(shop, transaction)).state == "active"
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}

    async def test_one_whose_permission_has_closed_since_is_not(self, shop):
        shop.flow("default-jp", "AUTHORIZATION")
        transaction, session_id = await begun(shop, shop.saleor.create_checkout().id)
        shop.amazon.buyer_approves(session_id)
        silence(shop, "complete_checkout_session", times=2, timeout_after=True)
        await shop.process(transaction, session_id)
        mend(shop)
        shop.clock.move(days=3)
        shop.amazon.settle_pending()
        [permission] = shop.amazon.audit()["permissions"]
        shop.amazon.buyer_account.close_permission(permission["chargePermissionId"])
        await settle(shop)
        assert shop.amounts(transaction) == {}
        assert "expired" in shop.last_event(transaction, "AUTHORIZATION_FAILURE").message

    async def test_nothing_is_asked_before_it_is_due(self, shop):
        await begun(shop, shop.saleor.create_checkout().id)
        shop.clock.move(minutes=14)
        await sweep(shop, sessions)
        assert shop.amazon.count("complete_checkout_session") == 0

    async def test_one_that_cannot_be_looked_at_does_not_stop_the_others(self, shop):
        first, _ = await begun(shop, shop.saleor.create_checkout().id)
        second, _ = await begun(shop, shop.saleor.create_checkout().id)
        shop.clock.move(hours=25)
        broken = await payment_of(shop, first)
        await shop.running.services.database.run(lambda session: session.execute(BREAK, {"broken": broken.id}))
        await sweep(shop, sessions)
        assert "CHARGE_FAILURE" not in shop.transaction(first).event_types
        assert "CHARGE_FAILURE" in shop.transaction(second).event_types

    async def test_while_amazon_is_down_it_waits_and_then_ends(self, sqlite_url):
        async with open_shop(sqlite_url, claim_seconds=1.0) as shop:
            transaction, _ = await begun(shop, shop.saleor.create_checkout().id)
            shop.clock.move(hours=25)
            shop.amazon.faults.add(Fault(operation="complete_checkout_session", times=20, status=503))
            await sweep(shop, sessions)
            assert "CHARGE_FAILURE" not in shop.transaction(transaction).event_types
            shop.amazon.faults.clear()
            await settle(shop)
            assert "CHARGE_FAILURE" in shop.transaction(transaction).event_types


class TestOneClickWithoutASession:
    async def apb(self, shop):
        return await shop.saleor.storefront.transaction_initialize(
            shop.saleor.create_checkout().id, GATEWAY, {"flow": "apb", "checkoutResultReturnUrl": RESULT_URL}
        )

    async def test_it_is_closed_25_hours_after_its_signature_and_never_completed(self, shop):
        begun = await self.apb(shop)
        shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"])
        shop.clock.move(hours=24, minutes=50)
        await sweep(shop, sessions)
        assert "CHARGE_FAILURE" not in shop.transaction(begun.transaction_id).event_types
        shop.clock.move(minutes=11)
        await sweep(shop, sessions)
        assert "CHARGE_FAILURE" in shop.transaction(begun.transaction_id).event_types
        assert shop.amazon.count("complete_checkout_session") == 0

    async def test_it_is_told_once(self, shop):
        begun = await self.apb(shop)
        shop.clock.move(hours=26)
        for _ in range(3):
            await sweep(shop, sessions)
            shop.clock.move(hours=2)
        assert shop.transaction(begun.transaction_id).event_types.count("CHARGE_FAILURE") == 1


class TestBuyersWhoNeverCameBack:
    async def paid_and_gone(self, shop):
        shop.flow("default-jp", "AUTHORIZATION")
        transaction, session_id = await begun(shop, shop.saleor.create_checkout().id)
        shop.amazon.buyer_approves(session_id)
        shop.clock.move(minutes=16)
        return transaction

    async def test_where_saleor_completes_by_itself_the_buyer_is_a_customer(self, any_shop):
        shop = any_shop
        completing_by_itself(shop)
        transaction = await self.paid_and_gone(shop)
        await sweep(shop, sessions)
        await shop.until(lambda: shop.transaction(transaction).authorized > 0)
        assert await shop.saleor.complete_paid_checkouts()

    async def test_elsewhere_the_buyer_is_left_alone(self, shop):
        transaction = await self.paid_and_gone(shop)
        await sweep(shop, sessions)
        assert shop.amounts(transaction) == {}
        assert shop.amazon.count("complete_checkout_session") == 0

    async def test_without_the_permission_to_see_the_channels_settings_too(self, shop):
        completing_by_itself(shop, granted=PERMISSIONS_WITH_CHECKOUTS[:2])
        transaction = await self.paid_and_gone(shop)
        await sweep(shop, sessions)
        assert shop.amounts(transaction) == {}

    @pytest.mark.parametrize(("option", "is_completed"), [("complete", True), ("leave", False)])
    async def test_the_account_may_decide_otherwise(self, shop, option, is_completed):
        completing_by_itself(shop)
        await shop.update_options(abandoned_paid=option)
        transaction = await self.paid_and_gone(shop)
        await sweep(shop, sessions)
        assert bool(shop.amounts(transaction)) is is_completed

    async def test_a_checkout_that_changed_is_not_paid(self, shop):
        await shop.update_options(abandoned_paid="complete")
        transaction = await self.paid_and_gone(shop)
        checkout = shop.saleor.checkout(shop.transaction(transaction).checkout_id)
        checkout.lines[0].quantity += 1
        await sweep(shop, sessions)
        assert shop.amazon.count("complete_checkout_session") == 0
        assert (await payment_of(shop, transaction)).state == "awaiting_buyer"

    async def test_asking_becomes_rarer(self, shop):
        await shop.update_options(abandoned_paid="complete")
        await begun(shop, shop.saleor.create_checkout().id)
        for _ in range(24):
            shop.clock.move(hours=1)
            await sweep(shop, sessions)
        assert 4 <= shop.amazon.count("complete_checkout_session") <= 8


class TestAuthorizationsThatEnd:
    async def almost_over(self, shop):
        transaction = await shop.authorized()
        await sweep(shop, authorizations)  # sets the time of the real look
        shop.clock.move(hours=47)  # of the sandbox's 48
        return transaction

    async def test_the_merchant_is_warned_once_and_no_longer_when_it_is_charged(self, any_shop):
        shop = any_shop
        transaction = await self.almost_over(shop)
        await sweep(shop, authorizations)
        await sweep(shop, authorizations)
        [(key, message)] = (await problems(shop)).items()
        assert key == f"authorization-{(await payment_of(shop, transaction)).id}"
        assert transaction in message

    async def test_it_is_captured_where_the_account_says_so(self, shop):
        await shop.update_options(expiry_policy="capture")
        transaction = await self.almost_over(shop)
        total = shop.transaction(transaction).authorized
        await sweep(shop, authorizations)
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}
        assert await problems(shop) == {}

    async def test_once_expired_it_is_made_anew_where_the_account_says_so(self, shop):
        await shop.update_options(expiry_policy="reauthorize")
        transaction = await self.almost_over(shop)
        total = shop.transaction(transaction).authorized
        await sweep(shop, authorizations)
        shop.clock.move(hours=2)
        await sweep(shop, authorizations)
        await settle(shop)
        assert [charge["statusDetails"]["state"] for charge in shop.amazon.audit()["charges"]] == [
            "Canceled",
            "Authorized",
        ]
        assert shop.amounts(transaction) == {"authorized": total}

    async def test_an_expiry_without_a_notification_is_seen(self, shop):
        transaction = await self.almost_over(shop)
        await sweep(shop, authorizations)
        shop.clock.move(hours=2)
        await sweep(shop, authorizations)
        assert shop.last_event(transaction, "INFO").message == "The authorization expired before it was captured."


class TestOrderNumbers:
    def reference(self, shop):
        [permission] = shop.amazon.audit()["permissions"]
        return permission["merchantMetadata"]["merchantReferenceId"]

    async def test_amazon_is_told_once_the_checkout_is_an_order(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        shop.clock.move(minutes=16)
        await sweep(shop, order_numbers)
        assert self.reference(shop) == transaction
        completed = await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
        for _ in range(3):
            shop.clock.move(hours=1)
            await sweep(shop, order_numbers)
        assert self.reference(shop) == completed.number
        assert shop.amazon.count("update_charge_permission") == 1

    async def test_later_charges_carry_it(self, shop):
        transaction = await shop.authorized()
        completed = await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
        shop.clock.move(hours=1)
        await sweep(shop, order_numbers)
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await shop.saleor.staff.request_charge(transaction, Decimal(500))
        await settle(shop)
        newest = shop.amazon.audit()["charges"][-1]
        assert newest["merchantMetadata"]["merchantReferenceId"] == completed.number

    @pytest.mark.parametrize("kind", ["CHARGE", "CANCEL"])
    async def test_a_request_that_may_close_the_permission_tells_it_before(self, any_shop, kind):
        shop = any_shop
        transaction = await shop.authorized()
        completed = await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
        await shop.saleor.staff.request_action(transaction, kind, None)
        [permission] = shop.amazon.audit()["permissions"]
        assert permission["statusDetails"]["state"] == "Closed"
        assert self.reference(shop) == completed.number

    @pytest.mark.parametrize(
        "fault",
        [{"status": 503}, {"timeout_after": True, "hold_seconds": 0.1}, {"reason_code": "InvalidParameterValue"}],
    )
    async def test_that_amazon_does_not_take_it_stops_no_charge(self, shop, fault):
        transaction = await shop.authorized()
        await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
        shop.amazon.faults.add(Fault(operation="update_charge_permission", times=9, **fault))
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        assert shop.amounts(transaction)["charged"] == 1000

    async def test_a_permission_that_is_closed_is_left_as_it_is(self, shop):
        shop.flow("default-jp", "CHARGE")
        transaction = await shop.pay(shop.saleor.create_checkout().id)
        await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
        shop.clock.move(hours=1)
        await sweep(shop, order_numbers)
        await sweep(shop, order_numbers)
        assert shop.amazon.count("update_charge_permission") == 1
        assert (await payment_of(shop, transaction)).order_number


class TestCancelledOrders:
    async def ordered(self, shop):
        """An order that was authorized and is cancelled; its transaction."""
        transaction = await shop.authorized()
        order = await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
        return transaction, order

    async def test_what_it_holds_is_released_where_the_account_says_so(self, any_shop):
        shop = any_shop
        await shop.update_options(on_order_cancelled="release")
        transaction, order = await self.ordered(shop)
        total = shop.transaction(transaction).authorized
        await sweep(shop, cancelled_orders)
        assert shop.amounts(transaction) == {"authorized": total}
        await shop.saleor.staff.cancel_order(order.order_id)
        await sweep(shop, cancelled_orders)
        await shop.until(lambda: shop.amounts(transaction) == {"canceled": total})
        assert shop.amazon.count("cancel_charge") == 1
        await sweep(shop, cancelled_orders)
        assert shop.amazon.count("cancel_charge") == 1

    async def test_what_was_charged_stays_for_a_person_to_refund(self, shop):
        await shop.update_options(on_order_cancelled="release")
        transaction, order = await self.ordered(shop)
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await shop.saleor.staff.cancel_order(order.order_id)
        await sweep(shop, cancelled_orders)
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "canceled": total - 1000}
        assert shop.amazon.count("create_refund") == 0

    async def test_by_default_nothing_happens(self, shop):
        transaction, order = await self.ordered(shop)
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.cancel_order(order.order_id)
        await sweep(shop, cancelled_orders)
        assert shop.amounts(transaction) == {"authorized": total}

    async def test_an_order_cancelled_long_before_the_option_was_chosen_is_left_alone(self, shop):
        transaction, order = await self.ordered(shop)
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.cancel_order(order.order_id)
        shop.clock.move(hours=26)
        await shop.update_options(on_order_cancelled="release")
        await sweep(shop, cancelled_orders)
        assert shop.amounts(transaction) == {"authorized": total}

    async def test_a_channel_whose_account_has_not_chosen_it_keeps_what_it_holds(self, shop):
        await shop.update_options("us", on_order_cancelled="release")
        transaction, order = await self.ordered(shop)
        await shop.saleor.staff.cancel_order(order.order_id)
        await sweep(shop, cancelled_orders)
        assert "authorized" in shop.amounts(transaction)


class TestRequestsThatNeverArrived:
    async def lost(self, shop):
        transaction = await shop.authorized()
        shop.saleor.faults.webhook("refused", CHARGE, times=10)
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        shop.saleor.faults.clear()
        return transaction

    async def test_the_merchant_is_told_what_to_do(self, any_shop):
        shop = any_shop
        transaction = await self.lost(shop)
        await sweep(shop, undelivered_requests)
        [(key, message)] = (await problems(shop)).items()
        assert key.startswith("undelivered-request-")
        assert "charge of 700" in message
        assert [one.kind for one in await operations_of(shop, transaction)] == ["complete"]

    async def test_asked_for_again_it_is_no_problem_any_more(self, shop):
        transaction = await self.lost(shop)
        await sweep(shop, undelivered_requests)
        assert len(await problems(shop)) == 1
        shop.clock.move(minutes=5)
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        await sweep(shop, undelivered_requests)
        assert await problems(shop) == {}

    async def test_a_request_whose_answer_was_lost_is_none_of_them(self, shop):
        transaction = await shop.authorized()
        shop.saleor.faults.webhook("lost-answer", CHARGE)
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        await sweep(shop, undelivered_requests)
        assert await problems(shop) == {}

    async def test_of_an_adopted_order_it_may_be_the_first_that_was_ever_asked(self, shop):
        order = old_order(shop)
        await order.adopt()
        shop.saleor.faults.webhook("refused", CHARGE, times=10)
        await order.charge(700)
        shop.saleor.faults.clear()
        await sweep(shop, undelivered_requests)
        assert [key.rpartition("-")[0] for key in await problems(shop)] == ["undelivered-request"]

    async def test_a_buyer_who_pays_again_is_none_of_them(self, any_shop):
        """Saleor writes the request of a session and its failures as it writes those of a charge."""
        shop = any_shop
        shop.flow("default-jp", "CHARGE")
        checkout = shop.saleor.create_checkout("default-jp")
        session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, session_id)
        shop.amazon.buyer_approves(session_id)
        shop.saleor.faults.webhook("refused", PROCESS)
        assert (await shop.process(begun.transaction_id, session_id)).result == "CHARGE_FAILURE"
        [lost] = [one for one in shop.transaction(begun.transaction_id).events if one.type == "CHARGE_FAILURE"]
        assert lost.message == undelivered_requests.UNDELIVERED
        await sweep(shop, undelivered_requests)
        assert await problems(shop) == {}
        assert (await shop.process(begun.transaction_id, session_id)).result == "CHARGE_SUCCESS"
        await sweep(shop, undelivered_requests)
        assert await problems(shop) == {}


@pytest.fixture
async def telling_shop(database_url):
    """One that reports its answers at once, so that nothing is owed when amounts are compared."""
    async with open_shop(database_url, report_delay_seconds=0) as shop:
        yield shop


class TestDrift:
    async def found(self, shop):
        api_url = shop.saleor.api_url
        return await shop.running.services.database.read(lambda session: drift_rows.of_tenant(session, api_url))

    async def compared(self, shop):
        await shop.work()
        shop.clock.move(days=1, hours=1)
        await sweep(shop, drift)
        return await self.found(shop)

    async def test_agreeing_amounts_are_no_finding(self, telling_shop):
        shop = telling_shop
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        assert await self.compared(shop) == []
        assert shop.amazon.count("get_charge") >= 2

    async def test_a_refund_in_seller_central_nobody_told_us_of_is_found_and_shown(self, telling_shop):
        shop = telling_shop
        shop.flow("default-jp", "CHARGE")
        transaction = await shop.pay(shop.saleor.create_checkout().id)
        [charge] = shop.amazon.audit()["charges"]
        shop.amazon.seller_central.refund(charge["chargeId"], Money.parse(300, "JPY"))
        [finding] = await self.compared(shop)
        assert finding.transaction_id == transaction
        assert {(one.of, one.amazon.minor - one.saleor.minor) for one in finding.differences} == {
            ("charged", -300),
            ("refunded", 300),
        }
        assert transaction in (await problems(shop))["drift"]

    async def test_agreement_takes_the_problem_back(self, telling_shop):
        shop = telling_shop
        shop.flow("default-jp", "CHARGE")
        transaction = await shop.pay(shop.saleor.create_checkout().id)
        payment = await payment_of(shop, transaction)
        wrong = [drift_rows.Difference("charged", payment.amount, Money.parse(1, "JPY"))]
        services, now = shop.running.services, shop.clock.now()
        await services.database.run(lambda session: drift_rows.save(session, payment, wrong, now))
        await raise_problem(services, shop.saleor.api_url, "drift", Message("One payment differs."))
        assert await self.compared(shop) == []
        assert await problems(shop) == {}


class TestRetention:
    async def test_the_timeline_ends_after_its_days(self, shop):
        transaction = await shop.authorized()
        await settle(shop)
        payment = await payment_of(shop, transaction)
        services = shop.running.services
        await sweep(shop, retention)
        assert await services.database.read(lambda session: timeline.of_payment(session, payment.id))
        shop.clock.move(days=401)
        await sweep(shop, retention)
        assert await services.database.read(lambda session: timeline.of_payment(session, payment.id)) == []


STATEMENTS = {
    "ix_payments_awaiting": due.AWAITING,
    "ix_payments_numberless": due.NUMBERLESS,
    "ix_payments_audit": due.AUDITS,
    "ix_charges_authorized": due.AUTHORIZED,
    "ix_timeline_at": due.OLD_TIMELINE,
    "ix_notifications_received": due.OLD_NOTIFICATIONS,
    "ix_reports_done": due.OLD_REPORTS,
    "ix_billing_events_done": due.OLD_BILLING_EVENTS,
    "ix_operations_unsettled": due.ANNOUNCED,
    "ix_reports_due": due.OWED_REPORTS,
    "ix_tokenizations_completing": due.COMPLETING,
    "ix_schedules_untold": due.UNTOLD_SCHEDULES,
}


class TestPlans:
    """Each query goes through its own index, so that a run costs what is due and not what there is."""

    @pytest.mark.parametrize("index", STATEMENTS)
    async def test_the_index_is_used(self, database, index):
        def plan(session):
            page = {"moment": 1, "before": 1, "after": 0, "after_id": "", "limit": 10}
            sql, values = STATEMENTS[index].on(session.dialect).bind(page)
            if session.dialect == "postgresql":
                session.connection.execute("SET LOCAL enable_seqscan = off")
                session.connection.execute("SET LOCAL enable_sort = off")
                sql = f"EXPLAIN {sql}"
            else:
                sql = f"EXPLAIN QUERY PLAN {sql}"
            return str(session.connection.execute(sql, values).fetchall())

        assert index in await database.run(plan)


class TestMoneyNobodyNeeds:
    """A pending authorization is approved after the checkout was paid otherwise."""

    async def paid_twice(self, shop):
        await shop.update_options(pending_authorization=True)
        shop.flow("default-jp", "AUTHORIZATION")
        checkout = shop.saleor.create_checkout()
        transaction, session_id = await begun(shop, checkout.id, card="0701")
        shop.amazon.buyer_approves(session_id)
        assert (await shop.process(transaction, session_id)).result == "AUTHORIZATION_REQUEST"
        pay_part_by_gift_card(shop.saleor, checkout, checkout.total_gross)
        shop.clock.move(minutes=2)
        await settle(shop)
        await settle(shop)
        return transaction

    async def test_it_is_told_and_shown(self, shop):
        transaction = await self.paid_twice(shop)
        assert shop.amounts(transaction).keys() == {"authorized"}
        [(key, message)] = (await problems(shop)).items()
        assert key.startswith("surplus-")
        assert transaction in message

    async def test_it_is_given_back_once_where_the_account_says_so(self, shop):
        await shop.update_options(give_back_surplus=True)
        transaction = await self.paid_twice(shop)
        assert shop.amounts(transaction).keys() == {"canceled"}
        assert shop.amazon.count("cancel_charge") == 1
        assert [key.partition("-")[0] for key in await problems(shop)] == ["surplus"]
