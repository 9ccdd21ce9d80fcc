"""The kit on pages of its own: policy, keyboard, leaving, sign-in, and no serious fault of accessibility anywhere."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.walk import AMAZON_BUTTON, Walk

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}


async def faults_of_accessibility(page):
    results = (await Axe().run(page)).response
    assert results["passes"]
    return [
        (each["id"], [node["target"] for node in each["nodes"]])
        for each in results["violations"]
        if each["impact"] in SERIOUS
    ]


class TestAccessibility:
    @pytest.mark.parametrize(
        ("channel", "language", "scheme", "viewport"),
        [("us", "en", "light", DESKTOP), ("default-jp", "ja", "dark", PHONE)],
        ids=["en-light-desktop", "ja-dark-phone"],
    )
    async def test_no_page_has_a_serious_fault(self, shop, open_page, channel, language, scheme, viewport):
        page = await open_page(language=language, scheme=scheme, viewport=viewport)
        looked_at, faults = set(), []

        async def look():
            looked_at.add(
                re.sub(r"[0-9a-f-]{36}", "id", page.url.partition("?")[0].rpartition("//")[2].partition("/")[2])
            )
            faults.extend((page.url, fault) for fault in await faults_of_accessibility(page))

        walk = Walk(page, shop, "monthly", channel)
        await page.goto(f"{shop.storefront_url}/account.html?channel={channel}")
        await page.locator("#amazon-sign-in button").wait_for()
        await look()
        await page.locator("#amazon-sign-in button").click()
        await page.wait_for_url("**/sign-in/*")
        await look()
        await page.locator("button[value=cancel]").click()
        await page.locator("#notice:not([hidden])").wait_for()
        await walk.start()
        await look()
        await walk.to_amazon()
        await look()
        await page.locator("input[name=card][value='3434']").check()
        await page.locator("button[value=continue]").click()
        await page.locator("#place:not([disabled])").wait_for()
        await look()
        await page.locator("#place").click()
        await page.wait_for_url("**/pay/*")
        await look()
        assert await walk.pay() == "declined"
        await look()
        shopping = Walk(page, shop, "apb", channel)
        await page.goto(f"{shop.storefront_url}/")
        await page.locator(".product button").nth(0).click()
        await page.locator(AMAZON_BUTTON).wait_for()
        await look()
        await page.locator("#checkout").click()
        await shopping.ready()
        await look()
        await page.goto(f"{shop.storefront_url}/order.html?order={shop.saleor.create_order(channel).id}")
        await page.locator(AMAZON_BUTTON).wait_for()
        await look()
        assert faults == []
        assert looked_at == {
            "", "account.html", "product.html", "review.html", "result.html", "checkout.html", "order.html",
            "sign-in/id", "checkout/id/choose", "pay/id",
        }  # fmt: skip

    async def test_everything_can_be_bought_with_the_keyboard_alone(self, shop, open_page):
        page = await open_page()
        walk = Walk(page, shop, "cart", "us")
        await page.goto(f"{shop.storefront_url}/?channel=us")
        await page.locator(".product").first.wait_for()
        await self.press(page, re.compile("Add to basket: Tea cup"))
        await page.locator(AMAZON_BUTTON).wait_for()
        await self.press(page, re.compile("Amazon Pay"))
        await page.wait_for_url("**/sign-in")
        await self.press(page, "Continue")
        await page.wait_for_url("**/choose")
        await self.press(page, "Continue")
        await page.locator("#place:not([disabled])").wait_for()
        await self.press(page, "Place order")
        await page.wait_for_url("**/pay/*")
        await self.press(page, "Pay now")
        assert await walk.outcome() == "paid"

    async def press(self, page, name):
        """Tab to the button of that name, and press it with the space bar."""
        wanted = page.get_by_role("button", name=name).first
        for _ in range(40):
            await page.keyboard.press("Tab")
            if await wanted.evaluate("(it) => it === document.activeElement"):
                await page.keyboard.press("Space")
                return
        raise AssertionError(f"{name} is reached by no tab key")


POLICY = "default-src 'none'; script-src 'nonce-n0nce'; style-src 'unsafe-inline'; connect-src *; form-action *"


RUN = """
import * as kit from %(kit)s;
const fetchGraphql = async (query, variables) => {
  const headers = {"Content-Type": "application/json"};
  return (await (await fetch(%(saleor)s, {method: "POST", headers, body: JSON.stringify({query, variables})})).json()).data;
};
const pay = new kit.SaleorAmazonPay({...%(options)s, fetchGraphql});
const here = document.getElementById("here"), checkout = %(checkout)s, review = location.origin + "/review.html";
const run = async () => { %(script)s };
run().then((result) => (window.result = {result}), (error) => (window.result = {error: error.code ?? String(error)}));
"""
ADD_MODULE = """(text) => {
  window.result = null;
  const script = Object.assign(document.createElement("script"), {type: "module", nonce: "n0nce", textContent: text});
  document.head.append(script);
}"""


@pytest.fixture
async def blank(shop, open_page):
    """A page of the shop with a strict policy and nothing on it; ``run`` is a script with the kit and a checkout."""
    page = await open_page()
    checkout = shop.saleor.create_checkout("us")
    html = '<!doctype html><html lang="en"><title>x</title><main><h1>x</h1><div id="here"></div><button id="own">Own</button></main>'
    headers = {"Content-Security-Policy": POLICY, "Content-Type": "text/html"}
    await page.route("**/blank.html*", lambda route: route.fulfill(body=html, headers=headers))
    await page.goto(f"{shop.storefront_url}/blank.html")
    options = {"saleorApiUrl": shop.saleor.api_url, "channel": "us", "locale": "en", "nonce": "n0nce"}

    async def run(script):
        module = RUN % {
            "kit": json.dumps(f"{shop.app_url}/storefront/amazon-pay.js"),
            "saleor": json.dumps(shop.saleor.api_url),
            "options": json.dumps(options),
            "checkout": json.dumps(checkout.id),
            "script": script,
        }
        await page.evaluate(ADD_MODULE, module)
        for _ in range(200):
            result = await page.evaluate("window.result ?? null")
            if result is not None:
                return result
            await asyncio.sleep(0.05)
        raise AssertionError("the script never ended")

    return page, run


PREPARED = 'prepare: async () => checkout, data: {flow: "review", checkoutReviewReturnUrl: review}'


class TestThePage:
    async def test_may_forbid_every_script_without_its_nonce(self, blank):
        page, run = blank
        done = await run(
            f'await pay.mountExpress(here, {{price: {{amount: "29.99", currency: "USD"}}, {PREPARED}}}); return here.children.length;'
        )
        assert done == {"result": 1}
        await page.locator("#here button").click()
        await page.wait_for_url("**/sign-in")

    async def test_loads_nothing_of_amazons_before_a_button_is_shown(self, blank):
        page, run = blank
        scripts = "[...document.scripts].filter((it) => it.src.includes('checkout.js')).length"
        assert await run(f"await pay.initialize(checkout); return {scripts};") == {"result": 0}
        shown = f"""const {{amazonPay}} = await pay.initialize(checkout);
        await pay.mountButton(here, {{amazonPay, {PREPARED}}});
        await pay.mountButton(here, {{amazonPay, {PREPARED}}}); return {scripts};"""
        assert await run(shown) == {"result": 1}
        assert await page.locator("#here > div").count() == 2

    async def test_is_as_it_was_after_unmounting(self, blank):
        page, run = blank
        before = await page.evaluate("document.body.innerHTML")
        script = f"""const {{amazonPay}} = await pay.initialize(checkout);
        const one = await pay.mountButton(here, {{amazonPay, {PREPARED}}});
        await pay.mountPayNow(here, {{amazonPay, prepare: async () => null, data: {{}}}});
        one.unmount(); pay.unmount();"""
        assert "error" not in await run(script)
        assert await page.evaluate("document.body.innerHTML") == before

    async def test_says_what_happens_to_who_cannot_see_it(self, blank):
        _page, run = blank
        script = """const seen = [];
        for (const name of ["ready", "opening", "error"]) pay.addEventListener(name, () => seen.push(name));
        const {amazonPay} = await pay.initialize(checkout);
        await pay.mountButton(here, {amazonPay, prepare: async () => { throw new Error("no stock"); }, data: {}});
        here.querySelector("button").click();
        await new Promise((resolve) => pay.addEventListener("error", resolve));
        return [seen, here.firstChild.getAttribute("aria-label"), document.querySelector("[role=status]").textContent];"""
        events, label, said = (await run(script))["result"]
        assert events == ["ready", "opening", "error"]
        assert label.startswith("Amazon Pay: use the address")
        assert said == "Amazon Pay cannot be reached at the moment. Please try again."

    async def test_asks_at_the_click_and_can_change_its_mind(self, blank):
        page, run = blank
        script = """let asked = 0; const {amazonPay} = await pay.initialize(checkout);
        await pay.mountButton(here, {amazonPay, prepare: async () => { asked += 1; return null; }, data: {}});
        for (let n = 0; n < 3; n++) { here.querySelector("button").click(); await new Promise((done) => setTimeout(done, 20)); }
        return asked;"""
        assert await run(script) == {"result": 3}
        assert page.url.endswith("/blank.html")

    async def test_shows_no_button_for_what_cannot_be_paid(self, blank):
        page, run = blank
        for price in ('{amount: "0.00", currency: "USD"}', '{amount: "3000", currency: "JPY"}'):
            assert await run(f"await pay.mountExpress(here, {{price: {price}, {PREPARED}}});") == {"error": "INVALID"}
        assert await page.locator("#here > *").count() == 0

    async def test_goes_to_amazon_from_the_shops_own_button(self, blank):
        page, run = blank
        await run(
            """const {amazonPay} = await pay.initialize(checkout, {checkoutReviewReturnUrl: review});
            document.getElementById("own").onclick = () => kit.startCheckout(amazonPay, {nonce: "n0nce"});"""
        )
        await page.locator("#own").click()
        await page.wait_for_url("**/sign-in")

    async def test_asks_for_a_recurring_payment_after_the_purchase(self, blank, shop):
        page, run = blank
        user = shop.saleor.store.user_by_email("customer@example.com")
        shop.saleor.store.checkouts[-1].user = user
        done = await run(
            """const {amazonPay} = await pay.initialize(checkout, {checkoutReviewReturnUrl: review,
              recurring: {frequency: {unit: "Month", value: "1"}}});
            await kit.bindUpgrade(document.getElementById("own"), amazonPay, {nonce: "n0nce"});"""
        )
        assert "error" not in done
        await page.locator("#own").click()
        await page.wait_for_url("**/sign-in")
        assert shop.amazon.audit()["sessions"][-1]["chargePermissionType"] == "Recurring"


class TestSignIn:
    async def test_links_the_accounts_of_who_is_logged_in_and_knows_them_next_time(self, shop, open_page):
        page = await open_page()
        await page.goto(f"{shop.storefront_url}/account.html?channel=us")
        await page.locator("#log-in [name=email]").fill("customer@example.com")
        await page.locator("#log-in [name=password]").fill("customer")
        await page.locator("#log-in button").click()
        await page.locator("#known:not([hidden])").wait_for()
        await self.sign_in(page)
        await page.locator("#done", has_text="is linked to your account").wait_for()
        assert await page.locator("#buyer dd").first.inner_text() == "Susie Smith"
        assert "buyerToken" not in page.url
        await page.reload()
        await page.locator("#amazon-sign-in button").wait_for()
        assert not await page.locator("#done").is_visible()
        await page.locator("#log-out").click()
        await page.locator("#log-in:not([hidden])").wait_for()
        await self.sign_in(page)
        await page.locator("#done", has_text="We know you").wait_for()

    async def sign_in(self, page):
        await page.locator("#amazon-sign-in button").click()
        await page.wait_for_url("**/sign-in/*")
        await page.locator("button[value=continue]").click()
        await page.wait_for_url("**/account.html*")

    async def test_that_somebody_else_began_is_not_finished_here(self, shop, open_page):
        page = await open_page()
        await page.goto(f"{shop.storefront_url}/account.html?channel=us")
        await page.locator("#amazon-sign-in button").click()
        await page.wait_for_url("**/sign-in/*")
        consent = await page.request.post(page.url, form={"action": "continue", "buyer": "susie"}, max_redirects=0)
        victim, exchanged = await open_page(), shop.amazon.count("get_buyer")
        await victim.goto(consent.headers["location"])
        await victim.locator("#notice", has_text="not begun here").wait_for()
        assert shop.amazon.count("get_buyer") == exchanged
        assert not await victim.locator("#buyer").is_visible()
        assert "buyerToken" not in victim.url
