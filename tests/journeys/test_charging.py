"""Charge requests: captures, charges beyond the first capture, what Amazon decides later, and the same asked twice."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from tests.journeys.helpers import (
    CHARGE,
    break_amazon,
    captured,
    charges,
    last_answer,
    lost_request,
    operations_of,
    report_states,
    reports_of,
    send_again,
    send_body,
    settle,
    silence,
)
from tests.journeys.test_paying import breaks

FACT = ("result", "pspReference", "amount", "time")


def fact(answer):
    return {name: answer[name] for name in FACT}


def total_of(shop, transaction):
    return shop.transaction(transaction).authorized


class TestHowMuch:
    async def test_the_whole_is_captured_and_only_a_refund_is_left_to_do(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.transaction(transaction).actions == ("REFUND",)
        assert captured(shop) == total

    @pytest.mark.parametrize(
        ("channel", "host"), [("default-jp", "sellercentral.amazon.co.jp"), ("us", "sellercentral.amazon.com")]
    )
    async def test_every_outcome_leads_to_the_payment_in_seller_central(self, shop, channel, host):
        """The Dashboard links an event's reference to its externalUrl: paid, captured and (by a report) refunded."""
        transaction = await shop.authorized(channel=channel)
        await shop.saleor.staff.request_charge(transaction)
        await shop.saleor.staff.request_refund(transaction)
        await settle(shop, transaction)
        [charge] = charges(shop)
        page = f"https://{host}/external-payments/pmd/payment-details?orderReferenceId={charge['chargePermissionId']}"
        outcomes = [each for each in shop.transaction(transaction).events if each.type.endswith("_SUCCESS")]
        assert {each.type: each.external_url for each in outcomes} == dict.fromkeys(
            ("AUTHORIZATION_SUCCESS", "CHARGE_SUCCESS", "REFUND_SUCCESS"), page
        )

    @pytest.mark.parametrize(("channel", "part"), [("default-jp", "1"), ("us", "0.01")])
    async def test_the_least_part_leaves_all_the_rest(self, shop, channel, part):
        transaction = await shop.authorized(channel=channel)
        total = total_of(shop, transaction)
        await shop.saleor.staff.request_charge(transaction, Decimal(part))
        assert shop.amounts(transaction) == {"charged": Decimal(part), "authorized": total - Decimal(part)}
        assert set(shop.transaction(transaction).actions) == {"CHARGE", "CANCEL", "REFUND"}
        assert captured(shop) == Decimal(part)

    @pytest.mark.parametrize("channel", ["default-jp", "us"])
    async def test_parts_add_up_to_the_whole(self, any_shop, channel):
        shop = any_shop
        transaction = await shop.authorized(channel=channel)
        total = total_of(shop, transaction)
        for part in (Decimal(10), Decimal(7), Decimal(5)):
            await shop.saleor.staff.request_charge(transaction, part)
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}
        assert captured(shop) == total
        assert (shop.amazon.count("capture_charge"), shop.amazon.count("create_charge")) == (1, 3)

    async def test_more_than_is_authorized_is_what_saleor_makes_of_it(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        await shop.saleor.staff.request_charge(transaction, Decimal(999_999))
        assert shop.amounts(transaction) == {"charged": total}

    async def test_nothing_left_to_charge_is_a_failure_with_a_reason(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        await shop.saleor.staff.request_charge(transaction)
        await shop.saleor.staff.request_charge(transaction)
        assert last_answer(shop, CHARGE)["result"] == "CHARGE_FAILURE"
        assert "nothing left to charge" in last_answer(shop, CHARGE)["message"]
        assert shop.amounts(transaction) == {"charged": total}
        assert len(charges(shop)) == 1

    @pytest.mark.parametrize(
        ("action", "words"),
        [
            ({"amount": 1_000_000}, "at most"),
            ({"amount": 1000.5}, "1000.5"),
            ({"amount": -5}, ""),
            ({"currency": "USD", "amount": 10}, "JPY"),
            ({"currency": "XXX", "amount": 10}, ""),
        ],
        ids=["too much", "decimals in yen", "negative", "another currency", "no currency"],
    )
    async def test_an_amount_that_cannot_be_charged_is_a_failure_with_a_reason(self, shop, action, words):
        transaction = await shop.authorized()
        before = shop.amounts(transaction)
        lost = await lost_request(shop, "CHARGE", transaction, Decimal(1000))
        payload = json.loads(lost.body)
        payload["action"] |= action
        for event in payload["transaction"]["events"]:
            event["amount"] = {"amount": payload["action"]["amount"], "currency": payload["action"]["currency"]}
        answer = await send_body(shop, CHARGE, json.dumps(payload).encode())
        assert (answer.status, answer.json["result"]) == (200, "CHARGE_FAILURE")
        assert answer.json["message"]
        assert words in answer.json["message"]
        await settle(shop)
        assert shop.amounts(transaction) == before
        assert captured(shop) == 0


class TestAfterTheAuthorization:
    async def test_an_expired_authorization_is_charged_on_the_permission(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        shop.clock.move(days=3)
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}
        assert (shop.amazon.count("capture_charge"), shop.amazon.count("create_charge")) == (1, 1)
        assert [charge["statusDetails"]["state"] for charge in charges(shop)] == ["Canceled", "Captured"]
        assert shop.last_event(transaction, "CHARGE_SUCCESS").psp_reference == charges(shop)[1]["chargeId"]

    async def test_a_part_after_expiry_leaves_the_rest_chargeable(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        shop.clock.move(days=3)
        await shop.saleor.staff.request_charge(transaction, Decimal(800))
        assert shop.amounts(transaction) == {"charged": Decimal(800), "authorized": total - 800}
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}

    async def test_a_permission_the_buyer_closed_cannot_be_charged(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(500))
        [permission] = shop.amazon.audit()["permissions"]
        shop.amazon.buyer_account.close_permission(permission["chargePermissionId"])
        await shop.saleor.staff.request_charge(transaction, Decimal(300))
        answer = last_answer(shop, CHARGE)
        assert answer["result"] == "CHARGE_FAILURE"
        assert answer["message"]
        assert answer["actions"] == ["REFUND"]
        assert shop.amounts(transaction)["charged"] == 500

    async def test_a_charge_that_is_captured_at_amazon_already_is_not_captured_twice(self, shop):
        transaction = await shop.authorized()
        [charge] = charges(shop)
        shop.amazon.seller_central.capture(charge["chargeId"])
        await shop.saleor.staff.request_charge(transaction)
        assert captured(shop) == Decimal(charge["chargeAmount"]["amount"])
        assert len(charges(shop)) == 1

    async def test_a_buyer_whose_card_is_gone_is_named_as_the_one_who_has_to_act(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(500))
        [permission] = shop.amazon.audit()["permissions"]
        shop.amazon.buyer_account.break_payment_method(permission["chargePermissionId"])
        await shop.saleor.staff.request_charge(transaction, Decimal(300))
        assert last_answer(shop, CHARGE)["result"] == "CHARGE_FAILURE"
        assert "buyer" in last_answer(shop, CHARGE)["message"]
        shop.amazon.buyer_account.change_payment_method(permission["chargePermissionId"])
        await shop.saleor.staff.request_charge(transaction, Decimal(400))
        assert shop.amounts(transaction)["charged"] == 900

    async def test_a_capture_after_seven_days_is_decided_later_and_told_with_the_same_reference(self, live_shop):
        shop = live_shop
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        shop.clock.move(days=8)
        await shop.saleor.staff.request_charge(transaction)
        answer = last_answer(shop, CHARGE)
        assert "result" not in answer
        assert shop.amounts(transaction) == {"charge_pending": total}
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.last_event(transaction, "CHARGE_SUCCESS").psp_reference == answer["pspReference"]

    async def test_the_same_while_amazon_decides_is_refused(self, live_shop):
        shop = live_shop
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        shop.clock.move(days=8)
        await shop.saleor.staff.request_charge(transaction, Decimal(600))
        await shop.saleor.staff.request_charge(transaction, Decimal(600))
        assert last_answer(shop, CHARGE)["result"] == "CHARGE_FAILURE"
        assert "under way" in last_answer(shop, CHARGE)["message"]
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(600), "authorized": total - 600}


class TestHoldingTheRestAgain:
    async def test_a_new_charge_holds_the_rest_at_once(self, shop):
        await shop.update_options(after_partial_capture="reauthorize")
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await shop.until(lambda: len(charges(shop, "Authorized")) == 1)
        [held] = charges(shop, "Authorized")
        assert Decimal(held["chargeAmount"]["amount"]) == total - 1000
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "authorized": total - 1000}
        assert set(shop.transaction(transaction).actions) == {"CHARGE", "CANCEL", "REFUND"}
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.amazon.count("capture_charge") == 2

    async def test_a_decline_lowers_what_saleor_shows_as_authorized(self, shop):
        await shop.update_options(after_partial_capture="reauthorize")
        transaction = await shop.authorized()
        break_amazon(shop, "create_charge", reason_code="HardDeclined")
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(1000)}
        assert shop.last_event(transaction, "AUTHORIZATION_ADJUSTMENT").amount == 1000
        assert "could not be held again" in shop.last_event(transaction, "INFO").message
        assert shop.transaction(transaction).actions == ("REFUND",)


class TestTheSameAgain:
    async def test_within_a_minute_it_is_refused_and_says_when(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        assert last_answer(shop, CHARGE)["result"] == "CHARGE_FAILURE"
        assert "wait 60 s" in last_answer(shop, CHARGE)["message"]
        assert shop.amounts(transaction) == {"charged": Decimal(700), "authorized": total - 700}
        assert captured(shop) == 700

    async def test_later_it_is_a_second_request(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        shop.clock.move(seconds=61)
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        assert last_answer(shop, CHARGE)["result"] == "CHARGE_SUCCESS"
        assert shop.amounts(transaction)["charged"] == captured(shop) == 1400

    async def test_after_a_failure_it_may_be_asked_at_once(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        break_amazon(shop, "capture_charge", reason_code="AmazonRejected")
        await shop.saleor.staff.request_charge(transaction)
        assert last_answer(shop, CHARGE)["result"] == "CHARGE_FAILURE"
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}
        keys = {call.idempotency_key for call in shop.amazon.calls if call.operation == "capture_charge"}
        assert len(keys) == 2

    async def test_another_amount_is_another_request(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        await shop.saleor.staff.request_charge(transaction, Decimal(701))
        assert shop.amounts(transaction)["charged"] == captured(shop) == 1401

    async def test_the_same_bytes_are_the_same_request_for_ever(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        first = last_answer(shop, CHARGE)
        shop.clock.move(hours=2)
        again = await send_again(shop, shop.saleor.deliveries_of(CHARGE)[-1])
        assert fact(again.json) == fact(first)
        assert captured(shop) == 700

    async def test_the_same_bytes_twice_at_once_are_one_request(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        lost = await lost_request(shop, "CHARGE", transaction)
        break_amazon(shop, "capture_charge", delay=0.3)
        answers = await asyncio.gather(*(send_again(shop, lost) for _ in range(4)))
        assert {json.dumps(fact(answer.json)) for answer in answers} == {json.dumps(fact(answers[0].json))}
        assert answers[0].json["result"] == "CHARGE_SUCCESS"
        assert shop.amazon.count("capture_charge") == 1
        await send_again(shop, lost)
        assert captured(shop) == total

    async def test_a_request_whose_event_is_taken_is_the_next_unclaimed_one(self, shop):
        transaction = await shop.authorized()
        lost = await lost_request(shop, "CHARGE", transaction, Decimal(700))
        await send_again(shop, lost)
        payload = json.loads(lost.body)
        payload["issuedAt"] = shop.clock.now().isoformat()
        resent = await send_body(shop, CHARGE, json.dumps(payload).encode())
        assert resent.json["result"] == "CHARGE_SUCCESS"
        assert captured(shop) == 700

    async def test_saleors_own_empty_repetition_decides_nothing(self, shop):
        transaction = await shop.authorized()
        empty = await send_body(shop, CHARGE, b"")
        assert empty.status == 400
        assert empty.json is None
        assert captured(shop) == 0
        assert "CHARGE_SUCCESS" not in shop.transaction(transaction).event_types


class TestTwoRequestsAtOnce:
    async def test_the_second_is_answered_asynchronously_and_done_after(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        break_amazon(shop, "capture_charge", delay=0.5)
        await shop.saleor.staff.request_action(transaction, "CHARGE", Decimal(1000), settle=False)
        await asyncio.sleep(0.25)
        await shop.saleor.staff.request_action(transaction, "CHARGE", Decimal(500), settle=False)
        await shop.saleor.settle()
        first, second = (delivery.json for delivery in shop.saleor.deliveries_of(CHARGE))
        assert first["result"] == "CHARGE_SUCCESS"
        assert "result" not in second
        await shop.until(lambda: shop.transaction(transaction).charged == 1500)
        assert shop.amounts(transaction) == {"charged": Decimal(1500), "authorized": total - 1500}
        events = [e for e in shop.transaction(transaction).events if e.type == "CHARGE_SUCCESS"]
        assert second["pspReference"] in {event.psp_reference for event in events}
        assert captured(shop) == 1500

    async def test_two_requests_for_the_whole_charge_it_once(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        break_amazon(shop, "capture_charge", delay=0.3)
        await shop.saleor.staff.request_action(transaction, "CHARGE", settle=False)
        await shop.saleor.staff.request_action(transaction, "CHARGE", settle=False)
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}
        assert captured(shop) == total

    async def test_a_cancel_during_a_capture_waits_and_finds_nothing_to_cancel(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        break_amazon(shop, "capture_charge", delay=0.5)
        await shop.saleor.staff.request_action(transaction, "CHARGE", settle=False)
        await asyncio.sleep(0.25)
        await shop.saleor.staff.request_action(transaction, "CANCEL", settle=False)
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}
        assert "CANCEL_FAILURE" in shop.transaction(transaction).event_types


class TestWhenAmazonIsNotHeard:
    @breaks
    async def test_a_capture_is_finished_by_a_job_and_told_once(self, shop, fault):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        silence(shop, "capture_charge", times=2, **fault)
        await shop.saleor.staff.request_charge(transaction, Decimal(900))
        answer = last_answer(shop, CHARGE)
        assert answer.get("result") in {None, "CHARGE_SUCCESS"}
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(900), "authorized": total - 900}
        [success] = [e for e in shop.transaction(transaction).events if e.type == "CHARGE_SUCCESS"]
        assert success.psp_reference == answer["pspReference"]
        sent = [call for call in shop.amazon.calls if call.operation == "capture_charge"]
        assert len({(call.idempotency_key, call.raw_body) for call in sent}) == 1
        assert captured(shop) == 900

    @breaks
    async def test_a_charge_of_the_rest_is_made_once(self, shop, fault):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        await shop.saleor.staff.request_charge(transaction, Decimal(900))
        silence(shop, "create_charge", times=2, **fault)
        await shop.saleor.staff.request_charge(transaction, Decimal(100))
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "authorized": total - 1000}
        assert captured(shop) == 1000
        assert len(charges(shop)) == 2

    async def test_a_balance_that_cannot_be_read_leaves_the_charge_open_until_it_can(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        silence(shop, "get_charge_permission", times=3, timeout_before=True)
        await shop.saleor.staff.request_charge(transaction, Decimal(900))
        assert "result" not in last_answer(shop, CHARGE)
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": Decimal(900), "authorized": total - 900}
        assert shop.amazon.count("capture_charge") == 1

    async def test_a_silent_amazon_is_asked_until_it_speaks(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        silence(shop, "capture_charge", times=9, status=503)
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charge_pending": total}
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}


class TestWhatSaleorIsTold:
    async def test_a_lost_answer_is_reported_as_the_very_same_fact(self, shop):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        shop.saleor.faults.webhook("lost-answer", CHARGE)
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"authorized": total}
        [operation] = [o for o in await operations_of(shop, transaction) if o.kind == "charge"]
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}
        told = shop.last_event(transaction, "CHARGE_SUCCESS")
        assert told.psp_reference == operation.psp_reference == charges(shop)[0]["chargeId"]
        assert told.created_at == operation.result_time
        assert shop.transaction(transaction).actions == ("REFUND",)

    async def test_the_report_waits_a_minute_and_is_one_with_the_answer(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction)
        answer = last_answer(shop, CHARGE)
        await shop.work()
        assert ("CHARGE_SUCCESS", "due") in await report_states(shop, transaction)
        await shop.later(seconds=61)
        assert ("CHARGE_SUCCESS", "delivered") in await report_states(shop, transaction)
        [report] = [r for r in await reports_of(shop, transaction) if r.fact.type == "CHARGE_SUCCESS"]
        assert report.fact.reference == answer["pspReference"]
        assert shop.transaction(transaction).event_types.count("CHARGE_SUCCESS") == 1

    async def test_what_a_later_payload_shows_is_not_reported(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        await shop.saleor.staff.request_charge(transaction, Decimal(300))
        states = await report_states(shop, transaction)
        assert states[:2] == [("AUTHORIZATION_SUCCESS", "dropped"), ("CHARGE_SUCCESS", "dropped")]

    @pytest.mark.parametrize("kind", ["unavailable", "graphql-error", "lost-answer", "not-json"])
    async def test_a_saleor_that_is_down_is_told_when_it_is_back(self, shop, kind):
        transaction = await shop.authorized()
        total = total_of(shop, transaction)
        shop.saleor.faults.webhook("lost-answer", CHARGE)
        await shop.saleor.staff.request_charge(transaction)
        shop.saleor.faults.api(kind, "transactionEventReport", times=3)
        await settle(shop)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.transaction(transaction).event_types.count("CHARGE_SUCCESS") == 1

    async def test_a_report_saleor_refuses_for_good_does_not_stop_the_next(self, shop):
        transaction = await shop.authorized()
        shop.saleor.faults.webhook("lost-answer", CHARGE)
        await shop.saleor.staff.request_charge(transaction, Decimal(700))
        [item] = [it for it in shop.saleor.store.transactions if it.id == transaction]
        await shop.saleor.staff.request_charge(transaction, Decimal(300))
        shop.saleor.store.transactions.remove(item)
        await shop.later(seconds=61)
        shop.saleor.store.transactions.append(item)
        states = [state for _, state in await report_states(shop, transaction)]
        assert "dead" in states
        assert "due" not in states
