"""The Additional Payment Button, and the return page the app hosts."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from saleor_amazonpay.handlers.sweeps import sessions
from tests.journeys.helpers import break_amazon, event_types, settle
from tests.journeys.shop import GATEWAY, RESULT_URL, SHOP, get


async def begin(shop, source_id, **data):
    return await shop.saleor.storefront.transaction_initialize(
        source_id, GATEWAY, {"flow": "apb", "checkoutResultReturnUrl": RESULT_URL, **data}
    )


async def begin_with_return_page(shop, source_id):
    return await shop.saleor.storefront.transaction_initialize(
        source_id, GATEWAY, {"flow": "apb", "returnUrl": f"{SHOP}/thanks?lang=ja"}
    )


def session_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["amazonCheckoutSessionId"][0]


class TestOneClick:
    async def test_the_buyer_pays_at_amazon_and_the_session_proves_itself(self, any_shop):
        shop = any_shop
        shop.flow("default-jp", "AUTHORIZATION")
        begun = await begin(shop, shop.saleor.create_checkout().id)
        assert begun.result == "AUTHORIZATION_ACTION_REQUIRED"
        config = begun.data["amazonPay"]["createCheckoutSessionConfig"]
        came_back = shop.amazon.buyer_pays_apb(config)
        assert came_back.startswith(RESULT_URL)
        done = await shop.process(begun.transaction_id, session_in(came_back))
        assert done.result == "AUTHORIZATION_SUCCESS"
        assert shop.amazon.count("update_checkout_session") == 0
        again = await shop.process(begun.transaction_id)
        assert again.event.psp_reference == done.event.psp_reference

    async def test_digital_goods_need_no_address(self, shop):
        shop.flow("us", "CHARGE")
        checkout = shop.saleor.create_checkout("us", (("PDF-1", 1),))
        begun = await begin(shop, checkout.id)
        assert begun.data["amazonPay"]["productType"] == "PayOnly"
        config = begun.data["amazonPay"]["createCheckoutSessionConfig"]
        done = await shop.process(begun.transaction_id, session_in(shop.amazon.buyer_pays_apb(config, "PayOnly")))
        assert done.result == "CHARGE_SUCCESS"

    async def test_an_order_can_be_paid(self, shop):
        shop.flow("us", "CHARGE")
        order = shop.saleor.create_order("us")
        begun = await begin(shop, order.id)
        config = begun.data["amazonPay"]["createCheckoutSessionConfig"]
        done = await shop.process(begun.transaction_id, session_in(shop.amazon.buyer_pays_apb(config)))
        assert done.result == "CHARGE_SUCCESS"

    async def test_without_the_session_nothing_is_decided(self, shop):
        begun = await begin(shop, shop.saleor.create_checkout().id)
        asked = await shop.process(begun.transaction_id)
        assert asked.result == "CHARGE_ACTION_REQUIRED"
        assert asked.data["errors"][0]["field"] == "data.amazonCheckoutSessionId"
        assert asked.data["errors"][0]["code"] == "REQUIRED"

    async def test_somebody_elses_session_is_not_taken(self, shop):
        mine = await begin(shop, shop.saleor.create_checkout().id)
        theirs = await begin(shop, shop.saleor.create_checkout().id)
        paid = shop.amazon.buyer_pays_apb(theirs.data["amazonPay"]["createCheckoutSessionConfig"])
        stolen = await shop.process(mine.transaction_id, session_in(paid))
        assert stolen.result == "CHARGE_ACTION_REQUIRED"
        assert shop.amazon.count("complete_checkout_session") == 0
        done = await shop.process(theirs.transaction_id, session_in(paid))
        assert done.result == "CHARGE_SUCCESS"

    async def test_a_buyer_who_is_back_while_the_sweep_closes_the_payment_is_told_it_is_over(self, shop):
        begun = await begin(shop, shop.saleor.create_checkout().id)
        config = begun.data["amazonPay"]["createCheckoutSessionConfig"]
        session_id = shop.amazon.create_session_by_button(config)
        shop.amazon.sign_in(session_id)
        shop.clock.move(hours=26)
        break_amazon(shop, "get_checkout_session", delay=0.5)
        asked = asyncio.create_task(shop.process(begun.transaction_id, session_id))
        await asyncio.sleep(0.2)
        await sessions.run(shop.running.services)
        answer = await asked
        assert answer.result == "CHARGE_FAILURE"
        assert "start a new one" in answer.event.message

    async def test_an_address_amazon_cannot_take_is_named(self, shop):
        checkout = shop.saleor.create_checkout(ready=False)
        begun = await begin(shop, checkout.id)
        assert begun.result == "CHARGE_FAILURE"
        assert begun.data["errors"][0]["field"] == "shippingAddress"


class TestReturnPage:
    async def returned(self, shop, begun):
        paid = shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"])
        assert paid.startswith(f"{shop.app_url}/api/checkout/return?")
        return paid

    async def test_it_completes_tells_saleor_and_goes_on_to_the_shop(self, any_shop):
        shop = any_shop
        begun = await begin_with_return_page(shop, shop.saleor.create_checkout().id)
        paid = await self.returned(shop, begun)
        answer = await get(paid)
        assert answer.status_code == 303
        onward = urlsplit(answer.headers["location"])
        assert f"{onward.scheme}://{onward.netloc}{onward.path}" == f"{SHOP}/thanks"
        assert parse_qs(onward.query) == {
            "lang": ["ja"],
            "transaction": [begun.transaction_id],
            "result": ["charged"],
        }
        assert shop.amounts(begun.transaction_id).keys() == {"charged"}

    async def test_why_it_failed_is_told(self, shop):
        for card, expected in (("3434", "declined"), ("3064", "cancelled")):
            begun = await begin_with_return_page(shop, shop.saleor.create_checkout().id)
            button = begun.data["amazonPay"]
            back = shop.amazon.buyer_pays_apb(button["createCheckoutSessionConfig"], card=card)
            onward = (await get(back)).headers["location"]
            assert parse_qs(urlsplit(onward).query)["result"] == [expected]
            assert shop.amounts(begun.transaction_id) == {}

    async def test_coming_back_twice_changes_nothing(self, shop):
        begun = await begin_with_return_page(shop, shop.saleor.create_checkout().id)
        paid = await self.returned(shop, begun)
        first, second = await get(paid), await get(paid)
        assert first.headers["location"] == second.headers["location"]
        assert shop.amazon.count("complete_checkout_session") == 1
        done = await shop.process(begun.transaction_id)
        assert done.result == "CHARGE_SUCCESS"
        assert [e.type for e in shop.transaction(begun.transaction_id).events].count("CHARGE_SUCCESS") == 1

    async def test_coming_back_while_it_is_being_completed_waits_for_the_outcome(self, any_shop):
        shop = any_shop
        begun = await begin_with_return_page(shop, shop.saleor.create_checkout().id)
        paid = await self.returned(shop, begun)
        break_amazon(shop, "complete_checkout_session", delay=0.3)
        first, second = await asyncio.gather(get(paid), get(paid))
        assert first.headers["location"] == second.headers["location"]
        assert parse_qs(urlsplit(first.headers["location"]).query)["result"] == ["charged"]
        assert shop.amazon.count("complete_checkout_session") == 1
        assert shop.amounts(begun.transaction_id).keys() == {"charged"}

    @pytest.mark.parametrize("query", ["", "?payment=payment-x&amazonCheckoutSessionId=y", "?payment=%00"])
    async def test_a_link_that_is_nobodys_leads_nowhere(self, shop, query):
        answer = await get(f"{shop.app_url}/api/checkout/return{query}")
        assert answer.status_code == 404
        assert "location" not in answer.headers

    async def test_a_tampered_session_completes_nothing(self, shop):
        begun = await begin_with_return_page(shop, shop.saleor.create_checkout().id)
        paid = await self.returned(shop, begun)
        tampered = paid.replace(session_in(paid), "00000000-0000-4000-8000-000000000000")
        answer = await get(tampered)
        assert parse_qs(urlsplit(answer.headers["location"]).query)["result"] == ["invalid"]
        assert shop.amazon.count("complete_checkout_session") == 0

    async def test_a_buyer_whose_payment_was_closed_meanwhile_finds_saleor_told(self, shop):
        """The sweep closed it a moment ago; its report has not gone out yet when the buyer comes back."""
        begun = await begin_with_return_page(shop, shop.saleor.create_checkout().id)
        paid = await self.returned(shop, begun)
        shop.clock.move(hours=25)
        await sessions.run(shop.running.services)
        assert shop.transaction(begun.transaction_id).event_types[-1] == "CHARGE_ACTION_REQUIRED"
        answer = await get(paid)
        assert parse_qs(urlsplit(answer.headers["location"]).query)["result"] == ["failed"]
        assert shop.transaction(begun.transaction_id).event_types[-1] == "CHARGE_FAILURE"
        assert shop.amazon.count("complete_checkout_session") == 0
        await settle(shop)
        assert event_types(shop, begun.transaction_id, "CHARGE_FAILURE") == ["CHARGE_FAILURE"]

    async def test_only_the_shops_own_pages_are_returned_to(self, shop):
        begun = await shop.saleor.storefront.transaction_initialize(
            shop.saleor.create_checkout().id, GATEWAY, {"flow": "apb", "returnUrl": "https://evil.example/"}
        )
        assert begun.result == "CHARGE_FAILURE"
        assert begun.data["errors"][0]["field"] == "data.returnUrl"
