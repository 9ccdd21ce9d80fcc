"""What a buyer meets in the example shop beside the flows of test_flows.py: downloads, changes of mind, silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.sandbox.purchases import Amounts, amounts_in_saleor
from tests.browser.conftest import PHONE
from tests.browser.walk import AMAZON_BUTTON, Walk

pytestmark = pytest.mark.browser

BUDGET = 1.5
BOOK = 3


@pytest.fixture
async def walk(shop, open_page):
    return Walk(await open_page(), shop, "cart", "us")


@pytest.fixture
def susie(shop):
    """The buyer at Amazon with something else in her first address; for one test."""
    buyers = shop.amazon._world.buyers
    known = buyers["susie"]
    yield lambda **parts: buyers.add(replace(known, addresses=({**known.addresses[0], **parts},)))
    buyers.add(known)


async def to_the_review(walk):
    await walk.start()
    await walk.to_amazon()
    await walk.page.locator("button[value=continue]").click()
    await walk.page.locator("#place:not([disabled])").wait_for()


class TestPurchase:
    async def test_of_a_download_asks_for_no_address(self, walk):
        await walk.page.goto(f"{walk.shop.storefront_url}/?channel=default-jp")
        await walk.page.locator(".product button").nth(BOOK).click()
        await walk.page.locator(AMAZON_BUTTON).wait_for()
        await walk.to_amazon()
        assert await walk.page.locator("input[name=address]").count() == 0
        await walk.page.locator("button[value=continue]").click()
        await walk.page.locator("#place:not([disabled])").wait_for()
        assert not await walk.page.locator("#shipping").is_visible()
        await walk.page.locator("#place").click()
        await walk.page.wait_for_url("**/pay/*")
        assert await walk.pay() == "paid"
        assert amounts_in_saleor(walk.transactions[0]) == Amounts.of(charged="1000")

    async def test_gives_saleor_the_address_chosen_at_amazon(self, walk):
        await walk.to_the_pay_page()
        assert await walk.pay() == "paid"
        order = walk.shop.saleor.store.orders[-1]
        address = order.shipping_address
        assert (address.first_name, address.street_address_1, address.postal_code) == ("Susie", "10 Ditka Ave", "60602")
        assert await walk.page.locator("#number").inner_text() == f"#{order.number}"

    async def test_with_the_shops_own_form_tells_saleors_field_errors(self, shop, open_page):
        walk = Walk(await open_page(), shop, "apb", "us")
        await walk.start()
        await walk.page.locator("[name=email]").fill("no address")
        await walk.press("#details button >> nth=0")
        assert await walk.page.evaluate("document.activeElement.name") == "email"
        assert not await walk.page.locator("#paying").is_visible()

    @pytest.mark.parametrize("flow", ["cart", "express", "apb"])
    async def test_fits_the_width_of_a_phone(self, shop, open_page, flow):
        page = await open_page(viewport=PHONE)
        walk, wide = Walk(page, shop, flow, "us"), []

        async def look(*_):
            if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wide.append(page.url)

        await walk.start()
        await look()
        await walk.to_amazon()
        await look()
        await walk.choose()
        await look()
        assert await walk.pay() == "paid"
        await look()
        assert wide == []


class TestSecondThoughts:
    async def test_changing_the_card_on_the_review_page(self, walk):
        await to_the_review(walk)
        await walk.page.locator("#change-payment").click()
        await walk.page.wait_for_url("**/choose?change=changePayment*")
        await walk.page.locator("input[name=card][value='4444']").check()
        await walk.page.locator("button[value=continue]").click()
        await walk.page.wait_for_url("**/review.html*")
        await walk.page.locator("#place:not([disabled])").wait_for()
        assert "4444" in await walk.page.locator("#descriptor").inner_text()

    async def test_changing_the_address_on_the_review_page(self, shop, open_page):
        walk = Walk(await open_page(language="ja"), shop, "cart", "default-jp")
        await to_the_review(walk)
        await walk.page.locator("#change-address").click()
        await walk.page.wait_for_url("**/choose?change=changeAddress*")
        await walk.page.locator("input[name=address]").nth(1).check()
        await walk.page.locator("button[value=continue]").click()
        await walk.page.wait_for_url("**/review.html*")
        await walk.page.locator("#place:not([disabled])").wait_for()
        assert "大阪府" in await walk.page.locator("#shipping-address").inner_text()
        await walk.page.locator("#place").click()
        await walk.page.wait_for_url("**/pay/*")
        assert await walk.pay() == "paid"
        assert shop.saleor.store.orders[-1].shipping_address.country_area == "大阪府"

    async def test_an_address_changed_behind_the_buyers_back_is_put_right(self, walk):
        await to_the_review(walk)
        checkout = walk.shop.saleor.store.checkouts[-1]
        checkout.shipping_address.street_address_1 = "1 Elsewhere Rd"
        await walk.page.locator("#place").click()
        await walk.page.locator("#notice", has_text="put yours back").wait_for()
        walk.paid_nothing()
        await walk.page.locator("#place:not([disabled])").click()
        await walk.page.wait_for_url("**/pay/*")
        assert await walk.pay() == "paid"
        assert walk.shop.saleor.store.orders[-1].shipping_address.street_address_1 == "10 Ditka Ave"

    async def test_an_address_with_a_script_in_it_is_text_and_asked_for_again(self, walk, susie):
        susie(addressLine1="<img src=x onerror=window.hacked=1>")
        await walk.start()
        await walk.to_amazon()
        await walk.page.locator("button[value=continue]").click()
        await walk.page.locator("#missing:not([hidden])").wait_for()
        await walk.page.locator("[name='shippingAddress.streetAddress1']").fill("10 Ditka Ave")
        await walk.page.locator("#missing button").click()
        await walk.page.locator("#place:not([disabled])").wait_for()
        assert not await walk.page.evaluate("'hacked' in window")

    async def test_an_order_paid_already_is_told_so(self, walk):
        await to_the_review(walk)
        review = walk.page.url
        await walk.page.locator("#place").click()
        await walk.page.wait_for_url("**/pay/*")
        assert await walk.pay() == "paid"
        await walk.page.goto(review)
        await walk.page.locator("#notice", has_text="paid already").wait_for()
        assert not await walk.page.locator("#order").is_visible()

    async def test_coming_to_the_result_page_without_a_payment(self, walk):
        await walk.page.goto(f"{walk.shop.storefront_url}/result.html?amazonCheckoutSessionId=unknown")
        assert await walk.outcome() == "unknown"

    async def test_a_result_page_tampered_with_decides_nothing(self, walk):
        await walk.to_the_pay_page()
        address = await walk.paid_and_gone()
        session_id = address.rpartition("=")[2]
        await walk.page.goto(address.replace(session_id, "00000000-0000-4000-8000-000000000000"))
        assert await walk.outcome() == "action_required"
        walk.paid_nothing()
        await walk.page.goto(address)
        assert await walk.outcome() == "paid"
        walk.paid_once()


class TestSilence:
    async def test_of_amazon_is_waited_out_on_the_result_page(self, walk):
        await walk.to_the_pay_page()
        walk.shop.amazon.faults.add(Fault(operation="complete_checkout_session", timeout_after=True, hold_seconds=3.0))
        assert await walk.pay() == "paid"
        walk.paid_once()

    async def test_of_the_shop_is_told_and_the_order_can_be_placed_again(self, walk):
        await to_the_review(walk)
        await walk.page.route(walk.shop.saleor.api_url, lambda route: route.abort())
        await walk.page.locator("#place").click()
        await walk.page.locator("#notice:not([hidden])").wait_for()
        await walk.page.unroute(walk.shop.saleor.api_url)
        await walk.page.locator("#place:not([aria-busy])").click()
        await walk.page.wait_for_url("**/pay/*")
        assert await walk.pay() == "paid"
        walk.paid_once()
