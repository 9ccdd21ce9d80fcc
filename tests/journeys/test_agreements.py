"""Agreements: made beside a purchase, charged for their owner, never mixed up between orders."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.journeys.agreements import (
    MONTHLY,
    VARIABLE,
    agree,
    agreed,
    agreement_of,
    button,
    cart,
    one_click,
    pay_stored,
)
from tests.journeys.helpers import charges, settle


class TestAgreeing:
    @pytest.mark.parametrize("strategy", ["CHARGE", "AUTHORIZATION"])
    async def test_beside_a_purchase_in_the_review_flow(self, any_shop, strategy):
        shop = any_shop
        made = await agreed(shop, strategy=strategy)
        assert (made.charge_permission_type, made.state) == ("Recurring", "Chargeable")
        assert (str(made.frequency), made.amount.amount) == ("every month", "500")
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
        assert (made.amount, str(made.frequency)) == (None, "variable")

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
    from saleor_amazonpay.domain.money import Money

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
        from tests.journeys.helpers import INITIALIZE, send_again

        again = await send_again(shop, shop.saleor.deliveries_of(INITIALIZE)[-1])
        assert again.json["pspReference"] == first.event.psp_reference
        assert len(charges(shop)) == 2
