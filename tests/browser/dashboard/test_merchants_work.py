"""A merchant at work in the Dashboard: from nothing to a channel that takes payments, and what goes wrong on the way."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete

from saleor_amazonpay.storage import tables
from saleor_amazonpay.storage.engine import Statement
from tests.handlers.merchant import (
    KEY_ID,
    MERCHANT_ID,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    PRIVATE_KEY,
    STORE_ID,
)

pytestmark = pytest.mark.browser

MADE = (tables.channel_assignments, tables.key_pairs, tables.accounts)


@pytest.fixture(autouse=True)
async def _nothing_left(merchant):
    yield
    await merchant.services.database.run(lambda session: [session.execute(Statement(delete(table))) for table in MADE])
    merchant.services.directory.forget(merchant.tenant)


async def fill_in(opened, **changes):
    entered = {
        "Name": "Main",
        "Merchant ID": MERCHANT_ID,
        "Store ID (client ID)": STORE_ID,
        "Public key ID": KEY_ID,
        "Allowed origins": ORIGIN,
    } | changes
    for label, text in entered.items():
        await opened.app.get_by_label(label, exact=True).fill(text)
    await opened.app.get_by_label("Region", exact=True).select_option("jp")


class TestSetUp:
    async def test_from_nothing_to_a_channel_that_takes_payments(self, open_dashboard, merchant):
        """With a key pair made here: nothing is pasted but the four ids of Seller Central."""
        opened = await open_dashboard()
        await opened.click("Add an account", role="link")
        await opened.title("New account")
        await fill_in(opened, **{"Public key ID": "SANDBOX-MADEHERE"})
        await opened.click("Generate a key pair here instead")
        public_key = await opened.app.locator("#publicKey").input_value()
        merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, "SANDBOX-MADEHERE", public_key, "jp", "sandbox")
        await opened.click("Try the keys and save")
        await opened.title("Main")
        await opened.notified("Amazon Pay accepts the keys. Main is saved.")
        await opened.click("Channels", role="link")
        await opened.app.locator("#account-default-jp").select_option(label="Main · Sandbox")
        await opened.app.locator("#channel-default-jp button").click()
        await opened.notified("default-jp uses Main.")
        await opened.click("Overview", role="link")
        await opened.app.get_by_text("4 of 6").wait_for()
        assert await opened.app.get_by_role("link", name="Show the address").count() == 1

    async def test_by_keyboard_alone(self, open_dashboard, merchant):
        await merchant.create()
        opened = await open_dashboard("/channels")
        press, focused = opened.page.keyboard.press, "document.activeElement.textContent"
        assert await opened.app.evaluate(focused) == "Channels"
        await press("Tab")
        await press("ArrowDown")
        await press("Tab")
        await press("Enter")
        await opened.notified("default-jp uses Main.")

    async def test_a_key_file_is_read_in_the_browser(self, open_dashboard, merchant):
        opened = await open_dashboard("/accounts/new")
        await fill_in(opened)
        await opened.app.locator("#keyFile").set_input_files(
            {"name": "private.pem", "mimeType": "text/plain", "buffer": PRIVATE_KEY.encode()}
        )
        await opened.app.wait_for_function("document.getElementById('privateKey').value !== ''")
        await opened.click("Try the keys and save")
        await opened.title("Main")


class TestForm:
    async def test_keeps_what_was_entered_and_shows_where_to_look(self, open_dashboard):
        opened = await open_dashboard("/accounts/new")
        await fill_in(opened, **{"Private key": OTHER_PRIVATE_KEY, "Store name": "雫"})
        await opened.click("Try the keys and save")
        await opened.app.locator("#privateKey-fault").wait_for()
        assert await opened.app.evaluate("document.activeElement.id") == "privateKey"
        assert await opened.app.locator("#privateKey").input_value() == OTHER_PRIVATE_KEY
        assert await opened.app.locator("[name='options.storeName']").input_value() == "雫"
        await opened.app.locator("#privateKey").fill(PRIVATE_KEY)
        await opened.click("Try the keys and save")
        await opened.title("Main")

    async def test_asks_before_it_is_left_unsaved(self, open_dashboard):
        opened = await open_dashboard("/accounts/new")
        await opened.app.get_by_label("Name", exact=True).fill("Half")
        await opened.click("Channels", role="link")
        await opened.app.get_by_text("You have changed this form and not saved it.").wait_for()
        await opened.click("Cancel")
        assert await opened.app.get_by_label("Name", exact=True).input_value() == "Half"
        await opened.click("Channels", role="link")
        await opened.click("Leave without saving")
        await opened.title("Channels")
        await opened.click("Overview", role="link")
        await opened.title("Amazon Pay")

    async def test_an_untouched_one_asks_nothing(self, open_dashboard):
        opened = await open_dashboard("/accounts/new")
        await opened.click("Channels", role="link")
        await opened.title("Channels")

    async def test_shows_what_the_buyer_will_see_while_it_is_entered(self, open_dashboard):
        opened = await open_dashboard("/accounts/new")
        shown = opened.app.locator("[data-shows='options.storeName']")
        assert await shown.inner_text() == "The name registered with Amazon"
        await opened.app.get_by_label("Store name", exact=True).fill("あ" * 20)
        assert await shown.inner_text() == "あ" * 16
        ground = "getComputedStyle(document.querySelector('.pay')).backgroundColor"
        gold = await opened.app.evaluate(ground)
        await opened.app.get_by_label("Button colour", exact=True).select_option("DarkGray")
        assert await opened.app.evaluate(ground) != gold

    async def test_in_two_tabs_only_the_first_is_saved(self, open_dashboard, merchant):
        account = await merchant.create()
        first = await open_dashboard(f"/accounts/{account.id}/edit")
        second = await open_dashboard(f"/accounts/{account.id}/edit", context=first.page.context)
        for opened, name in ((first, "First"), (second, "Second")):
            await opened.app.get_by_label("Name", exact=True).fill(name)
            await opened.click("Try the keys and save")
        await first.title("First")
        await second.app.get_by_text("Somebody else changed the account meanwhile").wait_for()
        assert await second.app.get_by_label("Name", exact=True).input_value() == "Second"
        assert [each.name for each in await merchant.accounts()] == ["First"]

    async def test_a_session_that_ended_costs_nothing_of_what_was_entered(self, open_dashboard, merchant):
        opened = await open_dashboard("/accounts/new")
        await fill_in(opened, **{"Private key": PRIVATE_KEY})
        await opened.dashboard(f"setToken('{merchant.token(aud='another.app')}')")
        await opened.click("Try the keys and save")
        await opened.page.wait_for_timeout(300)
        await opened.dashboard("refreshToken()")
        await opened.title("Main")

    async def test_a_double_click_saves_once(self, open_dashboard, merchant):
        opened = await open_dashboard("/accounts/new")
        await fill_in(opened, **{"Private key": PRIVATE_KEY})
        await opened.app.get_by_role("button", name="Try the keys and save").dblclick()
        await opened.title("Main")
        assert len(await merchant.accounts()) == 1

    async def test_rows_of_restrictions_come_and_go(self, open_dashboard, merchant):
        opened = await open_dashboard("/accounts/new")
        await fill_in(opened, **{"Private key": PRIVATE_KEY})
        for country in ("JP", "US"):
            await opened.click("Add a country")
            await opened.page.keyboard.type(country)
        await opened.app.get_by_role("button", name="Remove").first.click()
        await opened.click("Try the keys and save")
        await opened.title("Main")
        [account] = await merchant.accounts()
        assert [row.country_code for row in account.options.restrictions] == ["US"]


class TestAccount:
    async def test_a_form_can_be_sent_the_moment_it_is_shown(self, open_dashboard):
        opened = await open_dashboard("/accounts")
        await opened.app.evaluate(
            """document.body.addEventListener("htmx:afterSwap", () => queueMicrotask(() => {
                const form = document.querySelector("#app form");
                form.noValidate = true;
                form.requestSubmit();
            }), { once: true })"""
        )
        async with opened.page.expect_response(lambda answer: answer.request.method == "POST"):
            await opened.click("Import", role="link")

    async def test_travels_as_a_file(self, open_dashboard, merchant):
        account = await merchant.create()
        opened = await open_dashboard(f"/accounts/{account.id}")
        async with opened.page.expect_download() as download:
            await opened.click("Export without secrets")
        path = await (await download.value).path()
        assert json.loads(path.read_text())["merchantId"] == MERCHANT_ID
        await opened.click("Accounts", role="link")
        await opened.click("Import", role="link")
        await opened.app.locator("#file").set_input_files(path)
        await opened.title("New account")
        assert await opened.app.get_by_label("Merchant ID", exact=True).input_value() == MERCHANT_ID

    async def test_changes_its_keys_without_a_minute_without(self, open_dashboard, merchant):
        account = await merchant.create()
        merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, "SANDBOX-NEXTKEY", OTHER_PUBLIC_KEY, "jp", "sandbox")
        opened = await open_dashboard(f"/accounts/{account.id}")
        await opened.click("Change keys without downtime", role="link")
        await opened.app.get_by_label("Private key", exact=True).fill(OTHER_PRIVATE_KEY)
        await opened.app.get_by_label("Public key ID", exact=True).fill("SANDBOX-NEXTKEY")
        await opened.click("Try the pair and save")
        await opened.click("Switch to it")
        await opened.click("Switch")
        await opened.notified(f"The other key pair is in use. {KEY_ID} is kept until you remove it.")
        assert [each.public_key_id for each in await merchant.accounts()] == ["SANDBOX-NEXTKEY"]

    async def test_moving_a_channel_is_asked_for_and_can_be_thought_over(self, open_dashboard, merchant):
        first, second = await merchant.create(name="First"), await merchant.create(name="Second")
        await merchant.assign("default-jp", first.id)
        opened = await open_dashboard("/channels")
        choice, save = opened.app.locator("#account-default-jp"), opened.app.locator("#channel-default-jp button")
        await choice.select_option(second.id)
        await save.click()
        await opened.app.get_by_text("Move default-jp away from First (Sandbox)?").wait_for()
        await opened.page.keyboard.press("Escape")
        [of_first, _] = await merchant.accounts()
        assert of_first.channels == ("default-jp",)
        await save.click()
        await opened.click("Move")
        await opened.notified("default-jp uses Second.")

    async def test_links_to_elsewhere_are_opened_by_the_dashboard(self, open_dashboard, merchant):
        account = await merchant.create()
        opened = await open_dashboard(f"/accounts/{account.id}")
        async with opened.page.context.expect_page():
            await opened.click("Seller Central", role="link")
        [redirect] = await opened.actions("redirect")
        assert redirect == {"type": "redirect", "to": "https://sellercentral.amazon.co.jp", "newContext": True}

    async def test_its_notification_address_is_copied_by_a_button(self, open_dashboard, merchant):
        account = await merchant.create()
        opened = await open_dashboard(f"/accounts/{account.id}")
        await opened.click("Copy")
        assert await opened.app.evaluate("getSelection().toString()") == account.notification_url
