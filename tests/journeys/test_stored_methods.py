"""Agreements as Saleor's stored payment methods: listed, ended, and made without a purchase."""

from __future__ import annotations

import pytest

from saleor_amazonpay.handlers import accounts
from saleor_amazonpay.handlers.account_fields import AccountErrors
from saleor_amazonpay.handlers.sweeps import jobless
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from tests.journeys.agreements import (
    MONTHLY,
    agreed,
    agreement_of,
    agreements_of,
    cart,
    other_customer,
    pay_stored,
)
from tests.journeys.helpers import charges
from tests.journeys.shop import GATEWAY, RESULT_URL


async def tokenize(shop, user=None, channel="default-jp", **data):
    asked = {"checkoutResultReturnUrl": RESULT_URL, **data}
    return await shop.saleor.storefront.payment_method_initialize_tokenization(
        GATEWAY, channel, user or shop.saleor.customer, asked
    )


async def back(shop, tokenization_id, url, user=None):
    data = {"amazonCheckoutSessionId": url.rpartition("amazonCheckoutSessionId=")[2]}
    return await shop.saleor.storefront.payment_method_process_tokenization(
        tokenization_id, "default-jp", user or shop.saleor.customer, data
    )


class TestList:
    async def test_the_owner_sees_the_agreement(self, shop):
        made = await agreed(shop)
        [method] = await shop.saleor.storefront.stored_payment_methods("default-jp", shop.saleor.customer)
        assert method.id == f"app:{GATEWAY}:{made.id}"
        assert (method.type, method.supported_payment_flows) == ("AmazonPayRecurring", ("INTERACTIVE",))
        assert method.data["state"] == "Chargeable"
        assert method.data["frequency"] == {"unit": "Month", "value": "1"}
        assert method.data["amount"] == {"amount": "500", "currencyCode": "JPY"}
        assert method.data["monthlyLimit"] == {"amount": "100000", "currencyCode": "JPY"}
        assert method.data["manageUrl"].endswith(made.charge_permission_id)
        assert method.data["sandbox"] is True

    async def test_nobody_else_does(self, shop):
        await agreed(shop)
        assert await shop.saleor.storefront.stored_payment_methods("default-jp", other_customer(shop)) == []
        assert await shop.saleor.storefront.stored_payment_methods("us", shop.saleor.customer) == []


class TestDelete:
    async def test_ending_it_closes_the_permission_and_nothing_more_is_charged(self, any_shop):
        shop = any_shop
        made = await agreed(shop)
        front, customer = shop.saleor.storefront, shop.saleor.customer
        [method] = await front.stored_payment_methods("default-jp", customer)
        done = await front.stored_payment_method_request_delete(method.id, "default-jp", customer)
        assert done.result == "SUCCESSFULLY_DELETED"
        permission = shop.amazon.permission(made.charge_permission_id)
        assert permission["statusDetails"]["state"] == "Closed"
        assert await front.stored_payment_methods("default-jp", customer) == []
        refused = await pay_stored(shop, cart(shop).id, made.id)
        assert refused.result == "CHARGE_FAILURE"
        assert "ended" in refused.event.message
        assert len(charges(shop)) == 1
        again = await front.stored_payment_method_request_delete(method.id, "default-jp", customer)
        assert again.result == "SUCCESSFULLY_DELETED"

    async def test_a_foreign_one_is_not_ended(self, shop):
        made = await agreed(shop)
        front = shop.saleor.storefront
        done = await front.stored_payment_method_request_delete(
            f"app:{GATEWAY}:{made.id}", "default-jp", other_customer(shop)
        )
        assert done.result == "FAILED_TO_DELETE"
        assert shop.amazon.permission(made.charge_permission_id)["statusDetails"]["state"] == "Chargeable"

    async def test_while_amazon_is_down_it_counts_as_ended_and_is_closed_later(self, shop):
        made = await agreed(shop)
        shop.amazon.faults.add(Fault(operation="close_charge_permission", status=503, times=20))
        front, customer = shop.saleor.storefront, shop.saleor.customer
        done = await front.stored_payment_method_request_delete(f"app:{GATEWAY}:{made.id}", "default-jp", customer)
        assert done.result == "SUCCESSFULLY_DELETED"
        assert (await agreement_of(shop)).closing_since is not None
        assert (await pay_stored(shop, cart(shop).id, made.id)).result == "CHARGE_FAILURE"
        shop.amazon.faults.clear()
        for _ in range(5):
            await shop.later(minutes=30)
        assert shop.amazon.permission(made.charge_permission_id)["statusDetails"]["state"] == "Closed"
        assert (await agreement_of(shop)).state == "Closed"


class TestTokenization:
    async def test_a_customer_agrees_without_a_purchase(self, any_shop):
        shop = any_shop
        gateway = await shop.saleor.storefront.payment_gateway_initialize_tokenization(
            GATEWAY, "default-jp", shop.saleor.customer
        )
        assert gateway.result == "SUCCESSFULLY_INITIALIZED"
        assert gateway.data["offers"] == ["recurring"]
        begun = await tokenize(shop, recurring=MONTHLY)
        assert begun.result == "ADDITIONAL_ACTION_REQUIRED"
        config = begun.data["amazonPay"]["createCheckoutSessionConfig"]
        url = shop.amazon.buyer_pays_apb(config, "PayOnly")
        done = await back(shop, begun.id, url)
        made = await agreement_of(shop)
        assert (done.result, done.id) == ("SUCCESSFULLY_TOKENIZED", f"app:{GATEWAY}:{made.id}")
        assert charges(shop) == []
        assert (await back(shop, begun.id, url)).id == done.id
        assert len(await agreements_of(shop)) == 1
        assert (await pay_stored(shop, cart(shop).id, done.id)).result == "CHARGE_SUCCESS"

    async def test_a_payment_method_is_put_on_file(self, shop):
        await shop.update_options(payment_method_on_file=True)
        begun = await tokenize(shop, paymentMethodOnFile=True)
        url = shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"], "PayOnly")
        assert (await back(shop, begun.id, url)).result == "SUCCESSFULLY_TOKENIZED"
        assert (await agreement_of(shop)).charge_permission_type == "PaymentMethodOnFile"

    async def test_the_buyer_is_not_through_or_gives_up(self, shop):
        begun = await tokenize(shop, recurring=MONTHLY)
        config = begun.data["amazonPay"]["createCheckoutSessionConfig"]
        session_id = shop.amazon.create_session_by_button(config, "PayOnly")
        shop.amazon.sign_in(session_id)
        url = f"{RESULT_URL}?amazonCheckoutSessionId={session_id}"
        assert (await back(shop, begun.id, url)).result == "ADDITIONAL_ACTION_REQUIRED"
        shop.amazon.buyer_cancels(session_id)
        ended = await back(shop, begun.id, url)
        assert ended.result == "FAILED_TO_TOKENIZE"
        assert "cancelled" in ended.errors[0].message

    async def test_a_time_out_is_finished_in_the_background(self, shop):
        begun = await tokenize(shop, recurring=MONTHLY)
        url = shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"], "PayOnly")
        shop.amazon.faults.add(Fault(operation="complete_checkout_session", reset_after=True, times=20))
        assert (await back(shop, begun.id, url)).result == "PENDING"
        shop.amazon.faults.clear()
        await shop.later(minutes=2)
        assert len(await agreements_of(shop)) == 1
        assert (await back(shop, begun.id, url)).result == "SUCCESSFULLY_TOKENIZED"

    async def test_a_lost_job_is_found_and_made_again(self, shop):
        begun = await tokenize(shop, recurring=MONTHLY)
        url = shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"], "PayOnly")
        shop.amazon.faults.add(Fault(operation="complete_checkout_session", reset_after=True, times=20))
        assert (await back(shop, begun.id, url)).result == "PENDING"
        shop.amazon.faults.clear()
        services = shop.running.services
        await services.database.run(lambda session: session.connection.execute("DELETE FROM jobs"))
        shop.clock.move(minutes=2)
        await jobless.run(services)
        await shop.work()
        assert (await agreement_of(shop)).customer_id == shop.saleor.customer.id

    async def test_somebody_elses_is_not_taken(self, shop):
        begun = await tokenize(shop, recurring=MONTHLY)
        url = shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"], "PayOnly")
        stolen = await back(shop, begun.id, url, user=other_customer(shop))
        assert stolen.result == "FAILED_TO_TOKENIZE"
        mine = await tokenize(shop, user=other_customer(shop), recurring=MONTHLY)
        swapped = await back(shop, mine.id, url, user=other_customer(shop))
        assert swapped.result == "ADDITIONAL_ACTION_REQUIRED"
        assert await agreements_of(shop) == []
        assert await agreements_of(shop, other_customer(shop).id) == []

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({}, "data.recurring"),
            ({"recurring": MONTHLY, "paymentMethodOnFile": True}, "data.paymentMethodOnFile"),
            ({"paymentMethodOnFile": True}, "data.paymentMethodOnFile"),
            (
                {"recurring": MONTHLY, "checkoutResultReturnUrl": "https://evil.example/"},
                "data.checkoutResultReturnUrl",
            ),
            ({"recurring": MONTHLY, "more": 1}, "data.more"),
        ],
    )
    async def test_wrong_data_is_named(self, shop, data, field):
        refused = await tokenize(shop, **data)
        assert refused.result == "FAILED_TO_TOKENIZE"
        assert [error["field"] for error in refused.data["errors"]] == [field]

    async def test_a_channel_without_amazon_pay_offers_nothing(self, shop):
        await shop.set_account_state("us", "archived")
        front, customer = shop.saleor.storefront, shop.saleor.customer
        gateway = await front.payment_gateway_initialize_tokenization(GATEWAY, "us", customer)
        assert gateway.result == "FAILED_TO_INITIALIZE"
        assert (await tokenize(shop, channel="us", recurring=MONTHLY)).result == "FAILED_TO_TOKENIZE"

    async def test_an_account_with_an_agreement_is_kept(self, shop):
        begun = await tokenize(shop, recurring=MONTHLY)
        url = shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"], "PayOnly")
        await back(shop, begun.id, url)
        services, id_ = shop.running.services, shop.accounts["default-jp"]
        with pytest.raises(AccountErrors) as kept:
            await accounts.delete(services, shop.saleor.api_url, id_, by="staff")
        assert [error.code for error in kept.value.errors] == ["HAS_PAYMENTS"]

    async def test_an_account_whose_customers_never_came_back_can_go(self, shop):
        await tokenize(shop, recurring=MONTHLY)
        services, id_ = shop.running.services, shop.accounts["default-jp"]
        await accounts.delete(services, shop.saleor.api_url, id_, by="staff")
        assert (await tokenize(shop, recurring=MONTHLY)).result == "FAILED_TO_TOKENIZE"
