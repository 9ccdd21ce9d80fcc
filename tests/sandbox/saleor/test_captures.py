"""What the stand-in sends has the form of what a real Saleor 3.23 was seen to send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphql import GraphQLInterfaceType, GraphQLUnionType, get_named_type, is_leaf_type
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.saleor.schema import schema

CAPTURES = Path(__file__).parents[4] / "shared/captures/saleor-3.23"
ALIASES = {
    "checkoutToken": "token",
    "checkoutAuthorizeStatus": "authorizeStatus",
    "checkoutChargeStatus": "chargeStatus",
    "checkoutTransactions": "transactions",
}


def capture(name: str) -> dict[str, Any]:
    path = CAPTURES / f"{name}.json"
    if not path.is_file():
        pytest.skip("The captured requests are not beside this repository.")
    captured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return captured


def selection(value: Any, type_name: str) -> str:
    """The selection set that must have produced ``value``."""
    if isinstance(value, list):
        return selection(value[0], type_name) if value else "{__typename}"
    if not isinstance(value, dict):
        return "{__typename}"
    abstract = isinstance(schema().type_map[type_name], GraphQLUnionType | GraphQLInterfaceType)
    concrete = value["__typename"] if abstract else type_name
    inner = " ".join(field(key, each, concrete) for key, each in value.items())
    return f"{{__typename ...on {concrete}{{{inner}}}}}" if abstract else f"{{{inner}}}"


def field(key: str, value: Any, type_name: str) -> str:
    if key == "__typename":
        return key
    name = key
    if key in ALIASES and type_name == "Checkout":
        name = ALIASES[key]
    kind = get_named_type(schema().type_map[type_name].fields[name].type)  # type: ignore[union-attr]
    below = "" if is_leaf_type(kind) else selection(value, kind.name)
    return f"{name}{below}" if name == key else f"{key}:{name}{below}"


def query_of(body: dict[str, Any]) -> str:
    told = {key: value for key, value in body.items() if key != "errors"}
    return f"subscription{{event{selection(told, 'Event')}}}"


def shape(value: Any) -> Any:
    """Keys in their order and kinds of values; of a list, the first entry's."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def without_data(body: dict[str, Any]) -> dict[str, Any]:
    """``data`` is the storefront's; an ``errors`` of the capture is looked at by its own test."""
    return {key: value for key, value in body.items() if key not in {"data", "errors"}}


async def ask_like(shop: Any, name: str) -> dict[str, Any]:
    """The stub subscribes with the capture's own selection; returns the captured body."""
    captured = capture(name)
    body: dict[str, Any] = json.loads(captured["body"])
    event = name.rpartition("-")[0].upper()
    app = shop.standin.find_app(shop.installed.id)
    webhook = app.webhook_for(event)
    from saleor_amazonpay.sandbox.saleor.schema import parse_subscription

    webhook.document = parse_subscription(query_of(body))
    return body


def assert_same_form(standin: SaleorStandIn, event: str, captured: dict[str, Any]) -> None:
    sent = json.loads(standin.deliveries_of(event)[-1].body)
    assert shape(without_data(sent)) == shape(without_data(captured))


class TestForm:
    async def test_gateway_initialize_of_an_anonymous_checkout(self, shop: Any) -> None:
        captured = await ask_like(shop, "payment_gateway_initialize_session-1")
        checkout = shop.standin.create_checkout()
        checkout.metadata["order-note"] = "注文メモ"
        await shop.standin.storefront.payment_gateway_initialize(checkout.id, shop.installed.identifier, {"a": 1})
        assert_same_form(shop.standin, "PAYMENT_GATEWAY_INITIALIZE_SESSION", captured)

    async def test_transaction_initialize_of_an_anonymous_checkout(self, shop: Any) -> None:
        captured = await ask_like(shop, "transaction_initialize_session-1")
        checkout = shop.standin.create_checkout()
        checkout.metadata["order-note"] = "注文メモ"
        await shop.initialize(checkout.id)
        assert_same_form(shop.standin, "TRANSACTION_INITIALIZE_SESSION", captured)

    async def test_transaction_process_of_a_customers_checkout(self, shop: Any) -> None:
        captured = await ask_like(shop, "transaction_process_session-1")
        customer = shop.standin.customer
        checkout = shop.standin.create_checkout("us", user=customer)
        answer = {"result": "AUTHORIZATION_ACTION_REQUIRED", "pspReference": "cs-2"}
        shop.stub.answer("TRANSACTION_INITIALIZE_SESSION", answer)
        payment = await shop.initialize(checkout.id, user=customer)
        await shop.standin.storefront.transaction_process(payment.transaction_id, {"step": 1}, user=customer)
        assert_same_form(shop.standin, "TRANSACTION_PROCESS_SESSION", captured)

    async def test_charge_request_of_an_order(self, shop: Any) -> None:
        captured = await ask_like(shop, "transaction_charge_requested-1")
        customer = shop.standin.customer
        checkout = shop.standin.create_checkout("us", user=customer)
        shop.stub.answer(
            "TRANSACTION_INITIALIZE_SESSION",
            {"result": "AUTHORIZATION_SUCCESS", "pspReference": "a", "actions": ["CHARGE"]},
        )
        payment = await shop.initialize(checkout.id, user=customer)
        await shop.standin.storefront.checkout_complete(checkout.id, user=customer)
        await shop.standin.staff.request_charge(payment.transaction_id)
        assert_same_form(shop.standin, "TRANSACTION_CHARGE_REQUESTED", captured)

    async def test_a_refund_request_without_granted_refund_carries_saleors_own_errors(self, shop: Any) -> None:
        captured = capture("transaction_refund_requested-1")
        body = json.loads(captured["body"])
        assert body["grantedRefund"] is None
        assert body["errors"][0]["path"] == ["event", "grantedRefund", "createdAt"]
        app = shop.standin.find_app(shop.installed.id)
        from saleor_amazonpay.sandbox.saleor.schema import parse_subscription

        query = query_of(body).replace("grantedRefund{__typename}", "grantedRefund{id createdAt status}")
        app.webhook_for("TRANSACTION_REFUND_REQUESTED").document = parse_subscription(query)
        transaction = await shop.paid(order=True)
        shop.standin.order(shop.look(transaction).order_id).metadata["order-note"] = "注文メモ"
        await shop.standin.staff.request_refund(transaction)
        sent = json.loads(shop.standin.deliveries_of("TRANSACTION_REFUND_REQUESTED")[-1].body)
        assert sent["grantedRefund"] is None
        assert sent["errors"][0]["message"] == body["errors"][0]["message"]
        assert sent["errors"][0]["path"] == body["errors"][0]["path"]
        assert sent["errors"][0]["extensions"] == body["errors"][0]["extensions"]

    async def test_tracking_number_of_an_order(self, shop: Any) -> None:
        captured = await ask_like(shop, "fulfillment_tracking_number_updated-1")
        transaction = await shop.paid(order=True)
        order = shop.standin.order(shop.look(transaction).order_id)
        order.metadata["order-note"] = "注文メモ"
        await shop.standin.staff.fulfill(order.id, "1Z-TRACK-001")
        captured["fulfillment"]["metadata"] = []
        assert_same_form(shop.standin, "FULFILLMENT_TRACKING_NUMBER_UPDATED", captured)

    @pytest.mark.parametrize(
        "name",
        [
            "list_stored_payment_methods-1",
            "stored_payment_method_delete_requested-1",
            "payment_gateway_initialize_tokenization_session-1",
            "payment_method_initialize_tokenization_session-1",
            "payment_method_process_tokenization_session-1",
        ],
    )
    async def test_stored_payment_methods(self, shop: Any, name: str) -> None:
        captured = await ask_like(shop, name)
        front, customer = shop.standin.storefront, shop.standin.customer
        own = f"app:{shop.installed.identifier}:CPID-1"
        await front.stored_payment_methods("us", customer)
        await front.stored_payment_method_request_delete(own, "us", customer)
        await front.payment_gateway_initialize_tokenization(shop.installed.identifier, "us", customer, {"a": 1})
        await front.payment_method_initialize_tokenization(shop.installed.identifier, "us", customer, {"a": 2})
        await front.payment_method_process_tokenization(own, "us", customer, {"a": 3})
        assert_same_form(shop.standin, name.rpartition("-")[0].upper(), captured)


class TestHeaders:
    async def test_a_webhook_has_exactly_the_captured_headers(self, shop: Any) -> None:
        captured = capture("transaction_initialize_session-1")["headers"]
        await shop.initialize()
        (sent,) = shop.stub.of("TRANSACTION_INITIALIZE_SESSION")
        assert {name.lower() for name in sent.headers} == {name.lower() for name in captured}
        for name in ("User-Agent", "Accept-Encoding", "Accept", "Connection", "Content-Type", "Saleor-Event"):
            assert sent.headers[name.lower()] == captured[name]

    async def test_registration_has_exactly_the_captured_headers(self, shop: Any) -> None:
        captured = capture("register-1")
        (sent,) = shop.stub.registered
        assert {name.lower() for name in sent.headers} == {name.lower() for name in captured["headers"]}
        assert sent.headers["saleor-schema-version"] == captured["headers"]["Saleor-Schema-Version"]
        assert sent.headers["saleor-api-url"] == shop.standin.api_url
        assert len(sent.raw) == len(captured["body"])
        assert sent.body == {"auth_token": shop.installed.token}

    async def test_the_jwks_has_the_captured_form(self, standin: SaleorStandIn) -> None:
        path = CAPTURES / "jwks.json"
        if not path.is_file():
            pytest.skip("The captured requests are not beside this repository.")
        captured = json.loads(path.read_text(encoding="utf-8"))
        assert shape(standin.key.jwks()) == shape(captured)

    async def test_text_beyond_ascii_is_escaped_and_money_is_a_float(self, shop: Any) -> None:
        await shop.initialize(data={"茶": "碗"})
        (sent,) = shop.stub.of("TRANSACTION_INITIALIZE_SESSION")
        assert b"\\u8336" in sent.raw
        assert b'"amount": 3500.0' in sent.raw
