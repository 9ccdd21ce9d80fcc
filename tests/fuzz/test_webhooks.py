"""Hostile bodies with valid signatures: each gets a clear answer, no fault of ours shows, no money moves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given

from saleor_amazonpay.saleor.events import EVENTS
from tests.fuzz import hostile
from tests.fuzz.conftest import bounded
from tests.journeys.helpers import lost_request, send_body, write_metadata
from tests.journeys.shop import GATEWAY, RESULT_URL
from tests.saleor.conftest import CAPTURES, _as_our_subscription_asks

SHORT, LONG = 100, 1500
POLITE = {200, 400, 401, 403, 404, 409, 413}
KINDS = ("CHARGE", "REFUND", "CANCEL")


@pytest.fixture(scope="module")
def seeds(target):
    """Genuine payloads of every event: those of a purchase in this shop, else as recorded from a real Saleor."""
    target.call(_one_of_each, target.shop)
    found = {name: _captured(name, target.shop) for name in EVENTS}
    for delivery in target.shop.saleor.webhooks.deliveries:
        name = delivery.event.lower()
        if name in found and delivery.body:
            found[name].append(json.loads(delivery.body))
    return found


async def _one_of_each(shop):
    transaction = await shop.authorized()
    for kind in KINDS:
        await lost_request(shop, kind, transaction, Decimal(1))
    front, customer = shop.saleor.storefront, shop.saleor.customer
    await front.stored_payment_methods("default-jp", customer)
    await front.stored_payment_method_request_delete(f"app:{GATEWAY}:agreement-1", "default-jp", customer)
    await front.payment_gateway_initialize_tokenization(GATEWAY, "default-jp", customer)
    asked = {"checkoutResultReturnUrl": RESULT_URL, "recurring": {"frequency": {"unit": "Month", "value": "1"}}}
    begun = await front.payment_method_initialize_tokenization(GATEWAY, "default-jp", customer, asked)
    returned = {"amazonCheckoutSessionId": "none"}
    await front.payment_method_process_tokenization(begun.id, "default-jp", customer, returned)
    order = await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
    made = await shop.saleor.staff.fulfill(order.order_id, "1Z-FUZZ")
    await write_metadata(shop, made.id, "carrier", "UPS")


def _captured(name, shop):
    payloads = [json.loads(json.loads(path.read_text())["body"]) for path in sorted(CAPTURES.glob(f"{name}-*.json"))]
    for payload in payloads:
        _as_our_subscription_asks(payload)
        payload["issuedAt"] = datetime.now(UTC).isoformat()
        if payload.get("recipient"):
            payload["recipient"]["id"] = shop.app.id
    return payloads


def test_every_event_has_a_genuine_payload_to_spoil(seeds):
    assert [name for name, payloads in seeds.items() if not payloads] == []


@pytest.mark.parametrize("event_name", EVENTS)
@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_spoiled_payloads(target, seeds, no_faults, event_name, examples):
    moved_before = _moved(target.shop)

    @bounded(examples)
    @given(hostile.spoiled(seeds[event_name]))
    def check(payload):
        if isinstance(payload, dict) and isinstance(payload.get("transaction"), dict):
            payload["transaction"]["id"] = "VHJhbnNhY3Rpb25JdGVtOm5vYm9keQ=="  # what is genuine moves nobody's money
        answered = target.call(send_body, target.shop, event_name.upper(), hostile.encoded(payload))
        assert answered.status in POLITE, answered.error or answered.answer
        assert b"Traceback" not in answered.answer
        no_faults(payload)

    check()
    assert _moved(target.shop) == moved_before
    target.shop.saleor.webhooks.deliveries.clear()


def _moved(shop):
    audit = shop.amazon.audit()
    return [len(audit["charges"]), len(audit["refunds"]), [charge["captureAmount"] for charge in audit["charges"]]]


SESSION_DATA = ("payment_gateway_initialize_session", "transaction_initialize_session", "transaction_process_session")


@pytest.mark.parametrize("event_name", SESSION_DATA)
@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_hostile_data_of_a_storefront(target, seeds, no_faults, event_name, examples):
    """``data`` is what any browser may send; the rest is Saleor's own."""

    @bounded(examples)
    @given(hostile.values | hostile.spoiled(_DATA))
    def check(data):
        payload = {**seeds[event_name][-1], "data": data}
        if "transaction" in payload:
            payload["transaction"] = {**payload["transaction"], "id": "VHJhbnNhY3Rpb25JdGVtOm90aGVy"}
        payload["issuedAt"] = (target.shop.clock.now() - timedelta(seconds=1)).isoformat()
        answered = target.call(send_body, target.shop, event_name.upper(), hostile.encoded(payload))
        assert answered.status in POLITE, answered.error or answered.answer
        no_faults(data)

    check()


_DATA = [
    {
        "flow": "review",
        "amazonCheckoutSessionId": "4dd7cf1b-3b5d-4b38-9d3c-8f3f1b6f0a52",
        "returnUrl": "http://localhost:3000/",
    },
    {
        "flow": "apb",
        "checkoutResultReturnUrl": "http://localhost:3000/r",
        "checkoutCancelUrl": "http://localhost:3000/c",
    },
    {"flow": "stored", "paymentMethodId": "app:1:C01-0000000-0000000"},
    {"flow": "review", "recurring": {"frequency": {"unit": "Month", "value": "1"}, "amount": "10.00"}},
]
