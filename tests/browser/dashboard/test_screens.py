"""Every screen in both languages and both themes: no stumbling blocks, no sideways scrolling, a picture of each."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from tests.browser.dashboard.conftest import PHONE, new_merchant
from tests.browser.dashboard.shop import Shop, furnish

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def shops(tmp_path_factory):
    """``bare``: nothing is set up; ``full``: everything is."""
    async with AsyncExitStack() as stack:
        bare, full = [
            await stack.enter_async_context(new_merchant(tmp_path_factory.mktemp(name))) for name in ("bare", "full")
        ]
        yield {"bare": Shop(bare, "", ""), "full": await furnish(full)}


async def nothing(_opened):
    pass


async def with_faults(opened):
    await opened.app.get_by_label("Private key", exact=True).fill("-----BEGIN PUBLIC KEY-----")
    await opened.click("Try the keys and save")
    await opened.app.get_by_text("Nothing was saved.").wait_for()


async def with_pair(opened):
    await opened.click("Generate a key pair here instead")
    await opened.app.locator("#publicKey").wait_for()


async def asked_to_move(opened):
    await opened.app.locator("#channel-default-jp select").select_option(index=0)
    await opened.app.locator("#channel-default-jp button").click()
    await opened.app.locator("dialog[open]").wait_for()


async def with_rows(opened):
    await opened.click("Add a country")


@dataclass(frozen=True)
class Screen:
    """``after`` is done in the English page before it is looked at; then it cannot be shown in Japanese as well."""

    name: str
    path: str
    shop: str = "full"
    after: object = nothing
    claims: tuple[tuple[str, object], ...] = ()


SCREENS = [
    Screen("overview-empty", "", "bare"),
    Screen("overview", ""),
    Screen("accounts-empty", "/accounts", "bare"),
    Screen("accounts", "/accounts"),
    Screen("account", "/accounts/{main}"),
    Screen("account-locked", "/accounts/{locked}"),
    Screen("account-new", "/accounts/new"),
    Screen("account-new-faults", "/accounts/new", after=with_faults),
    Screen("account-new-generated", "/accounts/new", after=with_pair),
    Screen("account-edit", "/accounts/{main}/edit"),
    Screen("account-edit-rows", "/accounts/{main}/edit", after=with_rows),
    Screen("account-keys", "/accounts/{main}/keys"),
    Screen("account-keys-generated", "/accounts/{main}/keys", after=with_pair),
    Screen("account-import", "/accounts/import"),
    Screen("channels-bare", "/channels", "bare"),
    Screen("channels", "/channels"),
    Screen("channels-move", "/channels", after=asked_to_move),
    Screen("problems-none", "/problems", "bare"),
    Screen("problems", "/problems"),
    Screen("not-found", "/nothing/here"),
    Screen("permission-missing", "", claims=(("user_permissions", ["MANAGE_APPS"]),)),
]


async def look(opened, name):
    await opened.picture(name)
    assert await opened.stumbling_blocks() == []
    assert not await opened.app.evaluate("document.documentElement.scrollWidth > innerWidth")


def opening(open_dashboard_of, shops, screen, **options):
    shop = shops[screen.shop]
    path = screen.path.format(main=shop.main, locked=shop.locked)
    return open_dashboard_of(shop.merchant, path, **dict(screen.claims), **options)


# Much like another one of the list; looked at in `make soak`.
ALIKE = {
    "accounts-empty",
    "account-locked",
    "account-new-generated",
    "account-edit",
    "account-edit-rows",
    "account-keys-generated",
    "account-import",
    "channels-bare",
    "channels",
    "problems-none",
    "not-found",
}


@pytest.mark.parametrize(
    "screen",
    [pytest.param(each, id=each.name, marks=[pytest.mark.soak] if each.name in ALIKE else []) for each in SCREENS],
)
async def test_a_screen_is_for_everybody(open_dashboard_of, shops, screen):
    """English and light; then Japanese and dark, where the page can be asked for anew."""
    opened = await opening(open_dashboard_of, shops, screen)
    await screen.after(opened)
    await look(opened, f"{screen.name}-en-light")
    await opened.dashboard("setTheme('dark')")
    if screen.after is nothing:
        shops[screen.shop].merchant.saleor.dashboard_claims = dict(screen.claims)
        await opened.dashboard("setLocale('ja')")
        await opened.app.locator("html[lang=ja]").wait_for()
        await look(opened, f"{screen.name}-ja-dark")
    else:
        await look(opened, f"{screen.name}-en-dark")


@pytest.mark.soak
@pytest.mark.parametrize(
    "viewport",
    [{"width": 1200, "height": 900}, PHONE, {"width": 320, "height": 640}],
    ids=["desktop", "phone", "narrow"],
)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("screen", [each for each in SCREENS if each.after is nothing], ids=lambda screen: screen.name)
async def test_a_screen_is_for_everybody_everywhere(open_dashboard_of, shops, screen, language, theme, viewport):
    opened = await opening(open_dashboard_of, shops, screen, language=language, theme=theme, viewport=viewport)
    await look(opened, f"{screen.name}-{language}-{theme}-{viewport['width']}")


@pytest.mark.parametrize("path", ["", "/accounts/{main}/edit"])
async def test_a_phone_shows_it_without_scrolling_sideways(open_dashboard_of, shops, path):
    shop = shops["full"]
    opened = await open_dashboard_of(shop.merchant, path.format(main=shop.main), viewport=PHONE)
    await look(opened, f"phone{path.replace('/', '-').format(main='main')}")


async def test_saleor_away_is_told_and_the_first_page_opens_all_the_same(open_dashboard_of, shops):
    merchant = shops["full"].merchant
    with merchant.saleor.faults.during("unavailable", "channels"):
        opened = await open_dashboard_of(merchant)
        await opened.app.get_by_text("Saleor did not tell its channels.").wait_for()
        await opened.click("Channels", role="link")
        await opened.app.get_by_role("link", name="Try again").wait_for()
        await look(opened, "channels-saleor-away")
