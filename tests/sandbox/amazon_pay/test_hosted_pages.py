"""Chromium walks a shop's page, the simulator's checkout.js and its hosted pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import async_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from saleor_amazonpay.sandbox.amazon_pay import Buyer, SimulatorOptions, address
from saleor_amazonpay.sandbox.amazon_pay.sessions import with_parameter
from saleor_amazonpay.sandbox.serving import listening

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SYSTEM_PACKAGES = Path(__file__).parents[2] / "system-packages.sh"
HOSTILE = "<script>window.hacked = true</script>\"'><img src=x onerror='window.hacked = true'>"

SHOP = """<!doctype html><html lang="en"><title>Shop</title>
<script src="{script}"></script><h1>Shop</h1><div id="button"></div><a id="change" href="#">Change</a>
<script>{code}</script></html>"""


class Shop:
    """A page whose script the test decides."""

    def __init__(self, simulator):
        self.simulator, self.code, self.url = simulator, "", ""

    async def page(self, _request):
        return HTMLResponse(SHOP.format(script=f"{self.simulator.url}/checkout.js", code=self.code))

    def renders(self, config, then=""):
        self.code = f"const button = amazon.Pay.renderButton('#button', {script_json(config)}); {then}"


def script_json(value):
    return json.dumps(value).replace("<", "\\u003c")


@pytest.fixture(scope="session")
def executable():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        done = subprocess.run(["bash", SYSTEM_PACKAGES], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = next(filter(None, map(shutil.which, BROWSERS)))
    return found


@pytest.fixture(scope="module")
def anyio_backend():
    """One event loop for the module, so that one browser serves all its tests."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(executable):
    arguments = ["--no-sandbox", "--disable-gpu"] if os.geteuid() == 0 else ["--disable-gpu"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser):
    """A phone of its own for each test: no cookies from another."""
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    page.set_default_timeout(10_000)
    yield page
    await context.close()


@pytest.fixture
async def shop(simulator):
    shop = Shop(simulator)
    async with listening(Starlette(routes=[Route("/{rest:path}", shop.page)])) as url:
        shop.url = url
        yield shop


@pytest.fixture
def button(merchant, shop):
    """A renderButton configuration of this shop."""

    def make(payload=None, **more):
        review = {"webCheckoutDetails": {"checkoutReviewReturnUrl": f"{shop.url}/review?basket=7"}}
        signed = merchant.button(payload or merchant.payload() | review)
        given = {"merchantId": merchant.merchant_id, "publicKeyId": merchant.key_id, "ledgerCurrency": "JPY"}
        given |= {"placement": "Cart", "checkoutLanguage": "en_US", "createCheckoutSessionConfig": signed}
        return given | more

    return make


@pytest.fixture
def apb(merchant, shop):
    def make(**more):
        payload = merchant.apb_payload(**more)
        payload["webCheckoutDetails"] |= {
            "checkoutResultReturnUrl": f"{shop.url}/result",
            "checkoutCancelUrl": f"{shop.url}/cart",
        }
        return payload

    return make


async def reach(page, path):
    """Waits for a page of the shop; returns its query."""
    await page.wait_for_url(lambda url: urlsplit(url).path == path)
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


async def click_button(page, shop):
    await page.goto(shop.url)
    await page.get_by_role("button", name="Amazon Pay").click()


async def sign_in_and_choose(page, *, card="1111"):
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("radio", name=f"•••• {card}").check()
    await page.get_by_role("button", name="Continue").click()


class TestStandardCheckout:
    async def test_from_the_button_over_the_review_to_the_result(self, page, shop, button, merchant, simulator):
        shop.renders(button())
        await click_button(page, shop)
        await page.get_by_role("radio", name="佐藤 花子").check()
        await sign_in_and_choose(page)
        query = await reach(page, "/review")
        session_id = query["amazonCheckoutSessionId"]
        assert query["basket"] == "7"
        assert simulator.session(session_id)["buyer"]["name"] == "佐藤 花子"

        update = merchant.update("1200")
        update["webCheckoutDetails"]["checkoutResultReturnUrl"] = f"{shop.url}/result"
        answer = (await merchant("PATCH", f"checkoutSessions/{session_id}", update)).json()
        await page.goto(answer["webCheckoutDetails"]["amazonPayRedirectUrl"])
        assert "¥1,200" in await page.get_by_role("main").inner_text()
        await page.get_by_role("button", name="Pay now").click()
        assert await reach(page, "/result") == {"amazonCheckoutSessionId": session_id}
        assert (await merchant.complete(session_id)).status_code == 200

    async def test_the_buyer_cancels_on_the_last_page(self, page, shop, merchant, simulator):
        session_id = await merchant.ready_session()
        simulator._world.sessions[session_id].urls["checkoutCancelUrl"] = f"{shop.url}/cart"
        await page.goto(simulator.session(session_id)["webCheckoutDetails"]["amazonPayRedirectUrl"])
        await page.get_by_role("button", name="Cancel and return").click()
        await reach(page, "/cart")
        assert simulator.session(session_id)["statusDetails"]["reasonCode"] == "BuyerCanceled"

    async def test_who_has_paid_and_comes_to_the_last_page_again_is_sent_on_to_the_shop(
        self, page, merchant, simulator
    ):
        session = await merchant.checkout()
        for send in (page.request.get, page.request.post):
            answer = await send(f"{simulator.url}/pay/{session['checkoutSessionId']}", max_redirects=0)
            assert answer.status == 303
            assert answer.headers["location"] == with_parameter(
                session["webCheckoutDetails"]["checkoutResultReturnUrl"],
                "amazonCheckoutSessionId",
                session["checkoutSessionId"],
            )

    async def test_a_cancelled_checkout_cannot_be_paid(self, page, merchant, simulator):
        session_id = await merchant.ready_session()
        simulator.buyer_cancels(session_id)
        answer = await page.goto(f"{simulator.url}/pay/{session_id}")
        assert answer.status == 422
        assert "InvalidCheckoutSessionStatus" in await page.get_by_role("main").inner_text()

    async def test_who_is_signed_in_goes_straight_to_the_choice(self, page, shop, button):
        shop.renders(button())
        await click_button(page, shop)
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("heading", name="Choose how to pay").wait_for()
        await click_button(page, shop)
        await page.get_by_role("heading", name="Choose how to pay").wait_for()

    async def test_until_the_shop_signs_them_out(self, page, shop, button):
        shop.renders(button())
        await click_button(page, shop)
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("heading", name="Choose how to pay").wait_for()
        await page.goto(shop.url)
        async with page.expect_response(lambda response: response.url.endswith("/sign-out")):
            await page.evaluate("amazon.Pay.signout()")
        await page.get_by_role("button", name="Amazon Pay").click()
        await page.get_by_role("heading", name="Sign in").wait_for()

    @pytest.mark.parametrize(
        ("action", "choice", "chosen"),
        [("changeAddress", "大阪府", "大阪府"), ("changePayment", "•••• 4444", "東京都")],
    )
    async def test_address_and_payment_can_be_changed(self, page, shop, button, simulator, action, choice, chosen):
        shop.renders(button())
        await click_button(page, shop)
        await sign_in_and_choose(page)
        session_id = (await reach(page, "/review"))["amazonCheckoutSessionId"]
        bound = {"amazonCheckoutSessionId": session_id, "changeAction": action}
        await page.evaluate(f"amazon.Pay.bindChangeAction('#change', {json.dumps(bound)})")
        await page.get_by_role("link", name="Change").click()
        await page.get_by_role("radio", name=choice).check()
        await page.get_by_role("button", name="Continue").click()
        assert (await reach(page, "/review"))["amazonCheckoutSessionId"] == session_id
        assert simulator.session(session_id)["shippingAddress"]["stateOrRegion"] == chosen
        assert simulator._world.sessions[session_id].card.ending == ("4444" if action == "changePayment" else "1111")

    async def test_a_change_can_be_left_without_harm(self, page, shop, button, simulator):
        shop.renders(button())
        await click_button(page, shop)
        await sign_in_and_choose(page)
        session_id = (await reach(page, "/review"))["amazonCheckoutSessionId"]
        await page.goto(f"{simulator.url}/checkout/{session_id}/choose?change=changeAddress")
        await page.get_by_role("button", name="Cancel and return").click()
        await reach(page, "/review")
        assert simulator.session(session_id)["statusDetails"]["state"] == "Open"


class TestAdditionalPaymentButton:
    async def test_ends_on_the_result_page_without_a_review(self, page, shop, button, apb, merchant):
        shop.renders(button(apb()))
        await click_button(page, shop)
        await sign_in_and_choose(page)
        await page.get_by_role("button", name="Pay now").click()
        session_id = (await reach(page, "/result"))["amazonCheckoutSessionId"]
        assert (await merchant.complete(session_id)).status_code == 200

    async def test_the_shop_can_start_it_on_its_own_click(self, page, shop, button, apb):
        config = button(apb())
        late = {"createCheckoutSessionConfig": config.pop("createCheckoutSessionConfig")}
        shop.renders(config, f"button.onClick(() => button.initCheckout({script_json(late)}))")
        await click_button(page, shop)
        await page.get_by_role("heading", name="Sign in").wait_for()

    async def test_or_without_any_button(self, page, shop, button, apb):
        shop.code = f"document.title = 'x'; const start = () => amazon.Pay.initCheckout({script_json(button(apb()))})"
        await page.goto(shop.url)
        await page.evaluate("start()")
        await page.get_by_role("heading", name="Sign in").wait_for()

    async def test_a_payload_with_line_breaks_arrives_unchanged(self, page, shop, button, merchant, apb):
        config = button()
        config["createCheckoutSessionConfig"] = merchant.button(json.dumps(apb(), indent=2, ensure_ascii=False))
        shop.renders(config)
        await click_button(page, shop)
        await page.get_by_role("heading", name="Sign in").wait_for()

    async def test_cancelling_leads_to_the_cancel_url(self, page, shop, button, apb):
        shop.renders(button(apb()))
        await click_button(page, shop)
        await page.get_by_role("button", name="Cancel and return").click()
        await reach(page, "/cart")


class TestDeclines:
    async def test_in_the_sandbox_the_buyer_is_sent_back(self, page, shop, button, apb, merchant, refused):
        shop.renders(button(apb()))
        await click_button(page, shop)
        await sign_in_and_choose(page, card="3434")
        await page.get_by_role("button", name="Pay now").click()
        session_id = (await reach(page, "/result"))["amazonCheckoutSessionId"]
        refused(await merchant.complete(session_id), 422, "CheckoutSessionCanceled")

    class TestWithRecovery:
        @pytest.fixture
        def options(self):
            return SimulatorOptions(decline_recovery=True)

        async def test_another_card_can_be_taken(self, page, shop, button, apb, merchant):
            shop.renders(button(apb()))
            await click_button(page, shop)
            await sign_in_and_choose(page, card="3434")
            await page.get_by_role("button", name="Pay now").click()
            assert "declined" in await page.get_by_role("alert").inner_text()
            await page.get_by_role("radio", name="•••• 1111").check()
            await page.get_by_role("button", name="Pay now").click()
            session_id = (await reach(page, "/result"))["amazonCheckoutSessionId"]
            assert (await merchant.complete(session_id)).status_code == 200


class TestSignInButton:
    async def test_returns_with_a_buyer_token(self, page, shop, button, merchant):
        payload = {"signInReturnUrl": f"{shop.url}/in", "storeId": merchant.store_id, "signInScopes": ["name", "email"]}
        shop.renders(button(productType="SignIn", signInConfig=merchant.button(payload)))
        await page.goto(shop.url)
        await page.get_by_role("button", name="Sign in with Amazon").click()
        assert "email, name" in await page.get_by_role("main").inner_text()
        await page.get_by_role("button", name="Continue").click()
        token = (await reach(page, "/in"))["buyerToken"]
        assert (await merchant.get(f"buyers/{token}"))["email"] == "taro.suzuki@example.com"


class TestWhatThePagesAre:
    async def test_wrong_configurations_are_told(self, page, shop, button):
        shop.renders(button(merchantId="AFOREIGN"))
        await click_button(page, shop)
        assert "merchantId" in await page.get_by_role("main").inner_text()

    @pytest.mark.parametrize("wrong", [{"placement": "Footer"}, {"merchantId": ""}, {"productType": "PayLater"}])
    async def test_checkout_js_throws_at_once(self, page, shop, button, wrong):
        shop.renders(button(**wrong))
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(shop.url)
        assert len(errors) == 1
        assert next(iter(wrong)) in errors[0]

    async def test_a_changed_payload_is_refused(self, page, shop, button):
        config = button()
        config["createCheckoutSessionConfig"]["payloadJSON"] += " "
        shop.renders(config)
        await click_button(page, shop)
        assert "InvalidRequestSignature" in await page.get_by_role("main").inner_text()

    async def test_they_speak_japanese_where_the_button_does(self, page, shop, button):
        shop.renders(button(checkoutLanguage="ja_JP"))
        await click_button(page, shop)
        await page.get_by_role("button", name="次へ進む").click()
        assert await page.locator("html").get_attribute("lang") == "ja"
        await page.get_by_role("link", name="English").click()
        await page.get_by_role("heading", name="Choose how to pay").wait_for()

    async def test_what_people_type_is_text(self, page, shop, button, apb, simulator):
        home = address(name=HOSTILE[:50], addressLine1=HOSTILE, postalCode="1", countryCode="JP")
        simulator.buyers.add(Buyer("evil", "jp", HOSTILE, "evil@example.com", "0", (home,)))
        metadata = {"merchantStoreName": HOSTILE[:50], "merchantReferenceId": HOSTILE, "noteToBuyer": HOSTILE}
        shop.renders(button(apb(merchantMetadata=metadata)))
        await click_button(page, shop)
        await page.get_by_role("radio", name="window.hacked").check()
        await sign_in_and_choose(page)
        assert HOSTILE in await page.get_by_role("main").inner_text()
        assert await page.evaluate("window.hacked") is None

    async def test_the_whole_way_goes_by_keyboard(self, page, shop, button, apb):
        shop.renders(button(apb()))
        await page.goto(shop.url)
        for name in ("Amazon Pay", "Continue", "Continue", "Pay now"):
            target = page.get_by_role("button", name=name)
            await target.wait_for()
            for _ in range(12):
                await page.keyboard.press("Tab")
                if await target.evaluate("element => element === document.activeElement"):
                    break
            await page.keyboard.press("Enter")
            await page.wait_for_load_state()
        await reach(page, "/result")

    async def test_nothing_overflows_on_a_phone(self, page, shop, button, apb):
        shop.renders(button(apb(merchantMetadata={"noteToBuyer": "x" * 255})))
        await page.set_viewport_size({"width": 320, "height": 640})
        await click_button(page, shop)
        for step in ("Continue", "Continue", None):
            await page.get_by_role("button", name=step or "Pay now").wait_for()
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320
            if step:
                await page.get_by_role("button", name=step).click()
