"""Every screen in both languages and both themes: no stumbling blocks, no sideways scrolling, a picture of each."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from saleor_amazonpay.handlers import key_pairs
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import notifications as notification_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.notifications import Received
from saleor_amazonpay.storage.problems import RAISED, Problem
from tests.browser.dashboard.conftest import PHONE, new_merchant
from tests.handlers.merchant import (
    BY,
    MERCHANT_ID,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    PUBLIC_KEY,
    STORE_ID,
    Merchant,
)

pytestmark = pytest.mark.browser

SECOND_ID = "SANDBOX-ASECONDKEYID"
LIVE_ID = "LIVE-AEXAMPLEKEYID"


@dataclass
class Shop:
    merchant: Merchant
    main: str
    locked: str


async def furnish(merchant: Merchant) -> Shop:
    """Accounts of each kind, one with a second pair, channels, a notification, problems."""
    amazon, services, now = merchant.amazon, merchant.services, merchant.clock.now()
    amazon.register_merchant(MERCHANT_ID, STORE_ID, SECOND_ID, OTHER_PUBLIC_KEY, "jp", "sandbox")
    amazon.register_merchant(MERCHANT_ID, STORE_ID, LIVE_ID, PUBLIC_KEY, "jp", "live")
    options = {"allowed_origins": (ORIGIN,), "store_name": "Shizuku Tea 雫茶舗", "note_to_buyer": "Thank you!"}
    main = await merchant.create(name="Japan", options=options)
    live = await merchant.create(name="Japan, live", public_key_id=LIVE_ID)
    old = await merchant.create(name="Former shop")
    locked = await merchant.create(name="Before the move", options={})
    await merchant.assign("default-jp", main.id)
    await key_pairs.add_second(
        services, merchant.tenant, main.id, public_key_id=SECOND_ID, private_key=OTHER_PRIVATE_KEY, by=BY
    )

    def write(session):
        for each, state in ((old, "archived"), (locked, "locked")):
            row = account_rows.by_id(session, merchant.tenant, each.id, services.secrets)
            account_rows.save(session, replace(row, state=state), services.secrets)
        received = Received("m-1", merchant.tenant, main.id, MERCHANT_ID, "CHARGE", "S03-1", "S03-1", "handled", now)
        notification_rows.insert(session, received)
        for key, message, critical in (
            (f"keys-{live.id}", "Amazon Pay refuses the keys of Japan, live (InvalidRequestSignature).", True),
            ("authorization-p1", "An authorization of 3500 JPY of order 21 ends on 2026-11-28.", False),
        ):
            raised = now - timedelta(hours=5)
            problem_rows.save(session, Problem(merchant.tenant, key, message, critical, RAISED, raised, now))

    await services.database.run(write)
    services.directory.forget(merchant.tenant)
    return Shop(merchant, main.id, locked.id)


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
