"""The merchant's page within the Dashboard's side of AppBridge, in Chromium: one app and browser per module of tests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Frame, Page

from saleor_amazonpay.storage import migrate
from tests.handlers.merchant import Merchant, open_merchant

PICTURES = Path(__file__).parents[3] / "artifacts" / "dashboard"
DESKTOP = {"width": 1200, "height": 900}
PHONE = {"width": 390, "height": 844}
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
# Chromium tells of answers like 401 and 422 as it does of faults of scripts.
_TOLD_ANYWAY = "Failed to load resource"


@dataclass
class Opened:
    """The Dashboard's page and, inside it, the app's."""

    page: Page
    app_id: str
    complaints: list[str] = field(default_factory=list)

    @property
    def app(self) -> Frame:
        return self.page.frames[1]

    async def dashboard(self, script: str) -> Any:
        """``setTheme('dark')``, say."""
        return await self.page.evaluate(f"window.dashboard.{script}")

    async def actions(self, kind: str) -> list[dict[str, Any]]:
        """What the frame sent to the Dashboard."""
        return [each for each in await self.dashboard("actions") if each["type"] == kind]

    async def title(self, text: str) -> None:
        """Wait until the page of that title is shown."""
        await self.app.get_by_role("heading", level=1, name=text, exact=True).wait_for()

    async def click(self, name: str, role: str = "button") -> None:
        await self.app.get_by_role(role, name=name, exact=True).click()

    async def notified(self, title: str) -> None:
        """Wait until the Dashboard was asked to say this."""
        await self.page.wait_for_function(
            "title => dashboard.actions.some((each) => each.type === 'notification' && each.title === title)", arg=title
        )

    async def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        height = await self.app.evaluate("document.documentElement.scrollHeight")
        size = self.page.viewport_size
        await self.page.set_viewport_size({"width": size["width"], "height": max(600, height + 48)})
        await self.page.screenshot(path=PICTURES / f"{name}.png")
        await self.page.set_viewport_size(size)

    async def stumbling_blocks(self) -> list[str]:
        """What axe finds by the rules of WCAG 2.2 AA and good practice: rule, and where."""
        if not await self.app.evaluate("'axe' in window"):
            await self.app.evaluate(AXE)
        found = await self.app.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]


@asynccontextmanager
async def new_merchant(folder: Path):
    url = f"sqlite:///{folder / 'app.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    async with open_merchant(url) as merchant:
        yield merchant


@pytest.fixture(scope="module")
async def merchant(tmp_path_factory):
    async with new_merchant(tmp_path_factory.mktemp("dashboard")) as merchant:
        yield merchant


@pytest.fixture
async def open_dashboard_of(browser):
    """Opens the app's page in the Dashboard; a fault of a script or a breach of the policy fails the test."""
    opened: list[Opened] = []

    async def open_(
        merchant: Merchant,
        path="",
        *,
        language="en",
        theme="light",
        viewport=DESKTOP,
        context=None,
        clock=False,
        **claims,
    ) -> Opened:
        merchant.saleor.dashboard_claims = claims
        context = context or await browser.new_context(
            viewport=viewport, locale="en-US", timezone_id="Asia/Tokyo", accept_downloads=True
        )
        page = await context.new_page()
        page.set_default_timeout(10_000)
        if clock:
            await page.clock.install()
        it = Opened(page, merchant.app.id)
        opened.append(it)
        page.on("pageerror", lambda error: it.complaints.append(str(error)))
        page.on(
            "console",
            lambda line: (
                it.complaints.append(line.text) if line.type == "error" and _TOLD_ANYWAY not in line.text else None
            ),
        )
        address = merchant.saleor.dashboard_url(merchant.app, path.partition("?")[0])
        await page.goto(f"{address}?theme={theme}&locale={language}&{path.partition('?')[2]}")
        await page.locator("iframe").wait_for()
        await it.app.locator("main:not([data-state])").wait_for()
        merchant.saleor.dashboard_claims = {}
        return it

    yield open_
    for context in {it.page.context for it in opened}:
        await context.close()
    assert [it.complaints for it in opened if it.complaints] == []


@pytest.fixture
def open_dashboard(open_dashboard_of, merchant):
    """The same, of the module's own merchant."""
    return partial(open_dashboard_of, merchant)
