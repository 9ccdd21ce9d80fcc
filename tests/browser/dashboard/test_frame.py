"""The frame around every page, as the Dashboard sees it: token, theme, language, address, notifications."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import quote

import pytest
from playwright.async_api import TimeoutError as NotShown

from saleor_amazonpay.handlers import own_webhooks
from saleor_amazonpay.storage import problems as problem_rows
from tests.browser.dashboard.conftest import PHONE

pytestmark = pytest.mark.browser


class TestHandshake:
    async def test_the_page_opens_by_it_and_tells_the_dashboard_nothing_more(self, open_dashboard):
        opened = await open_dashboard()
        await opened.title("Amazon Pay")
        assert [each["type"] for each in await opened.dashboard("actions")] == ["notifyReady"]

    async def test_a_deep_link_opens_that_page(self, open_dashboard):
        opened = await open_dashboard("/problems")
        await opened.title("Problems")
        assert await opened.app.get_by_role("link", name="Problems").get_attribute("aria-current") == "page"

    async def test_outside_of_the_dashboard_the_page_says_where_it_belongs(self, open_dashboard, merchant):
        opened = await open_dashboard()
        await opened.page.goto(f"{merchant.url}/dashboard")
        await opened.page.get_by_text("works inside the Saleor Dashboard only").wait_for()

    async def test_a_page_of_another_site_cannot_frame_it(self, open_dashboard, merchant):
        opened = await open_dashboard()
        await opened.page.goto("about:blank")
        address = f"{merchant.url}/dashboard?saleorApiUrl=https://shop.example/graphql/"
        await opened.page.set_content(f'<iframe src="{address}"></iframe>')
        await opened.page.wait_for_timeout(500)
        assert opened.app.url.startswith("chrome-error://")
        await opened.page.close()
        opened.complaints.clear()  # Chromium's own, about the policy; it comes sooner or later


class TestMoving:
    async def test_the_dashboards_address_follows_and_its_back_button_leads_back(self, open_dashboard):
        opened = await open_dashboard()
        await opened.click("Problems", role="link")
        await opened.title("Problems")
        await opened.page.wait_for_url("**/problems")
        assert await opened.actions("updateRouting") == [{"type": "updateRouting", "newRoute": "/problems"}]
        assert await opened.app.evaluate("document.activeElement.tagName") == "H1"
        assert await back_to(opened, "Amazon Pay") <= 2
        assert opened.page.url.partition("?")[0].endswith(f"/app/{quote(opened.app_id, safe='')}")

    async def test_back_leads_through_every_page_whatever_frame_it_was_loaded_in(self, open_dashboard):
        """The Dashboard loads the frame anew only where the address differs from the one it loaded it at."""
        opened = await open_dashboard("/problems")
        for name in ("Channels", "Accounts"):
            await opened.click(name, role="link")
            await opened.title(name)
        for name in ("Channels", "Problems"):
            await back_to(opened, name)
        await opened.click("Health", role="link")
        await opened.title("Health")
        await back_to(opened, "Problems")
        await opened.page.wait_for_url("**/problems*")
        await opened.page.evaluate("history.back()")  # to the frame before, which is loaded once more
        await opened.page.wait_for_timeout(1000)
        await opened.app.locator("main:not([data-state])").wait_for()

    async def test_forward_leads_on_again(self, open_dashboard):
        opened = await open_dashboard()
        await opened.click("Problems", role="link")
        await opened.title("Problems")
        steps = await back_to(opened, "Amazon Pay")
        for _ in range(steps):
            await opened.page.evaluate("history.forward()")
        await opened.title("Problems")
        await opened.page.wait_for_url("**/problems")

    async def test_what_was_searched_for_stays_when_the_token_is_renewed(self, open_dashboard):
        """Of an address with a query the Dashboard would make another frame: the first page, with that query."""
        opened = await open_dashboard()
        await opened.click("Payments", role="link")
        await opened.title("Payments")
        await opened.app.get_by_label("Search", exact=True).fill("100%; 雫/1")
        await opened.click("Search")
        await opened.page.wait_for_url("**/payments;**")
        assert "?" not in opened.page.url
        await opened.page.wait_for_timeout(1100)  # a token says the second it was made in
        await opened.dashboard("refreshToken()")
        await opened.page.wait_for_timeout(500)
        await opened.title("Payments")
        assert await opened.app.get_by_label("Search", exact=True).input_value() == "100%; 雫/1"
        await opened.page.reload()
        await opened.page.locator("iframe").wait_for()
        await opened.title("Payments")
        assert await opened.app.get_by_label("Search", exact=True).input_value() == "100%; 雫/1"

    async def test_a_page_opened_in_another_tab_has_the_dashboard_around_it(self, open_dashboard):
        opened = await open_dashboard()
        for click in ({"modifiers": ["Control"]}, {"button": "middle"}):
            async with opened.page.context.expect_page() as opening:
                await opened.app.get_by_role("link", name="Problems", exact=True).click(**click)
            beside = await opening.value
            await beside.frame_locator("iframe").get_by_role("heading", level=1, name="Problems", exact=True).wait_for()
            assert f"/extensions/app/{quote(opened.app_id, safe='')}/problems" in beside.url
        await opened.title("Amazon Pay")
        assert await opened.actions("updateRouting") == []


async def back_to(opened, title: str) -> int:
    """Press Back until the page is there; returns how often. Browsers pass over what nobody asked for, Chromium does so
    for its button, not for a script."""
    for pressed in (1, 2, 3):
        await opened.page.evaluate("history.back()")
        with contextlib.suppress(NotShown):
            await opened.app.get_by_role("heading", level=1, name=title, exact=True).wait_for(timeout=1500)
            return pressed
    raise AssertionError(f"Back leads not to {title} but to {await opened.app.locator('h1').inner_text()}")


class TestThemeAndLanguage:
    async def test_the_page_follows_both(self, open_dashboard):
        opened = await open_dashboard("/problems", theme="dark")
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = await opened.app.evaluate(ground)
        await opened.dashboard("setTheme('light')")
        await opened.app.wait_for_function(f"{ground} !== '{dark}'")
        await opened.dashboard("setLocale('ja')")
        await opened.title("問題")
        assert await opened.app.evaluate("document.documentElement.lang") == "ja"
        await opened.dashboard("setLocale('fr')")
        await opened.title("Problems")

    async def test_the_page_opens_in_the_language_of_the_dashboard(self, open_dashboard):
        opened = await open_dashboard("/problems", language="ja")
        await opened.title("問題")

    async def test_it_fits_a_phone(self, open_dashboard):
        opened = await open_dashboard("/problems", viewport=PHONE)
        assert not await opened.app.evaluate("document.documentElement.scrollWidth > innerWidth")


class TestSession:
    async def test_a_new_token_is_used_from_then_on(self, open_dashboard):
        opened = await open_dashboard()
        sent = []
        opened.page.on("request", lambda request: sent.append(request.headers.get("authorization")))
        await opened.click("Problems", role="link")
        await opened.title("Problems")
        await opened.page.wait_for_timeout(1100)  # a token says the second it was made in
        await opened.dashboard("refreshToken()")
        await opened.click("Overview", role="link")
        await opened.title("Amazon Pay")
        before, after = [token for token in sent if token]
        assert before != after

    async def test_one_that_ended_is_replaced_before_the_next_request(self, open_dashboard, merchant):
        opened = await open_dashboard()
        stale = merchant.token(iat=1, exp=600)
        await opened.dashboard(f"setToken('{stale}')")
        refused = []
        opened.page.on("response", lambda response: refused.append(response.status))
        await opened.click("Problems", role="link")
        await opened.page.wait_for_timeout(300)
        await opened.dashboard("refreshToken()")
        await opened.title("Problems")
        assert 401 not in refused

    async def test_one_that_saleor_revoked_is_replaced_and_the_request_sent_once_more(self, open_dashboard, merchant):
        opened = await open_dashboard()
        await opened.dashboard(f"setToken('{merchant.token(aud='another.app')}')")
        await opened.click("Problems", role="link")
        await opened.page.wait_for_timeout(300)
        await opened.dashboard("refreshToken()")
        await opened.title("Problems")

    async def test_one_that_nobody_replaces_is_told_after_a_while(self, open_dashboard, merchant):
        """The Dashboard sleeps, or the user was logged out: a page makes room for what to do, a form keeps its entries."""
        opened = await open_dashboard("/accounts/new", clock=True)
        await opened.app.get_by_label("Name", exact=True).fill("Kept")
        await opened.dashboard(f"setToken('{merchant.token(aud='another.app')}')")
        async with opened.page.expect_response(lambda response: response.status == 401):
            await opened.click("Try the keys and save")
        await opened.page.clock.fast_forward(11_000)
        await opened.app.get_by_role("alert").filter(has_text="Open the app from the Saleor Dashboard again").wait_for()
        assert await opened.app.get_by_label("Name", exact=True).input_value() == "Kept"
        await opened.click("Channels", role="link")
        async with opened.page.expect_response(lambda response: response.status == 401):
            await opened.click("Leave without saving")
        await opened.page.clock.fast_forward(11_000)
        await opened.title("Your session has ended")
        assert await opened.stumbling_blocks() == []
        await opened.picture("session-ended-en-light")
        await opened.dashboard("refreshToken()")
        await opened.click("Try again", role="link")
        await opened.title("Channels")

    async def test_without_a_permission_the_page_names_it(self, open_dashboard):
        opened = await open_dashboard(user_permissions=["MANAGE_APPS"])
        await opened.title("You may not see this")
        assert await opened.app.get_by_role("listitem").filter(has_text="HANDLE_PAYMENTS").count() == 1

    async def test_a_permission_the_app_lacks_can_be_granted_from_where_it_is_told(self, open_dashboard, merchant):
        [installed] = [each for each in merchant.saleor.store.apps if each.id == merchant.app.id]
        granted = installed.granted
        installed.granted = granted - {"MANAGE_ORDERS", "MANAGE_CHECKOUTS"}
        try:
            opened = await open_dashboard("/health")
            one = (await merchant.services.directory.tenant(merchant.tenant)).installation
            await own_webhooks.repair(merchant.services, one)  # the daily look tells of it as a problem
            await opened.app.get_by_role("button", name="Grant it").click()
            await opened.page.wait_for_url("**/edit/permissions?*")
        finally:
            installed.granted = granted
        [asked] = await opened.actions("requestPermissions")
        assert sorted(asked["permissions"]) == ["MANAGE_CHECKOUTS", "MANAGE_ORDERS"]
        again = await open_dashboard("/health")
        await again.title("Health")
        known = await merchant.services.database.read(
            lambda session: problem_rows.get(session, merchant.tenant, own_webhooks.PERMISSIONS_PROBLEM)
        )
        assert known is not None
        assert known.state == problem_rows.CURED
        assert asked["redirectPath"] == "health"  # below the app's own address, as the Dashboard takes it

    async def test_no_cookie_and_nothing_else_is_kept_in_the_browser(self, open_dashboard):
        opened = await open_dashboard("/problems")
        assert await opened.page.context.cookies() == []
        kept = await opened.app.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)]")
        assert kept == [[], ["htmx-current-path-for-history"]]  # the frame's own address


async def test_every_answer_forbids_inline_scripts_and_the_page_needs_none(open_dashboard):
    opened = await open_dashboard("/problems")
    html = await opened.app.content()
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|javascript:", html)
