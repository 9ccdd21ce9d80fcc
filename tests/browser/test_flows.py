"""Every flow to every end a buyer can think of; `make test` walks a pairwise selection, `make soak` the whole product.

Each ends with the right events in Saleor, no second charge, and a page from which the buyer can go on.
"""

from __future__ import annotations

from itertools import product

import pytest

from saleor_amazonpay.handlers.sweeps import sessions
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.pairs import pairwise
from tests.browser.walk import AMAZON_BUTTON, RESULT, Walk

pytestmark = pytest.mark.browser


FAILED = ("AUTHORIZATION_FAILURE", "CHARGE_FAILURE")


# --- Endings


async def pays(walk: Walk) -> None:
    await walk.to_the_pay_page()
    assert await walk.pay() == "paid"
    walk.paid_once()


async def is_declined_and_takes_another_card(walk: Walk) -> None:
    await walk.to_the_pay_page("3434")
    assert await walk.pay() in {"declined", "failed"}
    walk.paid_nothing()
    assert (await walk.settled())[-1].event_types[-1] in FAILED
    await walk.try_again()
    await walk.to_amazon()
    await walk.choose()
    assert await walk.pay() == "paid"
    walk.paid_once()


async def cancels_at_the_choice_and_returns(walk: Walk) -> None:
    await walk.start()
    await walk.to_amazon()
    await walk.page.locator("button[value=cancel]").click()
    await _is_back_and_pays(walk)


async def cancels_at_the_last_page_and_returns(walk: Walk) -> None:
    await walk.to_the_pay_page()
    await walk.page.locator("button[value=cancel]").click()
    await _is_back_and_pays(walk)


async def _is_back_and_pays(walk: Walk) -> None:
    if walk.flow != "order":
        await walk.page.wait_for_url("**cancelled=1**")
        await walk.page.locator("#notice:not([hidden])").wait_for()
    walk.paid_nothing()
    await walk.ready()
    await walk.to_amazon()
    await walk.choose()
    assert await walk.pay() == "paid"
    walk.paid_once()


async def goes_back_and_forth(walk: Walk) -> None:
    await walk.to_the_pay_page()
    await walk.page.go_back()
    await walk.page.go_forward()
    await walk.page.wait_for_url("**/pay/*")
    assert await walk.pay() == "paid"
    completed = walk.shop.amazon.count("complete_checkout_session")
    for _ in range(3):
        await walk.page.go_back()
    for _ in range(3):
        await walk.page.go_forward()
    assert await walk.outcome() == "paid"
    assert walk.shop.amazon.count("complete_checkout_session") == completed
    walk.paid_once()


async def loads_every_page_again(walk: Walk) -> None:
    walk.reloads = True
    await pays(walk)


async def double_clicks_every_button(walk: Walk) -> None:
    sessions_before = len(walk.shop.amazon.audit()["sessions"])
    walk.double = True
    await pays(walk)
    assert len(walk.shop.amazon.audit()["sessions"]) == sessions_before + 1
    assert len(walk.transactions) == 1


async def pays_in_two_tabs(walk: Walk) -> None:
    """The same basket, taken to Amazon's last page twice, and paid in both."""
    await walk.to_the_pay_page()
    first, walk.page = walk.page, await walk.page.context.new_page()
    await walk.start() if walk.flow not in {"cart", "apb"} else await _open_again(walk, first)
    await walk.to_amazon()
    await walk.choose()
    assert await walk.pay() == "paid"
    second, walk.page = walk.page, first
    await walk.press("button[value=pay]")
    await walk.page.wait_for_url(RESULT)
    await second.close()
    if walk.flow in {"express", "monthly"}:  # two checkouts, each bought on purpose
        assert await walk.outcome() == "paid"
        assert len(walk.charges()) == 2
        return
    await walk.outcome()
    walk.paid_once()


async def _open_again(walk: Walk, first) -> None:
    address = f"{walk.shop.storefront_url}/" if walk.flow == "cart" else f"{walk.shop.storefront_url}/checkout.html"
    await walk.page.goto(address)
    await walk.ready()


async def closes_the_tab_and_the_sweep_finds_it(walk: Walk) -> None:
    """Paid at Amazon and never back: nobody completed it, so Amazon lets go of the money, and Saleor is told."""
    await walk.to_the_pay_page()
    await walk.paid_and_gone()
    await walk.page.context.close()
    walk.shop.clock.move(hours=26)
    await sessions.run(walk.shop.running.services)
    [transaction] = await walk.settled()
    assert transaction.event_types[-1] in FAILED
    walk.paid_nothing()


async def comes_back_in_another_browser(walk: Walk) -> None:
    await walk.to_the_pay_page()
    address = await walk.paid_and_gone()
    locale = "ja-JP" if walk.channel == "default-jp" else "en-US"
    other = await walk.page.context.browser.new_context(locale=locale, viewport=walk.page.viewport_size)
    await walk.page.close()
    walk.page = await other.new_page()
    try:
        await walk.page.goto(address)
        assert await walk.outcome() == "paid"
    finally:
        await other.close()
    walk.paid_once()


async def comes_too_late(walk: Walk) -> None:
    """The session expired while the buyer was at lunch; the shop says so, and the buyer begins anew."""
    await walk.to_the_pay_page()
    address = walk.result_address()
    walk.shop.clock.move(hours=25)
    await walk.press("button[value=pay]")
    await walk.page.locator("main code", has_text="InvalidCheckoutSessionStatus").wait_for()
    await walk.page.goto(address)
    assert await walk.outcome() in {"expired", "failed"}
    walk.paid_nothing()
    assert (await walk.settled())[-1].event_types[-1] in FAILED
    if walk.flow == "monthly":
        return  # the customer's log-in at the shop has ended too
    await walk.try_again()
    assert await walk.page.locator(AMAZON_BUTTON).is_visible()


ENDINGS = {
    function.__name__: function
    for function in (
        pays,
        is_declined_and_takes_another_card,
        cancels_at_the_choice_and_returns,
        cancels_at_the_last_page_and_returns,
        goes_back_and_forth,
        loads_every_page_again,
        double_clicks_every_button,
        pays_in_two_tabs,
        closes_the_tab_and_the_sweep_finds_it,
        comes_back_in_another_browser,
        comes_too_late,
    )
}
PARAMETERS = {
    "ending": list(ENDINGS),
    "flow": ["cart", "express", "apb", "order", "monthly"],
    "place": ["us-en", "jp-ja"],
    "width": ["desktop", "phone"],
}
SELECTED = set(pairwise(PARAMETERS))
CASES = [
    pytest.param(*case, id="-".join(case), marks=[] if case in SELECTED else [pytest.mark.soak])
    for case in product(*PARAMETERS.values())
]


@pytest.mark.parametrize(("ending", "flow", "place", "width"), CASES)
async def test_a_buyer(shop, open_page, ending, flow, place, width):
    page = await open_page(language=place.rpartition("-")[2], viewport=PHONE if width == "phone" else DESKTOP)
    walk = Walk(page, shop, flow, "default-jp" if place == "jp-ja" else "us")
    await ENDINGS[ending](walk)
