"""Subscriptions in the Dashboard, in Chromium: made, changed, paused, left out and ended; everybody can read them."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from saleor_amazonpay.storage import migrate
from tests.browser.dashboard.conftest import PHONE
from tests.journeys.subscriptions import open_subscriptions, subscribe

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def subs(tmp_path_factory):
    """A subscription that is billed, and one whose last period was declined."""
    url = f"sqlite:///{tmp_path_factory.mktemp('subscriptions') / 'app.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    async with open_subscriptions(url) as subs:
        first = await subs.created(unit="WEEK")
        await subs.until(first)
        another = await subscribe(subs.shop)
        subs.declined = await another.created(unit="WEEK")
        subs.fail_next("SoftDeclined", 9)
        await another.until(subs.declined)
        subs.shop.amazon.faults.clear()
        subs.billed = first
        subs.free = (await subscribe(subs.shop)).agreement
        yield subs


@pytest.mark.parametrize(
    ("path", "language", "theme", "viewport"),
    [
        ("", "en", "light", None),
        ("", "ja", "dark", PHONE),
        ("/{billed}", "ja", "light", None),
        ("/{declined}", "en", "dark", None),
        ("/{declined}", "ja", "light", PHONE),
        ("/{billed}/edit", "ja", "dark", None),
        ("/new", "en", "light", PHONE),
        ("/settings", "ja", "light", None),
    ],
)
async def test_the_pages_can_be_read_by_everybody(open_dashboard_of, subs, path, language, theme, viewport):
    address = "/subscriptions" + path.format(billed=subs.billed, declined=subs.declined)
    size = {"viewport": viewport} if viewport else {}
    opened = await open_dashboard_of(subs.shop, address, language=language, theme=theme, **size)
    name = path.strip("/").translate(str.maketrans("{}/", "---")) or "list"
    await opened.picture(f"subscriptions-{name}-{language}-{theme}")
    assert await opened.stumbling_blocks() == []


async def test_what_is_wrong_is_told_at_its_field_in_the_readers_language(open_dashboard_of, subs):
    opened = await open_dashboard_of(subs.shop, "/subscriptions/new", language="ja")
    for field, value in (
        ("agreementId", subs.free.id),
        ("templateOrderId", subs.template.id),
        ("amount", "many"),
        ("every", "13"),
        ("nextDate", "2020-01-31"),
        ("time", "noon"),
        ("timeZone", "Tokyo"),
        ("graceDays", "900"),
    ):
        await opened.app.locator(f"#{field}").fill(value)
    await opened.click("保存")
    await opened.app.locator("#time-fault").wait_for()
    faults = await opened.app.locator(".fault").all_inner_texts()
    assert len(faults) >= 5
    assert [it for it in faults if it.isascii()] == []
    assert await opened.stumbling_blocks() == []
    await opened.picture("subscriptions-faults-ja")


async def test_made_changed_paused_left_out_and_ended(open_dashboard_of, subs):
    opened = await open_dashboard_of(subs.shop, f"/subscriptions/new?agreement={subs.free.id}")
    await opened.app.get_by_label("Template order").fill(subs.template.id)
    await opened.click("Save")
    await opened.notified("The subscription is made.")
    await opened.title("Subscription")
    order = opened.app.get_by_role("link", name=subs.template.id)
    assert await order.get_attribute("data-dashboard") == f"/orders/{quote(subs.template.id)}"
    [made] = [it for it in await subs.schedules() if it.agreement_id == subs.free.id]
    await opened.click("Change", role="link")
    await opened.title("Change the subscription")
    await opened.app.get_by_label("Agreed amount").fill("1980")
    await opened.click("Save")
    await opened.notified("The subscription is changed from its next period on.")
    assert (await subs.schedule(made.id)).amount.amount == "1980"
    await opened.title("Subscription")
    await opened.click("Pause")
    await opened.notified("The subscription is paused.")
    await opened.click("Resume")
    await opened.notified("The subscription goes on.")
    await opened.click("Leave a period out")
    await opened.app.get_by_role("dialog").get_by_role("button", name="Leave a period out").click()
    await opened.notified("The period is left out.")
    assert [state for _, state in await subs.periods(made.id)] == ["skipped"]
    assert await opened.stumbling_blocks() == []
    await opened.click("End the subscription")
    await opened.app.get_by_role("dialog").get_by_role("button", name="End the subscription").click()
    await opened.notified("The subscription has ended. The buyer's agreement stays.")
    assert (await subs.schedule(made.id)).state == "ended"
    assert await opened.stumbling_blocks() == []
