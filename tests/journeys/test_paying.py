"""Paying: every way a checkout session of the review flow can go, told through Saleor's storefront API."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.journeys.helpers import (
    INITIALIZE,
    PROCESS,
    break_amazon,
    charges,
    last_answer,
    lost_request,
    mend,
    payment_of,
    report_states,
    send_again,
    settle,
    silence,
)

DIGITAL = (("PDF-1", 1),)
BREAKS = {
    "a time-out before the work": {"timeout_before": True},
    "a time-out after the work": {"timeout_after": True},
    "a reset before the work": {"reset_before": True},
    "a reset after the work": {"reset_after": True},
    "an internal error": {"status": 500},
    "an internal error after the work": {"status": 500, "work_done": True},
    "a gateway's time-out after the work": {"status": 504, "work_done": True},
    "nonsense": {"nonsense": True},
}
breaks = pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS.keys())


async def approved(shop, source_id, *, card="1111", **kwargs):
    """A transaction whose buyer has approved at Amazon and not come back yet; its id and the session's."""
    session_id = await shop.open_session(source_id, card=card)
    begun = await shop.initialize(source_id, session_id, **kwargs)
    assert begun.result.endswith("ACTION_REQUIRED"), begun
    shop.amazon.buyer_approves(session_id)
    return begun.transaction_id, session_id


def authorizing_checkout(shop, channel="default-jp", **kwargs):
    shop.flow(channel, "AUTHORIZATION")
    return shop.saleor.create_checkout(channel, **kwargs)


class TestWhatIsPaid:
    @pytest.mark.parametrize(("channel", "currency"), [("default-jp", "JPY"), ("us", "USD")])
    @pytest.mark.parametrize("strategy", ["AUTHORIZATION", "CHARGE"])
    @pytest.mark.parametrize("lines", [(("CUP-1", 2),), DIGITAL], ids=["PayAndShip", "PayOnly"])
    async def test_a_checkout_is_paid_to_the_minor_unit(self, shop, channel, currency, strategy, lines):
        shop.flow(channel, strategy)
        checkout = shop.saleor.create_checkout(channel, lines)
        transaction = await shop.pay(checkout.id, is_digital=lines is DIGITAL)
        paid = "authorized" if strategy == "AUTHORIZATION" else "charged"
        assert shop.amounts(transaction) == {paid: checkout.total_price.gross.amount}
        assert shop.transaction(transaction).currency == currency
        [charge] = charges(shop, "Authorized" if strategy == "AUTHORIZATION" else "Captured")
        assert Decimal(charge["chargeAmount"]["amount"]) == checkout.total_price.gross.amount
        assert charge["chargeAmount"]["currencyCode"] == currency

    @pytest.mark.parametrize("strategy", ["AUTHORIZATION", "CHARGE"])
    async def test_an_order_made_by_staff_is_paid(self, any_shop, strategy):
        shop = any_shop
        shop.flow("us", strategy)
        order = shop.saleor.create_order("us")
        transaction = await shop.pay(order.id)
        paid = "authorized" if strategy == "AUTHORIZATION" else "charged"
        assert shop.amounts(transaction) == {paid: order.total.gross.amount}

    async def test_an_account_that_only_authorizes_never_captures_when_saleor_asks_for_charge(self, shop):
        await shop.update_options(capture_policy="authorizeOnly")
        shop.flow("default-jp", "CHARGE")
        checkout = shop.saleor.create_checkout()
        transaction = await shop.pay(checkout.id)
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}
        assert len(charges(shop, "Authorized")) == 1

    async def test_the_rest_beside_a_gift_card_is_paid(self, shop):
        checkout = authorizing_checkout(shop, gift_card=Decimal(500))
        rest = checkout.total_price.gross.amount - 500
        transaction = await shop.pay(checkout.id)
        assert shop.amounts(transaction) == {"authorized": rest}
        assert not (await shop.saleor.storefront.checkout_complete(checkout.id)).errors

    async def test_a_part_can_be_paid_and_the_rest_by_another_transaction(self, shop):
        checkout = authorizing_checkout(shop)
        total = checkout.total_price.gross.amount
        first = await shop.pay(checkout.id, amount=Decimal(1000))
        second = await shop.pay(checkout.id)
        assert shop.amounts(first) == {"authorized": Decimal(1000)}
        assert shop.amounts(second) == {"authorized": total - 1000}

    async def test_the_reference_is_amazons_charge(self, shop):
        transaction = await shop.authorized()
        [charge] = charges(shop)
        assert shop.transaction(transaction).psp_reference == charge["chargeId"]


class TestTheBuyerAtAmazon:
    async def test_a_buyer_who_is_not_through_yet_is_sent_on_and_pays_later(self, any_shop):
        shop = any_shop
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, session_id)
        early = await shop.process(begun.transaction_id, session_id)
        assert early.result == "AUTHORIZATION_ACTION_REQUIRED"
        assert early.data["amazonPayRedirectUrl"] == begun.data["amazonPayRedirectUrl"]
        again = await shop.process(begun.transaction_id, session_id)
        assert again.result == "AUTHORIZATION_ACTION_REQUIRED"
        shop.amazon.buyer_approves(session_id)
        done = await shop.process(begun.transaction_id, session_id)
        assert done.result == "AUTHORIZATION_SUCCESS"
        assert len(charges(shop)) == 1

    async def test_a_buyer_who_cancels_has_failed_with_a_reason(self, shop):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, session_id)
        shop.amazon.buyer_cancels(session_id)
        done = await shop.process(begun.transaction_id, session_id)
        assert done.result == "AUTHORIZATION_FAILURE"
        assert "cancelled" in done.event.message
        assert done.data["reasonCode"] == "BuyerCanceled"
        assert shop.amounts(begun.transaction_id) == {}

    @pytest.mark.parametrize(
        ("card", "words", "reason"),
        [("3434", "declined", "Declined"), ("3064", "cancelled", "BuyerCanceled")],
    )
    async def test_a_card_that_ends_the_session_has_failed_with_a_reason(self, shop, card, words, reason):
        shop.flow("default-jp", "CHARGE")
        checkout = shop.saleor.create_checkout()
        transaction, session_id = await approved(shop, checkout.id, card=card)
        done = await shop.process(transaction, session_id)
        assert done.result == "CHARGE_FAILURE"
        assert words in done.event.message
        assert (done.data["status"], done.data["reasonCode"]) == ("failed", reason)
        assert charges(shop) == []

    async def test_a_session_that_expired_has_failed_and_the_checkout_can_be_paid_anew(self, shop):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, session_id)
        shop.clock.move(hours=25)
        done = await shop.process(begun.transaction_id, session_id)
        assert done.result == "AUTHORIZATION_FAILURE"
        assert "expired" in done.event.message
        assert done.data["reasonCode"] == "Expired"
        assert shop.amounts(await shop.pay(checkout.id))["authorized"] > 0


class TestPendingAuthorizations:
    @pytest.mark.parametrize(
        ("card", "outcome"), [("0701", "AUTHORIZATION_SUCCESS"), ("4354", "AUTHORIZATION_FAILURE")]
    )
    async def test_what_amazon_decides_later_is_told_with_the_same_reference(self, any_shop, card, outcome):
        shop = any_shop
        await shop.update_options(pending_authorization=True)
        checkout = authorizing_checkout(shop)
        total = checkout.total_price.gross.amount
        transaction, session_id = await approved(shop, checkout.id, card=card)
        asked = await shop.process(transaction, session_id)
        assert asked.result == "AUTHORIZATION_REQUEST"
        assert shop.amounts(transaction) == {"authorize_pending": total}
        await shop.until(lambda: shop.last_event(transaction, "AUTHORIZATION").type == outcome)
        assert shop.last_event(transaction, outcome).psp_reference == asked.event.psp_reference
        assert shop.amounts(transaction) == ({"authorized": total} if outcome.endswith("SUCCESS") else {})

    async def test_a_channel_that_charges_never_waits_for_a_pending_authorization(self, shop):
        await shop.update_options(pending_authorization=True)
        shop.flow("default-jp", "CHARGE")
        transaction, session_id = await approved(shop, shop.saleor.create_checkout().id, card="0701")
        done = await shop.process(transaction, session_id)
        assert done.result == "CHARGE_FAILURE"

    async def test_it_is_off_unless_the_merchant_wants_it(self, shop):
        transaction, session_id = await approved(shop, authorizing_checkout(shop).id, card="0701")
        done = await shop.process(transaction, session_id)
        assert done.result == "AUTHORIZATION_FAILURE"


class TestTheSameAgain:
    async def test_process_after_the_success_is_answered_by_saleor_alone(self, shop):
        transaction = await shop.authorized()
        before = shop.amounts(transaction)
        again = await shop.process(transaction)
        assert again.result == "AUTHORIZATION_SUCCESS"
        assert shop.amounts(transaction) == before
        assert shop.amazon.count("complete_checkout_session") == 1

    async def test_the_same_process_request_delivered_twice_gives_the_same_answer(self, any_shop):
        shop = any_shop
        transaction, session_id = await approved(shop, authorizing_checkout(shop).id)
        shop.saleor.faults.webhook("duplicate", PROCESS)
        done = await shop.process(transaction, session_id)
        later = await send_again(shop, shop.saleor.deliveries_of(PROCESS)[-1])
        assert done.result == "AUTHORIZATION_SUCCESS"
        first = last_answer(shop, PROCESS)
        assert {key: later.json[key] for key in ("result", "pspReference", "amount", "time")} == {
            key: first[key] for key in ("result", "pspReference", "amount", "time")
        }
        assert shop.amazon.count("complete_checkout_session") == 1

    async def test_several_process_calls_at_once_make_one_charge_and_one_event(self, any_shop):
        shop = any_shop
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        answers = await asyncio.gather(*(shop.process(transaction, session_id) for _ in range(4)))
        assert {answer.result for answer in answers} == {"AUTHORIZATION_SUCCESS"}
        assert len({answer.event.psp_reference for answer in answers}) == 1
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}
        assert shop.amazon.count("complete_checkout_session") == 1
        assert len(charges(shop)) == 1

    async def test_initialize_with_the_same_idempotency_key_is_the_same_transaction(self, shop):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        first = await shop.initialize(checkout.id, session_id, idempotency_key="once")
        second = await shop.initialize(checkout.id, session_id, idempotency_key="once")
        assert second.transaction_id == first.transaction_id
        assert second.data == first.data
        shop.amazon.buyer_approves(session_id)
        done = await shop.process(first.transaction_id, session_id)
        assert done.result == "AUTHORIZATION_SUCCESS"

    async def test_initialize_delivered_again_after_the_payment_changes_nothing(self, shop):
        transaction = await shop.authorized()
        before = shop.amounts(transaction)
        late = await send_again(shop, shop.saleor.deliveries_of(INITIALIZE)[-1])
        assert late.status == 200
        assert not late.json["result"].endswith("_SUCCESS")
        assert (await payment_of(shop, transaction)).state == "active"
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": before["authorized"]}


class TestTakingOver:
    async def test_a_newer_transaction_of_the_checkout_takes_the_session_over(self, any_shop):
        shop = any_shop
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        older = await shop.initialize(checkout.id, session_id)
        newer = await shop.initialize(checkout.id, session_id)
        assert newer.transaction_id != older.transaction_id
        await shop.until(lambda: "AUTHORIZATION_FAILURE" in shop.transaction(older.transaction_id).event_types)
        assert "eplaced" in shop.last_event(older.transaction_id, "AUTHORIZATION_FAILURE").message
        shop.amazon.buyer_approves(session_id)
        done = await shop.process(newer.transaction_id, session_id)
        assert done.result == "AUTHORIZATION_SUCCESS"
        assert shop.amounts(older.transaction_id) == {}

    async def test_the_older_one_cannot_complete_the_session_any_more(self, shop):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        older = await shop.initialize(checkout.id, session_id)
        newer = await shop.initialize(checkout.id, session_id)
        shop.amazon.buyer_approves(session_id)
        refused = await shop.process(older.transaction_id, session_id)
        assert refused.result == "AUTHORIZATION_FAILURE"
        assert "replaced" in refused.event.message
        assert shop.amazon.count("complete_checkout_session") == 0
        assert (await shop.process(newer.transaction_id, session_id)).result == "AUTHORIZATION_SUCCESS"

    async def test_a_session_that_was_used_is_refused(self, shop):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id, amount=Decimal(1000))
        await shop.process(transaction, session_id)
        again = await shop.initialize(checkout.id, session_id)
        assert again.result == "AUTHORIZATION_FAILURE"
        assert again.data["errors"][0]["field"] == "data.amazonCheckoutSessionId"
        assert shop.amounts(transaction) == {"authorized": Decimal(1000)}

    async def test_a_session_of_another_checkout_is_refused_while_it_is_open(self, shop):
        checkout, other = authorizing_checkout(shop), authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, session_id)
        foreign = await shop.initialize(other.id, session_id)
        assert foreign.result == "AUTHORIZATION_FAILURE"
        assert "another checkout" in foreign.event.message
        shop.amazon.buyer_approves(session_id)
        assert (await shop.process(begun.transaction_id, session_id)).result == "AUTHORIZATION_SUCCESS"

    async def test_a_session_amazon_does_not_know_is_refused(self, shop):
        checkout = authorizing_checkout(shop)
        begun = await shop.initialize(checkout.id, "00000000-0000-0000-0000-000000000000")
        assert begun.result == "AUTHORIZATION_FAILURE"
        assert begun.data["errors"][0]["field"] == "data.amazonCheckoutSessionId"
        assert shop.amounts(await shop.pay(checkout.id))["authorized"] > 0

    async def test_a_foreign_session_at_process_decides_nothing(self, shop):
        mine = await approved(shop, authorizing_checkout(shop).id)
        theirs = await approved(shop, authorizing_checkout(shop).id)
        mixed = await shop.process(mine[0], theirs[1])
        assert mixed.result == "AUTHORIZATION_ACTION_REQUIRED"
        assert mixed.data["errors"][0]["field"] == "data.amazonCheckoutSessionId"
        assert shop.amazon.count("complete_checkout_session") == 0
        for transaction, session_id in (mine, theirs):
            assert (await shop.process(transaction, session_id)).result == "AUTHORIZATION_SUCCESS"


class TestTheAmount:
    async def test_a_checkout_that_grew_after_the_approval_is_not_completed(self, any_shop):
        shop = any_shop
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        await shop.saleor.storefront.update_quantity(checkout.id, checkout.lines[0].id, 3)
        done = await shop.process(transaction, session_id)
        assert done.result == "AUTHORIZATION_FAILURE"
        assert "Nothing was charged" in done.event.message
        assert shop.amazon.count("complete_checkout_session") == 0
        assert shop.amounts(await shop.pay(checkout.id)) == {"authorized": checkout.total_price.gross.amount}

    async def test_a_checkout_paid_otherwise_meanwhile_is_not_paid_twice(self, shop):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        other = await shop.pay(checkout.id)
        done = await shop.process(transaction, session_id)
        assert done.result == "AUTHORIZATION_FAILURE"
        assert shop.amounts(transaction) == {}
        assert shop.amounts(other) == {"authorized": checkout.total_price.gross.amount}
        assert len(charges(shop)) == 1

    async def test_a_part_still_fits_when_the_checkout_grew(self, shop):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id, amount=Decimal(1000))
        await shop.saleor.storefront.update_quantity(checkout.id, checkout.lines[0].id, 2)
        assert (await shop.process(transaction, session_id)).result == "AUTHORIZATION_SUCCESS"
        assert shop.amounts(transaction) == {"authorized": Decimal(1000)}

    @pytest.mark.parametrize("amount", [Decimal(0), Decimal(99_999_999)], ids=["nothing", "too much for Amazon"])
    async def test_an_amount_amazon_cannot_take_is_refused(self, shop, amount):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, session_id, amount=amount)
        assert begun.result == "AUTHORIZATION_FAILURE"
        assert begun.event.message
        assert shop.amazon.count("update_checkout_session") == 0


class TestWhenTheUpdateIsLost:
    @breaks
    async def test_process_repairs_it(self, shop, fault):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        silence(shop, "update_checkout_session", times=2, **fault)
        begun = await shop.initialize(checkout.id, session_id)
        assert begun.result == "AUTHORIZATION_ACTION_REQUIRED"
        assert begun.data["status"] in {"processing", "awaiting_buyer"}
        mend(shop)
        repaired = await shop.process(begun.transaction_id, session_id)
        assert repaired.result == "AUTHORIZATION_ACTION_REQUIRED"
        assert repaired.data["amazonPayRedirectUrl"]
        shop.amazon.buyer_approves(session_id)
        done = await shop.process(begun.transaction_id, session_id)
        assert done.result == "AUTHORIZATION_SUCCESS"
        assert shop.amounts(begun.transaction_id) == {"authorized": checkout.total_price.gross.amount}


class TestWhenTheCompletionIsLost:
    @breaks
    async def test_a_job_finishes_it_and_saleor_is_told_once(self, shop, fault):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        silence(shop, "complete_checkout_session", times=2, **fault)
        first = await shop.process(transaction, session_id)
        assert first.result in {"AUTHORIZATION_ACTION_REQUIRED", "AUTHORIZATION_SUCCESS"}
        if first.result == "AUTHORIZATION_ACTION_REQUIRED":
            assert first.data["status"] == "processing"
            assert shop.amounts(transaction) == {}
        await settle(shop)
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}
        [charge] = charges(shop)
        [success] = [e for e in shop.transaction(transaction).events if e.type == "AUTHORIZATION_SUCCESS"]
        assert success.psp_reference == charge["chargeId"]
        asked_later = await send_again(shop, shop.saleor.deliveries_of(PROCESS)[-1])
        assert asked_later.json["pspReference"] == success.psp_reference
        assert asked_later.json["result"] == "AUTHORIZATION_SUCCESS"

    async def test_the_storefront_may_ask_again_while_the_job_has_not_run(self, shop):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        silence(shop, "complete_checkout_session", timeout_after=True)
        first = await shop.process(transaction, session_id)
        assert first.data["status"] == "processing"
        mend(shop)
        second = await shop.process(transaction, session_id)
        assert second.result == "AUTHORIZATION_SUCCESS"
        await settle(shop)
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}
        assert len(charges(shop)) == 1

    async def test_several_waiting_buyers_tabs_get_the_jobs_outcome(self, any_shop):
        shop = any_shop
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        break_amazon(shop, "complete_checkout_session", delay=0.4)
        answers = await asyncio.gather(*(shop.process(transaction, session_id) for _ in range(3)))
        assert {answer.result for answer in answers} == {"AUTHORIZATION_SUCCESS"}
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}


class TestWhenSaleorNeverHearsTheAnswer:
    async def test_it_is_reported_after_a_minute(self, shop):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        shop.saleor.faults.webhook("lost-answer", PROCESS)
        lost = await shop.process(transaction, session_id)
        assert lost.result == "AUTHORIZATION_FAILURE"
        await shop.until(lambda: "AUTHORIZATION_SUCCESS" in shop.transaction(transaction).event_types)
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}
        assert set(shop.transaction(transaction).actions) == {"CHARGE", "CANCEL"}
        assert await report_states(shop, transaction) == [("AUTHORIZATION_SUCCESS", "delivered")]

    async def test_an_answer_that_arrived_is_known_already_when_it_is_reported(self, shop):
        transaction = await shop.authorized()
        before = shop.transaction(transaction).event_types
        await shop.later(seconds=61)
        assert shop.transaction(transaction).event_types == before
        assert await report_states(shop, transaction) == [("AUTHORIZATION_SUCCESS", "delivered")]

    async def test_an_event_saleor_shows_already_is_not_reported(self, shop):
        transaction = await shop.authorized()
        await lost_request(shop, "CHARGE", transaction, Decimal(700))
        await send_again(shop, shop.saleor.deliveries_of("TRANSACTION_CHARGE_REQUESTED")[-1])
        assert ("AUTHORIZATION_SUCCESS", "dropped") in await report_states(shop, transaction)
