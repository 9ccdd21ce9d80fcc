"""A payment method on file whose buyer Amazon asks to confirm a charge (amazon-pay-cv2.md §6.7)."""

from __future__ import annotations

import httpx2
import pytest

from tests.journeys.agreements import agreement_of, cart, listen, pay_stored
from tests.journeys.helpers import charges, operations_of, settle
from tests.journeys.shop import RESULT_URL
from tests.journeys.test_stored_methods import back, tokenize


async def saved(shop, card="3220"):
    """The customer's payment method on file, with a card of which each charge has to be confirmed."""
    shop.flow("default-jp", "CHARGE")
    await shop.update_options(payment_method_on_file=True)
    begun = await tokenize(shop, paymentMethodOnFile=True)
    url = shop.amazon.buyer_pays_apb(begun.data["amazonPay"]["createCheckoutSessionConfig"], "PayOnly")
    assert (await back(shop, begun.id, url)).result == "SUCCESSFULLY_TOKENIZED"
    made = await agreement_of(shop)
    shop.amazon.buyer_account.change_payment_method(made.charge_permission_id, card)
    return made


async def asked(shop):
    """A purchase that waits for its buyer."""
    made = await saved(shop)
    begun = await pay_stored(shop, cart(shop).id, made.id, checkoutResultReturnUrl=RESULT_URL)
    assert begun.result == "CHARGE_ACTION_REQUIRED"
    return begun


async def test_the_buyer_confirms_and_has_paid(any_shop):
    shop = any_shop
    begun = await asked(shop)
    assert begun.data["status"] == "awaiting_buyer"
    assert shop.amounts(begun.transaction_id) == {}
    url = begun.data["amazonPayRedirectUrl"]
    async with httpx2.AsyncClient(trust_env=False, base_url=shop.amazon_url) as browser:
        path = "/confirm/" + url.rpartition("/")[2]
        shown = await browser.get(path)
        assert "Confirm the payment" in shown.text
        sent_back = await browser.post(path, data={"action": "confirm"})
    assert sent_back.headers["location"].startswith(RESULT_URL)
    assert "transaction=" in sent_back.headers["location"]
    done = await shop.process(begun.transaction_id)
    assert done.result == "CHARGE_SUCCESS"
    [charge] = charges(shop)
    assert list(shop.amounts(begun.transaction_id).items()) == [("charged", int(charge["captureAmount"]["amount"]))]
    await shop.work()
    assert (await shop.process(begun.transaction_id)).result == "CHARGE_SUCCESS"
    assert len(charges(shop)) == 1


async def test_until_then_the_same_page_is_told_again_and_nothing_is_paid(shop):
    begun = await asked(shop)
    again = await shop.process(begun.transaction_id)
    assert (again.result, again.data["amazonPayRedirectUrl"]) == (
        "CHARGE_ACTION_REQUIRED",
        begun.data["amazonPayRedirectUrl"],
    )
    assert shop.amounts(begun.transaction_id) == {}


async def test_a_buyer_who_does_not_pass_has_not_paid(shop):
    begun = await asked(shop)
    shop.amazon.buyer_account.confirm(charges(shop)[0]["chargeId"], is_passed=False)
    done = await shop.process(begun.transaction_id)
    assert (done.result, done.data["reasonCode"]) == ("CHARGE_FAILURE", "MFAFailed")
    assert shop.amounts(begun.transaction_id) == {}


async def test_a_buyer_who_never_comes_back_to_the_shop_is_heard_of_by_notification(shop):
    begun = await asked(shop)
    listen(shop)
    shop.amazon.buyer_account.confirm(charges(shop)[0]["chargeId"])
    await shop.until(lambda: "charged" in shop.amounts(begun.transaction_id))


async def test_one_who_never_confirms_has_not_paid_when_amazon_gives_up(shop):
    """A charge that ran out before it was authorized is not a payment whose hold has expired."""
    begun = await asked(shop)
    shop.clock.move(days=31)
    await settle(shop)
    [operation] = await operations_of(shop, begun.transaction_id)
    assert operation.result == "CHARGE_FAILURE"
    assert shop.amounts(begun.transaction_id) == {}


async def test_without_a_page_to_come_back_to_the_charge_is_declined(shop):
    made = await saved(shop)
    begun = await pay_stored(shop, cart(shop).id, made.id)
    assert (begun.result, begun.data["reasonCode"]) == ("CHARGE_FAILURE", "MFANotCompleted")
    assert "has not confirmed" in begun.data["errors"][0]["message"]
    assert charges(shop) == []


async def test_the_page_must_be_of_an_allowed_origin(shop):
    made = await saved(shop, card="1111")
    begun = await pay_stored(shop, cart(shop).id, made.id, checkoutResultReturnUrl="https://evil.example/")
    assert begun.result == "CHARGE_FAILURE"
    assert begun.data["errors"][0]["field"] == "data.checkoutResultReturnUrl"
    assert charges(shop) == []


@pytest.mark.parametrize("card", ["1111"])
async def test_a_card_that_needs_no_confirmation_is_final_at_once(shop, card):
    made = await saved(shop, card=card)
    paid = await pay_stored(shop, cart(shop).id, made.id, checkoutResultReturnUrl=RESULT_URL)
    assert paid.result == "CHARGE_SUCCESS"
