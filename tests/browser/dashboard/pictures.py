"""Takes the pictures of docs/merchant.md and docs/merchant.ja.md anew.

python -m tests.browser.dashboard.pictures [NAME …]
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Page, async_playwright

from saleor_amazonpay.storage import migrate
from tests.browser.conftest import CHROMIUM_NAMES
from tests.browser.dashboard.conftest import new_merchant
from tests.browser.dashboard.shop import Shop, furnish
from tests.browser.dashboard.sold import Sold, open_sold

IMAGES = Path(__file__).parents[3] / "docs" / "images" / "dashboard"
WIDTH, TALLEST = 940, 1250
LANGUAGES = ("en", "ja")
ADDRESS = "https://pay.shop.example/api/webhooks/amazon-pay/23b5af6011d447ce"

# name, path, what is clicked before the picture is taken: of a shop that is being set up, then of one that sells
PICTURES = (
    ("overview", "", ""),
    ("accounts", "/accounts", ""),
    ("account", "/accounts/{main}", ""),
    ("account-form", "/accounts/{main}/edit", ""),
    ("account-generated", "/accounts/new", "button[formaction]"),
    ("account-keys", "/accounts/{main}/keys", ""),
    ("channels", "/channels", ""),
    ("problems", "/problems", ""),
)
OF_SALES = (
    ("payments", "/payments", ""),
    ("payment", "/payments/{part}", ""),
    ("differences", "/payments/differences", ""),
    ("order-widget", "/widgets/order?orderId={order}", ""),
    ("customer-widget", "/widgets/customer?customerId={buyer}", ""),
    ("agreements", "/agreements", ""),
    ("agreement", "/agreements/{agreement}", ""),
    ("payouts", "/settlements/payouts", ""),
    ("disputes", "/disputes", ""),
    ("dispute", "/disputes/{dispute}", ""),
    ("settlements", "/settlements", ""),
    ("settlement", "/settlements/{report}", ""),
    ("subscriptions", "/subscriptions", ""),
    ("subscription", "/subscriptions/{schedule}", ""),
    ("old-orders", "/old-orders", ""),
    ("health", "/health", ""),
)


async def take(page: Page, shop: Shop | Sold, name: str, path: str, click: str, language: str) -> None:
    await page.goto("about:blank")
    await page.set_viewport_size({"width": WIDTH, "height": 400})  # a page is at least as high as its frame
    address = shop.merchant.saleor.dashboard_url(shop.merchant.app, path.format(**shop.places))
    await page.goto(f"{address}{'&' if '?' in path else '?'}locale={language}")
    await page.locator("iframe").wait_for()
    app = page.frames[1]
    await app.locator("main:not([data-state])").wait_for()
    if click:
        await app.locator(click).click()
        await app.locator("#publicKey").scroll_into_view_if_needed()
    await app.evaluate("address => document.querySelector('#ipn')?.setAttribute('value', address)", ADDRESS)
    height = await app.evaluate("document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": WIDTH, "height": min(height, TALLEST) + 48})
    await page.locator("iframe").screenshot(path=IMAGES / f"{name}.{language}.png")


async def main(names: Sequence[str]) -> None:
    """Those pictures, or all."""
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)))
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/sold.db"
        await asyncio.to_thread(migrate.upgrade, url)
        async with (
            new_merchant(Path(folder)) as merchant,
            open_sold(url) as sold,
            async_playwright() as playwright,
        ):
            shop = await furnish(merchant)
            browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
            for language in LANGUAGES:
                page = await browser.new_page(viewport={"width": WIDTH, "height": 800}, timezone_id="Asia/Tokyo")
                for which, pictures in ((shop, PICTURES), (sold, OF_SALES)):
                    for name, path, click in pictures:
                        if not names or name in names:
                            await take(page, which, name, path, click, language)
            await browser.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
