from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_amazonpay.domain.money import MoneyError
from saleor_amazonpay.errors import ConfigurationError, InvalidPayload
from saleor_amazonpay.saleor.errors import EmptyBody, PayloadErrors
from saleor_amazonpay.saleor.events import EVENTS, PAYMENT_EVENTS, Checkout, Order, decode

CAPTURES = Path(__file__).parent / "captures"
RECORDED = [
    ("payment_gateway_initialize_session-1", "6500 JPY", Checkout),
    ("payment_gateway_initialize_session-4", "94.97 USD", Checkout),
    ("payment_gateway_initialize_session-5", "34.99 USD", Order),
    ("transaction_initialize_session-1", "6500 JPY", Checkout),
    ("transaction_initialize_session-4", "34.99 USD", Order),
    ("transaction_process_session-1", "94.97 USD", Checkout),
    ("transaction_process_session-3", "34.99 USD", Order),
]


def encode(payload) -> bytes:
    return json.dumps(payload).encode()


def transaction(transaction_id, authorized=0.0, authorize_pending=0.0, charged=0.0, charge_pending=0.0):
    return {
        "id": transaction_id,
        "authorizedAmount": {"amount": authorized},
        "authorizePendingAmount": {"amount": authorize_pending},
        "chargedAmount": {"amount": charged},
        "chargePendingAmount": {"amount": charge_pending},
    }


class TestRecordedSessions:
    @pytest.mark.parametrize(("name", "money", "source"), RECORDED)
    def test_each_decodes_exactly(self, payload, name, money, source):
        event = decode(name.rpartition("-")[0], encode(payload(name)))
        assert str(event.money()) == money
        assert isinstance(event.source_object, source)
        assert event.recipient.id == "QXBwOjE="

    def test_a_checkout_and_an_order_answer_alike(self, payload):
        checkout = decode("transaction_process_session", encode(payload("transaction_process_session-1"))).source_object
        order = decode("transaction_process_session", encode(payload("transaction_process_session-3"))).source_object
        assert (checkout.email, checkout.language_code, checkout.channel.slug) == (
            "customer@example.com",
            "EN",
            "default-us",
        )
        assert (order.language_code, order.channel.currency_code) == ("EN", "USD")
        assert checkout.shipping_address.country.code == "US"
        assert checkout.user.id == "VXNlcjoy"

    def test_japanese_text_arrives_whole(self, payload):
        event = decode("transaction_initialize_session", encode(payload("transaction_initialize_session-1")))
        assert event.source_object.shipping_address.country_area == "東京都"
        assert event.idempotency_key == "idem-2c2c75ac329b4ed1b532cce666840c2a"
        assert event.issuing_principal is None

    def test_data_stays_the_storefronts_own_json(self, payload):
        body = {**payload("transaction_initialize_session-1"), "data": {"a": [1, {"b": "値"}]}}
        assert json.loads(bytes(decode("transaction_initialize_session", encode(body)).data)) == body["data"]

    def test_absent_data_is_null(self, payload):
        body = payload("transaction_process_session-1")
        del body["data"]
        assert bytes(decode("transaction_process_session", encode(body)).data) == b"null"


class TestRecordedRequests:
    @pytest.mark.parametrize(
        ("name", "money"),
        [
            ("transaction_charge_requested-1", "40.50 USD"),
            ("transaction_refund_requested-1", "1000 JPY"),
            ("transaction_refund_requested-3", "4000 JPY"),
            ("transaction_cancelation_requested-1", "34.99 USD"),
        ],
    )
    def test_each_decodes_as_it_came_and_names_its_request(self, capture, name, money):
        event = decode(name.rpartition("-")[0], capture(name)["body"].encode())
        assert str(event.money()) == money
        newest = event.request_events[0]
        assert newest.idempotency_key
        assert newest.psp_reference == ""
        assert event.transaction.channel.slug in {"default-us", "default-jp"}

    def test_a_request_is_told_from_answered_younger_other_and_unequal_ones(self, payload):
        body = payload("transaction_refund_requested-3")
        request = body["transaction"]["events"][0]
        issued = datetime.fromisoformat(body["issuedAt"])
        twin = {**request, "id": "twin", "createdAt": (issued - timedelta(seconds=9)).isoformat()}
        body["transaction"]["events"] = [
            {**request, "id": "younger", "createdAt": (issued + timedelta(seconds=1)).isoformat()},
            {**request, "id": "answered", "pspReference": "psp-1"},
            {**request, "id": "other", "type": "CHARGE_REQUEST"},
            {**request, "id": "unequal", "amount": {"amount": 3999.0, "currency": "JPY"}},
            twin,
            request,
        ]
        event = decode("transaction_refund_requested", encode(body))
        assert [one.id for one in event.request_events] == [request["id"], "twin"]

    def test_a_transaction_on_a_checkout_has_its_channel(self, payload):
        body = payload("transaction_cancelation_requested-1")
        order = body["transaction"]["order"]
        body["transaction"] |= {"order": None, "checkout": {"id": "c", "channel": order["channel"]}}
        event = decode("transaction_cancelation_requested", encode(body))
        assert event.transaction.channel.slug == order["channel"]["slug"]


class TestOutstanding:
    @pytest.fixture
    def checkout(self, payload):
        return payload("transaction_initialize_session-1")

    def test_it_is_the_total_less_everything_other_transactions_cover(self, checkout):
        own = checkout["transaction"]["id"]
        checkout["sourceObject"]["checkoutTransactions"] = [
            transaction(own, authorized=6500.0),
            transaction("a", authorized=1000.0, authorize_pending=200.0),
            transaction("b", charged=30.0, charge_pending=4.0),
        ]
        event = decode("transaction_initialize_session", encode(checkout))
        assert event.outstanding == Decimal(6500 - 1234)
        assert event.source_object.outstanding_excluding("a") == 0

    def test_it_is_never_negative(self, checkout):
        checkout["sourceObject"]["checkoutTransactions"] = [transaction("a", charged=9999.0)]
        assert decode("transaction_initialize_session", encode(checkout)).outstanding == 0

    def test_a_checkout_without_transactions_is_outstanding_in_full(self, checkout):
        checkout["sourceObject"]["checkoutTransactions"] = None
        assert decode("transaction_initialize_session", encode(checkout)).outstanding == 6500

    def test_granted_refunds_lower_an_orders_amount(self, payload):
        body = payload("transaction_initialize_session-4")
        body["sourceObject"]["totalGrantedRefund"] = {"amount": 4.99}
        event = decode("transaction_initialize_session", encode(body))
        assert event.outstanding == Decimal("30.00")
        assert str(event.money()) == "34.99 USD"


class TestExactness:
    def test_a_long_decimal_is_not_rounded(self, payload):
        body = encode(payload("transaction_initialize_session-1")).replace(b"6500.0", b"12345678901234567.891")
        assert decode("transaction_initialize_session", body).action.amount == Decimal("12345678901234567.891")

    def test_an_amount_the_currency_does_not_have_is_an_error(self, payload):
        body = payload("transaction_initialize_session-1")
        body["action"]["amount"] = 0.5
        event = decode("transaction_initialize_session", encode(body))
        with pytest.raises(MoneyError):
            event.money()

    def test_the_gateway_asks_for_the_whole_source_without_an_amount(self, payload):
        body = {**payload("payment_gateway_initialize_session-1"), "amount": None}
        assert str(decode("payment_gateway_initialize_session", encode(body)).money()) == "6500 JPY"


class TestRefusals:
    @pytest.mark.parametrize("name", EVENTS)
    def test_an_empty_body_is_its_own_case(self, name):
        with pytest.raises(EmptyBody):
            decode(name, b"")

    @pytest.mark.parametrize("name", EVENTS)
    @pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b"{", b'"a"', b"\xff", b'{"__typename": "\xff"}', b" "])
    def test_anything_but_the_event_is_invalid(self, name, body):
        with pytest.raises(InvalidPayload):
            decode(name, body)

    def test_data_nested_beyond_all_measure_is_invalid(self, payload):
        body = {**payload("transaction_process_session-1"), "data": "DEEP"}
        deep = encode(body).replace(b'"DEEP"', b"[" * 50_000 + b"]" * 50_000)
        with pytest.raises(InvalidPayload):
            decode("transaction_process_session", deep)

    @given(st.data())
    @settings(max_examples=200, deadline=None, derandomize=True)
    def test_no_damage_to_a_body_breaks_the_decoder(self, data):
        name = data.draw(st.sampled_from(sorted(PAYMENT_EVENTS)))
        body = bytearray((CAPTURES / f"{name}-1.json").read_bytes())
        body = bytearray(json.loads(body)["body"].encode())
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(body) - 1))
            body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        with contextlib.suppress(InvalidPayload, PayloadErrors):
            decode(name, bytes(body))

    def test_the_wrong_field_is_named(self, payload):
        body = payload("transaction_initialize_session-1")
        body["sourceObject"]["channel"]["slug"] = 7
        with pytest.raises(InvalidPayload, match=r"\$\.sourceObject\.channel\.slug"):
            decode("transaction_initialize_session", encode(body))

    def test_an_unknown_event_is_the_callers_mistake(self):
        with pytest.raises(KeyError):
            decode("order_created", b"{}")


UNREADABLE = {"message": "You need one of: MANAGE_ORDERS", "path": ["event", "sourceObject", "totalGrantedRefund"]}


class TestPayloadErrors:
    def test_a_field_saleor_could_not_read_is_a_fault_of_configuration(self, payload):
        body = {**payload("transaction_initialize_session-4"), "errors": [UNREADABLE]}
        with pytest.raises(PayloadErrors) as fault:
            decode("transaction_initialize_session", encode(body))
        assert fault.value.messages == ("You need one of: MANAGE_ORDERS",)
        assert isinstance(fault.value, ConfigurationError)

    def test_also_when_it_took_the_source_with_it(self, payload):
        body = {**payload("transaction_initialize_session-4"), "sourceObject": None, "errors": [UNREADABLE]}
        with pytest.raises(PayloadErrors):
            decode("transaction_initialize_session", encode(body))

    def test_the_error_of_every_ordinary_refund_is_none(self, capture):
        body = capture("transaction_refund_requested-1")["body"]
        assert json.loads(body)["errors"]
        assert decode("transaction_refund_requested", body.encode()).granted_refund is None

    def test_a_granted_refund_is_read(self, payload):
        granted = {"id": "g", "amount": {"amount": 5.0, "currency": "JPY"}, "reason": "broken", "status": "NONE"}
        body = {**payload("transaction_refund_requested-1"), "grantedRefund": granted, "errors": None}
        event = decode("transaction_refund_requested", encode(body))
        assert (event.granted_refund.id, str(event.granted_refund.amount.money())) == ("g", "5 JPY")


def test_issued_at_is_aware(payload):
    event = decode("transaction_initialize_session", encode(payload("transaction_initialize_session-1")))
    assert event.issued_at == datetime(2026, 11, 23, 11, 42, 29, 629560, tzinfo=UTC)
