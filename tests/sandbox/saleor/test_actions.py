"""Charge, refund and cancelation requests, and the release of funds (observed exp4-6, exp8-10, exp12)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio
import pytest
from starlette.responses import JSONResponse, Response

CHARGE, REFUND, CANCEL = (
    "TRANSACTION_CHARGE_REQUESTED",
    "TRANSACTION_REFUND_REQUESTED",
    "TRANSACTION_CANCELATION_REQUESTED",
)


class TestAmounts:
    @pytest.mark.parametrize(("asked", "sent"), [(None, 34.99), ("0", 34.99), ("500", 34.99), ("10.005", 10.0)])
    async def test_the_amount_is_completed_and_cut_down(self, shop: Any, asked: str | None, sent: float) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS", channel="us")
        await shop.standin.staff.request_charge(transaction, Decimal(asked) if asked else None)
        assert shop.stub.of(CHARGE)[0].body["action"]["amount"] == sent

    @pytest.mark.parametrize(
        ("result", "kind", "event"),
        [
            ("AUTHORIZATION_SUCCESS", "REFUND", REFUND),
            ("CHARGE_SUCCESS", "CHARGE", CHARGE),
            ("CHARGE_SUCCESS", "CANCEL", CANCEL),
        ],
    )
    async def test_where_there_is_nothing_the_request_is_sent_with_zero(
        self, shop: Any, result: str, kind: str, event: str
    ) -> None:
        transaction = await shop.paid(result)
        await shop.standin.staff.request_action(transaction, kind)
        assert shop.stub.of(event)[0].body["action"]["amount"] == 0.0

    async def test_two_full_refunds_at_once_are_both_sent_in_full(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        shop.stub.answer(
            REFUND,
            {"result": "REFUND_SUCCESS", "pspReference": "r1"},
            {"result": "REFUND_SUCCESS", "pspReference": "r2"},
        )
        shop.stub.gate = anyio.Event()
        for _ in range(2):
            await shop.standin.staff.request_action(transaction, "REFUND", settle=False)
        shop.stub.gate.set()
        await shop.standin.settle()
        assert [each.body["action"]["amount"] for each in shop.stub.of(REFUND)] == [3500.0, 3500.0]
        assert shop.look(transaction).charged == Decimal(-3500)

    @pytest.mark.parametrize(
        ("result", "event", "kind", "answer", "expected"),
        [
            ("AUTHORIZATION_SUCCESS", CHARGE, "CHARGE", "CHARGE_SUCCESS", {"charged": 500}),
            ("CHARGE_SUCCESS", REFUND, "REFUND", "REFUND_SUCCESS", {"charged": Decimal("-465.01"), "refunded": 500}),
            ("AUTHORIZATION_SUCCESS", CANCEL, "CANCEL", "CANCEL_SUCCESS", {"canceled": 500}),
        ],
    )
    async def test_another_amount_in_the_answer_is_booked_as_it_is(
        self, shop: Any, result: str, event: str, kind: str, answer: str, expected: dict[str, Any]
    ) -> None:
        transaction = await shop.paid(result, channel="us")
        shop.stub.answer(event, {"result": answer, "pspReference": "x", "amount": 500})
        await shop.standin.staff.request_action(transaction, kind)
        item = next(each for each in shop.standin.store.transactions if each.id == transaction)
        assert item.amounts.nonzero() == expected


class TestAnswers:
    async def _charge(self, shop: Any, *replies: Any) -> Any:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        shop.stub.answer(CHARGE, *replies)
        await shop.standin.staff.request_charge(transaction)
        return shop.look(transaction)

    async def test_a_success_charges_and_leaves_the_transactions_reference(self, shop: Any) -> None:
        look = await self._charge(
            shop, {"result": "CHARGE_SUCCESS", "pspReference": "c", "actions": ["REFUND"], "message": "ok"}
        )
        assert (look.authorized, look.charged, look.psp_reference) == (0, 3500, "paid")
        assert look.actions == ("REFUND",)
        assert look.event_types[-2:] == ["CHARGE_REQUEST", "CHARGE_SUCCESS"]
        assert look.events[1].psp_reference == "c"

    async def test_no_result_is_asynchronous_and_pending(self, shop: Any) -> None:
        look = await self._charge(shop, {"pspReference": "c"})
        assert (look.authorized, look.charge_pending) == (0, 3500)
        assert look.event_types[-1] == "CHARGE_REQUEST"

    @pytest.mark.parametrize(
        "reply",
        [
            {"result": "CHARGE_REQUEST", "pspReference": "c"},
            {"result": "REFUND_SUCCESS", "pspReference": "c"},
            {"result": "CHARGE_SUCCESS"},
            {"result": "CHARGE_SUCCESS", "pspReference": "c", "externalUrl": ""},
            {},
        ],
    )
    async def test_anything_else_is_an_uncounted_failure(self, shop: Any, reply: Any) -> None:
        look = await self._charge(shop, reply)
        assert look.event_types[-1] == "CHARGE_FAILURE"
        assert (look.authorized, look.events[0].counted) == (3500, False)

    async def test_a_failure_needs_no_reference(self, shop: Any) -> None:
        look = await self._charge(shop, {"result": "CHARGE_FAILURE", "message": "no"})
        assert (look.event_types[-1], look.events[0].message, look.events[0].counted) == ("CHARGE_FAILURE", "no", True)

    async def test_a_list_leaves_the_request_for_ever(self, shop: Any) -> None:
        assert (await self._charge(shop, [])).event_types[-1] == "CHARGE_REQUEST"

    async def test_400_with_json_is_an_answer(self, shop: Any) -> None:
        reply = JSONResponse({"result": "CHARGE_SUCCESS", "pspReference": "c"}, status_code=400)
        assert (await self._charge(shop, reply)).charged == Decimal(3500)

    async def test_400_with_text_is_a_failure_without_repetition(self, shop: Any) -> None:
        look = await self._charge(shop, Response(b"no", status_code=400))
        assert (look.event_types[-1], look.events[0].message) == ("CHARGE_FAILURE", "Failed to delivery request.")
        assert len(shop.stub.of(CHARGE)) == 1

    async def test_no_answer_in_time_is_a_failure_without_repetition(self, shop: Any) -> None:
        shop.standin.faults.webhook("lost-answer", CHARGE)
        look = await self._charge(shop, {"result": "CHARGE_SUCCESS", "pspReference": "c"})
        assert look.event_types[-1] == "CHARGE_FAILURE"
        assert len(shop.stub.of(CHARGE)) == 1

    async def test_a_late_report_after_it_counts(self, shop: Any) -> None:
        shop.standin.faults.webhook("lost-request", CHARGE)
        look = await self._charge(shop, {})
        await shop.report(look.id, "CHARGE_SUCCESS", "c", 3500)
        assert shop.look(look.id).charged == Decimal(3500)

    async def test_5xx_is_repeated_with_an_empty_signed_body_whose_answer_decides(self, shop: Any) -> None:
        look = await self._charge(shop, Response(status_code=502), {"result": "CHARGE_SUCCESS", "pspReference": "c"})
        first, second = shop.stub.of(CHARGE)
        assert first.raw
        assert (second.raw, second.headers["content-length"]) == (b"", "0")
        assert second.headers["saleor-signature"] == shop.standin.key.sign_detached(b"")
        assert look.charged == Decimal(3500)

    async def test_six_times_5xx_is_a_failure(self, shop: Any) -> None:
        look = await self._charge(shop, Response(status_code=503))
        assert len(shop.stub.of(CHARGE)) == 6
        assert (look.event_types[-1], look.events[0].message) == ("CHARGE_FAILURE", "Failed to delivery request.")


class TestRequests:
    async def test_the_request_event_is_the_newest_and_has_its_own_key(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        await shop.standin.staff.request_charge(transaction)
        body = shop.stub.of(CHARGE)[0].body
        newest = body["transaction"]["events"][0]
        assert (newest["type"], newest["pspReference"]) == ("CHARGE_REQUEST", "")
        assert len(newest["idempotencyKey"]) == 36
        assert newest["createdBy"] == {"__typename": "User"}
        assert body["issuingPrincipal"] is None

    async def test_the_mutation_returns_before_the_webhook_is_answered(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        shop.stub.gate = anyio.Event()
        requested = await shop.standin.staff.request_action(transaction, "CHARGE", settle=False)
        assert requested.errors == ()
        assert shop.look(transaction).event_types[-1] == "CHARGE_REQUEST"
        shop.stub.gate.set()
        await shop.standin.settle()

    async def test_actions_are_not_enforced(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        assert shop.look(transaction).actions == ()
        assert (await shop.standin.staff.request_charge(transaction)).errors == ()

    async def test_an_inactive_app_gets_nothing_and_a_failure_is_written(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        shop.standin.set_active(shop.standin.find_app(shop.installed.id), False)
        requested = await shop.standin.staff.request_charge(transaction)
        assert [problem.code for problem in requested.errors] == ["MISSING_TRANSACTION_ACTION_REQUEST_WEBHOOK"]
        assert shop.look(transaction).event_types[-1] == "CHARGE_FAILURE"
        assert shop.stub.of(CHARGE) == []

    async def test_after_a_reinstallation_the_new_app_gets_the_old_transactions(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        shop.standin.delete_app(shop.standin.find_app(shop.installed.id))
        again = await shop.standin.install_app(f"{shop.stub.url}/manifest")
        await shop.standin.staff.request_refund(transaction)
        assert shop.stub.of(REFUND)[0].body["recipient"]["id"] == again.id


class TestGrantedRefunds:
    async def _granted(self, shop: Any, amount: str = "1500") -> tuple[str, str]:
        transaction = await shop.paid("CHARGE_SUCCESS", order=True)
        order = shop.look(transaction).order_id
        return transaction, (await shop.standin.staff.grant_refund(order, transaction, Decimal(amount), "broken")).id

    def _status(self, shop: Any) -> str:
        return shop.standin.store.granted_refunds[0].status

    async def test_the_request_names_the_granted_refund(self, shop: Any) -> None:
        _, refund = await self._granted(shop)
        await shop.standin.staff.request_granted_refund(refund)
        body = shop.stub.of(REFUND)[0].body
        assert body["grantedRefund"] == {"id": refund, "amount": {"amount": 1500.0}, "status": "NONE"}
        assert body["action"]["amount"] == 1500.0
        assert body["transaction"]["events"][0]["createdBy"] is None

    async def test_asynchronous_is_pending_and_the_report_of_that_reference_ends_it(self, shop: Any) -> None:
        transaction, refund = await self._granted(shop)
        shop.stub.answer(REFUND, {"pspReference": "r"})
        await shop.standin.staff.request_granted_refund(refund)
        assert self._status(shop) == "PENDING"
        again = await shop.standin.staff.request_granted_refund(refund)
        assert [problem.code for problem in again.errors] == ["REFUND_IS_PENDING"]
        await shop.report(transaction, "REFUND_SUCCESS", "r", 1500)
        assert self._status(shop) == "SUCCESS"
        again = await shop.standin.staff.request_granted_refund(refund)
        assert [problem.code for problem in again.errors] == ["REFUND_ALREADY_PROCESSED"]

    async def test_a_report_of_another_reference_is_not_tied_to_it(self, shop: Any) -> None:
        transaction, refund = await self._granted(shop)
        shop.stub.answer(REFUND, {"pspReference": "r"})
        await shop.standin.staff.request_granted_refund(refund)
        await shop.report(transaction, "REFUND_SUCCESS", "other", 1500)
        assert self._status(shop) == "PENDING"

    async def test_after_a_failure_it_can_be_requested_again(self, shop: Any) -> None:
        _, refund = await self._granted(shop)
        shop.stub.answer(REFUND, {"result": "REFUND_FAILURE"}, {"result": "REFUND_SUCCESS", "pspReference": "r"})
        await shop.standin.staff.request_granted_refund(refund)
        assert self._status(shop) == "FAILURE"
        await shop.standin.staff.request_granted_refund(refund)
        assert self._status(shop) == "SUCCESS"

    async def test_it_lowers_what_the_order_has_to_cover(self, shop: Any) -> None:
        transaction, _ = await self._granted(shop)
        order = shop.standin.order(shop.look(transaction).order_id)
        assert order.charge_status == "OVERCHARGED"
        assert order.total_balance.amount == Decimal(1500)


class TestReleaseOfFunds:
    async def _expired(self, shop: Any, result: str) -> str:
        settings = shop.standin.channel("default-jp").payment_settings
        settings.release_funds_for_expired_checkouts = True
        transaction = await shop.paid(result)
        shop.clock.move(hours=7)
        return transaction

    @pytest.mark.parametrize(("result", "event"), [("AUTHORIZATION_SUCCESS", CANCEL), ("CHARGE_SUCCESS", REFUND)])
    async def test_what_is_held_is_given_back_whole_by_nobody(self, shop: Any, result: str, event: str) -> None:
        transaction = await self._expired(shop, result)
        assert await shop.standin.release_funds() == [transaction]
        body = shop.stub.of(event)[0].body
        assert (body["action"]["amount"], body["issuingPrincipal"]) == (3500.0, None)
        assert body["transaction"]["events"][0]["createdBy"] is None
        assert body["transaction"]["order"] is None
        assert body["transaction"]["checkout"]["id"]

    @pytest.mark.parametrize("result", ["CHARGE_REQUEST", "CHARGE_ACTION_REQUIRED"])
    async def test_pending_and_unfinished_are_left_alone(self, shop: Any, result: str) -> None:
        await self._expired(shop, result)
        assert await shop.standin.release_funds() == []

    async def test_it_waits_for_the_time_to_live(self, shop: Any) -> None:
        await self._expired(shop, "CHARGE_SUCCESS")
        shop.clock.move(hours=-2)
        assert await shop.standin.release_funds() == []

    async def test_after_a_failure_it_is_not_tried_again(self, shop: Any) -> None:
        await self._expired(shop, "CHARGE_SUCCESS")
        shop.stub.answer(REFUND, {"result": "REFUND_FAILURE"})
        assert len(await shop.standin.release_funds()) == 1
        shop.clock.move(hours=7)
        assert await shop.standin.release_funds() == []
