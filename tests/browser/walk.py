"""A buyer's way through the example shop, flow by flow, in a browser; and what must be true when it ends."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Error, Page

from saleor_amazonpay.sandbox.purchases import Amounts, amounts_at_amazon, amounts_in_saleor
from saleor_amazonpay.sandbox.world import World

CUP, MONTHLY = 0, 2
AT_AMAZON = re.compile(r"/(sign-in|choose)")
RESULT = re.compile(r"/(result\.html|order\.html\?.*transaction=)")
AMAZON_BUTTON = "#amazon-pay button"
SETTLING_SECONDS = 20.0  # on a busy machine; else a moment


@dataclass
class Walk:
    """``flow``: cart and express (review flow), monthly (the same, recurring), apb, order (apb, the app's own return).

    ``double``: every press is a double click; ``reloads``: every page is loaded again before it is used.
    """

    page: Page
    shop: World
    flow: str
    channel: str
    double: bool = False
    reloads: bool = False
    order_id: str = ""
    transactions_before: int = 0
    charges_before: int = 0

    def __post_init__(self) -> None:
        if self.flow == "order":
            self.order_id = self.shop.saleor.create_order(self.channel).id
        self.transactions_before = len(self.shop.saleor.store.transactions)
        self.charges_before = len(self.shop.amazon.audit()["charges"])

    @property
    def reviews(self) -> bool:
        return self.flow in {"cart", "express", "monthly"}

    # --- Pages

    async def start(self) -> None:
        """To the page with Amazon's button."""
        shop, page = self.shop.storefront_url, self.page
        await page.goto(f"{shop}/?channel={self.channel}")
        if self.flow == "monthly":
            token = self.shop.saleor.make_user_token(self.shop.saleor.store.user_by_email("customer@example.com"))
            await page.evaluate(
                "([key, token]) => localStorage.setItem(key, token)", [f"shop:token:{self.shop.saleor.api_url}", token]
            )
        if self.flow in {"cart", "apb"}:
            await page.locator(".product button").nth(CUP).click()
            await page.locator(AMAZON_BUTTON).wait_for()
        if self.flow == "apb":
            await page.locator("#checkout").click()
        if self.flow in {"express", "monthly"}:
            await page.locator(".product a").nth(MONTHLY if self.flow == "monthly" else CUP).click()
        if self.flow == "order":
            await page.goto(f"{shop}/order.html?order={self.order_id}")
        await self.ready()

    async def ready(self) -> None:
        """Fill in what the page with the button asks for."""
        page = self.page
        await self._loaded_again()
        if self.flow == "apb":
            await page.locator("#example").click()
            await self.press("#details button >> nth=0")
        if self.flow == "monthly":
            await page.locator(AMAZON_BUTTON).wait_for()
            await page.locator("#monthly").check()
        await page.locator(AMAZON_BUTTON).wait_for()

    async def to_amazon(self) -> None:
        await self.press(AMAZON_BUTTON)
        await self.reach(AT_AMAZON)
        if "sign-in" in self.page.url:
            await self._loaded_again()
            await self.press("button[value=continue]")
            await self.reach("**/choose*")

    async def choose(self, card: str = "1111") -> None:
        """Card and address; then, in the review flow, the shop's review page up to Amazon's pay page."""
        await self._loaded_again()
        await self.page.locator(f"input[name=card][value='{card}']").check()
        await self.press("button[value=continue]")
        if self.reviews:
            await self.reach("**/review.html*")
            await self.review()
        await self.reach("**/pay/*")
        await self._loaded_again()

    async def review(self) -> None:
        await self._loaded_again()
        await self.page.locator("#place:not([disabled])").wait_for()
        await self.press("#place")

    async def to_the_pay_page(self, card: str = "1111") -> None:
        await self.start()
        await self.to_amazon()
        await self.choose(card)

    async def pay(self) -> str:
        await self.press("button[value=pay]")
        return await self.outcome()

    async def outcome(self) -> str:
        """Once it is known; the order's page says it in its own words."""
        await self.reach(RESULT)
        await self._loaded_again()
        settled = self.page.locator(
            "#outcome:not(:is([data-outcome=processing], [data-outcome=checking], [data-outcome=loading]))"
        )
        await settled.wait_for()
        said = await settled.get_attribute("data-outcome") or ""
        return {"orderPaid": "paid", "orderFailed": "failed", "orderDue": "due"}.get(said, said)

    async def try_again(self) -> None:
        """By what the result page offers, back to the page with the button."""
        if self.flow != "order":
            await self.press("#next")
            await self.reach(re.compile(r"/(index|checkout|product)\.html"))
        await self.ready()

    async def reach(self, address: str | re.Pattern[str]) -> None:
        """A second click begins the same navigation anew, which ends the first."""
        for _ in range(3):
            try:
                return await self.page.wait_for_url(address)
            except Error as aborted:
                if "ERR_ABORTED" not in aborted.message:
                    raise
        return await self.page.wait_for_url(address)

    async def press(self, selector: str) -> None:
        target = self.page.locator(selector)
        await (target.dblclick() if self.double else target.click())

    async def _loaded_again(self) -> None:
        if self.reloads:
            await self.page.reload()

    async def paid_and_gone(self) -> str:
        """Pay, and be away before the shop is reached; the address Amazon would have gone to."""
        card = await self.page.locator("input[name=card]:checked").get_attribute("value")
        answer = await self.page.request.post(self.page.url, form={"action": "pay", "card": card}, max_redirects=0)
        return answer.headers["location"]

    def result_address(self) -> str:
        """Where Amazon would send the buyer of the pay page that is open."""
        session_id = urlsplit(self.page.url).path.rpartition("/")[2]
        address = self.shop.amazon.session(session_id)["webCheckoutDetails"]["checkoutResultReturnUrl"]
        return f"{address}&amazonCheckoutSessionId={session_id}"

    # --- What must be true

    @property
    def transactions(self):
        return [
            self.shop.saleor.transaction(each.id)
            for each in self.shop.saleor.store.transactions[self.transactions_before :]
        ]

    async def settled(self):
        """The transactions, once Saleor was told all there is: our reports come a moment later."""
        for _ in range(int(SETTLING_SECONDS / 0.05)):
            if all(not each.event_types[-1].endswith(("_REQUEST", "ACTION_REQUIRED")) for each in self.transactions):
                break
            await asyncio.sleep(0.05)
        return self.transactions

    def charges(self) -> list[Decimal]:
        """Every hold or capture Amazon made since the walk began, unless it was given up or refused."""
        made = self.shop.amazon.audit()["charges"][self.charges_before :]
        return [
            Decimal(each["chargeAmount"]["amount"])
            for each in made
            if each["statusDetails"]["state"] in {"Authorized", "Captured"}
        ]

    def paid_once(self) -> None:
        """One transaction holds the money, Saleor and Amazon agree on it, and Amazon charged nothing else."""
        with_money = [each for each in self.transactions if amounts_in_saleor(each) != Amounts()]
        assert len(with_money) == 1, [each.event_types for each in self.transactions]
        [paid] = with_money
        amounts = amounts_in_saleor(paid)
        if self.flow != "monthly":  # whose permission stays chargeable for the next months
            assert amounts == amounts_at_amazon(self.shop, paid.id)
        assert (amounts.charged > 0) == (self.channel == "default-jp")
        assert (amounts.authorized > 0) == (self.channel == "us")
        assert self.charges() == [amounts.charged + amounts.authorized]
        successes = [kind for kind in paid.event_types if kind.endswith("_SUCCESS")]
        assert successes == ["CHARGE_SUCCESS" if self.channel == "default-jp" else "AUTHORIZATION_SUCCESS"]

    def paid_nothing(self) -> None:
        assert [amounts_in_saleor(each) for each in self.transactions] == [Amounts()] * len(self.transactions)
        assert self.charges() == []


def query_of(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)
