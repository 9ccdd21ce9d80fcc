from __future__ import annotations

import asyncio
import base64
import json
import random

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from saleor_amazonpay.sandbox.amazon_pay import SimulatorOptions, signing_key
from saleor_amazonpay.sandbox.serving import listening

DIGESTS = {"1": hashes.SHA1(), "2": hashes.SHA256()}


async def check(envelope, http):
    """As a receiver does it: the certificate by its URL, then the signature over the fixed keys."""
    certificate = x509.load_pem_x509_certificate((await http.get(envelope["SigningCertURL"])).content)
    keys = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    text = "".join(f"{key}\n{envelope[key]}\n" for key in keys if key in envelope)
    digest = DIGESTS[envelope["SignatureVersion"]]
    certificate.public_key().verify(base64.b64decode(envelope["Signature"]), text.encode(), padding.PKCS1v15(), digest)


def message(notification):
    return json.loads(notification.envelope["Message"])


def seen(simulator):
    return [(notification.object_type, notification.object_id) for notification in simulator.ipn.outbox]


class Receiver:
    def __init__(self):
        self.received, self.statuses, self.arrived = [], [], asyncio.Condition()

    async def take(self, request):
        async with self.arrived:
            self.received.append((dict(request.headers), json.loads(await request.body())))
            self.arrived.notify_all()
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)

    @property
    def ids(self):
        return [json.loads(envelope["Message"])["ObjectId"] for _, envelope in self.received]

    async def wait_for(self, count):
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)


@pytest.fixture
async def receiver(simulator, merchant):
    receiver = Receiver()
    async with listening(Starlette(routes=[Route("/ipn", receiver.take, methods=["POST"])])) as url:
        simulator.set_ipn_url(merchant.merchant_id, f"{url}/ipn")
        yield receiver


class TestEnvelope:
    async def test_is_signed_as_sns_signs(self, merchant, simulator, http):
        await merchant.checkout()
        (notification,) = simulator.ipn.outbox
        assert notification.envelope["SignatureVersion"] == "1"
        await check(notification.envelope, http)
        assert notification.envelope["Timestamp"].startswith("2026-11-10T03:00:0")

    async def test_the_message_holds_ids_only(self, merchant, simulator):
        session = await merchant.checkout()
        (notification,) = simulator.ipn.outbox
        inner = message(notification)
        assert inner.pop("NotificationId")
        assert inner == {
            "MerchantID": merchant.merchant_id,
            "ObjectType": "CHARGE",
            "ObjectId": session["chargeId"],
            "ChargePermissionId": session["chargePermissionId"],
            "NotificationType": "STATE_CHANGE",
            "NotificationVersion": "V2",
        }

    @pytest.mark.parametrize("version", ["1", "2"])
    async def test_both_versions_can_be_built(self, merchant, simulator, http, version):
        envelope = simulator.ipn.build(merchant.merchant_id, "CHARGE", "c", "p", version=version)
        assert envelope["SignatureVersion"] == version
        await check(envelope, http)

    async def test_a_changed_message_is_a_forgery(self, merchant, simulator, http):
        envelope = simulator.ipn.build(merchant.merchant_id, "CHARGE", "c", "p", unsigned={"Message": "{}"})
        with pytest.raises(InvalidSignature):
            await check(envelope, http)

    async def test_so_is_another_signer(self, merchant, simulator, http):
        envelope = simulator.ipn.build(merchant.merchant_id, "CHARGE", "c", "p", key=signing_key("somebody"))
        with pytest.raises(InvalidSignature):
            await check(envelope, http)

    async def test_the_message_can_be_twisted_and_truly_signed(self, merchant, simulator, http):
        envelope = simulator.ipn.build(merchant.merchant_id, "CHARGE", "c", "p", message={"MerchantID": "AFOREIGN"})
        await check(envelope, http)
        assert json.loads(envelope["Message"])["MerchantID"] == "AFOREIGN"

    async def test_there_is_no_other_certificate(self, simulator, http):
        assert (await http.get(f"{simulator.url}/sns/other.pem")).status_code == 404


class TestWhen:
    async def test_a_charge_is_created_captured_and_refunded(self, merchant, simulator, clock):
        session = await merchant.checkout()
        charge_id = session["chargeId"]
        await merchant.capture(charge_id)
        refund_id = (await merchant.refund(charge_id)).json()["refundId"]
        clock.move(seconds=3)
        simulator.settle_pending()
        assert seen(simulator) == [("CHARGE", charge_id)] * 2 + [("REFUND", refund_id)] * 2

    async def test_a_pending_charge_is_told_twice(self, merchant, simulator, clock):
        session = await merchant.checkout(card="0701", canHandlePendingAuthorization=True)
        clock.move(seconds=31)
        simulator.settle_pending()
        assert seen(simulator) == [("CHARGE", session["chargeId"])] * 2

    async def test_an_authorization_expires(self, merchant, simulator, clock):
        session = await merchant.checkout()
        clock.move(days=2)
        simulator.settle_pending()
        assert seen(simulator)[-1] == ("CHARGE", session["chargeId"])

    async def test_a_permission_breaks_and_is_repaired(self, merchant, simulator):
        permission_id = (await merchant.recurring())["chargePermissionId"]
        simulator.ipn.outbox.clear()
        await merchant.charge(permission_id, simulation="HardDeclined")
        simulator.buyer_account.change_payment_method(permission_id)
        simulator.buyer_account.break_payment_method(permission_id, "PaymentMethodExpired")
        simulator.buyer_account.close_permission(permission_id)
        assert seen(simulator) == [("CHARGE_PERMISSION", permission_id)] * 4

    async def test_what_is_done_in_seller_central_is_told(self, merchant, simulator):
        session = await merchant.checkout()
        simulator.ipn.outbox.clear()
        simulator.seller_central.capture(session["chargeId"])
        refund_id = simulator.seller_central.refund(session["chargeId"])
        assert seen(simulator) == [("CHARGE", session["chargeId"]), ("REFUND", refund_id)]
        assert simulator.count("capture_charge") == simulator.count("create_refund") == 0

    async def test_cancelling_and_closing_there_too(self, merchant, simulator):
        first, second = await merchant.checkout(), await merchant.checkout()
        simulator.ipn.outbox.clear()
        simulator.seller_central.cancel(first["chargeId"])
        simulator.seller_central.close(second["chargePermissionId"])
        assert seen(simulator) == [
            ("CHARGE", first["chargeId"]),
            ("CHARGE", second["chargeId"]),
            ("CHARGE_PERMISSION", second["chargePermissionId"]),
        ]

    async def test_a_chargeback_is_told_and_its_end(self, merchant, simulator):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        dispute_id = simulator.open_chargeback(session["chargeId"])
        simulator.resolve_dispute(dispute_id, "BuyerWon")
        assert seen(simulator)[1:] == [("CHARGEBACK", dispute_id)] * 2


class TestDelivery:
    async def test_reaches_the_merchant_by_itself(self, merchant, simulator, receiver, http):
        session = await merchant.checkout()
        await receiver.wait_for(1)
        headers, envelope = receiver.received[0]
        assert headers["content-type"] == "text/plain; charset=UTF-8"
        assert headers["x-amz-sns-message-type"] == "Notification"
        assert receiver.ids == [session["chargeId"]]
        await check(envelope, http)

    async def test_things_that_happen_by_themselves_do_too(self, merchant, receiver, clock):
        await merchant.checkout()
        clock.move(days=2)
        await receiver.wait_for(2)

    async def test_copies_are_the_same_message(self, merchant, simulator, receiver):
        simulator.ipn.copies = 3
        await merchant.checkout()
        await receiver.wait_for(3)
        assert len({envelope["MessageId"] for _, envelope in receiver.received}) == 1

    async def test_what_was_held_can_come_in_another_order(self, merchant, simulator, receiver):
        simulator.ipn.is_held = True
        ids = [(await merchant.checkout())["chargeId"] for _ in range(3)]
        assert receiver.received == []
        assert await simulator.ipn.release(reverse=True) == 3
        assert receiver.ids == ids[::-1]

    async def test_or_shuffled(self, merchant, simulator, receiver):
        simulator.ipn.is_held = True
        ids = [(await merchant.checkout())["chargeId"] for _ in range(5)]
        await simulator.ipn.release(shuffle=random.Random(3))
        assert receiver.ids != ids
        assert sorted(receiver.ids) == sorted(ids)

    async def test_some_can_be_lost(self, merchant, simulator, receiver):
        simulator.ipn.silenced.add("CHARGE")
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        refund_id = (await merchant.refund(session["chargeId"])).json()["refundId"]
        await receiver.wait_for(1)
        assert receiver.ids == [refund_id]
        assert len(simulator.ipn.outbox) == 2

    async def test_one_can_be_sent_by_hand(self, merchant, simulator, receiver):
        simulator.ipn.silenced.add("CHARGE")
        await merchant.checkout()
        assert await simulator.ipn.deliver(simulator.ipn.outbox[0]) == 200
        assert len(receiver.received) == 1

    async def test_a_5xx_is_tried_again_hourly(self, merchant, simulator, receiver, clock):
        receiver.statuses = [503, 500]
        await merchant.checkout()
        for expected in (1, 2, 3):
            await receiver.wait_for(expected)
            await simulator.ipn.flush()  # the attempt is over
            clock.move(hours=1)
        assert simulator.ipn.outbox[0].statuses == [503, 500, 200]
        assert simulator.ipn.outbox[0].was_accepted

    async def test_a_4xx_is_final(self, merchant, simulator, receiver, clock):
        receiver.statuses = [400]
        await merchant.checkout()
        await receiver.wait_for(1)
        clock.move(hours=2)
        simulator.settle_pending()
        assert await simulator.ipn.flush() == 0

    async def test_nobody_there_is_no_answer(self, merchant, simulator):
        simulator.set_ipn_url(merchant.merchant_id, "http://127.0.0.1:9/ipn")
        simulator.ipn.is_held = True
        await merchant.checkout()
        await simulator.ipn.release()
        assert simulator.ipn.outbox[0].statuses == [0]

    class TestVersion2:
        @pytest.fixture
        def options(self):
            return SimulatorOptions(ipn_signature_version="2")

        async def test_can_be_chosen(self, merchant, simulator, http):
            await merchant.checkout()
            assert simulator.ipn.outbox[0].envelope["SignatureVersion"] == "2"
            await check(simulator.ipn.outbox[0].envelope, http)
