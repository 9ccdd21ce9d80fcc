"""The purchases of the demo: what happens in each, and what must be true at its end.

Each goes through the shop's public API, the app's webhooks and Amazon's API over HTTP; only what a buyer does on
Amazon's pages is done for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.handlers import accounts
from saleor_amazonpay.handlers.account_fields import AccountFields
from saleor_amazonpay.handlers.disputes import answering as disputes
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.sandbox.saleor.catalogue import User
from saleor_amazonpay.sandbox.saleor.clients import Payment, Requested, Storefront
from saleor_amazonpay.sandbox.saleor.standin import Lines, TransactionSnapshot
from saleor_amazonpay.sandbox.world import SHOPFRONTS, World, dashboard_of, mutate

SETTLING_SECONDS: Final = 20.0
_LOOK_AGAIN_SECONDS: Final = 0.05

CUP: Final[Lines] = (("CUP-1", 1),)
TEAPOT: Final[Lines] = (("POT-1", 1),)
BOOK: Final[Lines] = (("PDF-1", 1),)


_ADOPT: Final = """
mutation($input: Cv1AdoptInput!) {
  cv1Adopt(input: $input) { outcomes { result reason message transactionId } errors { field message } }
}"""


class FellShort(AssertionError):
    """What was expected and what was seen."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of one payment, in major units. ``charged`` is what was captured less what was given back."""

    authorized: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    canceled: Decimal = Decimal(0)

    @classmethod
    def of(cls, **amounts: str) -> Amounts:
        return cls(**{name: Decimal(amount) for name, amount in amounts.items()})

    def shown(self, currency: str) -> str:
        """Those that are not zero."""
        named = ((name, getattr(self, name)) for name in ("authorized", "charged", "refunded", "canceled"))
        return ", ".join(f"{name} {shown(amount, currency)}" for name, amount in named if amount) or "nothing"


def shown(amount: Decimal | float, currency: str) -> str:
    """``34.99 USD``, ``3500 JPY``: exact, with the currency's own number of decimals."""
    return str(Money.parse(Decimal(str(amount)), currency))


@dataclass(slots=True)
class Shopper:
    """Does what a storefront, a buyer and the shop's staff do; ``step`` tells the transcript what comes next."""

    world: World
    step: Callable[[str], Awaitable[None]]
    transactions: list[str] = field(default_factory=list)

    # --- The buyer

    async def open_session(self, source_id: str, card: str = "1111", **asked: Any) -> str:
        """Presses the button, signs in at Amazon, chooses card and address; the shop takes it over. The session id."""
        data = {"flow": "review", "checkoutReviewReturnUrl": f"{self.world.storefront_url}/review.html", **asked}
        [config] = await self._storefront.payment_gateway_initialize(source_id, self.world.gateway, data)
        if config.data["errors"]:
            raise FellShort(f"expected a button, seen {config.data['errors']}")
        button = config.data["amazonPay"]
        session_id = self.world.amazon.create_session_by_button(
            button["createCheckoutSessionConfig"], button["productType"]
        )
        self.world.amazon.sign_in(session_id, card=card)
        if button["productType"] == "PayAndShip":
            await self._take_address_over(source_id, session_id)
        return session_id

    async def _take_address_over(self, checkout_id: str, session_id: str) -> None:
        """What a review page does before it shows the order."""
        data = {"amazonCheckoutSessionId": session_id}
        [config] = await self._storefront.payment_gateway_initialize(checkout_id, self.world.gateway, data)
        session = config.data["checkoutSession"]
        if session is None or session["missingFields"]:
            raise FellShort(f"expected a complete address, seen {config.data['errors'] or session['missingFields']}")
        updated = await self._storefront.update_shipping_address(checkout_id, session["shippingAddress"])
        if updated.errors:
            raise FellShort(f"expected the address in the checkout, seen {updated.errors[0].message}")

    async def pay(self, source_id: str, result: str, card: str = "1111", **asked: Any) -> str:
        """The whole way from the button to the result page; the transaction's id. ``asked``: e.g. ``recurring``."""
        session_id = await self.open_session(source_id, card, **asked)
        data = {
            "flow": "review",
            "amazonCheckoutSessionId": session_id,
            "checkoutResultReturnUrl": f"{self.world.storefront_url}/result.html",
            **asked,
        }
        begun = await self._storefront.transaction_initialize(source_id, self.world.gateway, data)
        _check(begun, f"{result.partition('_')[0]}_ACTION_REQUIRED")
        self.transactions.append(begun.transaction_id)
        self.world.amazon.buyer_approves(session_id)
        returned = {"amazonCheckoutSessionId": session_id}
        _check(await self._storefront.transaction_process(begun.transaction_id, returned), result)
        return begun.transaction_id

    async def pay_with_one_click(self, source_id: str) -> str:
        """The Additional Payment Button; Amazon sends the buyer to the app's return page, which sends the buyer on."""
        data = {"flow": "apb", "returnUrl": f"{self.world.storefront_url}/result.html"}
        begun = await self._storefront.transaction_initialize(source_id, self.world.gateway, data)
        _check(begun, "CHARGE_ACTION_REQUIRED")
        self.transactions.append(begun.transaction_id)
        button = begun.data["amazonPay"]
        came_back = self.world.amazon.buyer_pays_apb(button["createCheckoutSessionConfig"], button["productType"])
        async with httpx2.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(came_back)
        onward = answer.headers.get("location", "")
        if not onward.startswith(data["returnUrl"]) or "result=charged" not in onward:
            raise FellShort(f"expected to be sent on to the shop as charged, seen {answer.status_code} {onward}")
        return begun.transaction_id

    async def pay_with_agreement(self, source_id: str, customer: User) -> str:
        """The customer, logged in, chooses the payment method kept with the shop; the transaction's id."""
        [kept] = await self._storefront.stored_payment_methods("default-jp", customer)
        data = {"flow": "stored", "paymentMethodId": kept.id}
        done = await self._storefront.transaction_initialize(source_id, self.world.gateway, data, user=customer)
        _check(done, "CHARGE_SUCCESS")
        self.transactions.append(done.transaction_id)
        return done.transaction_id

    async def end_agreement(self, customer: User) -> None:
        """The customer ends it in the shop, and is offered it no more."""
        [kept] = await self._storefront.stored_payment_methods("default-jp", customer)
        ended = await self._storefront.stored_payment_method_request_delete(kept.id, "default-jp", customer)
        left = await self._storefront.stored_payment_methods("default-jp", customer)
        if ended.result != "SUCCESSFULLY_DELETED" or left:
            raise FellShort(f"expected the agreement to be ended, seen {ended.result} and {len(left)} left")

    async def ask_the_app(self, path: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
        """What a page of the shop asks the app itself: a GET where there is no ``body``."""
        headers = {"Origin": self.world.storefront_url} | ({"Authorization": f"Bearer {token}"} if token else {})
        async with httpx2.AsyncClient(base_url=self.world.app_url, headers=headers, trust_env=False) as browser:
            answer = await (browser.get(path) if body is None else browser.post(path, json=body))
        told: dict[str, Any] = answer.json()
        if told["errors"]:
            raise FellShort(f"expected an answer of {path.partition('?')[0]}, seen {told['errors'][0]['message']}")
        return told

    async def sign_in_with_amazon(self, customer: User | None = None) -> dict[str, Any]:
        """The sign-in button, Amazon's consent, and the exchange; linked to who is logged in at the shop."""
        shop = {"saleorApiUrl": self.world.saleor.api_url, "channel": "default-jp"}
        asked = {**shop, "signInReturnUrl": f"{self.world.storefront_url}/account.html", "scopes": ["name"]}
        button = (await self.ask_the_app("/storefront/sign-in", asked))["amazonPay"]
        came_back = self.world.amazon.buyer_signs_in(button["signInConfig"])
        token = parse_qs(urlsplit(came_back).query)["buyerToken"][0]
        logged_in = self.world.saleor.make_user_token(customer) if customer else ""
        exchanged = {**shop, "buyerToken": token, "link": customer is not None}
        return await self.ask_the_app("/storefront/sign-in/exchange", exchanged, logged_in)

    async def place_order(self, checkout_id: str) -> str:
        completed = await self._storefront.checkout_complete(checkout_id)
        if completed.errors:
            raise FellShort(f"expected an order, seen {completed.errors[0].message}")
        return completed.order_id

    # --- Staff

    async def adopt(self, order: str, *ids: str) -> str:
        """An order made with CV1, taken over by its ids; the transaction's id."""
        async with dashboard_of(self.world) as dashboard:
            answer = await mutate(dashboard, _ADOPT, {"input": {"order": order, "ids": ids}})
        short = [each for each in answer["outcomes"] if each["result"] != "ADOPTED"]
        if short:
            raise FellShort(f"expected to be adopted, seen {short[0]['reason']}: {short[0]['message']}")
        transaction_id = str(answer["outcomes"][0]["transactionId"])
        self.transactions.append(transaction_id)
        return transaction_id

    async def capture(self, transaction_id: str, amount: str) -> None:
        _accepted(await self.world.saleor.staff.request_charge(transaction_id, Decimal(amount)))

    async def refund(self, transaction_id: str, amount: str) -> None:
        _accepted(await self.world.saleor.staff.request_refund(transaction_id, Decimal(amount)))

    async def cancel(self, transaction_id: str) -> None:
        _accepted(await self.world.saleor.staff.request_cancel(transaction_id))

    # --- What must be true

    async def expect(self, transaction_id: str, **amounts: str) -> None:
        """Saleor shows these amounts soon, and Amazon's objects say the same.

        Raises:
            FellShort: with both.
        """
        wanted = Amounts.of(**amounts)
        seen = await self._settled(transaction_id, wanted)
        currency = self.world.saleor.transaction(transaction_id).currency
        if seen != wanted:
            raise FellShort(f"expected in Saleor: {wanted.shown(currency)}; seen: {seen.shown(currency)}")
        at_amazon = amounts_at_amazon(self.world, transaction_id)
        if at_amazon != replace(wanted, canceled=Decimal(0)):  # what was released leaves no amount at Amazon
            raise FellShort(f"expected at Amazon: {wanted.shown(currency)}; seen: {at_amazon.shown(currency)}")

    async def _settled(self, transaction_id: str, wanted: Amounts) -> Amounts:
        """What Saleor shows once it is what was wanted, or after a while."""
        for _ in range(int(SETTLING_SECONDS / _LOOK_AGAIN_SECONDS)):
            snapshot = self.world.saleor.transaction(transaction_id)
            if amounts_in_saleor(snapshot) == wanted and not _is_pending(snapshot):
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        return amounts_in_saleor(self.world.saleor.transaction(transaction_id))

    @property
    def _storefront(self) -> Storefront:
        return self.world.saleor.storefront


def _check(payment: Payment, result: str) -> None:
    if payment.result != result:
        told = payment.event.message if payment.event else payment.errors
        raise FellShort(f"expected {result}, seen {payment.result or 'errors'}: {told}")


def _accepted(requested: Requested) -> None:
    if requested.errors:
        raise FellShort(f"expected Saleor to ask the app, seen {requested.errors[0].message}")


def amounts_in_saleor(snapshot: TransactionSnapshot) -> Amounts:
    return Amounts(snapshot.authorized, snapshot.charged, snapshot.refunded, snapshot.canceled)


def _is_pending(snapshot: TransactionSnapshot) -> bool:
    pending = (snapshot.authorize_pending, snapshot.charge_pending, snapshot.refund_pending, snapshot.cancel_pending)
    return any(pending)


def amounts_at_amazon(world: World, transaction_id: str) -> Amounts:
    """What Amazon's objects of a transaction say (DESIGN §6 case 4: a chargeable rest counts as authorized).

    Several orders share a recurring permission: of those, the one charge counts that the transaction names.
    """
    audit, reference = world.amazon.audit(), world.saleor.transaction(transaction_id).psp_reference
    permission_id = reference.partition("-C")[0]
    permissions = [each for each in audit["permissions"] if each["chargePermissionId"] == permission_id]
    charges = [each for each in audit["charges"] if each["chargePermissionId"] == permission_id]
    if any(each["chargePermissionType"] == "Recurring" for each in permissions):
        permissions, charges = [], [each for each in charges if each["chargeId"] == reference]
    captured, refunded = _sum(charges, "captureAmount"), _sum(charges, "refundedAmount")
    held = _sum([each for each in charges if _state(each) == "Authorized"], "chargeAmount")
    chargeable = [each["limits"] for each in permissions if _state(each) == "Chargeable"]
    return Amounts(held + _sum(chargeable, "amountBalance"), captured - refunded, refunded)


def _state(document: Any) -> str:
    return str(document["statusDetails"]["state"])


def _sum(documents: Sequence[Any], name: str) -> Decimal:
    return sum((Decimal(each[name]["amount"]) for each in documents if each[name]), Decimal(0))


# --- The purchases


async def two_parcels(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("us", TEAPOT)
    await shopper.step("The buyer pays $124.00; the channel asks for an authorization")
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.expect(paid, authorized="124")
    await shopper.step("The first parcel leaves: staff capture $50.00")
    await shopper.capture(paid, "50")
    await shopper.expect(paid, authorized="74", charged="50")
    await shopper.step("The second parcel leaves: staff capture the rest")
    await shopper.capture(paid, "74")
    await shopper.expect(paid, charged="124")
    await shopper.step("Something was broken: staff refund $20.00")
    await shopper.refund(paid, "20")
    await shopper.expect(paid, charged="104", refunded="20")
    await shopper.step("Everything comes back: staff refund the rest")
    await shopper.refund(paid, "104")
    await shopper.expect(paid, refunded="124")


async def digital(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("default-jp", BOOK)
    await shopper.step("The buyer pays ¥1,000 for a download; no address is asked for")
    paid = await shopper.pay(checkout.id, "CHARGE_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.expect(paid, charged="1000")
    await shopper.step("Staff refund everything")
    await shopper.refund(paid, "1000")
    await shopper.expect(paid, refunded="1000")


async def cancelled(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("us", CUP)
    await shopper.step("The buyer pays $34.99")
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.step("Out of stock: staff cancel, Amazon releases the money")
    await shopper.cancel(paid)
    await shopper.expect(paid, canceled="34.99")


async def declined(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("default-jp", CUP)
    await shopper.step("The buyer's card is declined")
    failed = await shopper.pay(checkout.id, "CHARGE_FAILURE", card="3434")
    await shopper.expect(failed)
    await shopper.step("The buyer presses the button again and takes another card")
    paid = await shopper.pay(checkout.id, "CHARGE_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.expect(paid, charged="3500")


async def order_by_staff(shopper: Shopper) -> None:
    order = shopper.world.saleor.create_order("default-jp", TEAPOT)
    await shopper.step("Staff wrote the order, address and all; the buyer pays its ¥13,300 with one click")
    paid = await shopper.pay_with_one_click(order.id)
    await shopper.expect(paid, charged="13300")


async def split_refund(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("us", TEAPOT)
    await shopper.step("The buyer pays $124.00")
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    await shopper.place_order(checkout.id)
    for amount, left, charged in (("30", "94", "30"), ("40", "54", "70"), ("54", "0", "124")):
        await shopper.step(f"A parcel leaves: staff capture ${amount}.00")
        await shopper.capture(paid, amount)
        await shopper.expect(paid, authorized=left, charged=charged)
    await shopper.step("Staff refund $90.00, more than any one charge can bear")
    await shopper.refund(paid, "90")
    await shopper.expect(paid, charged="34", refunded="90")


async def expired(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("us", CUP)
    await shopper.step("The buyer pays $34.99")
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.step("Three days pass, the authorization expires; staff capture all the same, with a new charge")
    shopper.world.clock.move(days=3)
    await shopper.capture(paid, "34.99")
    await shopper.expect(paid, charged="34.99")


async def abandoned(shopper: Shopper) -> None:
    channel = shopper.world.saleor.channel("us")
    checkout = shopper.world.saleor.create_checkout("us", CUP)
    await shopper.step("The buyer pays $34.99 and never places the order")
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    await shopper.step("Seven hours pass, Saleor releases the funds of the checkout")
    channel.payment_settings.release_funds_for_expired_checkouts = True
    shopper.world.clock.move(hours=7)
    await shopper.world.saleor.release_funds()
    channel.payment_settings.release_funds_for_expired_checkouts = False
    await shopper.expect(paid, canceled="34.99")


async def one_click(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("default-jp", CUP)
    await shopper.step("One button beside other ways to pay: the buyer pays ¥3,500 and comes back by the app's page")
    paid = await shopper.pay_with_one_click(checkout.id)
    await shopper.place_order(checkout.id)
    await shopper.expect(paid, charged="3500")


async def subscribed(shopper: Shopper) -> None:
    saleor = shopper.world.saleor
    customer = saleor.customer
    monthly = {"frequency": {"unit": "Month", "value": "1"}, "amount": {"amount": "3500", "currencyCode": "JPY"}}
    first = saleor.create_checkout("default-jp", CUP, user=customer)
    await shopper.step("The customer pays ¥3,500 and agrees to be charged every month")
    paid = await shopper.pay(first.id, "CHARGE_SUCCESS", recurring=monthly)
    await shopper.place_order(first.id)
    await shopper.step("The next order is paid with the agreement, without Amazon's pages")
    second = saleor.create_checkout("default-jp", CUP, user=customer)
    again = await shopper.pay_with_agreement(second.id, customer)
    await shopper.place_order(second.id)
    await shopper.step("¥1,000 of the first order is given back; the second one stays as it is")
    await shopper.refund(paid, "1000")
    await shopper.expect(paid, charged="2500", refunded="1000")
    await shopper.expect(again, charged="3500")
    await shopper.step("The customer ends the agreement in the shop")
    await shopper.end_agreement(customer)


async def silent_amazon(shopper: Shopper) -> None:
    checkout = shopper.world.saleor.create_checkout("us", CUP)
    await shopper.step("The buyer pays $34.99")
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.step("Amazon captures but does not answer; a job asks again with the same key")
    hold = 2 * shopper.world.running.services.settings.answer_budget_seconds
    shopper.world.amazon.faults.add(Fault(operation="capture_charge", timeout_after=True, hold_seconds=hold))
    await shopper.capture(paid, "34.99")
    await shopper.expect(paid, charged="34.99")


async def old_order(shopper: Shopper) -> None:
    amazon, merchant = shopper.world.amazon, SHOPFRONTS[0].merchant_id
    order = shopper.world.saleor.create_order("default-jp", CUP)
    reference = amazon.cv1.order_reference(merchant, Money.parse(3500, "JPY"))
    authorization = amazon.cv1.authorize(reference)
    await shopper.step("The old shop had ¥3,500 authorized with CV1; staff adopt its order by the old ids")
    adopted = await shopper.adopt(order.number, reference, authorization)
    await shopper.expect(adopted, authorized="3500")
    await shopper.step("It is shipped at last: staff capture everything, by the old authorization's id")
    await shopper.capture(adopted, "3500")
    await shopper.expect(adopted, charged="3500")
    await shopper.step("It comes back: staff refund everything")
    await shopper.refund(adopted, "3500")
    await shopper.expect(adopted, refunded="3500")


async def express(shopper: Shopper) -> None:
    shop = urlencode(
        {"saleorApiUrl": shopper.world.saleor.api_url, "channel": "us", "amount": "29.99", "currency": "USD"}
    )
    await shopper.step("A product's page: the app gives the button's looks, nobody has a checkout yet")
    shown = (await shopper.ask_the_app(f"/storefront/button?{shop}"))["amazonPay"]
    if shown["createCheckoutSessionConfig"] is not None:
        raise FellShort("expected a button that is signed at the click")
    await shopper.step("The click makes the checkout; Amazon is told where the channel ships, the buyer pays $34.99")
    checkout = shopper.world.saleor.create_checkout("us", CUP)
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.expect(paid, authorized="34.99")


async def signed_in(shopper: Shopper) -> None:
    customer = shopper.world.saleor.store.users[-1]
    await shopper.step("A customer who is logged in signs in with Amazon: both accounts are proven, and linked")
    linked = await shopper.sign_in_with_amazon(customer)
    if linked["customer"] != {"id": customer.id}:
        raise FellShort(f"expected a link to {customer.id}, seen {linked['customer']}")
    await shopper.step("Next time Amazon alone says who it is; then the customer buys a cup for ¥3,500")
    known = await shopper.sign_in_with_amazon()
    if known["customer"] != {"id": customer.id}:
        raise FellShort(f"expected to be recognised, seen {known['customer']}")
    checkout = shopper.world.saleor.create_checkout("default-jp", CUP)
    paid = await shopper.pay(checkout.id, "CHARGE_SUCCESS")
    await shopper.place_order(checkout.id)
    await shopper.expect(paid, charged="3500")


async def shipped_and_disputed(shopper: Shopper) -> None:
    world = shopper.world
    services, tenant = world.running.services, world.saleor.api_url
    account = next(each for each in await accounts.accounts(services, tenant) if "us" in each.channels)
    wanted = AccountFields(options={"default_carrier": "UPS", "capture_on_shipment": "full"})
    await accounts.update(services, tenant, account.id, wanted, by="demo")
    checkout = world.saleor.create_checkout("us", CUP)
    await shopper.step("The buyer pays $34.99")
    paid = await shopper.pay(checkout.id, "AUTHORIZATION_SUCCESS")
    order_id = await shopper.place_order(checkout.id)
    await shopper.step(
        "The parcel leaves with a tracking number: captured by itself, and Amazon can tell the buyer where it is"
    )
    await world.saleor.staff.fulfill(order_id, f"1Z{paid[-8:]}")
    await shopper.expect(paid, charged="34.99")
    await _until(lambda: world.amazon.count("create_delivery_tracker") > 0, "a delivery tracker at Amazon")
    await shopper.step("The buyer says that nothing came; staff answer with the tracking number, and Amazon agrees")
    [charge_id] = [each["chargeId"] for each in world.amazon.audit()["charges"] if _is_of(world, each, paid)]
    dispute_id = world.amazon.open_chargeback(charge_id, reason="ProductNotReceived")
    await disputes.look_up(services, tenant, dispute_id)
    await disputes.add_evidence(services, tenant, dispute_id, "TrackingNumber", text=f"1Z{paid[-8:]}", by="demo")
    await disputes.contest(services, tenant, dispute_id, by="demo")
    world.amazon.resolve_dispute(dispute_id, "MerchantWon")
    await disputes.look_up(services, tenant, dispute_id)
    await _until(lambda: _news(world, paid) >= len(("opened", "answered", "won")), "each step of the dispute in Saleor")
    await shopper.expect(paid, charged="34.99")


def _news(world: World, transaction_id: str) -> int:
    return world.saleor.transaction(transaction_id).event_types.count("INFO")


def _is_of(world: World, charge: Any, transaction_id: str) -> bool:
    permission_id = world.saleor.transaction(transaction_id).psp_reference.rpartition("-C")[0]
    return bool(charge["chargePermissionId"] == permission_id)


async def _until(fact: Callable[[], bool], expected: str) -> None:
    """Raises FellShort: not within ``SETTLING_SECONDS``."""
    for _ in range(int(SETTLING_SECONDS / _LOOK_AGAIN_SECONDS)):
        if fact():
            return
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    raise FellShort(f"expected {expected}")


@dataclass(frozen=True, slots=True)
class Purchase:
    """``way``: flow, product type and what the channel asks for."""

    title: str
    way: str
    run: Callable[[Shopper], Awaitable[None]]


PURCHASES: Final = (
    Purchase("Two parcels, two refunds", "review · PayAndShip · AUTHORIZATION · USD", two_parcels),
    Purchase("A download, given back", "review · PayOnly · CHARGE · JPY", digital),
    Purchase("Cancelled before shipping", "review · PayAndShip · AUTHORIZATION · USD", cancelled),
    Purchase("Declined, then another card", "review · PayAndShip · CHARGE · JPY", declined),
    Purchase("An order written by staff", "apb · order · CHARGE · JPY", order_by_staff),
    Purchase("Three parcels, one split refund", "review · PayAndShip · AUTHORIZATION · USD", split_refund),
    Purchase("Captured after the expiry", "review · PayAndShip · AUTHORIZATION · USD", expired),
    Purchase("Paid and abandoned", "review · PayAndShip · AUTHORIZATION · USD", abandoned),
    Purchase("One click", "apb · PayAndShip · CHARGE · JPY", one_click),
    Purchase("An order of the old shop", "adopted from CV1 · order · JPY", old_order),
    Purchase("From a product's page", "express · PayAndShip · AUTHORIZATION · USD", express),
    Purchase("Signed in with Amazon", "sign-in · review · CHARGE · JPY", signed_in),
    Purchase("A subscription", "review · recurring · CHARGE · JPY, then stored", subscribed),
    Purchase("Shipped, then disputed", "review · PayAndShip · AUTHORIZATION · USD", shipped_and_disputed),
    Purchase("Amazon falls silent", "review · PayAndShip · AUTHORIZATION · USD", silent_amazon),
)
