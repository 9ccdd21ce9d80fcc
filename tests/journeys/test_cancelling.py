"""Cancel requests: what is held is released, the permission is closed, and what was captured stays."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.journeys.helpers import (
    CANCEL,
    CHARGE,
    break_amazon,
    captured,
    charges,
    last_answer,
    lost_request,
    refunded,
    send_again,
    send_body,
    settle,
    silence,
)
from tests.journeys.test_paying import breaks


def permission(shop):
    [found] = shop.amazon.audit()["permissions"]
    return found["statusDetails"]["state"]


class TestWhatIsReleased:
    @pytest.mark.parametrize("channel", ["default-jp", "us"])
    async def test_everything_that_is_held(self, any_shop, channel):
        shop = any_shop
        transaction = await shop.authorized(channel=channel)
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_cancel(transaction)
        answer = last_answer(shop, CANCEL)
        assert (answer["result"], Decimal(str(answer["amount"]))) == ("CANCEL_SUCCESS", total)
        assert answer["pspReference"] not in {charge["chargeId"] for charge in charges(shop)}
        assert shop.amounts(transaction) == {"canceled": total}
        assert shop.transaction(transaction).actions == ()
        assert len(charges(shop, "Canceled")) == 1
        assert permission(shop) == "Closed"

    async def test_the_rest_after_a_partial_capture(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await shop.saleor.staff.request_cancel(transaction)
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "canceled": total - 1000}
        assert shop.transaction(transaction).actions == ("REFUND",)
        assert permission(shop) == "Closed"
        assert captured(shop) == 1000

    async def test_what_was_captured_can_still_be_refunded(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await shop.saleor.staff.request_cancel(transaction)
        await shop.saleor.staff.request_refund(transaction)
        await settle(shop)
        assert shop.transaction(transaction).refunded == refunded(shop) == 1000

    async def test_nothing_can_be_charged_afterwards(self, shop):
        transaction = await shop.authorized()
        lost = await lost_request(shop, "CHARGE", transaction)
        await shop.saleor.staff.request_cancel(transaction)
        late = await send_again(shop, lost)
        assert late.json["result"] == "CHARGE_FAILURE"
        assert captured(shop) == 0

    async def test_what_expired_is_released_too(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        shop.clock.move(days=3)
        await shop.saleor.staff.request_cancel(transaction)
        await settle(shop)
        assert shop.amounts(transaction) == {"canceled": total}
        assert permission(shop) == "Closed"

    async def test_the_rest_that_was_held_again(self, shop):
        await shop.update_options(after_partial_capture="reauthorize")
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await settle(shop)
        await shop.saleor.staff.request_cancel(transaction)
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "canceled": total - 1000}
        assert charges(shop, "Authorized") == []

    async def test_it_is_counted_once_however_often_amazon_had_to_be_asked(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        break_amazon(shop, "close_charge_permission", reason_code="InvalidChargeStatus")
        await shop.saleor.staff.request_cancel(transaction)
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "canceled": total - 1000}

    async def test_a_hold_released_before_its_permission_closed_is_counted_once(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        break_amazon(shop, "close_charge_permission", reason_code="InvalidChargeStatus")
        await shop.saleor.staff.request_cancel(transaction)
        assert shop.amounts(transaction) == {"canceled": total}
        assert permission(shop) == "Closed"

    async def test_a_permission_that_will_not_close_keeps_what_it_can_still_bear(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        break_amazon(shop, "close_charge_permission", reason_code="InvalidChargeStatus", times=3)
        await shop.saleor.staff.request_cancel(transaction)
        assert shop.amounts(transaction) == {"canceled": total}
        assert charges(shop, "Authorized") == []

    async def test_what_only_the_buyer_could_make_chargeable_again(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        [found] = shop.amazon.audit()["permissions"]
        shop.amazon.buyer_account.break_payment_method(found["chargePermissionId"])
        await shop.saleor.staff.request_charge(transaction, Decimal(500))
        answer = last_answer(shop, CHARGE)
        assert (answer["result"], set(answer["actions"])) == ("CHARGE_FAILURE", {"CANCEL", "REFUND"})
        await shop.saleor.staff.request_cancel(transaction)
        assert last_answer(shop, CANCEL)["result"] == "CANCEL_SUCCESS"
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "canceled": total - 1000}
        assert permission(shop) == "Closed"


class TestWhatIsNot:
    async def test_a_part_is_refused_with_the_reason(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_cancel(transaction, Decimal(1000))
        assert last_answer(shop, CANCEL)["result"] == "CANCEL_FAILURE"
        assert "releases only the whole rest" in last_answer(shop, CANCEL)["message"]
        assert shop.amounts(transaction) == {"authorized": total}
        assert len(charges(shop, "Authorized")) == 1

    async def test_what_was_captured_is_never_cancelled(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        lost = await lost_request(shop, "CANCEL", transaction)
        await shop.saleor.staff.request_charge(transaction)
        late = await send_again(shop, lost)
        assert late.json["result"] == "CANCEL_FAILURE"
        assert "refund" in late.json["message"]
        assert shop.amounts(transaction) == {"charged": total}
        assert captured(shop) == total

    async def test_what_was_captured_at_amazon_meanwhile_is_not_cancelled(self, shop):
        transaction = await shop.authorized()
        [charge] = charges(shop)
        shop.amazon.seller_central.capture(charge["chargeId"])
        await shop.saleor.staff.request_cancel(transaction)
        assert last_answer(shop, CANCEL)["result"] == "CANCEL_FAILURE"
        assert captured(shop) == Decimal(charge["chargeAmount"]["amount"])

    async def test_nothing_left_is_refused_with_the_reason(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_cancel(transaction)
        await shop.saleor.staff.request_cancel(transaction)
        assert last_answer(shop, CANCEL)["result"] == "CANCEL_FAILURE"
        assert shop.amounts(transaction) == {"canceled": total}

    @pytest.mark.parametrize("action", [{"amount": 0}, {"amount": 0.5}, {"currency": "USD", "amount": 10}])
    async def test_an_amount_that_is_none_is_a_failure_with_a_reason(self, shop, action):
        transaction = await shop.authorized()
        before = shop.amounts(transaction)
        lost = await lost_request(shop, "CANCEL", transaction)
        payload = json.loads(lost.body)
        payload["action"] |= action
        for event in payload["transaction"]["events"]:
            event["amount"] = {"amount": payload["action"]["amount"], "currency": payload["action"]["currency"]}
        answer = await send_body(shop, CANCEL, json.dumps(payload).encode())
        assert (answer.status, answer.json["result"]) == (200, "CANCEL_FAILURE")
        assert answer.json["message"]
        await settle(shop)
        assert shop.amounts(transaction) == before

    async def test_saleors_own_empty_repetition_decides_nothing(self, shop):
        transaction = await shop.authorized()
        empty = await send_body(shop, CANCEL, b"")
        assert (empty.status, empty.json) == (400, None)
        assert len(charges(shop, "Authorized")) == 1
        assert "CANCEL_SUCCESS" not in shop.transaction(transaction).event_types


class TestWhileAmazonDecides:
    async def test_a_capture_under_way_is_waited_for_and_the_rest_released(self, live_shop):
        shop = live_shop
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        shop.clock.move(days=8)
        await shop.saleor.staff.request_charge(transaction, Decimal(600))
        assert "result" not in last_answer(shop, CHARGE)
        await shop.saleor.staff.request_cancel(transaction)
        answer = last_answer(shop, CANCEL)
        assert "result" not in answer
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(600), "canceled": total - 600}
        assert shop.last_event(transaction, "CANCEL_SUCCESS").psp_reference == answer["pspReference"]

    async def test_a_capture_of_the_whole_leaves_nothing_to_cancel(self, live_shop):
        shop = live_shop
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        shop.clock.move(days=8)
        lost = await lost_request(shop, "CANCEL", transaction)
        await shop.saleor.staff.request_charge(transaction)
        late = await send_again(shop, lost)
        assert "result" not in late.json
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.last_event(transaction, "CANCEL_FAILURE").psp_reference == late.json["pspReference"]


class TestWhenAmazonIsNotHeard:
    @pytest.mark.parametrize("operation", ["cancel_charge", "close_charge_permission"])
    @breaks
    async def test_it_is_finished_by_a_job_and_told_once(self, shop, operation, fault):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        silence(shop, operation, times=2, **fault)
        await shop.saleor.staff.request_cancel(transaction)
        answer = last_answer(shop, CANCEL)
        await settle(shop)
        assert shop.amounts(transaction) == {"canceled": total}
        [told] = [e for e in shop.transaction(transaction).events if e.type == "CANCEL_SUCCESS"]
        assert told.psp_reference == answer["pspReference"]
        assert permission(shop) == "Closed"

    async def test_a_lost_answer_is_reported_after_a_minute(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        shop.saleor.faults.webhook("lost-answer", CANCEL)
        await shop.saleor.staff.request_cancel(transaction)
        assert shop.amounts(transaction) == {"authorized": total}
        await shop.later(seconds=61)
        assert shop.amounts(transaction) == {"canceled": total}
        assert shop.transaction(transaction).actions == ()

    async def test_the_same_bytes_are_answered_the_same(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        await shop.saleor.staff.request_cancel(transaction)
        first = last_answer(shop, CANCEL)
        again = await send_again(shop, shop.saleor.deliveries_of(CANCEL)[-1])
        assert {k: again.json[k] for k in ("result", "pspReference", "amount", "time")} == {
            k: first[k] for k in ("result", "pspReference", "amount", "time")
        }
        assert shop.amazon.count("cancel_charge") == 1


class TestReleaseOfFunds:
    async def expired(self, shop, strategy):
        shop.flow("default-jp", strategy)
        settings = shop.saleor.channel("default-jp").payment_settings
        settings.release_funds_for_expired_checkouts = True
        checkout = shop.saleor.create_checkout()
        transaction = await shop.pay(checkout.id)
        return transaction, checkout.total_price.gross.amount

    async def test_what_an_abandoned_checkout_holds_is_released(self, any_shop):
        shop = any_shop
        transaction, total = await self.expired(shop, "AUTHORIZATION")
        shop.clock.move(hours=7)
        assert await shop.saleor.release_funds() == [transaction]
        assert shop.amounts(transaction) == {"canceled": total}

    async def test_what_was_charged_on_it_is_refunded(self, shop):
        transaction, total = await self.expired(shop, "CHARGE")
        shop.clock.move(hours=7)
        await shop.saleor.release_funds()
        await settle(shop)
        assert shop.amounts(transaction) == {"refunded": total}
        assert refunded(shop) == total

    async def test_both_at_once_are_done_one_after_the_other(self, shop):
        transaction, total = await self.expired(shop, "AUTHORIZATION")
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        shop.clock.move(hours=7)
        await shop.saleor.release_funds()
        await settle(shop)
        assert shop.amounts(transaction) == {"canceled": total - 1000, "refunded": Decimal(1000)}
        assert refunded(shop) == 1000
