"""Takes the pictures of docs/merchant.md and docs/merchant.ja.md anew.

python -m tests.browser.dashboard.pictures
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright

from tests.browser.conftest import CHROMIUM_NAMES
from tests.browser.dashboard.conftest import new_merchant
from tests.browser.dashboard.shop import Shop, furnish

IMAGES = Path(__file__).parents[3] / "docs" / "images" / "dashboard"
WIDTH, TALLEST = 940, 1250
LANGUAGES = ("en", "ja")
ADDRESS = "https://pay.shop.example/api/webhooks/amazon-pay/23b5af6011d447ce"

# name, path, what is clicked before the picture is taken
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


async def take(page: Page, shop: Shop, name: str, path: str, click: str, language: str) -> None:
    await page.goto("about:blank")
    address = shop.merchant.saleor.dashboard_url(shop.merchant.app, path.format(main=shop.main))
    await page.goto(f"{address}?locale={language}")
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


async def main() -> None:
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)))
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with new_merchant(Path(folder)) as merchant, async_playwright() as playwright:
            shop = await furnish(merchant)
            browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
            for language in LANGUAGES:
                page = await browser.new_page(viewport={"width": WIDTH, "height": 800}, timezone_id="Asia/Tokyo")
                for name, path, click in PICTURES:
                    await take(page, shop, name, path, click, language)
            await browser.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
