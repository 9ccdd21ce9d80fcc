"""What the merchant is told of agreements, and what is forgotten of a customer."""

from __future__ import annotations

from saleor_amazonpay.handlers.sweeps import agreements as sweep
from saleor_amazonpay.handlers.sweeps import retention
from saleor_amazonpay.storage import agreements as rows
from tests.journeys.agreements import agreed, agreement_of, agreements_of, cart, pay_stored
from tests.journeys.helpers import break_amazon
from tests.journeys.test_agreement_charges import ask


async def problems(shop):
    """Keys of what Saleor shows of agreements, after every look that is due."""
    services = shop.running.services
    await sweep.run(services)
    await sweep.tell_merchants(services)
    await shop.work()
    [app] = [app for app in shop.saleor.store.apps if app.id == shop.app.id]
    return {problem.key: problem.message for problem in app.problems if problem.key.startswith("agreements")}


async def test_a_suspended_agreement_is_told_until_the_buyer_has_acted(shop):
    made = await agreed(shop)
    shop.amazon.buyer_account.break_payment_method(made.charge_permission_id)
    shop.clock.move(days=8)
    assert list(await problems(shop)) == ["agreements_suspended"]
    shop.amazon.buyer_account.change_payment_method(made.charge_permission_id)
    shop.clock.move(days=2)
    assert await problems(shop) == {}


async def test_one_that_lapses_soon_is_kept_by_a_charge(shop):
    made = await agreed(shop)
    shop.clock.move(days=370)
    assert list(await problems(shop)) == ["agreements_lapsing"]
    await pay_stored(shop, cart(shop).id, made.id)
    shop.clock.move(days=8)
    assert await problems(shop) == {}
    assert (await agreement_of(shop)).expires_at > made.expires_at


async def test_the_buyers_own_cancellation_is_told(shop):
    made = await agreed(shop)
    shop.amazon.buyer_account.close_permission(made.charge_permission_id)
    shop.clock.move(days=8)
    told = await problems(shop)
    assert list(told) == ["agreements_ended"]
    assert "14 days: 1." in told["agreements_ended"]
    shop.clock.move(days=15)
    assert await problems(shop) == {}


async def test_an_erased_customers_agreements_are_ended_and_nobodys(shop):
    made = await agreed(shop)
    erase = "mutation($id: ID!) { customerErase(customerId: $id) { agreements payments } }"
    erased = await ask(shop, erase, {"id": shop.saleor.customer.id})
    assert erased["data"]["customerErase"] == {"agreements": 1, "payments": 1}
    assert shop.amazon.permission(made.charge_permission_id)["statusDetails"]["state"] == "Closed"
    assert await agreements_of(shop) == []
    assert (await pay_stored(shop, cart(shop).id, made.id)).result == "CHARGE_FAILURE"


async def test_buyers_of_agreements_long_ended_are_forgotten(shop):
    made = await agreed(shop)
    assert made.buyer_id
    shop.amazon.buyer_account.close_permission(made.charge_permission_id)
    shop.clock.move(days=8)
    await sweep.run(shop.running.services)
    shop.clock.move(days=31)
    await retention.run(shop.running.services)
    after = await agreement_of(shop)
    assert (after.buyer_id, after.payment_descriptor, after.amount) == (None, None, made.amount)


async def test_an_account_may_forget_sooner_than_the_operator_says(shop):
    made = await agreed(shop)
    shop.amazon.buyer_account.close_permission(made.charge_permission_id)
    shop.clock.move(days=8)
    await sweep.run(shop.running.services)
    await retention.run(shop.running.services)
    assert (await agreement_of(shop)).buyer_id == made.buyer_id
    await shop.update_options(buyer_data_retention="week")
    await retention.run(shop.running.services)
    assert (await agreement_of(shop)).buyer_id is None


async def test_one_that_cannot_be_read_does_not_stand_before_the_others(shop):
    made = await agreed(shop)
    services = shop.running.services
    shop.clock.move(days=8)
    break_amazon(shop, "get_charge_permission", status=503, times=20)
    await sweep.run(services)
    due = await services.database.read(lambda session: rows.due(session, now=shop.clock.now(), limit=9))
    assert due == []
    shop.amazon.faults.clear()
    shop.clock.move(minutes=16)
    await sweep.run(services)
    assert (await agreement_of(shop)).read_at > made.read_at
