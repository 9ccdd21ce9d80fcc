"""Every screen there is: each page of the routes, as it is in an empty shop, in use, and when something is wrong.

What is done before a screen is looked at finds its way by names of fields, so that it works in every language.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.browser.dashboard.conftest import Opened
from tests.browser.dashboard.sold import CUSTOMER

Step = Callable[[Opened, Any], Awaitable[None]]

SAVE = "form[data-guard] button:not([type=button]):not([formaction])"


async def nothing(_opened, _shop):
    """It is looked at as it opens."""


async def with_faults(opened, _shop):
    await opened.app.locator("#privateKey").fill("-----BEGIN PUBLIC KEY-----")
    await opened.app.locator(SAVE).last.click()
    await opened.app.locator("#privateKey[aria-invalid=true]").wait_for()


async def with_pair(opened, _shop):
    await opened.app.locator("button[formaction]").click()
    await opened.app.locator("#publicKey").wait_for()


async def asked_to_move(opened, _shop):
    await opened.app.locator("#channel-default-jp select").select_option(index=0)
    await opened.app.locator("#channel-default-jp button").click()
    await opened.app.locator("dialog[open]").wait_for()


async def with_rows(opened, _shop):
    await opened.app.locator("[data-add]").first.click()


async def gone_stale(opened, shop):
    """Somebody else saved the account meanwhile, in another tab."""
    await opened.app.locator("#name").fill("Second")
    await shop.merchant.update(shop.places["main"], options={"note_to_buyer": uuid4().hex})
    await opened.app.locator(SAVE).last.click()
    await opened.app.locator("main .notice.critical:not([hidden])").wait_for()


async def unsaved(opened, _shop):
    await opened.app.locator("#name").fill("Changed")
    await opened.app.locator("header a").first.click()
    await opened.app.locator("dialog[open]").wait_for()


async def session_ended(opened, shop):
    """The Dashboard's token is refused, and nobody brings another."""
    await opened.dashboard(f"setToken('{shop.merchant.token(aud='another.app')}')")
    async with opened.page.expect_response(lambda response: response.status == 401):
        await opened.app.locator("header a").nth(2).click()
    await opened.page.clock.fast_forward(11_000)
    await opened.app.locator("main .lead").wait_for()


async def saleor_away(opened, shop):
    with shop.merchant.saleor.faults.during("unavailable", "channels"):
        await opened.app.locator("header a").nth(2).click()
        await opened.app.locator("header li:nth-child(3) a[aria-current=page]").wait_for()
    assert await opened.app.locator("main select").count() == 0


async def refund_too_much(opened, _shop):
    field_ = opened.app.locator("#refund-amount")
    await field_.fill("99999")
    await opened.app.locator("form.offer", has=field_).get_by_role("button").click()
    await opened.app.locator("#ask button[value=yes]").click()
    await opened.app.locator("#refund-fault").wait_for()


async def told_more(opened, _shop):
    await opened.app.locator("ol.timeline summary").first.click()


async def looked_up(opened, _shop):
    await opened.app.locator("input[name=id]").fill("S03-0000000-0000000")
    await opened.app.locator("main form button").first.click()
    await opened.app.locator("main h1").wait_for()


@dataclass(frozen=True)
class Screen:
    """``shop`` is bare, full or sold; ``after`` is done before it is looked at."""

    name: str
    path: str
    shop: str = "full"
    after: Step = nothing
    claims: Mapping[str, object] = field(default_factory=dict)
    clock: bool = False


SCREENS = [
    Screen("overview-empty", "", "bare"),
    Screen("overview", ""),
    Screen("overview-selling", "", "sold"),
    Screen("accounts-empty", "/accounts", "bare"),
    Screen("accounts", "/accounts"),
    Screen("account", "/accounts/{main}"),
    Screen("account-locked", "/accounts/{locked}"),
    Screen("account-archived", "/accounts/{archived}"),
    Screen("account-new", "/accounts/new"),
    Screen("account-new-faults", "/accounts/new", after=with_faults),
    Screen("account-new-generated", "/accounts/new", after=with_pair),
    Screen("account-duplicate", "/accounts/new?copy={main}"),
    Screen("account-edit", "/accounts/{main}/edit"),
    Screen("account-edit-rows", "/accounts/{main}/edit", after=with_rows),
    Screen("account-edit-stale", "/accounts/{main}/edit", after=gone_stale),
    Screen("account-edit-unsaved", "/accounts/{main}/edit", after=unsaved),
    Screen("account-keys", "/accounts/{main}/keys"),
    Screen("account-keys-generated", "/accounts/{main}/keys", after=with_pair),
    Screen("account-import", "/accounts/import"),
    Screen("channels-bare", "/channels", "bare"),
    Screen("channels", "/channels"),
    Screen("channels-move", "/channels", after=asked_to_move),
    Screen("payments", "/payments", "sold"),
    Screen("payments-empty", "/payments", "bare"),
    Screen("payments-none", "/payments?search=nobody", "sold"),
    Screen("payments-fault", "/payments?amountFrom=much&fromDay=x", "sold"),
    Screen("payments-differences", "/payments/differences", "sold"),
    Screen("payments-agreeing", "/payments/differences", "bare"),
    Screen("payment-held", "/payments/{held}", "sold"),
    Screen("payment-part", "/payments/{part}", "sold"),
    Screen("payment-told", "/payments/{refunded}", "sold", after=told_more),
    Screen("payment-fault", "/payments/{refunded}", "sold", after=refund_too_much),
    Screen("payment-lost-request", "/payments/{lost}", "sold"),
    Screen("agreements-empty", "/agreements", "bare"),
    Screen("agreements", "/agreements", "sold"),
    Screen("agreement", "/agreements/{agreement}", "sold"),
    Screen("agreement-suspended", "/agreements/{suspended}", "sold"),
    Screen("subscriptions-off", "/subscriptions", "bare"),
    Screen("subscriptions", "/subscriptions", "sold"),
    Screen("subscription", "/subscriptions/{schedule}", "sold"),
    Screen("subscription-new", "/subscriptions/new?agreement={agreement}", "sold"),
    Screen("subscription-edit", "/subscriptions/{schedule}/edit", "sold"),
    Screen("subscription-settings", "/subscriptions/settings", "sold"),
    Screen("disputes-empty", "/disputes", "bare"),
    Screen("disputes", "/disputes", "sold"),
    Screen("dispute", "/disputes/{dispute}", "sold"),
    Screen("dispute-lost", "/disputes/{lost_dispute}", "sold"),
    Screen("settlements-empty", "/settlements", "bare"),
    Screen("settlements", "/settlements", "sold"),
    Screen("settlement", "/settlements/{report}", "sold"),
    Screen("payouts", "/settlements/payouts", "sold"),
    Screen("old-orders", "/old-orders", "sold"),
    Screen("old-orders-unknown", "/old-orders", "sold", after=looked_up),
    Screen("problems-none", "/problems", "bare"),
    Screen("problems", "/problems"),
    Screen("problems-selling", "/problems", "sold"),
    Screen("health-bare", "/health", "bare"),
    Screen("health", "/health"),
    Screen("health-selling", "/health", "sold"),
    Screen("widget-order", "/widgets/order?orderId={order}", "sold"),
    Screen("widget-order-none", "/widgets/order?orderId=T3JkZXI6eA==", "sold"),
    Screen("widget-customer", f"/widgets/customer?customerId={CUSTOMER}", "sold"),
    Screen("widget-customer-none", "/widgets/customer?customerId=VXNlcjo5OQ==", "sold"),
    Screen("not-found", "/nothing/here"),
    Screen("permission-missing", "", claims={"user_permissions": ["MANAGE_APPS"]}),
    Screen("permission-payments-only", "/accounts", claims={"user_permissions": ["HANDLE_PAYMENTS"]}),
    Screen("session-ended", "/problems", after=session_ended, clock=True),
    Screen("saleor-away", "/problems", after=saleor_away),
]

DOWNLOADS = {
    "/accounts/{account_id}/export": "/accounts/{main}/export",
    "/payments/export": "/payments/export",
    "/settlements/payouts/csv": "/settlements/payouts/csv",
    "/settlements/schedules/csv": "/settlements/schedules/csv",
    "/settlements/{report_id}/csv": "/settlements/{report}/csv",
}
"""Pages that are files, by the path of their route: nothing to look at."""

ALIKE = {
    "account-archived",
    "account-edit",
    "account-edit-rows",
    "account-edit-unsaved",
    "account-keys-generated",
    "account-locked",
    "account-new-generated",
    "accounts-empty",
    "agreements-empty",
    "channels-bare",
    "disputes-empty",
    "health-bare",
    "not-found",
    "old-orders-unknown",
    "overview-selling",
    "payment-fault",
    "payments-agreeing",
    "payments-empty",
    "permission-payments-only",
    "problems-none",
    "settlements-empty",
    "widget-customer-none",
}
"""Much like another one of the list: only in the product, in `make soak`."""
