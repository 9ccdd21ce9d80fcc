"""Agreements: made beside a purchase, charged for their owner, never mixed up between orders."""

from __future__ import annotations

from decimal import Decimal

import pytest

from saleor_amazonpay.domain.agreements import Frequency
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import FrequencyUnit
from saleor_amazonpay.handlers.sweeps import agreements as sweep
from tests.journeys.agreements import (
    MONTHLY,
    VARIABLE,
    agree,
    agreed,
    agreement_of,
    another_app,
    button,
    cart,
    hear,
    listen,
    one_click,
    other_customer,
    pay_as_app,
    pay_stored,
)
from tests.journeys.helpers import INITIALIZE, charges, mend, send_again, settle, silence


class TestAgreeing:
    @pytest.mark.parametrize("strategy", ["CHARGE", "AUTHORIZATION"])
    async def test_beside_a_purchase_in_the_review_flow(self, any_shop, strategy):
        shop = any_shop
        made = await agreed(shop, strategy=strategy)
        assert (made.charge_permission_type, made.state) == ("Recurring", "Chargeable")
        assert (made.frequency, made.amount.amount) == (Frequency(FrequencyUnit.MONTH, 1), "500")
        assert made.amount_limit.amount == "100000"
        assert made.amount_limit - made.amount_balance == (await _paid(shop))
        assert made.expires_at > shop.clock.now()
        assert made.buyer_id
        assert made.payment_descriptor

    async def test_with_one_click(self, shop):
        shop.flow("default-jp", "CHARGE")
        done = await one_click(shop, cart(shop).id, recurring=MONTHLY)
        assert done.result == "CHARGE_SUCCESS"
        await shop.work()
        assert (await agreement_of(shop)).amount.amount == "500"

    async def test_a_free_trial_is_agreed_to_and_nothing_is_charged(self, shop):
        done = await agree(shop, cart(shop).id, amount=Decimal(0), recurring=MONTHLY)
        assert (done.result, done.event.amount) == ("AUTHORIZATION_SUCCESS", Decimal(0))
        made = await agreement_of(shop)
        assert done.event.psp_reference == made.charge_permission_id
        assert charges(shop) == []
        await settle(shop, done.transaction_id)
        assert shop.amounts(done.transaction_id) == {}

    async def test_a_free_trial_with_one_click(self, shop):
        begun = await shop.saleor.storefront.transaction_initialize(
            cart(shop).id,
            "saleor.app.payment.amazonpay",
            {"flow": "apb", "checkoutResultReturnUrl": "http://localhost:3000/result", "recurring": MONTHLY},
            amount=Decimal(0),
        )
        shown = begun.data["amazonPay"]
        back = shop.amazon.buyer_pays_apb(shown["createCheckoutSessionConfig"], shown["productType"])
        done = await shop.process(begun.transaction_id, back.rpartition("=")[2])
        assert (done.result, done.event.amount) == ("AUTHORIZATION_SUCCESS", Decimal(0))
        assert (await agreement_of(shop)).amount.amount == "500"

    async def test_the_amount_may_vary(self, shop):
        await agree(shop, cart(shop).id, recurring=VARIABLE)
        made = await agreement_of(shop)
        assert (made.amount, made.frequency) == (None, Frequency(FrequencyUnit.VARIABLE, 0))

    async def test_a_session_opened_for_one_purchase_is_upgraded(self, shop):
        source = cart(shop)
        session_id = await shop.open_session(source.id)
        begun = await shop.initialize_with(source.id, session_id, recurring=MONTHLY)
        shop.amazon.buyer_approves(session_id)
        await shop.process(begun.transaction_id, session_id)
        assert (await agreement_of(shop)).charge_permission_type == "Recurring"

    async def test_what_the_button_asked_must_be_asked_again(self, shop):
        source = cart(shop)
        shown = await button(shop, source.id, recurring=MONTHLY)
        session_id = shop.amazon.create_session_by_button(shown["amazonPay"]["createCheckoutSessionConfig"])
        shop.amazon.sign_in(session_id)
        shop.copy_address(source.id, session_id)
        begun = await shop.initialize(source.id, session_id)
        assert begun.result.endswith("FAILURE")
        assert begun.data["errors"][0]["field"] == "data.recurring"

    async def test_a_payment_method_on_file_where_the_account_offers_it(self, shop):
        await shop.update_options(payment_method_on_file=True)
        await agree(shop, cart(shop).id, paymentMethodOnFile=True)
        made = await agreement_of(shop)
        assert (made.charge_permission_type, made.frequency) == ("PaymentMethodOnFile", None)

    async def test_a_payment_method_put_on_file_without_a_charge(self, shop):
        await shop.update_options(payment_method_on_file=True)
        done = await agree(shop, cart(shop).id, amount=Decimal(0), paymentMethodOnFile=True)
        assert (done.result, done.event.amount) == ("AUTHORIZATION_SUCCESS", Decimal(0))
        assert (await agreement_of(shop)).charge_permission_type == "PaymentMethodOnFile"

    @pytest.mark.parametrize(
        ("recurring", "field"),
        [
            ({**MONTHLY, "amount": {"amount": "5.00", "currencyCode": "USD"}}, "data.recurring.amount.currencyCode"),
            ({**MONTHLY, "amount": {"amount": "0", "currencyCode": "JPY"}}, "data.recurring.amount.amount"),
            ({**MONTHLY, "amount": {"amount": "1.5", "currencyCode": "JPY"}}, "data.recurring.amount.amount"),
            ({**MONTHLY, "amount": {"amount": "100001", "currencyCode": "JPY"}}, "data.recurring.amount.amount"),
            ({"frequency": {"unit": "Variable", "value": "1"}}, "data.recurring.frequency.value"),
            ({"frequency": {"unit": "Month", "value": "0"}}, "data.recurring.frequency.value"),
        ],
    )
    async def test_wrong_terms_are_named(self, shop, recurring, field):
        shown = await button(shop, cart(shop).id, recurring=recurring)
        assert [error["field"] for error in shown["errors"]] == [field]

    async def test_the_accounts_own_monthly_limit_replaces_the_published_one(self, shop):
        await shop.update_options(recurring_monthly_limit="200000")
        amount = {"amount": "150000", "currencyCode": "JPY"}
        assert (await button(shop, cart(shop).id, recurring={**MONTHLY, "amount": amount}))["errors"] == []

    async def test_nobody_agrees_without_logging_in(self, shop):
        guest = shop.saleor.create_checkout()
        shown = await button(shop, guest.id, recurring=MONTHLY)
        assert shown["errors"][0]["field"] == "data.recurring"

    async def test_nothing_is_kept_on_file_where_the_account_does_not_offer_it(self, shop):
        shown = await button(shop, cart(shop).id, paymentMethodOnFile=True)
        assert shown["errors"][0]["field"] == "data.paymentMethodOnFile"
        both = await button(shop, cart(shop).id, paymentMethodOnFile=True, recurring=MONTHLY)
        assert both["errors"][0]["field"] == "data.paymentMethodOnFile"

    async def test_zero_without_an_agreement_stays_refused(self, shop):
        session_id = await shop.open_session(source := cart(shop).id)
        begun = await shop.initialize_with(source, session_id, amount=Decimal(0))
        assert begun.result.endswith("FAILURE")


async def _paid(shop):
    [charge] = charges(shop)
    return Money.parse(charge["chargeAmount"]["amount"], "JPY")


class TestStored:
    @pytest.mark.parametrize("strategy", ["CHARGE", "AUTHORIZATION"])
    async def test_the_customer_pays_the_next_order_at_once(self, any_shop, strategy):
        shop = any_shop
        made = await agreed(shop)
        shop.flow("default-jp", strategy)
        source = cart(shop)
        done = await pay_stored(shop, source.id, made.id)
        assert done.result == f"{strategy}_SUCCESS"
        newest = charges(shop)[-1]
        assert done.event.psp_reference == newest["chargeId"]
        assert (newest["chargeInitiator"], newest["channel"]) == ("CITU", "Web")
        assert newest["chargePermissionId"] == made.charge_permission_id
        after = await agreement_of(shop)
        assert after.amount_balance == made.amount_balance - (made.amount_limit - made.amount_balance)
        completed = await shop.saleor.storefront.checkout_complete(source.id)
        assert completed.order_id

    async def test_saleors_form_of_the_id_is_taken_too(self, shop):
        made = await agreed(shop)
        full = f"app:saleor.app.payment.amazonpay:{made.id}"
        assert (await pay_stored(shop, cart(shop).id, full)).result == "CHARGE_SUCCESS"

    async def test_the_same_call_again_charges_once(self, shop):
        made = await agreed(shop)
        source = cart(shop)
        first = await pay_stored(shop, source.id, made.id)
        again = await send_again(shop, shop.saleor.deliveries_of(INITIALIZE)[-1])
        assert again.json["pspReference"] == first.event.psp_reference
        assert len(charges(shop)) == 2

    async def test_the_month_has_an_end_and_the_next_one_a_beginning(self, shop):
        made = await agreed(shop)
        dear = cart(shop)
        for line in dear.lines:
            line.quantity = 40
        done = await pay_stored(shop, dear.id, made.id, amount="99000")
        assert done.result == "CHARGE_FAILURE"
        assert "monthly limit" in done.event.message
        assert len(charges(shop)) == 1
        shop.clock.move(days=31)
        assert (await pay_stored(shop, dear.id, made.id, amount="99000")).result == "CHARGE_SUCCESS"

    async def test_a_decline_is_told_and_the_agreement_waits_for_the_buyer(self, shop):
        made = await agreed(shop)
        shop.amazon.buyer_account.break_payment_method(made.charge_permission_id)
        done = await pay_stored(shop, cart(shop).id, made.id)
        assert done.result == "CHARGE_FAILURE"
        assert "update the payment method" in done.event.message
        assert (await agreement_of(shop)).reasons == ("PaymentMethodExpired",)
        shop.amazon.buyer_account.change_payment_method(made.charge_permission_id)
        assert (await pay_stored(shop, cart(shop).id, made.id)).result == "CHARGE_SUCCESS"

    async def test_a_time_out_is_finished_in_the_background(self, shop):
        made = await agreed(shop)
        source = cart(shop)
        silence(shop, "create_charge", reset_after=True, times=20)
        begun = await pay_stored(shop, source.id, made.id)
        assert begun.result == "CHARGE_ACTION_REQUIRED"
        assert begun.data["status"] == "processing"
        mend(shop)
        await settle(shop, begun.transaction_id)
        assert list(shop.amounts(begun.transaction_id)) == ["charged"]
        assert len(charges(shop)) == 2
        done = await shop.process(begun.transaction_id)
        assert done.result == "CHARGE_SUCCESS"
        assert len(charges(shop)) == 2

    async def test_a_late_outcome_that_nobody_needs_any_more_is_a_problem(self, shop):
        made = await agreed(shop)
        source = cart(shop)
        silence(shop, "create_charge", reset_after=True, times=20)
        late = await pay_stored(shop, source.id, made.id)
        mend(shop)
        assert (await pay_stored(shop, source.id, made.id)).result == "CHARGE_SUCCESS"
        await settle(shop, late.transaction_id)
        await shop.work()
        [app] = [app for app in shop.saleor.store.apps if app.id == shop.app.id]
        assert [problem.key.partition("-")[0] for problem in app.problems] == ["surplus"]


class TestWhoseItIs:
    """DESIGN §6 case 12: transactionInitialize needs no login, an agreement does."""

    async def refused(self, shop, done):
        assert done.result == "CHARGE_FAILURE"
        assert done.data["errors"][0]["field"] == "data.paymentMethodId"
        assert len(charges(shop)) == 1

    async def test_nobody(self, shop):
        made = await agreed(shop)
        await self.refused(shop, await pay_stored(shop, cart(shop).id, made.id, user=None))

    async def test_another_customer_for_the_owners_checkout(self, shop):
        made = await agreed(shop)
        await self.refused(shop, await pay_stored(shop, cart(shop).id, made.id, user=other_customer(shop)))

    async def test_the_owner_for_somebody_elses_checkout(self, shop):
        made = await agreed(shop)
        theirs = shop.saleor.create_checkout(user=other_customer(shop))
        await self.refused(shop, await pay_stored(shop, theirs.id, made.id))

    async def test_another_customer_for_their_own(self, shop):
        made = await agreed(shop)
        thief = other_customer(shop)
        theirs = shop.saleor.create_checkout(user=thief)
        await self.refused(shop, await pay_stored(shop, theirs.id, made.id, user=thief))

    @pytest.mark.parametrize(
        "id_", ["agreement-unknown", "app:other.app:x", "app:saleor.app.payment.amazonpay:nothing"]
    )
    async def test_an_unknown_one(self, shop, id_):
        await agreed(shop)
        await self.refused(shop, await pay_stored(shop, cart(shop).id, id_))

    async def test_another_currency(self, shop):
        made = await agreed(shop)
        shop.flow("us", "CHARGE")
        await self.refused(shop, await pay_stored(shop, cart(shop, "us").id, made.id))

    async def test_more_than_is_due_is_not_taken(self, shop):
        made = await agreed(shop)
        done = await pay_stored(shop, cart(shop).id, made.id, amount="99999")
        assert done.result == "CHARGE_FAILURE"
        assert len(charges(shop)) == 1

    @pytest.mark.parametrize("amount", ["0"])
    async def test_nothing_is_not_charged(self, shop, amount):
        made = await agreed(shop)
        assert (await pay_stored(shop, cart(shop).id, made.id, amount=amount)).result == "CHARGE_FAILURE"

    async def test_a_customer_cannot_say_who_started_it(self, shop):
        made = await agreed(shop)
        done = await pay_stored(shop, cart(shop).id, made.id, chargeInitiator="MITR")
        assert done.data["errors"][0]["field"] == "data.chargeInitiator"

    async def test_this_app_may_and_says_so_to_amazon(self, shop):
        made = await agreed(shop)
        done = await pay_as_app(shop, cart(shop).id, made.id, shop.app)
        assert done.result == "CHARGE_SUCCESS"
        assert (charges(shop)[-1]["chargeInitiator"], charges(shop)[-1]["channel"]) == ("MITR", "Web")

    async def test_a_checkout_this_app_made_is_nobodys_and_can_be_paid(self, shop):
        made = await agreed(shop)
        done = await pay_as_app(shop, shop.saleor.create_checkout().id, made.id, shop.app, chargeInitiator="MITU")
        assert done.result == "CHARGE_SUCCESS"
        assert charges(shop)[-1]["chargeInitiator"] == "MITU"

    async def test_another_app_may_only_where_the_account_trusts_it(self, shop):
        made = await agreed(shop)
        other = another_app(shop)
        await self.refused(shop, await pay_as_app(shop, cart(shop).id, made.id, other))
        await shop.update_options(trusted_apps=(other.id,))
        done = await pay_as_app(shop, cart(shop).id, made.id, other, chargeChannel="Phone")
        assert done.result == "CHARGE_SUCCESS"
        assert charges(shop)[-1]["channel"] == "Phone"


class TestSharing:
    """Several orders share one permission; none is taken for another."""

    async def two(self, shop, strategy="AUTHORIZATION"):
        made = await agreed(shop, strategy=strategy)
        first = shop.saleor.store.transactions[0].id
        second = await pay_stored(shop, cart(shop).id, made.id)
        return made, first, second.transaction_id

    async def test_captures_and_refunds_stay_with_their_order(self, shop):
        made, first, second = await self.two(shop)
        await shop.saleor.staff.request_charge(second, Decimal(1000))
        await settle(shop)
        assert shop.amounts(second)["charged"] == 1000
        assert "charged" not in shop.amounts(first)
        await shop.saleor.staff.request_charge(first)
        await settle(shop)
        await shop.saleor.staff.request_refund(first, Decimal(300))
        await settle(shop)
        assert shop.amounts(first)["refunded"] == 300
        assert "refunded" not in shop.amounts(second)
        assert (await agreement_of(shop)).state == "Chargeable"
        assert shop.amazon.permission(made.charge_permission_id)["statusDetails"]["state"] == "Chargeable"

    async def test_the_rest_of_a_partial_capture_is_charged_on_the_same_permission(self, shop):
        _, first, second = await self.two(shop)
        whole = shop.amounts(second)["authorized"]
        await shop.saleor.staff.request_charge(second, Decimal(1000))
        await settle(shop)
        assert shop.amounts(second) == {"authorized": whole - 1000, "charged": Decimal(1000)}
        await shop.saleor.staff.request_charge(second, whole - 1000)
        await settle(shop)
        assert shop.amounts(second) == {"charged": whole}
        assert charges(shop)[-1]["chargeInitiator"] == "CITU"
        assert shop.amounts(first) == {"authorized": whole}

    async def test_cancelling_one_order_leaves_the_other_and_the_permission(self, shop):
        made, first, second = await self.two(shop)
        whole = shop.amounts(first)["authorized"]
        await shop.saleor.staff.request_cancel(second)
        await settle(shop)
        assert shop.amounts(second) == {"canceled": whole}
        assert shop.amounts(first) == {"authorized": whole}
        assert shop.amazon.permission(made.charge_permission_id)["statusDetails"]["state"] == "Chargeable"
        assert (await pay_stored(shop, cart(shop).id, made.id)).result == "AUTHORIZATION_SUCCESS"

    async def test_what_seller_central_does_reaches_the_order_it_is_about(self, shop):
        _, first, second = await self.two(shop)
        listen(shop)
        older, newer = charges(shop)
        shop.amazon.seller_central.capture(older["chargeId"])
        await hear(shop)
        assert "charged" in shop.amounts(first)
        assert "charged" not in shop.amounts(second)
        shop.amazon.seller_central.refund(older["chargeId"])
        await hear(shop)
        shop.clock.move(seconds=5)
        shop.amazon.settle_pending()
        await hear(shop)
        assert "refunded" in shop.amounts(first)
        shop.amazon.seller_central.cancel(newer["chargeId"])
        await hear(shop)
        assert "charged" not in shop.amounts(second)

    async def test_the_buyer_ends_it_and_what_was_not_charged_is_no_longer_authorized(self, shop):
        made, first, second = await self.two(shop)
        whole = shop.amounts(first)["authorized"]
        await shop.saleor.staff.request_charge(first, Decimal(1000))
        await settle(shop)
        assert shop.amounts(first) == {"authorized": whole - 1000, "charged": Decimal(1000)}
        listen(shop)
        shop.amazon.buyer_account.close_permission(made.charge_permission_id)
        await hear(shop)
        assert ((await agreement_of(shop)).state, (await agreement_of(shop)).reasons) == ("Closed", ("BuyerClosed",))
        assert shop.amounts(first) == {"charged": Decimal(1000)}
        assert shop.amounts(second) == {"authorized": whole}, "what is held stays until it is captured or expires"
        await shop.saleor.staff.request_charge(second)
        await settle(shop)
        assert shop.amounts(second) == {"charged": whole}

    async def test_a_notification_repairs_a_suspended_agreement(self, shop):
        made = await agreed(shop)
        listen(shop)
        shop.amazon.buyer_account.break_payment_method(made.charge_permission_id)
        await hear(shop)
        assert (await agreement_of(shop)).state == "NonChargeable"
        shop.amazon.buyer_account.change_payment_method(made.charge_permission_id, "0005")
        await hear(shop)
        assert (await agreement_of(shop)).state == "Chargeable"

    async def test_the_sweep_sees_what_nobody_told(self, shop):
        made = await agreed(shop)
        shop.amazon.buyer_account.close_permission(made.charge_permission_id)
        shop.clock.move(days=8)
        await sweep.run(shop.running.services)
        assert (await agreement_of(shop)).state == "Closed"
