"""What a storefront meets besides the happy way: other addresses, buttons that should not show, sign-in, bad input."""

from __future__ import annotations

from tests.journeys.helpers import payment_of, reports_of, settle
from tests.journeys.shop import GATEWAY


def events(shop, transaction_id):
    return shop.transaction(transaction_id).event_types


async def review(shop, checkout_id, session_id):
    """The session as the review page gets it."""
    [config] = await shop.saleor.storefront.payment_gateway_initialize(
        checkout_id, GATEWAY, {"amazonCheckoutSessionId": session_id}
    )
    assert config.data["errors"] == []
    return config.data["checkoutSession"]


class TestWhereTheGoodsGo:
    async def test_another_address_than_the_buyers_choice_is_refused_field_by_field(self, shop):
        checkout = shop.saleor.create_checkout()
        session_id = await shop.open_session(checkout.id, copies=False)
        begun = await shop.initialize(checkout.id, session_id)
        assert begun.result == "CHARGE_FAILURE"
        fields = {error["field"] for error in begun.data["errors"]}
        assert fields == {"shippingAddress.lastName", "shippingAddress.streetAddress1"}
        assert "amazonPayRedirectUrl" not in begun.data
        assert (await payment_of(shop, begun.transaction_id)).state == "failed"

    async def test_with_the_address_copied_the_same_session_is_paid(self, any_shop):
        shop = any_shop
        checkout = shop.saleor.create_checkout()
        session_id = await shop.open_session(checkout.id, copies=False)
        await shop.initialize(checkout.id, session_id)
        address = (await review(shop, checkout.id, session_id))["shippingAddress"]
        assert (await shop.saleor.storefront.update_shipping_address(checkout.id, address)).errors == ()
        begun = await shop.initialize(checkout.id, session_id)
        assert begun.result == "CHARGE_ACTION_REQUIRED"
        shop.amazon.buyer_approves(session_id)
        assert (await shop.process(begun.transaction_id, session_id)).result == "CHARGE_SUCCESS"

    async def test_an_address_changed_between_two_tries_is_seen(self, shop):
        checkout = shop.saleor.create_checkout()
        session_id = await shop.open_session(checkout.id)
        shop.amazon.sign_in(session_id, address=1)
        assert (await shop.initialize(checkout.id, session_id)).result == "CHARGE_FAILURE"

    async def test_a_checkout_without_an_address_is_told_where_to_copy_it_from(self, shop):
        checkout = shop.saleor.create_checkout(ready=False)
        session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, session_id)
        [error] = begun.data["errors"]
        assert (error["field"], error["code"]) == ("shippingAddress", "REQUIRED")
        assert "checkoutSession.shippingAddress" in error["message"]

    async def test_the_merchant_may_take_the_risk_and_is_told_in_the_transaction(self, shop):
        await shop.update_options(address_mismatch="warn")
        checkout = shop.saleor.create_checkout()
        session_id = await shop.open_session(checkout.id, copies=False)
        begun = await shop.initialize(checkout.id, session_id)
        shop.amazon.buyer_approves(session_id)
        assert (await shop.process(begun.transaction_id, session_id)).result == "CHARGE_SUCCESS"
        await settle(shop)
        assert events(shop, begun.transaction_id).count("INFO") == 1
        [info] = [it.fact for it in await reports_of(shop, begun.transaction_id) if it.fact.type == "INFO"]
        assert "shippingAddress.streetAddress1" in info.message

    async def test_what_amazon_left_open_and_the_shop_asked_for_is_no_difference(self, shop):
        checkout = shop.saleor.create_checkout()
        session_id = await shop.open_session(checkout.id)
        chosen = shop.amazon._world.sessions[session_id]
        chosen.shipping_address = chosen.shipping_address | {"city": None, "postalCode": None}
        seen = await review(shop, checkout.id, session_id)
        assert seen["missingFields"] == ["shippingAddress.city", "shippingAddress.postalCode"]
        filled = seen["shippingAddress"] | {"city": "目黒区", "postalCode": "153-0064"}
        await shop.saleor.storefront.update_shipping_address(checkout.id, filled)
        assert (await shop.initialize(checkout.id, session_id)).result == "CHARGE_ACTION_REQUIRED"

    async def test_downloads_have_no_address_to_compare(self, shop):
        checkout = shop.saleor.create_checkout("us", (("PDF-1", 1),))
        session_id = await shop.open_session(checkout.id, is_digital=True, copies=False)
        assert (await shop.initialize(checkout.id, session_id)).result == "AUTHORIZATION_ACTION_REQUIRED"

    async def test_the_comparison_costs_no_call(self, shop):
        checkout = shop.saleor.create_checkout()
        session_id = await shop.open_session(checkout.id)
        await shop.initialize(checkout.id, session_id)
        assert shop.amazon.count("get_checkout_session") == 0
        assert shop.amazon.count("update_checkout_session") == 1
