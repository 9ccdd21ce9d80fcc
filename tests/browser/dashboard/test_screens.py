"""Every screen in both languages, both themes and three widths: no stumbling blocks, no sideways scrolling, no English
on a Japanese page, a picture of each. `make test` has a selection in which every screen is seen in both languages, both
themes and two widths; `make soak` has the product."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from starlette.routing import Match

from saleor_amazonpay.dashboard.routing import PAGES, routes
from saleor_amazonpay.storage import migrate
from tests.browser.dashboard.conftest import DESKTOP, PHONE, new_merchant
from tests.browser.dashboard.screens import ALIKE, DOWNLOADS, SCREENS
from tests.browser.dashboard.shop import Shop, furnish
from tests.browser.dashboard.sold import open_sold
from tests.dashboard.conftest import Dashboard
from tests.journeys.pages import ask

pytestmark = pytest.mark.browser

WIDTHS = {"desktop": DESKTOP, "phone": PHONE, "narrow": {"width": 320, "height": 640}}
THEMES = ("light", "dark")

# Sentences of four words, where nothing says that they are quoted: Amazon's and Saleor's identifiers are code, what
# was recorded in English says lang="en", and what the merchant called something is no sentence.
ENGLISH = r"""() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const { textContent: text, parentElement: parent } = walk.currentNode;
    if (parent.closest("code, script, template, textarea, [lang=en]")) continue;
    const sentence = /[A-Za-z][a-z']+(?:,? [a-z][a-z']*){3,}/.exec(text);
    if (sentence) found.push(sentence[0]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
async def shops(tmp_path_factory):
    """Nothing is set up; accounts of each kind; things are sold."""
    async with AsyncExitStack() as stack:
        bare, full = [
            await stack.enter_async_context(new_merchant(tmp_path_factory.mktemp(name))) for name in ("bare", "full")
        ]
        url = f"sqlite:///{tmp_path_factory.mktemp('sold') / 'app.db'}"
        await asyncio.to_thread(migrate.upgrade, url)
        sold = await stack.enter_async_context(open_sold(url))
        yield {"bare": Shop(bare, {}), "full": await furnish(full), "sold": sold}


async def look(opened, name, language):
    await opened.picture(name)
    assert await opened.stumbling_blocks() == []
    assert not await opened.app.evaluate("document.documentElement.scrollWidth > innerWidth")
    if language == "ja":
        assert await opened.app.evaluate(ENGLISH) == []


async def opened_at(open_dashboard_of, shops, screen, language, theme, width):
    shop = shops[screen.shop]
    opened = await open_dashboard_of(
        shop.merchant,
        screen.path.format(**shop.places),
        language=language,
        theme=theme,
        viewport=WIDTHS[width],
        clock=screen.clock,
        **screen.claims,
    )
    assert await opened.app.locator("main").get_attribute("lang") == language
    await screen.after(opened, shop)
    return opened


def selected():
    """(screen, place in the list) without those that are much like another."""
    for number, screen in enumerate(SCREENS):
        yield pytest.param(screen, number, id=screen.name, marks=[pytest.mark.soak] if screen.name in ALIKE else [])


@pytest.mark.parametrize(("screen", "number"), list(selected()))
async def test_a_screen_is_for_everybody(open_dashboard_of, shops, screen, number):
    """Both languages, each in another theme and width; which, goes round from one screen to the next."""
    english, japanese = THEMES[number % 2], THEMES[(number + 1) % 2]
    wide, narrow = "desktop", list(WIDTHS)[1 + number // 2 % 2]
    rows = (("en", english, wide), ("ja", japanese, narrow))
    for language, theme, width in rows if number % 4 < 2 else (("en", english, narrow), ("ja", japanese, wide)):
        opened = await opened_at(open_dashboard_of, shops, screen, language, theme, width)
        await look(opened, f"{screen.name}-{language}-{theme}-{width}", language)


@pytest.mark.soak
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_a_screen_is_for_everybody_everywhere(open_dashboard_of, shops, screen, language, width):
    opened = await opened_at(open_dashboard_of, shops, screen, language, "light", width)
    await look(opened, f"{screen.name}-{language}-light-{width}", language)
    await opened.dashboard("setTheme('dark')")
    await opened.app.locator("html[data-theme=dark]").wait_for()
    await look(opened, f"{screen.name}-{language}-dark-{width}", language)


class TestTheList:
    def test_has_every_page_there_is(self):
        """Made from the routes: a new page that nobody looks at fails here."""
        shown = {_page_of(screen.path) for screen in SCREENS} | set(DOWNLOADS)
        assert sorted({page.path for page in PAGES if page.method == "GET"} - shown) == []

    def test_names_each_screen_once_and_alike_ones_exist(self):
        names = [screen.name for screen in SCREENS]
        assert len(names) == len(set(names))
        assert set(names) >= ALIKE

    async def test_what_is_not_looked_at_is_a_file(self, shops):
        full, sold = shops["full"], shops["sold"]
        for path in DOWNLOADS.values():
            if "{main}" in path:
                answer = await Dashboard(full.merchant).get(path.format(**full.places))
            else:
                answer = await ask(sold.merchant, "GET", path.format(**sold.places))
            assert answer.headers["content-disposition"].startswith("attachment; "), path


def _page_of(path):
    """The route's path, below /dashboard, that a screen's path leads to."""
    address = "/dashboard" + path.partition("?")[0].replace("{", "").replace("}", "")
    scope = {"type": "http", "method": "GET", "path": address, "root_path": "", "headers": []}
    route = next(route for route in routes() if route.matches(scope)[0] is Match.FULL)
    return route.path.removeprefix("/dashboard") or "/"


async def test_saleor_away_is_told_and_the_first_page_opens_all_the_same(open_dashboard_of, shops):
    merchant = shops["full"].merchant
    with merchant.saleor.faults.during("unavailable", "channels"):
        opened = await open_dashboard_of(merchant)
        await opened.app.get_by_text("Saleor did not tell its channels.").wait_for()
        await opened.click("Channels", role="link")
        await opened.app.get_by_role("link", name="Try again").wait_for()
        await look(opened, "channels-saleor-away", "en")
