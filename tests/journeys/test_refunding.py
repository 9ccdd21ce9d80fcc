"""Refund requests: always decided later by Amazon, told with the reference that was answered first."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from tests.journeys.helpers import (
    REFUND,
    break_amazon,
    last_answer,
    lost_request,
    mend,
    operations_of,
    refunded,
    refunds,
    report_states,
    send_again,
    send_body,
    settle,
    silence,
)
from tests.journeys.test_paying import breaks


async def charged(shop, channel="default-jp"):
    """A transaction charged in full; its id and the amount."""
    shop.flow(channel, "CHARGE")
    checkout = shop.saleor.create_checkout(channel)
    transaction = await shop.pay(checkout.id)
    return transaction, shop.transaction(transaction).charged


async def charged_in_parts(shop, *parts):
    """A transaction captured in several charges; its id and the sum."""
    transaction = await shop.authorized()
    for part in parts:
        await shop.saleor.staff.request_charge(transaction, Decimal(part))
    assert shop.transaction(transaction).charged == sum(parts)
    return transaction, Decimal(sum(parts))


class TestHowMuch:
    @pytest.mark.parametrize("channel", ["default-jp", "us"])
    async def test_the_whole_is_refunded_when_amazon_has_decided(self, any_shop, channel):
        shop = any_shop
        transaction, total = await charged(shop, channel)
        await shop.saleor.staff.request_refund(transaction)
        answer = last_answer(shop, REFUND)
        assert "result" not in answer
        assert shop.amounts(transaction) == {"refund_pending": total}
        await shop.until(lambda: shop.transaction(transaction).refunded == total)
        assert shop.amounts(transaction) == {"refunded": total}
        assert refunded(shop) == total
        told = shop.last_event(transaction, "REFUND_SUCCESS")
        assert told.psp_reference == answer["pspReference"]
        assert refunds(shop)[0]["refundId"] in told.message
        assert shop.transaction(transaction).actions == ()

    async def test_parts_add_up_to_the_whole(self, shop):
        transaction, total = await charged(shop, "us")
        for part in ("0.01", "1.10", "2.99"):
            await shop.saleor.staff.request_refund(transaction, Decimal(part))
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": Decimal("4.10"), "charged": total - Decimal("4.10")}
        assert shop.transaction(transaction).actions == ("REFUND",)
        await shop.saleor.staff.request_refund(transaction)
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": total}
        assert refunded(shop) == total

    async def test_what_is_in_flight_cannot_be_refunded_again(self, any_shop):
        shop = any_shop
        transaction, total = await charged(shop)
        lost = await lost_request(shop, "REFUND", transaction, Decimal(2000))
        await shop.saleor.staff.request_refund(transaction)
        late = await send_again(shop, lost)
        assert late.json["result"] == "REFUND_FAILURE"
        assert "can still be refunded" in late.json["message"]
        await shop.until(lambda: shop.transaction(transaction).refunded == total)
        assert refunded(shop) == total

    async def test_two_refunds_at_once_never_exceed_what_was_captured(self, shop):
        transaction, total = await charged(shop)
        first = await lost_request(shop, "REFUND", transaction, Decimal(2000))
        second = await lost_request(shop, "REFUND", transaction, Decimal(3000))
        await asyncio.gather(send_again(shop, first), send_again(shop, second))
        await settle(shop)
        assert refunded(shop) in {Decimal(2000), Decimal(3000)}
        assert shop.transaction(transaction).refunded == refunded(shop)
        assert shop.transaction(transaction).charged == total - refunded(shop)

    async def test_refunds_that_cross_are_followed_by_a_request_for_less_than_nothing(self, shop):
        transaction, total = await charged(shop)
        silence(shop, "create_refund", times=2, timeout_after=True)
        sent = shop.amazon.count("create_refund")
        await shop.saleor.staff.request_action(transaction, "REFUND", total, settle=False)
        await shop.until(lambda: shop.amazon.count("create_refund") > sent)  # the whole one is first
        await shop.saleor.staff.request_action(transaction, "REFUND", Decimal(2000), settle=False)
        await shop.saleor.settle()
        mend(shop)
        assert shop.transaction(transaction).charged == -2000
        shop.saleor.faults.api("unavailable", "transactionEventReport", times=9)
        await shop.later(seconds=5)
        await shop.saleor.staff.request_refund(transaction)
        assert last_answer(shop, REFUND)["result"] == "REFUND_FAILURE"
        shop.saleor.faults.clear()
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": total}
        assert {state for _, state in await report_states(shop, transaction)} <= {"delivered", "dropped"}

    async def test_one_that_was_decided_while_another_waited_is_not_taken_for_somebody_elses(self, shop):
        transaction, total = await charged(shop)
        silence(shop, "create_refund", times=2, timeout_after=True)
        for amount in (Decimal(1000), Decimal(2000)):
            await shop.saleor.staff.request_action(transaction, "REFUND", amount, settle=False)
        await shop.saleor.settle()
        mend(shop)
        shop.clock.move(seconds=30)  # Amazon has decided the first before anybody asks
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total - 3000, "refunded": Decimal(3000)}

    async def test_nothing_charged_is_nothing_to_refund(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_refund(transaction)
        answer = last_answer(shop, REFUND)
        assert answer["result"] == "REFUND_FAILURE"
        assert "nothing left to refund" in answer["message"]
        assert set(answer["actions"]) == {"CHARGE", "CANCEL"}

    @pytest.mark.parametrize("action", [{"amount": 999_999}, {"amount": 0.5}, {"currency": "USD", "amount": 10}])
    async def test_an_amount_that_cannot_be_refunded_is_a_failure_with_a_reason(self, shop, action):
        transaction, total = await charged(shop)
        lost = await lost_request(shop, "REFUND", transaction, Decimal(1000))
        payload = json.loads(lost.body)
        payload["action"] |= action
        for event in payload["transaction"]["events"]:
            event["amount"] = {"amount": payload["action"]["amount"], "currency": payload["action"]["currency"]}
        answer = await send_body(shop, REFUND, json.dumps(payload).encode())
        assert (answer.status, answer.json["result"]) == (200, "REFUND_FAILURE")
        assert answer.json["message"]
        await settle(shop)
        assert refunds(shop) == []
        assert shop.amounts(transaction) == {"charged": total}

    async def test_the_eleventh_refund_of_a_charge_is_refused_with_advice(self, shop):
        transaction, total = await charged(shop)
        for part in range(1, 11):
            await shop.saleor.staff.request_refund(transaction, Decimal(part))
        await settle(shop)
        assert shop.transaction(transaction).refunded == 55
        await shop.saleor.staff.request_refund(transaction, Decimal(11))
        assert last_answer(shop, REFUND)["result"] == "REFUND_FAILURE"
        assert "10 refunds" in last_answer(shop, REFUND)["message"]
        assert shop.amounts(transaction) == {"refunded": Decimal(55), "charged": total - 55}


class TestWhatAmazonDecides:
    async def test_a_declined_refund_is_told_with_the_reference_answered_first(self, any_shop):
        shop = any_shop
        transaction, total = await charged(shop)
        shop.amazon.script_refund("Declined", "AmazonRejected")
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        answer = last_answer(shop, REFUND)
        await shop.until(lambda: "REFUND_FAILURE" in shop.transaction(transaction).event_types)
        told = shop.last_event(transaction, "REFUND_FAILURE")
        assert told.psp_reference == answer["pspReference"]
        assert "settle it another way" in told.message
        assert shop.amounts(transaction) == {"charged": total}

    async def test_amazons_own_failure_is_tried_again(self, shop):
        transaction, total = await charged(shop)
        shop.amazon.script_refund("Declined", "ProcessingFailure")
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": Decimal(500), "charged": total - 500}
        assert [it["statusDetails"]["state"] for it in refunds(shop)] == ["Declined", "Refunded"]
        assert len({call.idempotency_key for call in shop.amazon.calls if call.operation == "create_refund"}) == 2

    async def test_amazons_own_failure_is_not_tried_for_ever(self, shop):
        transaction, total = await charged(shop)
        shop.amazon.script_refund("Declined", "ProcessingFailure", times=9)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await settle(shop)
        assert shop.last_event(transaction, "REFUND_FAILURE").message
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.amazon.count("create_refund") == 3

    async def test_a_refund_refused_at_once_is_a_failure_at_once(self, shop):
        transaction, total = await charged(shop)
        break_amazon(shop, "create_refund", reason_code="AmazonRejected")
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        assert last_answer(shop, REFUND)["result"] == "REFUND_FAILURE"
        assert shop.amounts(transaction) == {"charged": total}


class TestSplitOverCharges:
    async def test_one_charge_bears_it_where_one_can(self, shop):
        transaction, total = await charged_in_parts(shop, 1000, 2000)
        await shop.saleor.staff.request_refund(transaction, Decimal(900))
        await settle(shop)
        assert len(refunds(shop)) == 1
        assert shop.transaction(transaction).charged == total - 900

    async def test_a_refund_no_charge_can_bear_alone_is_split_and_told_as_one(self, any_shop):
        shop = any_shop
        transaction, total = await charged_in_parts(shop, 1000, 1500)
        await shop.saleor.staff.request_refund(transaction)
        answer = last_answer(shop, REFUND)
        await shop.until(lambda: shop.transaction(transaction).refunded == total)
        assert sorted(it["refundAmount"]["amount"] for it in refunds(shop)) == ["1000", "1500"]
        [told] = [e for e in shop.transaction(transaction).events if e.type == "REFUND_SUCCESS"]
        assert (told.amount, told.psp_reference) == (total, answer["pspReference"])
        await shop.until(lambda: shop.transaction(transaction).event_types.count("INFO") == 2)

    async def test_the_part_that_failed_is_tried_again_alone(self, shop):
        transaction, total = await charged_in_parts(shop, 1000, 1500)
        shop.amazon.script_refund("Declined", "ProcessingFailure")
        await shop.saleor.staff.request_refund(transaction)
        await settle(shop)
        assert shop.transaction(transaction).refunded == total == refunded(shop)
        assert len(refunds(shop)) == 3

    async def test_the_sum_that_succeeded_is_told_when_a_part_is_rejected(self, shop):
        transaction, total = await charged_in_parts(shop, 1000, 1500)
        shop.amazon.script_refund("Declined", "AmazonRejected")
        await shop.saleor.staff.request_refund(transaction)
        await settle(shop)
        [told] = [e for e in shop.transaction(transaction).events if e.type == "REFUND_SUCCESS"]
        assert told.amount == refunded(shop) == shop.transaction(transaction).refunded
        assert 0 < told.amount < total
        assert "refunded" in told.message
        assert shop.transaction(transaction).charged == total - told.amount

    @breaks
    async def test_a_part_that_is_not_heard_is_made_once(self, shop, fault):
        transaction, total = await charged_in_parts(shop, 1000, 1500)
        silence(shop, "create_refund", times=2, **fault)
        await shop.saleor.staff.request_refund(transaction)
        await settle(shop)
        assert shop.transaction(transaction).refunded == total == refunded(shop)
        assert len(refunds(shop)) == 2


class TestTheSameAgain:
    async def test_while_it_is_under_way_it_is_refused(self, shop):
        transaction, total = await charged(shop)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        assert last_answer(shop, REFUND)["result"] == "REFUND_FAILURE"
        assert "under way" in last_answer(shop, REFUND)["message"]
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": Decimal(500), "charged": total - 500}

    async def test_a_minute_after_its_end_it_is_a_second_refund(self, shop):
        transaction, _ = await charged(shop)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await settle(shop)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        assert "wait 60 s" in last_answer(shop, REFUND)["message"]
        shop.clock.move(seconds=61)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await settle(shop)
        assert shop.transaction(transaction).refunded == refunded(shop) == 1000

    async def test_the_same_bytes_are_answered_the_same_before_and_after_the_decision(self, any_shop):
        shop = any_shop
        transaction, _ = await charged(shop)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        first = last_answer(shop, REFUND)
        [sent] = shop.saleor.deliveries_of(REFUND)
        meanwhile = await send_again(shop, sent)
        assert (meanwhile.json.get("result"), meanwhile.json["pspReference"]) == (None, first["pspReference"])
        await shop.until(lambda: shop.transaction(transaction).refunded == 500)
        after = await send_again(shop, sent)
        assert (after.json.get("result"), after.json["pspReference"]) == (None, first["pspReference"])
        assert shop.amazon.count("create_refund") == 1

    async def test_the_same_bytes_twice_at_once_are_one_refund(self, any_shop):
        shop = any_shop
        transaction, _ = await charged(shop)
        lost = await lost_request(shop, "REFUND", transaction, Decimal(500))
        break_amazon(shop, "create_refund", delay=0.2)
        answers = await asyncio.gather(*(send_again(shop, lost) for _ in range(3)))
        assert len({answer.json["pspReference"] for answer in answers}) == 1
        assert shop.amazon.count("create_refund") == 1

    async def test_saleors_own_empty_repetition_decides_nothing(self, shop):
        await charged(shop)
        empty = await send_body(shop, REFUND, b"")
        assert (empty.status, empty.json) == (400, None)
        assert refunds(shop) == []


class TestGrantedRefunds:
    async def granted(self, shop, amount):
        shop.flow("default-jp", "CHARGE")
        order = shop.saleor.create_order()
        transaction = await shop.pay(order.id)
        made = await shop.saleor.staff.grant_refund(order.id, transaction, Decimal(amount), "Damaged")
        assert not made.errors
        return transaction, order, made.id

    def status(self, order, granted):
        return next(str(it.status) for it in order.granted_refunds if it.id == granted)

    async def test_it_stays_linked_and_succeeds(self, any_shop):
        shop = any_shop
        transaction, order, granted = await self.granted(shop, 500)
        await shop.saleor.staff.request_granted_refund(granted)
        assert self.status(order, granted) == "PENDING"
        await shop.until(lambda: shop.transaction(transaction).refunded == 500)
        assert self.status(order, granted) == "SUCCESS"

    async def test_it_fails_when_amazon_declines_and_can_be_asked_again(self, shop):
        transaction, order, granted = await self.granted(shop, 500)
        shop.amazon.script_refund("Declined", "AmazonRejected")
        await shop.saleor.staff.request_granted_refund(granted)
        await settle(shop)
        assert self.status(order, granted) == "FAILURE"
        await shop.saleor.staff.request_granted_refund(granted)
        await settle(shop)
        assert self.status(order, granted) == "SUCCESS"
        assert shop.transaction(transaction).refunded == refunded(shop) == 500

    async def test_two_of_the_same_amount_are_two_refunds(self, shop):
        transaction, order, granted = await self.granted(shop, 500)
        other = (await shop.saleor.staff.grant_refund(order.id, transaction, Decimal(500), "Also damaged")).id
        await shop.saleor.staff.request_granted_refund(granted)
        await shop.saleor.staff.request_granted_refund(other)
        await settle(shop)
        assert {self.status(order, granted), self.status(order, other)} == {"SUCCESS"}
        assert shop.transaction(transaction).refunded == refunded(shop) == 1000


class TestWhenAmazonIsNotHeard:
    @breaks
    async def test_a_refund_is_made_once_and_told_once(self, shop, fault):
        transaction, total = await charged(shop)
        silence(shop, "create_refund", times=2, **fault)
        await shop.saleor.staff.request_refund(transaction, Decimal(900))
        answer = last_answer(shop, REFUND)
        assert "result" not in answer
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": Decimal(900), "charged": total - 900}
        [told] = [e for e in shop.transaction(transaction).events if e.type == "REFUND_SUCCESS"]
        assert told.psp_reference == answer["pspReference"]
        assert refunded(shop) == 900

    async def test_a_decision_that_cannot_be_read_is_read_later(self, shop):
        transaction, total = await charged(shop)
        await shop.saleor.staff.request_refund(transaction, Decimal(900))
        silence(shop, "get_refund", times=2, status=503)
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": Decimal(900), "charged": total - 900}

    async def test_a_lost_answer_is_made_good_by_the_report(self, shop):
        transaction, total = await charged(shop)
        shop.saleor.faults.webhook("lost-answer", REFUND)
        await shop.saleor.staff.request_refund(transaction, Decimal(900))
        assert shop.amounts(transaction) == {"charged": total}
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": Decimal(900), "charged": total - 900}
        [operation] = [it for it in await operations_of(shop, transaction) if it.kind == "refund"]
        assert operation.is_settled
