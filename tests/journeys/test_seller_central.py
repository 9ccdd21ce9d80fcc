"""What the merchant does at Amazon's own desk while Saleor asks for the same: both desks end with one truth."""

from __future__ import annotations

from decimal import Decimal

import pytest

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.handlers import reconcile
from saleor_amazonpay.handlers.services import Deadline
from saleor_amazonpay.handlers.sweeps import drift
from saleor_amazonpay.storage import drift as drift_rows
from tests.journeys.helpers import (
    CHARGE,
    REFUND,
    captured,
    charges,
    last_answer,
    mend,
    payment_of,
    refunded,
    refunds,
    settle,
    silence,
)
from tests.journeys.test_refunding import charged


async def notice(shop, transaction, named=None):
    """What a notification or a sweep comes to: the payment is read and brought into agreement."""
    payment = await payment_of(shop, transaction)
    services = shop.running.services
    await reconcile.payment(services, payment.id, Deadline(services.clock, 5), named=named)
    await settle(shop, transaction)


class TestCapturedThere:
    @pytest.mark.parametrize("kind", ["CHARGE", "CANCEL"])
    async def test_a_request_that_finds_it_out_does_not_hide_it_from_saleor(self, shop, kind):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        [charge] = charges(shop)
        shop.amazon.seller_central.capture(charge["chargeId"])
        await shop.saleor.staff.request_action(transaction, kind)
        await notice(shop, transaction)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.last_event(transaction, "CHARGE_SUCCESS").psp_reference == charge["chargeId"]
        assert shop.transaction(transaction).actions == ("REFUND",)

    async def test_it_is_told_without_any_request(self, shop):
        transaction = await shop.authorized()
        [charge] = charges(shop)
        shop.amazon.seller_central.capture(charge["chargeId"])
        await notice(shop, transaction)
        assert shop.amounts(transaction) == {"charged": captured(shop)}

    async def test_a_charge_that_held_the_rest_again_is_told_too(self, shop):
        await shop.update_options(after_partial_capture="reauthorize")
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await settle(shop, transaction)
        [held] = charges(shop, "Authorized")
        shop.amazon.seller_central.capture(held["chargeId"])
        await notice(shop, transaction)
        assert shop.amounts(transaction) == {"charged": total}

    async def test_what_we_captured_is_never_told_twice(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await notice(shop, transaction)
        await shop.saleor.staff.request_charge(transaction, Decimal(500))
        await notice(shop, transaction)
        assert shop.amounts(transaction) == {"charged": Decimal(1500), "authorized": total - 1500}

    async def test_a_capture_answered_asynchronously_is_never_told_twice(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        silence(shop, "capture_charge", timeout_after=True)
        await shop.saleor.staff.request_charge(transaction)
        assert "result" not in last_answer(shop, CHARGE)
        mend(shop)
        await settle(shop, transaction)
        await notice(shop, transaction, ("CHARGE", charges(shop)[0]["chargeId"]))
        assert shop.amounts(transaction) == {"charged": total}


class TestRefundedThere:
    async def test_it_is_told_and_never_refunded_again(self, shop):
        transaction, total = await charged(shop)
        [charge] = charges(shop)
        refund_id = shop.amazon.seller_central.refund(charge["chargeId"], None)
        shop.clock.move(seconds=5)
        await notice(shop, transaction, ("REFUND", refund_id))
        assert shop.amounts(transaction) == {"refunded": total}
        await shop.saleor.staff.request_refund(transaction)
        await settle(shop, transaction)
        assert refunded(shop) == total
        assert len(refunds(shop)) == 1

    async def test_nobody_told_us_of_it_and_still_it_is_not_refunded_again(self, shop):
        transaction, total = await charged(shop)
        [charge] = charges(shop)
        shop.amazon.seller_central.refund(charge["chargeId"], Money.parse(300, "JPY"))
        shop.clock.move(seconds=5)
        await shop.saleor.staff.request_refund(transaction)
        answer = last_answer(shop, REFUND)
        assert answer["result"] == "REFUND_FAILURE"
        assert f"{int(total) - 300} JPY can still be refunded" in answer["message"]
        assert "300 JPY was refunded at Amazon Pay itself" in answer["message"]
        await shop.saleor.staff.request_refund(transaction, total - 300)
        await settle(shop)
        assert shop.transaction(transaction).refunded == total - 300
        assert refunded(shop) == total

    async def test_the_merchant_hears_of_it_when_a_request_finds_it_out(self, shop):
        transaction, _ = await charged(shop)
        [charge] = charges(shop)
        shop.amazon.seller_central.refund(charge["chargeId"], Money.parse(300, "JPY"))
        shop.clock.move(seconds=5)
        await shop.saleor.staff.request_refund(transaction)
        await shop.later(seconds=61)
        await drift.run(shop.running.services)
        [finding] = await shop.running.services.database.read(
            lambda session: drift_rows.of_tenant(session, shop.saleor.api_url)
        )
        assert finding.transaction_id == transaction

    @pytest.mark.parametrize("fault", ["timeout_before", "nonsense"])
    async def test_an_amazon_that_cannot_be_read_is_read_before_anything_is_refunded(self, shop, fault):
        transaction, total = await charged(shop)
        [charge] = charges(shop)
        shop.amazon.seller_central.refund(charge["chargeId"], Money.parse(300, "JPY"))
        shop.clock.move(seconds=5)
        silence(shop, "get_charge", times=2, **{fault: True})
        await shop.saleor.staff.request_refund(transaction)
        answer = last_answer(shop, REFUND)
        assert "result" not in answer
        mend(shop)
        await settle(shop)
        assert shop.last_event(transaction, "REFUND_FAILURE").psp_reference == answer["pspReference"]
        assert shop.transaction(transaction).charged == total
        assert refunded(shop) == 300
