"""Each row of both documents' tables of states, from the CV1 object at Amazon to what Saleor shows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.journeys.cv1.helpers import graphql, old_order, yen

EXPLAIN = "query($id: String!) { cv1Explain(id: $id) { cv2State cv1State names { name value } advice problem } }"


async def explained(shop, id_):
    return (await graphql(shop, EXPLAIN, {"id": id_}))["cv1Explain"]


class TestAuthorization:
    @pytest.mark.parametrize(
        ("state", "reason", "cv2_state", "amounts"),
        [
            ("Pending", None, "AuthorizationInitiated", {}),
            ("Open", None, "Authorized", {"authorized": Decimal(3500)}),
            ("Declined", None, "Declined", {"authorized": Decimal(3500)}),  # the Order Reference is still Open
            ("Closed", "MaxAmountCaptured", "Captured", {"charged": Decimal(3500)}),
            ("Closed", "ExpiredUnused", "Canceled", {"authorized": Decimal(3500)}),
        ],
    )
    async def test_reads_as_the_charge_with_its_21st_character_rewritten(self, shop, state, reason, cv2_state, amounts):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference, None, state, reason)
        outcomes = await order.adopt(authorization)
        assert authorization[20] == "A"
        assert (outcomes[authorization]["result"], outcomes[authorization]["cv2State"]) == ("ADOPTED", cv2_state)
        assert order.amounts == amounts
        assert (await explained(shop, authorization))["cv1State"].startswith(state)


class TestCapture:
    @pytest.mark.parametrize(
        ("state", "cv2_state", "amounts"),
        [
            ("Pending", "CaptureInitiated", {"authorized": Decimal(3500)}),
            ("Completed", "Captured", {"charged": Decimal(3500)}),
            ("Closed", "Canceled", {"charged": Decimal(-525), "refunded": Decimal(4025)}),  # refunded to the limit
            ("Declined", "Declined", {"authorized": Decimal(3500)}),
        ],
    )
    async def test_reads_as_the_charge_of_its_own_id(self, shop, state, cv2_state, amounts):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference), state=state)
        outcomes = await order.adopt(capture)
        assert outcomes[capture]["cv2State"] == cv2_state
        assert order.amounts == amounts
        assert (await explained(shop, capture))["cv1State"] == state


class TestRefund:
    @pytest.mark.parametrize(
        ("state", "cv2_state", "amounts"),
        [
            ("Pending", "RefundInitiated", {"charged": Decimal(3500)}),
            ("Completed", "Refunded", {"charged": Decimal(2500), "refunded": Decimal(1000)}),
            ("Declined", "Declined", {"charged": Decimal(3500)}),
        ],
    )
    async def test_brings_its_capture_with_it(self, shop, state, cv2_state, amounts):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference))
        refund = shop.amazon.cv1.refund(capture, yen(1000), state)
        outcomes = await order.adopt(refund)
        assert outcomes[refund]["cv2State"] == cv2_state
        assert order.amounts == amounts
        assert (await explained(shop, refund))["cv1State"] == state
