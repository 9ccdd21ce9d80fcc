"""What the merchant's staff do with a payment on the app's own pages, told through Saleor and Amazon."""

from __future__ import annotations

import asyncio
import csv
import io
from decimal import Decimal

import pytest

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import PaymentStatus, StaffAction
from saleor_amazonpay.errors import SaleorUnavailable
from saleor_amazonpay.handlers.dashboard_users import authenticate
from saleor_amazonpay.handlers.merchant_payments import actions, export, listing, story
from saleor_amazonpay.handlers.merchant_payments.actions import ActionRefused, Asked, OutcomeUnknown
from saleor_amazonpay.handlers.merchant_payments.story import PaymentUnknown
from saleor_amazonpay.handlers.sweeps import order_numbers
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.serving import listening
from saleor_amazonpay.storage import drift
from saleor_amazonpay.storage.drift import Difference
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.payment_list import PaymentFilter
from saleor_amazonpay.storage.tables import payments
from tests.journeys.helpers import captured, charges, payment_of, refunded, refunds, reports_of, settle
from tests.journeys.shop import Shop


def yen(amount):
    return Money(amount, Currency.JPY)


async def charged(shop, amount):
    """A payment charged at checkout."""
    shop.flow("default-jp", "CHARGE")
    return await shop.pay(shop.saleor.create_checkout("default-jp").id, amount=Decimal(amount))


class Desk:
    """A member of staff before the app's page."""

    def __init__(self, shop: Shop, viewer) -> None:
        self.shop, self.viewer, self.services = shop, viewer, shop.running.services
        self._forms = 0

    async def payment_id(self, transaction):
        return (await payment_of(self.shop, transaction)).id

    async def press(self, action, transaction, amount="", form=None):
        """A new form each time, unless it is the same one again."""
        self._forms += 1
        asked = Asked(self.viewer, await self.payment_id(transaction), form or f"form-{self._forms}")
        through_saleor = action in {StaffAction.CHARGE, StaffAction.REFUND, StaffAction.CANCEL}
        await (actions.ask_saleor if through_saleor else actions.begin_own)(self.services, asked, action, amount)
        await settle(self.shop)

    async def asked(self, transaction):
        return Asked(self.viewer, await self.payment_id(transaction), "form")

    async def story(self, transaction):
        return await story.tell(self.services, self.viewer.installation, await self.payment_id(transaction))

    async def list(self, search="", **wanted):
        page = await listing.listed(self.services, self.viewer.installation, PaymentFilter(**wanted), search=search)
        return [line.transaction_id for line in page.payments]


async def at_desk(shop, **claims):
    token = shop.saleor.make_dashboard_token(shop.saleor.superuser, shop.app, **claims)
    running = shop.running
    viewer = await authenticate(running.services, running.key_source, api_url=shop.saleor.api_url, token=token)
    return Desk(shop, viewer)


@pytest.fixture
async def desk(shop):
    return await at_desk(shop)


IMPOSSIBLE = [
    (StaffAction.CHARGE, "3001", "At most 3000 JPY"),
    (StaffAction.CHARGE, "0", "above zero"),
    (StaffAction.CHARGE, "-5", "above zero"),
    (StaffAction.CHARGE, "1.5", "more decimals"),
    (StaffAction.CHARGE, "1e3x", "not an amount"),
    (StaffAction.CANCEL, "10", "only the whole rest"),
    (StaffAction.REFUND, "", "Nothing can be refunded"),
    (StaffAction.OVER_REFUND, "1", "allows no refund"),
    (StaffAction.REAUTHORIZE, "", "nothing left to hold"),
]


class TestThroughSaleor:
    async def test_charge_refund_and_cancel_are_saleors_own_requests(self, shop, desk):
        transaction = await shop.authorized("3000")
        await desk.press(StaffAction.CHARGE, transaction, "1,000")
        assert shop.amounts(transaction) == {"authorized": 2000, "charged": 1000}
        await desk.press(StaffAction.REFUND, transaction, "400")
        await desk.press(StaffAction.CANCEL, transaction)
        assert shop.amounts(transaction) == {"charged": 600, "refunded": 400, "canceled": 2000}
        told = [e.detail["by"] for e in (await desk.story(transaction)).timeline if e.detail.get("key")]
        assert told == [shop.saleor.superuser.id] * 3

    async def test_without_an_amount_all_there_is(self, shop, desk):
        transaction = await shop.authorized("3000")
        await desk.press(StaffAction.CHARGE, transaction)
        assert shop.amounts(transaction) == {"charged": 3000}

    async def test_a_double_click_is_one_request(self, shop, desk):
        transaction = await shop.authorized("3000")
        asked = await desk.asked(transaction)
        await asyncio.gather(*(actions.ask_saleor(desk.services, asked, StaffAction.CHARGE, "1000") for _ in range(4)))
        await settle(shop)
        assert len([e for e in shop.saleor.transaction(transaction).events if e.type == "CHARGE_REQUEST"]) == 1
        assert captured(shop) == 1000

    async def test_what_cannot_be_is_refused_before_anybody_is_asked(self, shop, desk):
        transaction = await shop.authorized("3000")
        calls, events = len(shop.amazon.calls), shop.transaction(transaction).event_types
        for action, amount, said in IMPOSSIBLE:
            with pytest.raises(ActionRefused, match=said):
                await desk.press(action, transaction, amount)
        assert len(shop.amazon.calls) == calls
        assert shop.transaction(transaction).event_types == events

    async def test_a_user_whom_saleor_refuses_is_told_so(self, shop):
        desk = await at_desk(shop, permissions=[])
        transaction = await shop.authorized("3000")
        with pytest.raises(ActionRefused, match="your user may lack access"):
            await desk.press(StaffAction.CHARGE, transaction)
        told = (await desk.story(transaction)).timeline
        assert any("refused" in entry.detail for entry in told if entry.kind == "person")

    async def test_saleor_that_has_less_than_amazon_is_not_asked_for_more(self, shop, desk):
        transaction = await charged(shop, "3000")
        [charge] = charges(shop)
        shop.amazon.seller_central.refund(charge["chargeId"], yen(500))
        await settle(shop)
        assert (await desk.story(transaction)).actions[StaffAction.REFUND] == yen(3000)
        with pytest.raises(ActionRefused):
            await desk.press(StaffAction.REFUND, transaction, "3001")

    async def test_saleor_away_leaves_nothing_done(self, shop, desk):
        transaction = await shop.authorized("3000")
        with shop.saleor.faults.during("unavailable"), pytest.raises(ActionRefused, match="cannot be asked"):
            await desk.press(StaffAction.CHARGE, transaction)
        await desk.press(StaffAction.CHARGE, transaction)
        assert shop.amounts(transaction) == {"charged": 3000}

    async def test_an_answer_of_saleors_that_is_lost_is_not_told_as_a_failure(self, shop, desk, monkeypatch):
        transaction = await shop.authorized("3000")

        async def silent(*_, **__):
            raise SaleorUnavailable("Saleor could not be reached.")

        monkeypatch.setattr(type(desk.services.saleor), "request_transaction_action", silent)
        with pytest.raises(OutcomeUnknown, match="may or may not"):
            await desk.press(StaffAction.CHARGE, transaction)


class TestOwn:
    async def test_holding_the_rest_again(self, shop, desk):
        transaction = await shop.authorized("3000")
        await desk.press(StaffAction.CHARGE, transaction, "1000")
        assert (await desk.story(transaction)).limits.reauthorizable == yen(2000)
        await desk.press(StaffAction.REAUTHORIZE, transaction)
        [held] = charges(shop, "Authorized")
        assert held["chargeAmount"]["amount"] == "2000"
        assert shop.amounts(transaction) == {"authorized": 2000, "charged": 1000}

    async def test_refunding_beyond_the_capture_up_to_amazons_limit(self, shop, desk):
        transaction = await charged(shop, "3000")
        assert (await desk.story(transaction)).actions[StaffAction.OVER_REFUND] == yen(3450)
        with pytest.raises(ActionRefused, match="At most 3450 JPY"):
            await desk.press(StaffAction.OVER_REFUND, transaction, "3451")
        await desk.press(StaffAction.OVER_REFUND, transaction, "3450")
        assert refunded(shop) == 3450
        assert shop.amounts(transaction) == {"charged": -450, "refunded": 3450}
        after = await desk.story(transaction)
        assert after.status is PaymentStatus.REFUNDED
        assert StaffAction.OVER_REFUND not in after.actions
        assert StaffAction.REFUND not in after.actions

    async def test_what_was_given_back_counts_against_the_limit(self, shop, desk):
        transaction = await charged(shop, "3000")
        await desk.press(StaffAction.REFUND, transaction, "3000")
        assert (await desk.story(transaction)).actions[StaffAction.OVER_REFUND] == yen(450)
        await desk.press(StaffAction.OVER_REFUND, transaction, "450")
        assert refunded(shop) == 3450

    async def test_a_refund_in_seller_central_meanwhile_is_seen_before_more_is_given(self, shop, desk):
        transaction = await charged(shop, "3000")
        [charge] = charges(shop)
        shop.amazon.seller_central.refund(charge["chargeId"], yen(3000))
        await desk.press(StaffAction.OVER_REFUND, transaction, "3300")
        assert refunded(shop) == 3000

    async def test_two_forms_with_the_same_wish_are_one(self, shop, desk):
        transaction = await charged(shop, "3000")
        await desk.press(StaffAction.OVER_REFUND, transaction, "500")
        with pytest.raises(ActionRefused, match="a moment ago"):
            await desk.press(StaffAction.OVER_REFUND, transaction, "500")
        assert refunded(shop) == 500

    async def test_an_answer_that_is_lost_is_no_second_refund(self, shop, desk):
        transaction = await charged(shop, "3000")
        shop.amazon.faults.add(Fault(operation="create_refund", reset_after=True))
        await desk.press(StaffAction.OVER_REFUND, transaction, "3450")
        assert [refund["refundAmount"]["amount"] for refund in refunds(shop)] == ["3450"]

    async def test_the_same_form_again_begins_nothing(self, shop, desk):
        transaction = await charged(shop, "3000")
        for _ in range(2):
            await desk.press(StaffAction.OVER_REFUND, transaction, "500", form="one")
        assert refunded(shop) == 500


class TestReading:
    async def test_reading_again_brings_what_nobody_told(self, shop, desk):
        transaction = await shop.authorized("3000")
        [charge] = charges(shop)
        shop.amazon.seller_central.capture(charge["chargeId"])
        await actions.reread(desk.services, await desk.asked(transaction))
        assert shop.amounts(transaction) == {"charged": 3000}  # at once, without a job

    async def test_amazon_away_is_said(self, shop, desk, monkeypatch):
        monkeypatch.setattr(actions, "_READ_SECONDS", 0.3)
        transaction = await shop.authorized("3000")
        shop.amazon.faults.add(Fault(operation="*", times=99, status=503))
        with pytest.raises(ActionRefused, match="Try again in a minute"):
            await actions.reread(desk.services, await desk.asked(transaction))

    async def test_a_report_that_saleor_refused_is_sent_again(self, shop, desk):
        transaction = await shop.authorized("3000")
        with shop.saleor.faults.during("unavailable", "transactionEventReport"):
            [charge] = charges(shop)
            shop.amazon.seller_central.capture(charge["chargeId"])
            await actions.reread(desk.services, await desk.asked(transaction))
            assert "charged" not in shop.amounts(transaction)
        assert StaffAction.RESEND in (await desk.story(transaction)).actions
        await actions.resend(desk.services, await desk.asked(transaction))
        assert shop.amounts(transaction) == {"charged": 3000}
        assert StaffAction.RESEND not in (await desk.story(transaction)).actions

    async def test_a_delivered_one_may_be_sent_again_and_stands_once(self, shop, desk):
        transaction = await charged(shop, "3000")
        await settle(shop)
        before = shop.transaction(transaction).event_types
        for report in await reports_of(shop, transaction):
            await actions.resend(desk.services, await desk.asked(transaction), report.id)
        assert shop.transaction(transaction).event_types == before

    async def test_no_such_report(self, shop, desk):
        transaction = await shop.authorized("3000")
        with pytest.raises(ActionRefused, match="no such report"):
            await actions.resend(desk.services, await desk.asked(transaction), "nonsense")


class TestStory:
    async def test_has_money_limits_expiry_and_both_sides(self, shop, desk):
        transaction = await shop.authorized("3000")
        told = await desk.story(transaction)
        assert told.status is PaymentStatus.AUTHORIZED
        assert told.authorization_expires_at == told.charges[0].expires_at is not None
        assert told.in_saleor.amounts["authorized"] == yen(3000)
        assert told.seller_central_url.endswith(f"orderReferenceId={told.payment.charge_permission_id}")
        assert set(told.actions) == {StaffAction.REREAD, StaffAction.CHARGE, StaffAction.CANCEL}

    async def test_shows_where_both_sides_differ(self, shop, desk):
        transaction = await shop.authorized("3000")
        payment, now = await payment_of(shop, transaction), shop.clock.now()
        found = [Difference("charged", yen(0), yen(3000))]
        await desk.services.database.run(lambda session: drift.save(session, payment, found, now))
        assert list((await desk.story(transaction)).differences) == found

    async def test_saleor_away_leaves_its_side_out(self, shop, desk):
        transaction = await shop.authorized("3000")
        with shop.saleor.faults.during("unavailable"):
            assert (await desk.story(transaction)).in_saleor is None

    async def test_a_request_that_never_reached_us_is_offered_again(self, shop, desk):
        transaction = await charged(shop, "3000")
        shop.saleor.faults.webhook("lost-request", "TRANSACTION_REFUND_REQUESTED")
        await shop.saleor.staff.request_refund(transaction, Decimal(700))
        [missed] = (await desk.story(transaction)).in_saleor.missed
        assert (missed.kind, missed.amount) == ("refund", yen(700))
        await desk.press(StaffAction.REFUND, transaction, "700")
        assert (await desk.story(transaction)).in_saleor.missed == ()
        assert refunded(shop) == 700

    async def test_of_another_shop_nothing_is_told_and_nothing_done(self, shop, desk):
        transaction = await charged(shop, "3000")
        payment_id = await desk.payment_id(transaction)
        other = SaleorStandIn(shop.clock)
        async with listening(other.app) as other.public_url:
            app = await other.install_app(f"{shop.app_url}/api/manifest")
            token = other.make_dashboard_token(other.superuser, app)
            stranger = await authenticate(desk.services, shop.running.key_source, api_url=other.api_url, token=token)
            asked, before = Asked(stranger, payment_id, "form"), len(shop.amazon.calls)
            with pytest.raises(PaymentUnknown):
                await story.tell(desk.services, stranger.installation, payment_id)
            for doing in (
                actions.reread(desk.services, asked),
                actions.resend(desk.services, asked),
                actions.ask_saleor(desk.services, asked, StaffAction.REFUND),
                actions.begin_own(desk.services, asked, StaffAction.OVER_REFUND),
            ):
                with pytest.raises(PaymentUnknown):
                    await doing
            for search in ("", payment_id, transaction, charges(shop)[0]["chargeId"]):
                page = await listing.listed(desk.services, stranger.installation, PaymentFilter(), search=search)
                assert page.payments == []
            assert len(shop.amazon.calls) == before
            await other.close()


class TestList:
    async def test_each_payment_by_what_it_has_come_to(self, shop, desk):
        held = await shop.authorized("3000")
        part = await shop.authorized("3000")
        await desk.press(StaffAction.CHARGE, part, "1000")
        back = await charged(shop, "3000")
        await desk.press(StaffAction.REFUND, back)
        gone = await shop.authorized("3000")
        await desk.press(StaffAction.CANCEL, gone)
        expected = {
            PaymentStatus.AUTHORIZED: [held],
            PaymentStatus.PARTIALLY_CAPTURED: [part],
            PaymentStatus.REFUNDED: [back],
            PaymentStatus.CANCELED: [gone],
        }
        assert {status: await desk.list(status=status) for status in expected} == expected
        await self.same_by_the_migration(shop)

    async def same_by_the_migration(self, shop):
        """The statement that fills the column for older payments says the same."""
        from importlib import import_module

        migration = import_module("saleor_amazonpay.storage.migrations.versions.0004_payment_list")

        def compare(session):
            before = session.all(Statement(payments.select().order_by(payments.c.id)))
            session.connection.execute(f"UPDATE payments SET status = {migration._STATUS}")
            after = session.all(Statement(payments.select().order_by(payments.c.id)))
            return [row.status for row in before], [row.status for row in after]

        stored, computed = await shop.running.services.database.run(compare)
        assert stored == computed

    async def test_by_the_number_of_an_order_we_have_not_heard_of(self, shop, desk):
        checkout = shop.saleor.create_checkout("default-jp")
        shop.flow("default-jp", "AUTHORIZATION")
        transaction = await shop.pay(checkout.id)
        order = await shop.saleor.storefront.checkout_complete(checkout.id)
        assert (await desk.story(transaction)).order_number == order.number  # and looking at it hurries the sweep
        assert await desk.list(search=f"#{order.number}") == [transaction]
        with shop.saleor.faults.during("unavailable"):
            assert await desk.list(search=order.number) == []
        await order_numbers.run(desk.services)
        with shop.saleor.faults.during("unavailable"):
            assert await desk.list(search=order.number) == [transaction]


class TestExport:
    async def rows(self, desk, *, bom=False, **wanted):
        chunks = [
            chunk
            async for chunk in export.csv_file(
                desk.services, desk.viewer.installation, PaymentFilter(**wanted), bom=bom
            )
        ]
        return b"".join(chunks)

    async def test_has_a_line_for_each_payment(self, shop, desk):
        transaction = await charged(shop, "3000")
        file = await self.rows(desk)
        [line] = csv.DictReader(io.StringIO(file.decode()))
        assert (line["saleor_transaction_id"], line["captured"], line["currency"]) == (transaction, "3000", "JPY")
        assert line["status"] == "captured"

    async def test_with_a_mark_for_spreadsheets(self, shop, desk):
        assert (await self.rows(desk, bom=True)).startswith(b"\xef\xbb\xbfcreated_at,")

    async def test_no_cell_is_a_formula(self, shop, desk):
        await charged(shop, "3000")
        for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A"):
            change = Statement(payments.update().values(order_number=name))
            await desk.services.database.run(lambda session, change=change: session.execute(change))
            [line] = csv.DictReader(io.StringIO((await self.rows(desk)).decode(), newline=""))
            assert line["order_number"] == f"'{name}"
