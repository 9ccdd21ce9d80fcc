"""Agreements in the Dashboard, in Chromium: listed, looked at and ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from saleor_amazonpay.storage import migrate
from saleor_amazonpay.storage.agreements import Agreement
from tests.browser.dashboard.conftest import PHONE
from tests.journeys.agreements import agreed, agreement_of, cart, pay_stored
from tests.journeys.helpers import charges
from tests.journeys.shop import Shop, open_shop

pytestmark = pytest.mark.browser


@dataclass
class Subscribed:
    """A shop with an agreement to read, and a suspended one."""

    shop: Shop
    kept: Agreement
    suspended: Agreement


async def furnish(shop):
    kept = await agreed(shop)
    await pay_stored(shop, cart(shop).id, kept.id)
    shop.clock.move(seconds=5)
    suspended = await agreed(shop)
    shop.amazon.buyer_account.break_payment_method(suspended.charge_permission_id)
    await pay_stored(shop, cart(shop).id, suspended.id)
    await shop.work()
    return Subscribed(shop, kept, await agreement_of(shop))


@pytest.fixture(scope="module")
async def subscribed(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('agreements') / 'app.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    async with open_shop(url) as shop:
        yield await furnish(shop)


@pytest.mark.parametrize(
    ("path", "language", "theme", "viewport"),
    [
        ("/agreements", "en", "light", None),
        ("/agreements", "ja", "dark", PHONE),
        ("kept", "en", "dark", None),
        ("suspended", "ja", "light", None),
    ],
)
async def test_the_pages_can_be_read_by_everybody(open_dashboard_of, subscribed, path, language, theme, viewport):
    known = {"kept": subscribed.kept.id, "suspended": subscribed.suspended.id}
    address = f"/agreements/{known[path]}" if path in known else path
    size = {"viewport": viewport} if viewport else {}
    opened = await open_dashboard_of(subscribed.shop, address, language=language, theme=theme, **size)
    await opened.picture(f"agreements-{path.strip('/')}-{language}-{theme}")
    assert await opened.stumbling_blocks() == []


async def test_staff_charge_an_agreement_for_an_order_once(open_dashboard_of, subscribed):
    shop, kept = subscribed.shop, subscribed.kept
    opened = await open_dashboard_of(shop, f"/agreements/{kept.id}", language="ja")
    source = cart(shop)

    async def charge(amount):
        await opened.app.get_by_label("注文またはチェックアウト", exact=True).fill(source.id)
        await opened.app.get_by_label("金額 (JPY)", exact=True).fill(amount)
        await opened.click("今すぐ請求する")
        await opened.app.get_by_role("dialog").get_by_role("button", name="今すぐ請求する").click()

    before = len(charges(shop))
    await charge("100,001")
    fault = opened.app.locator("#amount-fault")
    await fault.wait_for()
    assert "請求できる" in await fault.inner_text()
    assert await opened.stumbling_blocks() == []
    await opened.picture("agreements-charge-ja")
    assert len(charges(shop)) == before
    total = str(int(source.total_gross))
    await charge(total)
    await opened.notified(f"{total} JPY を請求しました。")
    assert [it["captureAmount"]["amount"] for it in charges(shop)[before:]] == [total]


async def test_staff_end_an_agreement_and_say_why(open_dashboard_of, subscribed):
    shop = subscribed.shop
    shop.clock.move(seconds=5)
    kept = await agreed(shop)  # one of its own: the others are still to be charged
    opened = await open_dashboard_of(shop, f"/agreements/{kept.id}")
    await opened.app.get_by_label("Reason", exact=True).fill("Moved abroad.")
    await opened.click("End the agreement")
    await opened.app.get_by_role("dialog").get_by_role("button", name="End the agreement").click()
    await opened.notified("The agreement is ended. Nothing more is charged on it.")
    assert shop.amazon.permission(kept.charge_permission_id)["statusDetails"]["state"] == "Closed"
    await opened.app.get_by_text("Moved abroad.").first.wait_for()
    assert await opened.app.get_by_role("button", name="End the agreement").count() == 0
