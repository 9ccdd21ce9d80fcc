"""A shop that has sold: a payment of each kind, agreements, a subscription, a dispute, settlements, an old order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.handlers.disputes import answering
from saleor_amazonpay.storage import drift
from saleor_amazonpay.storage.drift import Difference
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import payments
from tests.journeys.agreements import agreed, agreement_of, cart, hear, listen, pay_stored
from tests.journeys.helpers import charges, payment_of, settle
from tests.journeys.shop import Shop
from tests.journeys.subscriptions import open_subscriptions
from tests.journeys.test_disputes import PDF
from tests.journeys.test_settlements import HEAD, given, reported

CUSTOMER = "VXNlcjo3"


@dataclass
class Sold:
    """A furnished shop; ``places`` are what paths of its pages have in them."""

    merchant: Shop
    places: dict[str, str]


@asynccontextmanager
async def open_sold(url: str) -> AsyncIterator[Sold]:
    async with open_subscriptions(url) as subscriptions:
        places = await _subscribe(subscriptions) | await sell(subscriptions.shop)
        places |= await _agree(subscriptions.shop)
        places |= await _dispute(subscriptions.shop) | await _settle(subscriptions.shop)
        yield Sold(subscriptions.shop, places)


async def _subscribe(subscriptions):
    schedule = await subscriptions.created()
    await subscriptions.until(schedule)
    return {"schedule": schedule}


async def charged(shop, amount="3000"):
    shop.flow("default-jp", "CHARGE")
    return await shop.pay(shop.saleor.create_checkout("default-jp").id, amount=Decimal(amount))


async def sell(shop):
    """A payment of each kind, an order and a customer; ids by what they are good for."""
    refunded = await charged(shop)
    await shop.saleor.staff.request_refund(refunded, Decimal(1200))
    lost = await charged(shop)
    shop.saleor.faults.webhook("lost-request", "TRANSACTION_REFUND_REQUESTED")
    await shop.saleor.staff.request_refund(lost, Decimal(700))
    shop.flow("default-jp", "AUTHORIZATION")
    checkout = shop.saleor.create_checkout("default-jp")
    held = await shop.pay(checkout.id)
    order = await shop.saleor.storefront.checkout_complete(checkout.id)
    part = await shop.authorized("3000")
    await shop.saleor.staff.request_charge(part, Decimal(1000))
    gone = await shop.authorized("3000")
    await shop.saleor.staff.request_cancel(gone)
    await settle(shop)
    differing, now = await payment_of(shop, part), shop.clock.now()
    found = [Difference("charged", Money(900, Currency.JPY), Money(1000, Currency.JPY))]

    def write(session):
        drift.save(session, differing, found, now)
        session.execute(Statement(payments.update().values(customer_id=CUSTOMER)))

    await shop.running.services.database.run(write)
    kinds = {"held": held, "part": part, "refunded": refunded, "lost": lost, "gone": gone}
    places = {kind: (await payment_of(shop, each)).id for kind, each in kinds.items()}
    return places | {"order": order.order_id, "number": order.number, "customer": CUSTOMER}


async def _agree(shop):
    kept = await agreed(shop)
    shop.clock.move(seconds=5)
    suspended = await agreed(shop)
    shop.amazon.buyer_account.break_payment_method(suspended.charge_permission_id)
    await pay_stored(shop, cart(shop).id, suspended.id)
    await shop.work()
    return {"agreement": kept.id, "suspended": (await agreement_of(shop)).id, "buyer": shop.saleor.customer.id}


async def _dispute(shop):
    """One to be answered, with a piece of evidence; one that was lost."""
    listen(shop)
    wanted = await _disputed(shop)
    services, tenant = shop.running.services, shop.saleor.api_url
    shop.amazon.url = shop.amazon_url
    await answering.add_evidence(services, tenant, wanted, "Receipt", by="VXNlcjox", name="receipt.pdf", content=PDF)
    lost = await _disputed(shop)
    shop.amazon.resolve_dispute(lost, "BuyerWon", "InvestigatorResolved")
    await hear(shop)
    await settle(shop)
    return {"dispute": wanted, "lost_dispute": lost}


async def _disputed(shop):
    transaction = await charged(shop)
    permission = (await payment_of(shop, transaction)).charge_permission_id
    [charge] = [each for each in charges(shop, "Captured") if each["chargePermissionId"] == permission]
    dispute_id = shop.amazon.open_chargeback(charge["chargeId"], reason="ProductNotReceived")
    await hear(shop)
    await settle(shop, transaction)
    return dispute_id


async def _settle(shop):
    await reported(shop)
    [charge, *_] = charges(shop, "Captured")
    total = Decimal(charge["captureAmount"]["amount"])
    differing = await given(
        shop,
        HEAD
        + f"Capture,{charge['chargeId']},{charge['chargePermissionId']},JPY,{total + 1},39\n"
        + "Capture,P03-9999999-9999999-C000001,P03-9999999-9999999,JPY,100,0\n"
        + "Capture,x,y,JPY,a lot,0\n",
    )
    return {"report": differing.report_id}
