"""CV1's XML at the notification URL: verified, acknowledged, and the object read back through CV2."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx2
import pytest

from tests.journeys.agreements import agreement_of
from tests.journeys.cv1.helpers import MERCHANT, adopt, old_order, yen
from tests.journeys.helpers import settle


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


class TestNotOurs:
    async def test_an_order_that_was_not_adopted_is_acknowledged(self, shop):
        reference = old_order(shop).reference
        assert await deliver(shop, shop.amazon.ipn.build_cv1(MERCHANT, reference)) == 200

    async def test_a_kind_that_cv2_does_not_show_is_acknowledged(self, shop):
        xml = "<ChargebackNotification><ChargebackDetails/></ChargebackNotification>"
        envelope = shop.amazon.ipn.build_cv1(MERCHANT, old_order(shop).reference, NotificationData=xml)
        assert await deliver(shop, envelope) == 200

    @pytest.mark.parametrize(
        "xml",
        [
            '<!DOCTYPE a [<!ENTITY b "c">]><CaptureNotification><AmazonCaptureId>&b;</AmazonCaptureId></CaptureNotification>',
            "<CaptureNotification><AmazonCaptureId>S03-1</AmazonCaptureId></CaptureNotification>",
            "<CaptureNotification>",
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
