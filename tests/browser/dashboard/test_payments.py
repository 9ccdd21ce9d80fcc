"""Payments in the Dashboard, in Chromium: searched, acted on and looked at, beside orders and customers too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest

from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.storage import migrate
from tests.browser.dashboard.conftest import PHONE
from tests.browser.dashboard.sold import CUSTOMER, charged, sell
from tests.journeys.helpers import captured, charges, payment_of, refunded, settle
from tests.journeys.shop import Shop, open_shop

pytestmark = pytest.mark.browser

SLOWLY = 3.2  # seconds Amazon takes to answer: longer than a webhook may work, so a job carries it to its end


@dataclass
class Furnished:
    """A shop with a payment of each kind; ``paths`` by what they are good for."""

    shop: Shop
    paths: dict[str, str]
    order_id: str
    order_number: str


async def path_of(shop, transaction):
    return f"/payments/{(await payment_of(shop, transaction)).id}"


@pytest.fixture(scope="module")
async def furnished(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('payments') / 'app.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    async with open_shop(url) as shop:
        sold = await sell(shop)
        paths = {kind: f"/payments/{sold[kind]}" for kind in ("held", "part", "refunded", "lost", "gone")}
        yield Furnished(shop, paths, sold["order"], sold["number"])


@pytest.fixture(scope="module")
def merchant(furnished):
    """Whose Dashboard is opened."""
    return furnished.shop


SCREENS = {
    "payments": lambda it: "/payments",
    "payments-none": lambda it: "/payments?search=nobody",
    "payments-fault": lambda it: "/payments?amountFrom=much&fromDay=x",
    "payments-differences": lambda it: "/payments/differences",
    "payment-held": lambda it: it.paths["held"],
    "payment-part": lambda it: it.paths["part"],
    "payment-refunded": lambda it: it.paths["refunded"],
    "payment-lost-request": lambda it: it.paths["lost"],
    "widget-order": lambda it: f"/widgets/order?orderId={it.order_id}",
    "widget-order-none": lambda it: "/widgets/order?orderId=T3JkZXI6eA==",
    "widget-customer": lambda it: f"/widgets/customer?customerId={CUSTOMER}",
}


class TestScreens:
    @pytest.mark.parametrize("name", SCREENS)
    async def test_in_both_languages_and_themes(self, furnished, open_dashboard, name):
        opened = await open_dashboard(SCREENS[name](furnished))
        await opened.picture(f"{name}-en-light")
        found = await opened.stumbling_blocks()
        await opened.dashboard("setTheme('dark')")
        found += await opened.stumbling_blocks()
        await opened.dashboard("setLocale('ja')")
        await opened.app.locator("main[lang=ja]").wait_for()
        await opened.picture(f"{name}-ja-dark")
        found += await opened.stumbling_blocks()
        await opened.dashboard("setTheme('light')")
        assert found + await opened.stumbling_blocks() == []

    async def test_on_a_phone(self, furnished, open_dashboard):
        for name in ("payments", "payment-part"):
            opened = await open_dashboard(SCREENS[name](furnished), viewport=PHONE)
            await opened.picture(f"{name}-phone")
            width = await opened.app.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert width[0] <= width[1]


class TestAtWork:
    async def test_a_payment_is_found_charged_and_given_back_in_part(self, furnished, open_dashboard):
        shop = furnished.shop
        transaction = await shop.authorized("3000")
        opened = await open_dashboard()
        await opened.click("Payments", role="link")
        await opened.title("Payments")
        [permission] = [each["chargePermissionId"] for each in charges(shop, "Authorized")][-1:]
        await opened.app.get_by_label("Search").fill(permission)
        await opened.app.get_by_role("search").get_by_role("button", name="Search").click()
        await opened.app.get_by_role("link", name="Clear").wait_for()
        assert await opened.app.locator("table.list tbody tr").count() == 1
        await opened.app.locator("table.list tbody a").click()
        await opened.title("Payment")
        before = captured(shop)
        await opened.app.get_by_label("Amount (at most").first.fill("1000")
        await opened.app.get_by_role("button", name="Capture").dblclick()
        await opened.app.get_by_role("dialog").get_by_role("button", name="Capture").click()
        await (
            opened.app.get_by_text("TRANSACTION_CHARGE", exact=False)
            .or_(opened.app.get_by_text("charge"))
            .first.wait_for()
        )
        await settle(shop)
        assert captured(shop) - before == 1000
        assert shop.amounts(transaction) == {"authorized": 2000, "charged": 1000}

    async def test_the_page_follows_a_capture_to_its_end_by_itself(self, furnished, open_dashboard):
        """Nobody opens anything again; what was entered elsewhere, what was opened and the focus stay."""
        shop = furnished.shop
        opened = await open_dashboard(await path_of(shop, await shop.authorized("3000")))
        app, asked = opened.app, []
        opened.page.on("request", lambda each: asked.append(each.url) if "looks=" in each.url else None)
        shop.amazon.faults.add(Fault(operation="capture_charge", delay=SLOWLY))
        await app.locator("#charge-amount").fill("1000")
        await app.locator("form.offer", has=app.locator("#charge-amount")).get_by_role("button").click()
        await app.get_by_role("dialog").get_by_role("button", name="Capture").click()
        await app.get_by_text("This page follows by itself.").wait_for()
        assert await opened.stumbling_blocks() == []
        await app.locator("#charge-amount").fill("70")
        await app.locator("ol.timeline summary").first.click()
        opened_entry = await app.locator("ol.timeline summary").first.text_content()
        await app.locator("#charge-amount").focus()
        await settle(shop)
        await app.locator("#following .notice.success").wait_for()
        await app.locator("#state").get_by_text("Partially captured", exact=True).wait_for()
        assert await app.evaluate("document.activeElement.id") == "charge-amount"
        assert await app.locator("#charge-amount").input_value() == "70"
        assert await app.locator("details[open] > summary").first.text_content() == opened_entry
        assert "It is done." in await app.locator("#live").text_content()
        assert await opened.stumbling_blocks() == []
        await opened.picture("payment-followed")
        done = len(asked)
        await opened.page.wait_for_timeout(2_500)
        assert len(asked) == done > 0

    async def test_a_focus_whose_button_is_gone_goes_to_the_outcome(self, furnished, open_dashboard):
        shop = furnished.shop
        opened = await open_dashboard(await path_of(shop, await shop.authorized("3000")), language="ja", theme="dark")
        app = opened.app
        shop.amazon.faults.add(Fault(operation="cancel_charge", delay=SLOWLY))
        await app.locator("form[action$='/cancel'] button").click()
        await app.get_by_role("dialog").locator("button[value=yes]").click()
        await app.get_by_text("この画面は自動で更新されます。").wait_for()
        await app.locator("form[action$='/cancel'] button").focus()
        await settle(shop)
        await app.locator("#following .notice.success").wait_for()
        assert await app.locator("form[action$='/cancel']").count() == 0
        assert await app.evaluate("document.activeElement.id") == "following"
        await opened.picture("payment-followed-ja-dark")

    async def test_looks_that_fail_end_with_a_word(self, furnished, open_dashboard):
        shop = furnished.shop
        transaction = await charged(shop)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await shop.saleor.settle()
        opened = await open_dashboard(await path_of(shop, transaction), clock=True)
        app, asked = opened.app, []
        await app.locator("#following[data-follow]").wait_for()

        async def fail(route):
            asked.append(route.request.url)
            await route.abort()

        await opened.page.route("**/*looks=*", fail)
        for _ in range(12):
            await opened.page.clock.run_for(3_000)
            await opened.page.wait_for_timeout(50)
        await app.locator("#notice").get_by_text("The app did not answer.").wait_for()
        assert len(asked) == 6
        await settle(shop)
        opened.complaints.clear()  # Chromium's own, about the requests that failed

    async def test_too_much_is_said_beside_the_field(self, furnished, open_dashboard):
        opened = await open_dashboard(furnished.paths["refunded"])
        field = opened.app.locator("#refund-amount")
        await field.fill("99999")
        await opened.app.locator("form.offer", has=field).get_by_role("button").click()
        await opened.app.get_by_role("dialog").get_by_role("button", name="Refund").click()
        await opened.app.locator("#refund-fault").wait_for()
        assert await field.get_attribute("aria-invalid") == "true"
        assert await opened.app.evaluate("document.activeElement.id") == "refund-amount"

    async def test_a_request_that_never_came_is_done_now(self, furnished, open_dashboard):
        shop, before = furnished.shop, refunded(furnished.shop)
        opened = await open_dashboard(furnished.paths["lost"])
        await opened.click("Do it now")
        await opened.app.get_by_role("dialog").get_by_role("button", name="Go on").click()
        await opened.page.wait_for_function("dashboard.actions.some((each) => each.type === 'notification')")
        await settle(shop)
        assert refunded(shop) - before == 700

    async def test_the_widget_opens_the_payment_and_reads_it_again(self, furnished, open_dashboard):
        opened = await open_dashboard(f"/widgets/order?orderId={furnished.order_id}")
        assert await opened.actions("widgetResize")
        await opened.click("Read again from Amazon Pay")
        await opened.page.wait_for_function("dashboard.actions.some((each) => each.type === 'refreshEntity')")
        await opened.click("Open the payment", role="link")
        await opened.page.wait_for_function("dashboard.actions.some((each) => each.type === 'redirect')")
        [redirect] = await opened.actions("redirect")
        assert redirect["to"].endswith(furnished.paths["held"])

    async def test_the_list_is_saved_as_a_file(self, furnished, open_dashboard):
        opened = await open_dashboard("/payments")
        async with opened.page.expect_download() as saving:
            await opened.click("For spreadsheets")
        saved = await (await saving.value).path()
        assert saved.read_bytes().startswith(b"\xef\xbb\xbfcreated_at,order_number,")
