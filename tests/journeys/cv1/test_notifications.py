"""CV1's XML at the notification URL: verified, acknowledged, and the object read back through CV2."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx2
import pytest

from tests.journeys.agreements import agreement_of
from tests.journeys.cv1.helpers import MERCHANT, adopt, old_order, yen
from tests.journeys.helpers import event_types, settle


@pytest.fixture
def shop(shop):
    shop.amazon.url = shop.amazon_url  # where its certificate is fetched
    return shop


async def deliver(shop, envelope):
    url = f"{shop.app_url}/api/webhooks/amazon-pay/{shop.accounts['default-jp']}"
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(url, content=json.dumps(envelope).encode())
    await settle(shop)
    return answer.status_code


class TestReadBack:
    async def test_an_authorization_captured_elsewhere(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        await order.adopt(authorization)
        shop.amazon.cv1.capture(authorization)
        assert await deliver(shop, shop.amazon.ipn.build_cv1(MERCHANT, authorization)) == 200
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_a_capture_that_was_pending(self, shop):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference), state="Pending")
        await order.adopt(capture)
        shop.amazon.cv1.decide(capture, "Completed")
        assert await deliver(shop, shop.amazon.ipn.build_cv1(MERCHANT, capture)) == 200
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_a_refund_made_elsewhere(self, shop):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference))
        await order.adopt(capture)
        refund = shop.amazon.cv1.refund(capture, yen(500))
        assert await deliver(shop, shop.amazon.ipn.build_cv1(MERCHANT, refund)) == 200
        assert order.amounts == {"charged": Decimal(3000), "refunded": Decimal(500)}

    async def test_an_order_reference_that_was_cancelled(self, shop):
        order = old_order(shop)
        await order.adopt()
        shop.amazon.seller_central.close(order.reference)
        assert await deliver(shop, shop.amazon.ipn.build_cv1(MERCHANT, order.reference)) == 200
        assert order.amounts == {}


def chargeback(shop, order, chargeback_id):
    """As CV1 tells of one."""
    xml = (
        '<ChargebackNotification xmlns="https://mws.amazonservices.com/ipn/OffAmazonPayments/2013-01-01">'
        f"<ChargebackDetails><AmazonChargebackId>{chargeback_id}</AmazonChargebackId>"
        f"<AmazonOrderReferenceId>{order.reference}</AmazonOrderReferenceId>"
        "<ChargebackAmount><Amount>3500</Amount><CurrencyCode>JPY</CurrencyCode></ChargebackAmount>"
        "<ChargebackState>RECEIVED</ChargebackState></ChargebackDetails></ChargebackNotification>"
    )
    return shop.amazon.ipn.build_cv1(MERCHANT, order.reference, NotificationData=xml)


class TestChargeback:
    async def captured_order(self, shop):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference))
        await order.adopt(capture)
        return order, capture

    async def test_one_of_an_old_order_is_read_told_and_booked_when_it_is_lost(self, shop):
        order, capture = await self.captured_order(shop)
        dispute_id = shop.amazon.open_chargeback(capture)
        for _ in range(2):
            assert await deliver(shop, chargeback(shop, order, dispute_id)) == 200
        assert event_types(shop, order.transaction, ("INFO", "CHARGE_BACK")) == ["INFO"]
        assert order.amounts == {"charged": Decimal(3500)}
        shop.amazon.resolve_dispute(dispute_id, "BuyerWon")
        assert await deliver(shop, chargeback(shop, order, dispute_id)) == 200
        assert event_types(shop, order.transaction, ("INFO", "CHARGE_BACK")) == ["INFO", "INFO", "CHARGE_BACK"]
        assert order.amounts == {}

    async def test_one_that_cv2_does_not_show_is_told_all_the_same(self, shop):
        order, _ = await self.captured_order(shop)
        assert await deliver(shop, chargeback(shop, order, "B-2026-77")) == 200
        assert event_types(shop, order.transaction, ("INFO", "CHARGE_BACK")) == ["INFO"]
        assert "Look at it in Seller Central" in shop.last_event(order.transaction, "INFO").message
        assert order.amounts == {"charged": Decimal(3500)}


class TestNotOurs:
    async def test_an_order_that_was_not_adopted_is_acknowledged(self, shop):
        reference = old_order(shop).reference
        assert await deliver(shop, shop.amazon.ipn.build_cv1(MERCHANT, reference)) == 200

    @pytest.mark.parametrize(
        "xml",
        [
            "<SolutionProviderMerchantNotification><A>1</A></SolutionProviderMerchantNotification>",
            "<ChargebackNotification><ChargebackDetails/></ChargebackNotification>",
        ],
    )
    async def test_a_kind_that_cv2_does_not_show_is_acknowledged(self, shop, xml):
        envelope = shop.amazon.ipn.build_cv1(MERCHANT, old_order(shop).reference, NotificationData=xml)
        assert await deliver(shop, envelope) == 200

    @pytest.mark.parametrize(
        "xml",
        [
            '<!DOCTYPE a [<!ENTITY b "c">]><CaptureNotification><AmazonCaptureId>&b;</AmazonCaptureId></CaptureNotification>',
            "<CaptureNotification><AmazonCaptureId>S03-1</AmazonCaptureId></CaptureNotification>",
            "<CaptureNotification>",
            "<ChargebackNotification><AmazonChargebackId>../..</AmazonChargebackId></ChargebackNotification>",
            "",
        ],
    )
    async def test_xml_that_is_none_is_refused(self, shop, xml):
        envelope = shop.amazon.ipn.build_cv1(MERCHANT, old_order(shop).reference, NotificationData=xml)
        assert await deliver(shop, envelope) == 400

    async def test_a_forged_one_is_refused(self, shop):
        envelope = shop.amazon.ipn.build_cv1(MERCHANT, old_order(shop).reference)
        assert await deliver(shop, {**envelope, "Message": envelope["Message"].replace("03-", "03-1")}) == 401


class TestBillingAgreement:
    async def test_one_that_the_buyer_ended_is_closed_here_too(self, shop):
        billing_agreement = shop.amazon.cv1.billing_agreement(MERCHANT, yen(50_000))
        await adopt(shop, [billing_agreement], customerId=shop.saleor.customer.id)
        shop.amazon.buyer_account.close_permission(billing_agreement)
        assert await deliver(shop, shop.amazon.ipn.build_cv1(MERCHANT, billing_agreement)) == 200
        assert (await agreement_of(shop)).state == "Closed"
