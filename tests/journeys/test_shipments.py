"""Shipments: Amazon is told of parcels once, and what has left is captured once, however Saleor tells it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from saleor_amazonpay.storage import delivery_trackers as tracker_rows
from saleor_amazonpay.storage import problems as problem_rows
from tests.journeys.helpers import (
    break_amazon,
    captured,
    event_types,
    operations_of,
    payment_of,
    send_body,
    settle,
    write_metadata,
)

TRACKING, CREATED, APPROVED = (
    "FULFILLMENT_TRACKING_NUMBER_UPDATED",
    "FULFILLMENT_CREATED",
    "FULFILLMENT_APPROVED",
)
TWO_LINES = (("CUP-1", 2), ("POT-1", 1))  # 2 x 3000 + 12800 + 500 shipping = 19300 JPY


async def ordered(shop, lines=TWO_LINES, *, strategy="AUTHORIZATION", **options):
    """A paid order of the Japanese channel: its id and its transaction's."""
    if options:
        await shop.update_options(**options)
    shop.flow("default-jp", strategy)
    checkout = shop.saleor.create_checkout("default-jp", lines)
    transaction = await shop.pay(checkout.id)
    done = await shop.saleor.storefront.checkout_complete(checkout.id)
    return done.order_id, transaction


def told(shop):
    """What Amazon was told: permission, number, carrier."""
    return [
        (call.body["chargePermissionId"], *call.body["deliveryDetails"][0].values())
        for call in shop.amazon.calls
        if call.operation == "create_delivery_tracker"
    ]


def numbers(shop):
    return [number for _, number, _ in told(shop)]


async def shipment_problems(shop):
    found = await shop.running.services.database.read(lambda s: problem_rows.of_tenant(s, shop.saleor.api_url))
    return {problem.key.partition("-")[0]: problem.message for problem in found}


async def trackers_of(shop, transaction):
    payment = await payment_of(shop, transaction)
    return await shop.running.services.database.read(lambda s: tracker_rows.of_payment(s, payment.id))


class TestTrackers:
    async def test_amazon_is_told_once_whatever_saleor_sends(self, any_shop):
        shop = any_shop
        order, transaction = await ordered(shop, default_carrier="TAQBIN_JP")
        made = await shop.saleor.staff.fulfill(order, "1Z-1")
        assert {d.event for d in shop.saleor.deliveries} >= {TRACKING, CREATED, APPROVED}
        assert all(d.status == 200 for d in shop.saleor.deliveries if d.event.startswith("FULFILLMENT"))
        await shop.until(lambda: numbers(shop) == ["1Z-1"])
        await shop.saleor.staff.update_tracking(made.id, "1Z-1")
        await shop.work()
        permission = (await payment_of(shop, transaction)).charge_permission_id
        assert told(shop) == [(permission, "1Z-1", "TAQBIN_JP")]

        await shop.saleor.staff.update_tracking(made.id, "1Z-2")
        await shop.until(lambda: len(numbers(shop)) == 2)
        assert numbers(shop) == ["1Z-1", "1Z-2"]
        assert [tracker.state for tracker in await trackers_of(shop, transaction)] == ["sent", "sent"]

    @pytest.mark.parametrize(
        ("where", "said", "code"),
        [
            ("private_metadata", "SAGAWA", "SAGAWA"),
            ("metadata", "ヤマト運輸", "TAQBIN_JP"),
            ("private_metadata", "Japan Post", "JAPAN_POST"),
        ],
    )
    async def test_the_fulfillment_names_its_carrier_by_code_or_name(self, shop, where, said, code):
        order, transaction = await ordered(shop, default_carrier="UPS")
        made = await shop.saleor.staff.fulfill(order)
        fulfillment = next(f for f in shop.saleor.store.fulfillments if f.id == made.id)
        getattr(fulfillment, where)["amazonPay.carrierCode"] = said
        await shop.saleor.staff.update_tracking(made.id, "1Z-1")
        await settle(shop, transaction)
        assert [carrier for _, _, carrier in told(shop)] == [code]

    async def test_a_carrier_written_after_the_number_is_told_with_it(self, any_shop):
        shop = any_shop
        order, _ = await ordered(shop)
        made = await shop.saleor.staff.fulfill(order, "1Z-1")
        await shop.work()
        assert told(shop) == []
        await write_metadata(shop, made.id, "amazonPay.carrierCode", "SAGAWA")
        assert shop.saleor.deliveries_of("FULFILLMENT_METADATA_UPDATED")[-1].status == 200
        await shop.until(lambda: bool(told(shop)))
        assert [(number, carrier) for _, number, carrier in told(shop)] == [("1Z-1", "SAGAWA")]
        await write_metadata(shop, made.id, "amazonPay.carrierCode", "UPS")  # a number is told once
        await shop.work()
        assert len(told(shop)) == 1

    async def test_other_metadata_changes_nothing_and_never_captures(self, shop):
        order, transaction = await ordered(shop)
        made = await shop.saleor.staff.fulfill(order, "1Z-1")
        await settle(shop, transaction)
        before = shop.amounts(transaction)
        await shop.update_options(capture_on_shipment="full")
        await write_metadata(shop, made.id, "warehouse.box", "7")
        await settle(shop, transaction)
        assert (told(shop), shop.amounts(transaction)) == ([], before)
        await shop.saleor.staff.update_tracking(made.id, "1Z-2")  # which is news of the shipment itself
        await settle(shop, transaction)
        assert shop.amounts(transaction) != before

    async def test_without_any_carrier_nothing_is_told_and_nobody_is_bothered(self, shop):
        order, transaction = await ordered(shop)
        await shop.saleor.staff.fulfill(order, "1Z-1")
        await settle(shop, transaction)
        assert told(shop) == []
        assert await shipment_problems(shop) == {}

    async def test_an_unknown_carrier_is_shown_and_told_once_it_is_right(self, shop):
        order, transaction = await ordered(shop, default_carrier="UPS")
        made = await shop.saleor.staff.fulfill(order)
        fulfillment = next(f for f in shop.saleor.store.fulfillments if f.id == made.id)
        fulfillment.metadata["amazonPay.carrierCode"] = "our own van"
        await shop.saleor.staff.update_tracking(made.id, "1Z-1")
        await settle(shop, transaction)
        assert told(shop) == []
        assert "our own van" in (await shipment_problems(shop))["tracker"]

        fulfillment.metadata["amazonPay.carrierCode"] = "NO_SUCH_CARRIER"  # looks like a code: Amazon decides
        await shop.saleor.staff.update_tracking(made.id, "1Z-1")
        await settle(shop, transaction)
        assert "InvalidParameterValue" in (await shipment_problems(shop))["tracker"]

        fulfillment.metadata["amazonPay.carrierCode"] = "SAGAWA"
        await shop.saleor.staff.update_tracking(made.id, "1Z-1")
        await settle(shop, transaction)
        assert [t.state for t in await trackers_of(shop, transaction)] == ["sent"]
        assert await shipment_problems(shop) == {}

    async def test_a_number_used_before_is_refused_and_shown(self, shop):
        order, transaction = await ordered(shop, default_carrier="UPS")
        await shop.saleor.staff.fulfill(order, "1Z-1")
        await settle(shop, transaction)
        other, again = await ordered(shop, default_carrier="UPS")
        await shop.saleor.staff.fulfill(other, "1Z-1")
        await settle(shop, again)
        assert [t.state for t in await trackers_of(shop, again)] == ["refused"]
        assert "1Z-1" in (await shipment_problems(shop))["tracker"]

    async def test_what_waits_for_approval_is_told_when_it_leaves(self, shop):
        shop.saleor.channel("default-jp").order_settings.fulfillments_are_approved_at_once = False
        order, transaction = await ordered(shop, default_carrier="UPS", capture_on_shipment="full")
        made = await shop.saleor.staff.fulfill(order, "1Z-1")
        await settle(shop, transaction)
        assert (told(shop), captured(shop)) == ([], 0)
        await shop.saleor.staff.approve_fulfillment(made.id)
        await settle(shop, transaction)
        assert numbers(shop) == ["1Z-1"]
        assert captured(shop) == 19300

    async def test_amazon_away_the_tracker_is_told_later_with_the_same_key(self, shop):
        order, _ = await ordered(shop, default_carrier="UPS")
        break_amazon(shop, "create_delivery_tracker", status=503, times=8)
        await shop.saleor.staff.fulfill(order, "1Z-1")

        def done():
            return any(c.status == 200 for c in shop.amazon.calls if c.operation == "create_delivery_tracker")

        await shop.until(done)
        keys = {c.idempotency_key for c in shop.amazon.calls if c.operation == "create_delivery_tracker"}
        assert len(keys) == 1

    async def test_each_payment_of_ours_is_told_and_other_apps_are_left_alone(self, shop):
        await shop.update_options(default_carrier="UPS")
        shop.flow("default-jp", "AUTHORIZATION")
        checkout = shop.saleor.create_checkout("default-jp", TWO_LINES, gift_card=Decimal(1000))
        first = await shop.pay(checkout.id, amount=Decimal(8000))
        second = await shop.pay(checkout.id)
        done = await shop.saleor.storefront.checkout_complete(checkout.id)
        await shop.saleor.staff.fulfill(done.order_id, "1Z-1")
        await settle(shop, first, second)
        permissions = {(await payment_of(shop, it)).charge_permission_id for it in (first, second)}
        assert {permission for permission, _, _ in told(shop)} == permissions
        assert len(told(shop)) == 2

    async def test_orders_that_are_not_ours_cost_nothing(self, shop):
        order = shop.saleor.create_order("default-jp")
        await shop.saleor.staff.fulfill(order.id, "1Z-1")
        await shop.work()
        assert (told(shop), shop.saleor.deliveries_of(TRACKING)[-1].status) == ([], 200)


class TestCaptureOnShipment:
    async def test_off_is_the_default(self, shop):
        order, transaction = await ordered(shop)
        await shop.saleor.staff.fulfill(order, "1Z-1")
        await settle(shop, transaction)
        assert shop.amounts(transaction) == {"authorized": 19300}

    async def test_full_captures_everything_with_the_first_shipment(self, any_shop):
        shop = any_shop
        order, transaction = await ordered(shop, capture_on_shipment="full")
        await shop.saleor.staff.fulfill(order, quantities=[1, 0])
        await shop.until(lambda: shop.amounts(transaction) == {"charged": 19300})
        assert event_types(shop, transaction, "CHARGE") == ["CHARGE_SUCCESS"]
        await shop.saleor.staff.fulfill(order)
        await shop.work()
        assert captured(shop) == 19300
        assert len([o for o in await operations_of(shop, transaction) if o.kind == "charge"]) == 1

    async def test_lines_captures_what_left_with_shipping_first_and_the_rest_last(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="lines")
        await shop.saleor.staff.fulfill(order, quantities=[1, 0])
        await settle(shop, transaction)
        assert shop.amounts(transaction) == {"charged": 3500, "authorized": 15800}
        await shop.saleor.staff.fulfill(order, "1Z-2", quantities=[0, 1])
        await settle(shop, transaction)
        assert shop.amounts(transaction) == {"charged": 16300, "authorized": 3000}
        await shop.saleor.staff.fulfill(order, "1Z-3")
        await settle(shop, transaction)
        assert shop.amounts(transaction) == {"charged": 19300}

    async def test_the_same_event_again_captures_nothing_more(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="lines")
        await shop.saleor.staff.fulfill(order, "1Z-1", quantities=[1, 0])
        events = [shop.saleor.deliveries_of(name)[-1] for name in (CREATED, TRACKING)]
        await settle(shop, transaction)
        for delivery in events * 2:
            again = await send_body(shop, delivery.event, delivery.body)
            assert again.status == 200
        await settle(shop, transaction)
        assert captured(shop) == 3500

    async def test_what_was_returned_before_it_was_charged_is_not_charged(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="lines")
        await shop.saleor.staff.fulfill(order, quantities=[1, 0])
        await settle(shop, transaction)
        first = shop.saleor.order(order).fulfillments[0]
        first.status = "RETURNED"
        await shop.saleor.staff.fulfill(order, quantities=[1, 0])
        await settle(shop, transaction)
        assert captured(shop) == 3500  # one cup kept, one cup paid

    async def test_what_was_given_back_is_not_captured_again(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="lines")
        await shop.saleor.staff.fulfill(order, quantities=[1, 0])
        await settle(shop, transaction)
        await shop.saleor.staff.request_refund(transaction, Decimal(3000))
        await settle(shop, transaction)
        await shop.saleor.staff.fulfill(order)
        await settle(shop, transaction)
        assert shop.amounts(transaction) == {"charged": 16300, "refunded": 3000}

    async def test_what_staff_captured_counts_whoever_is_first(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="lines")
        await shop.saleor.staff.request_charge(transaction, Decimal(3000))
        await shop.saleor.staff.fulfill(order, quantities=[1, 0])
        await settle(shop, transaction)
        assert captured(shop) == 3500

    async def test_a_gift_card_pays_its_part(self, shop):
        await shop.update_options(capture_on_shipment="full")
        shop.flow("default-jp", "AUTHORIZATION")
        checkout = shop.saleor.create_checkout("default-jp", TWO_LINES, gift_card=Decimal(1000))
        transaction = await shop.pay(checkout.id)
        done = await shop.saleor.storefront.checkout_complete(checkout.id)
        await shop.saleor.staff.fulfill(done.order_id)
        await settle(shop, transaction)
        assert captured(shop) == 18300

    async def test_two_payments_share_what_is_due(self, shop):
        await shop.update_options(capture_on_shipment="full")
        shop.flow("default-jp", "AUTHORIZATION")
        checkout = shop.saleor.create_checkout("default-jp", TWO_LINES)
        first = await shop.pay(checkout.id, amount=Decimal(8000))
        second = await shop.pay(checkout.id)
        done = await shop.saleor.storefront.checkout_complete(checkout.id)
        await shop.saleor.staff.fulfill(done.order_id)
        await settle(shop, first, second)
        assert (shop.amounts(first), shop.amounts(second)) == ({"charged": 8000}, {"charged": 11300})

    async def test_goods_that_left_unpaid_are_shown(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="full")
        await shop.saleor.staff.request_cancel(transaction)
        await settle(shop, transaction)
        await shop.saleor.staff.fulfill(order)
        await settle(shop, transaction)
        assert captured(shop) == 0
        assert "19300 JPY" in (await shipment_problems(shop))["shipment"]

    async def test_a_crash_between_commit_and_call_captures_once(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="full")
        break_amazon(shop, "capture_charge", timeout_after=True, hold_seconds=0.2)
        await shop.saleor.staff.fulfill(order)
        await settle(shop, transaction)
        assert shop.amounts(transaction) == {"charged": 19300}

    async def test_amounts_that_fit_no_currency_are_shown_and_charge_nothing(self, shop):
        order, transaction = await ordered(shop, capture_on_shipment="full")
        await shop.saleor.staff.fulfill(order)
        body = json.loads(shop.saleor.deliveries_of(CREATED)[-1].body)
        await settle(shop, transaction)
        body["order"]["total"]["gross"]["amount"] = 19300.55
        answered = await send_body(shop, CREATED, json.dumps(body).encode())
        assert answered.status == 200
        assert "cannot be read" in (await shipment_problems(shop))["shipment"]
        assert captured(shop) == 19300
