"""A payment's timeline tells all that happened, from the storefront's first request to the last report."""

from __future__ import annotations

import json
from decimal import Decimal

from saleor_amazonpay.amazonpay.notifications import Envelope
from saleor_amazonpay.handlers import notifications
from saleor_amazonpay.storage import timeline
from tests.journeys.helpers import break_amazon, charges, mend, payment_of, settle


async def story(shop, transaction):
    """The entries of a payment's timeline."""
    services, payment = shop.running.services, await payment_of(shop, transaction)
    await services.chronicle.write()
    return await services.database.read(lambda session: timeline.of_payment(session, payment.id))


def lines(entries, *kinds):
    """Each entry as its kind and what it is about."""
    told = [(entry.kind, entry.detail) for entry in entries if not kinds or entry.kind in kinds]
    return [
        f"{kind} {detail.get('operation') or detail.get('event') or detail.get('type') or detail.get('object')}"
        for kind, detail in told
    ]


class TestAPurchase:
    async def test_is_told_from_beginning_to_end(self, shop):
        transaction = await shop.authorized("3000")
        await settle(shop)
        assert lines(await story(shop, transaction)) == [
            "request transaction_initialize_session",
            "call update_checkout_session",
            "answer transaction_initialize_session",
            "request transaction_process_session",
            "call complete_checkout_session",
            "call get_charge",
            "decision complete",
            "answer transaction_process_session",
            "report AUTHORIZATION_SUCCESS",
        ]

    async def test_every_call_has_amazons_request_id_and_status(self, shop):
        transaction = await shop.authorized("3000")
        calls = [entry.detail for entry in await story(shop, transaction) if entry.kind == "call"]
        assert calls
        assert all(call["request_id"] and call["status"] == 200 and call["ms"] >= 0 for call in calls)
        [complete] = [call for call in calls if call["operation"] == "complete_checkout_session"]
        assert (complete["amount"], complete["call_state"]) == ("3000 JPY", "done")


class TestActions:
    async def test_a_refund_names_who_asked_and_what_came_of_it(self, shop):
        transaction = await shop.authorized("3000")
        await shop.saleor.staff.request_charge(transaction)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await settle(shop)
        told = await story(shop, transaction)
        requests = [entry.detail for entry in told if entry.kind == "request" and "by" in entry.detail]
        assert [(one["event"], one["by"]) for one in requests] == [
            ("charge", shop.saleor.superuser.id),
            ("refund", shop.saleor.superuser.id),
        ]
        assert [entry.detail["result"] for entry in told if entry.kind == "answer"][-2:] == [
            "CHARGE_SUCCESS",
            "asynchronous",
        ]
        reported = [entry.detail for entry in told if entry.kind == "report"]
        assert [(one["type"], one["amount"]) for one in reported if "postponed" not in one] == [
            ("REFUND_SUCCESS", "500 JPY")
        ]

    async def test_what_was_tried_in_vain_is_told_too(self, shop):
        transaction = await shop.authorized("3000")
        break_amazon(shop, "capture_charge", status=503, times=2)
        await shop.saleor.staff.request_charge(transaction)
        mend(shop)
        tried = [e.detail for e in await story(shop, transaction) if e.detail.get("operation") == "capture_charge"]
        assert [one["status"] for one in tried] == [503, 503, 200]
        assert [one.get("attempt") for one in tried] == [None, 2, 3]
        assert "error" in tried[0]

    async def test_a_report_that_saleor_could_not_take(self, shop):
        transaction = await shop.authorized("3000")
        await shop.saleor.staff.request_charge(transaction)
        with shop.saleor.faults.during("unavailable", "transactionEventReport"):
            await shop.saleor.staff.request_refund(transaction)
            await shop.later(seconds=5)
            await shop.work()
        await settle(shop)
        reported = [entry.detail for entry in await story(shop, transaction) if entry.kind == "report"]
        assert "postponed" in reported[0]
        assert "postponed" not in reported[-1]


class TestElsewhere:
    async def test_a_notification_stands_before_what_it_led_to(self, shop):
        transaction = await shop.authorized("3000")
        await settle(shop)
        [charge] = charges(shop)
        shop.amazon.seller_central.capture(charge["chargeId"])
        message = shop.amazon.ipn.build("AJPMERCHANT000", "CHARGE", charge["chargeId"], charge["chargePermissionId"])
        envelope = Envelope("Notification", "message-1", message["Message"])
        await notifications.receive(shop.running.services, "account-jp", envelope)
        await settle(shop)
        told = await story(shop, transaction)
        [notice] = [entry for entry in told if entry.kind == "notification"]
        assert (notice.detail["amazon_id"], notice.detail["message_id"]) == (charge["chargeId"], "message-1")
        after = lines(told)[told.index(notice) :]
        assert "call get_charge" in after
        assert "report CHARGE_SUCCESS" in after


class TestRedaction:
    async def test_nothing_of_the_buyer_and_no_secret(self, shop):
        transaction = await shop.authorized("3000")
        await shop.saleor.staff.request_charge(transaction)
        await settle(shop)
        text = json.dumps([entry.detail for entry in await story(shop, transaction)])
        buyer = shop.amazon.audit()["permissions"][0]["buyer"]
        for private in (buyer["name"], buyer["email"], buyer["buyerId"], "PRIVATE KEY", shop.app.token):
            assert private not in text
