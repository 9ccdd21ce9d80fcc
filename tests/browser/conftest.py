"""One world for each file of purchases, one browser for all of them, a fresh profile for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from saleor_amazonpay.sandbox.amazon_pay.options import SimulatorOptions
from saleor_amazonpay.sandbox.world import world

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "browser"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# A page that a test makes up comes from no address, and Chromium asks people before such a page may reach loopback.
_PAGES_OF_THE_TESTS_OWN = "--disable-features=LocalNetworkAccessChecks"
DESKTOP = {"width": 1200, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def shop(tmp_path_factory, request):
    """``BUDGET`` of the module is the seconds a webhook may work, short where Amazon falls silent."""
    options = SimulatorOptions(refund_seconds=0.3, authorization_seconds=2.0)
    budget = getattr(request.module, "BUDGET", 10.0)
    async with world(tmp_path_factory.mktemp("world"), amazon_options=options, answer_budget_seconds=budget) as made:
        yield made


@pytest.fixture(scope="module")
async def browser():
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        pytest.fail("Chromium is missing; tests/system-packages.sh installs it.")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", _PAGES_OF_THE_TESTS_OWN],
        )
        yield launched
        await launched.close()


@pytest.fixture
async def open_page(browser, request):
    """Opens a page that fails the test for any error in a script; a screenshot is kept of how it ended."""
    contexts, faults = [], []

    async def open_(*, language="en", viewport=DESKTOP, scheme="light"):
        context = await browser.new_context(
            viewport=viewport, locale="ja-JP" if language == "ja" else "en-US", color_scheme=scheme
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield open_
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for number, context in enumerate(contexts):
        for page in context.pages:
            await page.screenshot(path=ARTIFACTS / f"{request.node.name}-{number}.png", full_page=True)
        await context.close()
    assert faults == []
