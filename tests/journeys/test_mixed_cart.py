"""A mixed cart: goods bought once and goods of a subscription, paid together; only the latter are billed again."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.journeys.agreements import agreement_of, button, pay_stored
from tests.journeys.helpers import charges
from tests.journeys.subscriptions import Subscriptions, open_subscriptions
from tests.journeys.test_agreement_charges import charge

EACH_MONTH = "2980"  # the box and its delivery
RECURRING = {
    "frequency": {"unit": "Month", "value": "1"},
    "amount": {"amount": EACH_MONTH, "currencyCode": "JPY"},
}


@pytest.fixture
async def shop(database_url):
    async with open_subscriptions(database_url) as subs:
        yield subs.shop


async def bought(shop):
    """The box of a subscription and a pot, by the review flow: what the buyer was shown, the transaction, the order."""
    customer = shop.saleor.customer
    checkout = shop.saleor.create_checkout(lines=(("BOX-1", 1), ("POT-1", 2)), user=customer)
    shop.flow("default-jp", "CHARGE")
    shown = await button(shop, checkout.id, recurring=RECURRING)
    assert not shown["errors"], shown
    config = shown["amazonPay"]["createCheckoutSessionConfig"]
    session_id = shop.amazon.create_session_by_button(config, product_type=shown["amazonPay"]["productType"])
    shop.amazon.sign_in(session_id)
    shop.copy_address(checkout.id, session_id)
    begun = await shop.initialize_with(checkout.id, session_id, recurring=RECURRING)
    shop.amazon.buyer_approves(session_id)
    done = await shop.process(begun.transaction_id, session_id)
    assert done.result == "CHARGE_SUCCESS"
    made = await shop.saleor.storefront.checkout_complete(checkout.id, user=customer)
    await shop.work()
    return json.loads(config["payloadJSON"]), done.transaction_id, shop.saleor.order(made.order_id)


def newest(shop):
    return charges(shop)[-1]["captureAmount"]["amount"]


async def test_the_whole_is_paid_now_and_a_period_is_what_was_agreed(shop):
    payload, transaction, order = await bought(shop)
    total = order.total_gross
    assert total > Decimal(EACH_MONTH)
    assert payload["recurringMetadata"]["amount"] == RECURRING["amount"]
    assert shop.amounts(transaction) == {"charged": total}
    assert newest(shop) == str(total)
    agreement = await agreement_of(shop)
    assert (agreement.amount.amount, agreement.charge_permission_type) == (EACH_MONTH, "Recurring")


async def test_the_shops_own_scheduler_charges_for_the_recurring_goods_alone(shop):
    await bought(shop)
    agreement = await agreement_of(shop)
    renewal = shop.saleor.create_checkout(lines=(("BOX-1", 1),), user=shop.saleor.customer)
    done = await charge(shop, agreement.id, renewal.id, amount=EACH_MONTH)
    assert (done["errors"], done["charge"]["result"]) == ([], "CHARGE_SUCCESS")
    assert newest(shop) == EACH_MONTH


async def test_a_billing_schedule_repeats_an_order_of_the_recurring_goods_alone(shop):
    _payload, _transaction, order = await bought(shop)
    template = shop.saleor.create_order(lines=[("BOX-1", 1)], user=shop.saleor.customer)
    subs = Subscriptions(shop, await agreement_of(shop), template)
    id_ = await subs.created()
    await subs.until(id_)
    await subs.until(id_)
    billed = subs.orders()
    assert [(it.state, it.amount.amount) for it in await subs.renewals(id_)] == [("billed", EACH_MONTH)] * 2
    assert [[line.variant.sku for line in it.lines] for it in billed] == [["BOX-1"]] * 2
    assert len(order.lines) == 2


async def test_what_was_bought_once_is_refunded_without_touching_the_agreement(shop):
    _payload, transaction, order = await bought(shop)
    pots = order.total_gross - Decimal(EACH_MONTH)
    await shop.saleor.staff.request_refund(transaction, pots)
    await shop.until(lambda: shop.amounts(transaction).get("refunded") == pots)
    agreement = await agreement_of(shop)
    assert agreement.is_chargeable
    again = shop.saleor.create_checkout(lines=(("BOX-1", 1),), user=shop.saleor.customer)
    assert (await pay_stored(shop, again.id, agreement.id)).result == "CHARGE_SUCCESS"
    assert newest(shop) == EACH_MONTH
