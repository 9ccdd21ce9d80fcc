"""Each row of both documents' tables of calls: what is done in Saleor becomes the CV2 call the documents name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from saleor_amazonpay.sandbox.amazon_pay import SimulatorOptions
from tests.journeys.cv1.helpers import MERCHANT, graphql, old_order, yen
from tests.journeys.helpers import PATIENCE, charges, refunds, settle
from tests.journeys.shop import open_shop

EXPLAIN = """
query($id: String!) {
  cv1Explain(id: $id) {
    subject cv2State cv1State problem orderNumber transactionId
    names { name value } amounts { name value } advice call { name cv2 advice }
  }
}"""


async def explained(shop, asked):
    return (await graphql(shop, EXPLAIN, {"id": asked}))["cv1Explain"]


def called(shop, operation):
    """The path and body of the last call of that operation."""
    call = [call for call in shop.amazon.calls if call.operation == operation][-1]
    return call.path, call.body


def rewritten(authorization):
    return f"{authorization[:20]}C{authorization[21:]}"


class TestOneTime:
    async def test_authorize_is_create_charge_on_the_order_reference(self, shop):
        order = old_order(shop)
        await order.adopt()
        await order.charge(3500)
        _, body = called(shop, "create_charge")
        assert (body["chargePermissionId"], body["chargeAmount"]["amount"]) == (order.reference, "3500")
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_authorize_needs_an_open_order_reference(self, shop):
        order = old_order(shop, "Closed")
        outcomes = await order.adopt()
        assert outcomes[order.reference]["reason"] == "NOTHING_TO_MANAGE"
        assert not shop.saleor.order(order.order_id).transactions

    async def test_cancel_order_reference_is_close_with_pending_charges(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        await order.adopt(authorization)
        await order.cancel()
        path, body = called(shop, "close_charge_permission")
        assert path.endswith(f"/chargePermissions/{order.reference}/close")
        assert body["cancelPendingCharges"] is True
        assert order.amounts == {"canceled": Decimal(3500)}
        assert shop.transaction(order.transaction).actions == ()

    async def test_cancel_order_reference_takes_authorizations_nobody_named_with_it(self, shop):
        order = old_order(shop)
        unknown = shop.amazon.cv1.authorize(order.reference, yen(1000))
        await order.adopt()
        assert order.amounts == {"authorized": Decimal(2500)}
        await order.cancel()
        assert shop.amazon.charge(rewritten(unknown))["statusDetails"]["state"] == "Canceled"
        assert order.amounts == {"canceled": Decimal(2500)}

    async def test_close_order_reference_is_close_without_pending_charges(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference, yen(3000))
        await order.adopt(authorization)
        await order.cancel(500)  # exactly what is not held
        _, body = called(shop, "close_charge_permission")
        assert body["cancelPendingCharges"] is False
        assert order.amounts == {"authorized": Decimal(3000), "canceled": Decimal(500)}
        await order.charge(3000)
        assert order.amounts == {"charged": Decimal(3000), "canceled": Decimal(500)}

    async def test_capture_is_capture_charge_with_the_rewritten_id(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        await order.adopt(authorization)
        await order.charge()
        path, _ = called(shop, "capture_charge")
        assert path.endswith(f"/charges/{rewritten(authorization)}/capture")
        assert shop.last_event(order.transaction, "CHARGE_SUCCESS").psp_reference == rewritten(authorization)
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_close_authorization_is_cancel_charge_with_the_rewritten_id(self, shop):
        order = old_order(shop)
        first = shop.amazon.cv1.authorize(order.reference, yen(2000))
        second = shop.amazon.cv1.authorize(order.reference, yen(1500))
        await order.adopt(first, second)
        await order.charge(2000)
        await order.cancel()
        path, _ = called(shop, "cancel_charge")
        assert path.endswith(f"/charges/{rewritten(second)}/cancel")
        assert order.amounts == {"charged": Decimal(2000), "canceled": Decimal(1500)}

    async def test_get_authorization_details_is_get_charge_with_the_rewritten_id(self, shop):
        authorization = shop.amazon.cv1.authorize(old_order(shop).reference)
        found = await explained(shop, authorization)
        path, _ = called(shop, "get_charge")
        assert path.endswith(f"/charges/{rewritten(authorization)}")
        assert (found["cv2State"], found["cv1State"]) == ("Authorized", "Open")

    async def test_get_capture_details_is_get_charge(self, shop):
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(old_order(shop).reference))
        found = await explained(shop, capture)
        path, _ = called(shop, "get_charge")
        assert path.endswith(f"/charges/{capture}")
        assert (found["cv2State"], found["cv1State"]) == ("Captured", "Completed")

    async def test_get_order_reference_details_is_get_charge_permission(self, shop):
        reference = shop.amazon.cv1.order_reference(MERCHANT, yen(3500), seller_order_id="OLD-77")
        found = await explained(shop, reference)
        path, _ = called(shop, "get_charge_permission")
        assert path.endswith(f"/chargePermissions/{reference}")
        assert {"name": "SellerOrderId, merchantReferenceId", "value": "OLD-77"} in found["names"]
        assert {"name": "still chargeable", "value": "3500 JPY"} in found["amounts"]

    async def test_get_refund_details_is_get_refund(self, shop):
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(old_order(shop).reference))
        refund = shop.amazon.cv1.refund(capture, yen(100))
        found = await explained(shop, refund)
        path, _ = called(shop, "get_refund")
        assert path.endswith(f"/refunds/{refund}")
        assert {"name": "of AmazonCaptureId, chargeId", "value": capture} in found["names"]

    async def test_refund_is_create_refund_on_the_capture(self, shop):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference))
        await order.adopt(capture)
        await order.refund(500)
        _, body = called(shop, "create_refund")
        assert (body["chargeId"], body["refundAmount"]["amount"]) == (capture, "500")
        assert order.amounts == {"charged": Decimal(3000), "refunded": Decimal(500)}

    async def test_refund_needs_a_completed_capture(self, shop):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference), state="Pending")
        await order.adopt(capture)
        await shop.saleor.staff.request_refund(order.transaction, Decimal(500))
        assert last_answer_of(shop, "REFUND")["result"] == "REFUND_FAILURE"
        assert shop.amazon.count("create_refund") == 0
        shop.amazon.cv1.decide(capture, "Completed")
        await settle_capture(shop, order)
        await order.refund(500)
        assert order.amounts == {"charged": Decimal(3000), "refunded": Decimal(500)}


def last_answer_of(shop, kind):
    return shop.saleor.deliveries_of(f"TRANSACTION_{kind}_REQUESTED")[-1].json


async def settle_capture(shop, order):
    for _ in range(20):
        shop.clock.move(seconds=30)
        await shop.work()
        await settle(shop, order.transaction)
        if order.amounts.get("charged"):
            return
    raise AssertionError("the capture was never told")


class TestWorkedExamples:
    async def test_authorized_in_cv1_captured_in_cv2(self, shop):
        """Example 1: Capture Charge with the changed id."""
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        await order.adopt(authorization)
        assert order.amounts == {"authorized": Decimal(3500)}
        await order.charge()
        assert [charge["chargeId"] for charge in charges(shop, "Captured")] == [rewritten(authorization)]

    async def test_captured_in_cv1_refunded_in_cv2(self, shop):
        """Example 2: Create Refund with AmazonCaptureId."""
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference))
        await order.adopt(capture)
        assert order.amounts == {"charged": Decimal(3500)}
        await order.refund()
        assert [refund["chargeId"] for refund in refunds(shop, "Refunded")] == [capture]
        assert order.amounts == {"refunded": Decimal(3500)}

    @pytest.mark.parametrize(("captured", "at_most"), [(10_000, "11500 JPY"), (60_000, "68400 JPY")])
    async def test_what_may_be_refunded_of_a_capture(self, shop, captured, at_most):
        """+15 % or +8,400 JPY, the smaller; Amazon takes exactly that and nothing more."""
        order = old_order(shop, amount=captured)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference))
        assert any(at_most in advice for advice in (await explained(shop, capture))["advice"])
        most = int(at_most.split()[0])
        shop.amazon.seller_central.refund(capture, yen(most))
        assert refunds(shop)[-1]["refundAmount"]["amount"] == str(most)


class TestCallsWithoutAnEquivalent:
    @pytest.mark.parametrize(
        ("call", "reason"),
        [
            ("CreateOrderReferenceForId", "Use Create Charge with the agreement's id."),
            ("ValidateBillingAgreement", "Amazon validates an agreement when it is made; remove the call."),
        ],
    )
    async def test_are_refused_with_the_documents_reason(self, shop, call, reason):
        found = await explained(shop, call)
        assert found["call"] == {"name": call, "cv2": None, "advice": reason}

    async def test_the_others_name_theirs(self, shop):
        assert (await explained(shop, "closeauthorization"))["call"]["cv2"] == "Cancel Charge"


class TestReauthorizing:
    async def test_an_expired_authorization_is_made_anew(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        await order.adopt(authorization)
        shop.clock.move(days=3)  # two in the sandbox
        await order.charge(3500)
        _, body = called(shop, "create_charge")
        assert body["chargePermissionId"] == order.reference
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_one_that_had_expired_before_the_switch_too(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference, None, "Closed", "ExpiredUnused")
        outcomes = await order.adopt(authorization)
        assert outcomes[authorization]["message"] == "It has ended: ExpiredUnused."
        await order.charge(3500)
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_not_after_180_days(self, shop):
        order = old_order(shop)
        await order.adopt()
        shop.clock.move(days=181)
        await order.charge(3500)
        assert shop.last_event(order.transaction, "CHARGE_FAILURE")
        assert not charges(shop)


class TestNonChargeable:
    async def test_a_suspended_reference_is_tried_and_amazon_decides(self, shop):
        order = old_order(shop, "Suspended")
        outcomes = await order.adopt()
        assert outcomes[order.reference]["result"] == "ADOPTED"
        assert "Suspended (PaymentMethodInvalid)" in outcomes[order.reference]["message"]
        await order.charge(3500)
        assert shop.amazon.count("create_charge") == 1
        assert "update the payment method" in shop.last_event(order.transaction, "CHARGE_FAILURE").message
        shop.amazon.buyer_account.change_payment_method(order.reference)
        shop.clock.move(minutes=2)
        await order.charge(3500)
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_the_faqs_reading_is_charged_too(self, sqlite_url):
        async with open_faq_shop(sqlite_url, cv1_order_reference_states="faq") as shop:
            order = old_order(shop)
            outcomes = await order.adopt()
            assert (outcomes[order.reference]["cv2State"], outcomes[order.reference]["message"]) == (
                "NonChargeable",
                "",
            )
            assert (await explained(shop, order.reference))["cv1State"] == "Open or Suspended"
            await order.charge(1500)
            await order.charge(2000)
            assert order.amounts == {"charged": Decimal(3500)}

    async def test_the_faqs_reading_is_charged_under_the_default_setting(self, sqlite_url):
        async with open_faq_shop(sqlite_url) as shop:
            order = old_order(shop)
            await order.adopt()
            await order.charge(3500)
            assert order.amounts == {"charged": Decimal(3500)}


def open_faq_shop(url, **settings):
    """A shop whose Amazon reads as the FAQ says: every Order Reference is NonChargeable."""
    options = SimulatorOptions(refund_seconds=2.0, cv1_order_reference_states="faq")
    return open_shop(url, amazon_options=options, answer_budget_seconds=PATIENCE, **settings)


class TestOrderReferenceOfAnAgreement:
    """Closed from the start: captures, refunds and cancels only."""

    async def an_order(self, shop, state="Open"):
        agreement = shop.amazon.cv1.billing_agreement(MERCHANT, yen(100_000))
        order = old_order(shop)
        order.reference, authorization = shop.amazon.cv1.charge_agreement(agreement, yen(3500), state)
        await order.adopt(authorization)
        return order

    async def test_is_captured_and_refunded(self, shop):
        order = await self.an_order(shop)
        assert order.amounts == {"authorized": Decimal(3500)}
        await order.charge()
        await order.refund(1000)
        assert order.amounts == {"charged": Decimal(2500), "refunded": Decimal(1000)}

    async def test_is_cancelled_without_being_closed_again(self, shop):
        order = await self.an_order(shop)
        await order.cancel()
        assert (shop.amazon.count("cancel_charge"), shop.amazon.count("close_charge_permission")) == (1, 0)
        assert order.amounts == {"canceled": Decimal(3500)}

    async def test_is_never_charged_anew(self, shop):
        order = await self.an_order(shop)
        shop.clock.move(days=3)
        await order.charge(3500)
        assert shop.amazon.count("create_charge") == 0
        assert shop.last_event(order.transaction, "CHARGE_FAILURE")
