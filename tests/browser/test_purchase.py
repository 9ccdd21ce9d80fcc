"""A person buys in the example storefront, in a browser, and Saleor ends with the right events and no second charge."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.sandbox.purchases import Amounts, amounts_at_amazon, amounts_in_saleor
from tests.browser.conftest import DESKTOP, PHONE

pytestmark = pytest.mark.browser

CUP, BOOK = 0, 3


async def fill_basket(page, shop, channel, product=CUP):
    await page.goto(f"{shop.storefront_url}/?channel={channel}")
    await page.locator(".product button").nth(product).click()
    await page.locator("#amazon-pay button").wait_for()


async def choose_at_amazon(page, card="1111", buyer=0):
    await page.locator("#amazon-pay button").click()
    await page.wait_for_url(re.compile(r"/(sign-in|choose)"))
    if "sign-in" in page.url:
        await page.locator("input[name=buyer]").nth(buyer).check()
        await page.locator("button[value=continue]").click()
        await page.wait_for_url("**/choose*")
    await page.locator(f"input[name=card][value='{card}']").check()
    await page.locator("button[value=continue]").click()
    await page.wait_for_url("**/review.html*")


async def place_order(page):
    await page.locator("#place:not([disabled])").click()
    await page.wait_for_url("**/pay/*")


async def confirm(page):
    await page.locator("button[value=pay]").click()
    return await outcome(page)


async def outcome(page):
    await page.wait_for_url("**/result.html*")
    settled = page.locator("#outcome:not([data-outcome=processing]):not([data-outcome=checking])")
    await settled.wait_for()
    return await settled.get_attribute("data-outcome")


async def buy(page, shop, channel, product=CUP, card="1111"):
    await fill_basket(page, shop, channel, product)
    await choose_at_amazon(page, card)
    await place_order(page)
    return await confirm(page)


@pytest.fixture
def new_transactions(shop):
    """The transactions made since the test began."""
    before = len(shop.saleor.store.transactions)
    return lambda: [shop.saleor.transaction(each.id) for each in shop.saleor.store.transactions[before:]]


def amounts(**given):
    return Amounts.of(**given)


class TestPurchase:
    @pytest.mark.parametrize(
        ("channel", "language", "scheme", "viewport", "expected"),
        [
            ("default-jp", "ja", "light", DESKTOP, amounts(charged="3500")),
            ("us", "en", "dark", DESKTOP, amounts(authorized="34.99")),
            ("default-jp", "ja", "dark", PHONE, amounts(charged="3500")),
            ("us", "en", "light", PHONE, amounts(authorized="34.99")),
        ],
        ids=["jpy", "usd", "jpy-phone", "usd-phone"],
    )
    async def test_ends_paid_with_an_order(
        self, shop, open_page, new_transactions, channel, language, scheme, viewport, expected
    ):
        page = await open_page(language=language, scheme=scheme, viewport=viewport)
        assert await buy(page, shop, channel) == "paid"
        assert await page.locator("#number").inner_text() == f"#{shop.saleor.store.orders[-1].number}"
        [transaction] = new_transactions()
        assert amounts_in_saleor(transaction) == expected
        assert amounts_at_amazon(shop, transaction.id) == expected
        assert transaction.order_id == shop.saleor.store.orders[-1].id

    async def test_of_a_download_asks_for_no_address(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "default-jp", BOOK)
        await choose_at_amazon(page)
        await page.locator("#place:not([disabled])").wait_for()
        assert not await page.locator("#shipping").is_visible()
        await place_order(page)
        assert await confirm(page) == "paid"
        [transaction] = new_transactions()
        assert amounts_in_saleor(transaction) == amounts(charged="1000")

    async def test_gives_saleor_the_address_chosen_at_amazon(self, shop, open_page):
        page = await open_page()
        assert await buy(page, shop, "us") == "paid"
        address = shop.saleor.store.orders[-1].shipping_address
        assert (address.first_name, address.street_address_1, address.postal_code) == ("Susie", "10 Ditka Ave", "60602")

    async def test_fits_the_width_of_a_phone(self, shop, open_page):
        page = await open_page(viewport=PHONE)
        too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        await fill_basket(page, shop, "us")
        assert not await page.evaluate(too_wide)
        await choose_at_amazon(page)
        await page.locator("#place:not([disabled])").wait_for()
        assert not await page.evaluate(too_wide)
        await place_order(page)
        await confirm(page)
        assert not await page.evaluate(too_wide)


class TestSecondThoughts:
    async def test_a_declined_card_and_then_another_one(self, shop, open_page, new_transactions):
        page = await open_page()
        assert await buy(page, shop, "us", card="3434") == "declined"
        await page.locator("#next").click()
        await page.locator("#amazon-pay button").wait_for()
        await choose_at_amazon(page)
        await place_order(page)
        assert await confirm(page) == "paid"
        declined, paid = new_transactions()
        assert amounts_in_saleor(declined) == amounts()
        assert amounts_in_saleor(paid) == amounts(authorized="34.99")

    async def test_cancelling_at_the_choice_keeps_the_basket(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "us")
        await page.locator("#amazon-pay button").click()
        await page.wait_for_url("**/sign-in*")
        await page.locator("button[value=cancel]").click()
        await page.wait_for_url("**/index.html?cancelled=1")
        await page.locator("#notice", has_text="Nothing was charged").wait_for()
        await page.locator(".lines li").wait_for()
        assert new_transactions() == []

    async def test_cancelling_instead_of_paying_charges_nothing(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "us")
        await choose_at_amazon(page)
        await place_order(page)
        await page.locator("button[value=cancel]").click()
        await page.wait_for_url("**/index.html?cancelled=1")
        [transaction] = new_transactions()
        assert amounts_in_saleor(transaction) == amounts()

    async def test_a_buyer_who_cancels_by_card_is_told_so(self, shop, open_page, new_transactions):
        page = await open_page()
        assert await buy(page, shop, "us", card="3064") == "cancelled"
        [transaction] = new_transactions()
        assert transaction.event_types[-1] == "AUTHORIZATION_FAILURE"

    async def test_changing_the_card_on_the_review_page(self, shop, open_page):
        page = await open_page()
        await fill_basket(page, shop, "us")
        await choose_at_amazon(page)
        await page.locator("#place:not([disabled])").wait_for()
        await page.locator("#change-payment").click()
        await page.wait_for_url("**/choose?change=changePayment*")
        await page.locator("input[name=card][value='4444']").check()
        await page.locator("button[value=continue]").click()
        await page.wait_for_url("**/review.html*")
        await page.locator("#place:not([disabled])").wait_for()
        assert "4444" in await page.locator("#descriptor").inner_text()

    async def test_coming_to_the_result_page_without_a_payment(self, shop, open_page):
        page = await open_page()
        await page.goto(f"{shop.storefront_url}/result.html?amazonCheckoutSessionId=unknown")
        assert await outcome(page) == "unknown"

    async def test_looking_at_a_session_that_expired_meanwhile(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "us")
        await choose_at_amazon(page)
        await place_order(page)
        shop.clock.move(hours=25)
        session_id = page.url.rsplit("/", 1)[1]
        await page.goto(f"{shop.storefront_url}/result.html?amazonCheckoutSessionId={session_id}")
        assert await outcome(page) == "expired"
        [transaction] = new_transactions()
        assert amounts_in_saleor(transaction) == amounts()


class TestSilence:
    async def test_of_amazon_is_waited_out_on_the_result_page(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "default-jp")
        await choose_at_amazon(page)
        await place_order(page)
        shop.amazon.faults.add(Fault(operation="complete_checkout_session", timeout_after=True, hold_seconds=3.0))
        assert await confirm(page) == "paid"
        [transaction] = new_transactions()
        assert amounts_in_saleor(transaction) == amounts(charged="3500")
        assert len(charges_of(shop, transaction.id)) == 1

    async def test_of_the_shop_is_told_and_the_order_can_be_placed_again(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "us")
        await choose_at_amazon(page)
        await page.locator("#place:not([disabled])").wait_for()
        await page.route(shop.saleor.api_url, lambda route: route.abort())
        await page.locator("#place").click()
        await page.locator("#notice:not([hidden])").wait_for()
        await page.unroute(shop.saleor.api_url)
        await place_order(page)
        assert await confirm(page) == "paid"
        assert amounts_in_saleor(new_transactions()[-1]) == amounts(authorized="34.99")


class TestImpatience:
    async def test_a_double_click_on_place_order_charges_once(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "default-jp")
        await choose_at_amazon(page)
        await page.locator("#place:not([disabled])").dblclick()
        await page.wait_for_url("**/pay/*")
        assert await confirm(page) == "paid"
        [transaction] = new_transactions()
        assert amounts_in_saleor(transaction) == amounts(charged="3500")
        assert len(charges_of(shop, transaction.id)) == 1

    async def test_a_double_click_on_the_button_opens_one_session(self, shop, open_page):
        page = await open_page()
        await fill_basket(page, shop, "us")
        before = len(shop.amazon.audit()["sessions"])
        await page.locator("#amazon-pay button").dblclick()
        await page.wait_for_url("**/sign-in*")
        assert len(shop.amazon.audit()["sessions"]) == before + 1

    async def test_reloading_the_result_changes_nothing(self, shop, open_page, new_transactions):
        page = await open_page()
        assert await buy(page, shop, "default-jp") == "paid"
        number = await page.locator("#number").inner_text()
        await page.reload()
        assert await outcome(page) == "paid"
        assert await page.locator("#number").inner_text() == number
        [transaction] = new_transactions()
        assert transaction.charged == Decimal(3500)
        assert len(charges_of(shop, transaction.id)) == 1

    async def test_the_back_button_after_paying_leads_to_no_second_charge(self, shop, open_page, new_transactions):
        page = await open_page()
        assert await buy(page, shop, "default-jp") == "paid"
        paid_sessions = shop.amazon.count("complete_checkout_session")
        for _ in range(2):
            await page.go_back()
        await page.wait_for_load_state()
        await page.go_forward()
        await page.go_forward()
        assert await outcome(page) == "paid"
        [transaction] = new_transactions()
        assert transaction.charged == Decimal(3500)
        assert shop.amazon.count("complete_checkout_session") == paid_sessions

    async def test_two_tabs_on_the_result_page_charge_once(self, shop, open_page, new_transactions):
        page = await open_page()
        await fill_basket(page, shop, "default-jp")
        await choose_at_amazon(page)
        await place_order(page)
        await page.locator("button[value=pay]").click()
        await page.wait_for_url("**/result.html*")
        second = await page.context.new_page()
        await second.goto(page.url)
        assert await outcome(page) == "paid"
        assert await outcome(second) == "paid"
        [transaction] = new_transactions()
        assert transaction.charged == Decimal(3500)
        assert len(charges_of(shop, transaction.id)) == 1


def charges_of(shop, transaction_id):
    audit = shop.amazon.audit()
    permissions = {
        each["chargePermissionId"]
        for each in audit["permissions"]
        if (each["merchantMetadata"] or {}).get("merchantReferenceId") == transaction_id
    }
    return [each for each in audit["charges"] if each["chargePermissionId"] in permissions]
