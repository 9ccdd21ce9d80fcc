"""Stored payment methods (observed drive, exp9)."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import Response

from saleor_amazonpay.sandbox.saleor.clients import GraphQLFailed

LIST, DELETE = "LIST_STORED_PAYMENT_METHODS", "STORED_PAYMENT_METHOD_DELETE_REQUESTED"
METHOD = {"id": "B21:1", "type": "Amazon Pay", "supportedPaymentFlows": ["INTERACTIVE"], "name": "Agreement"}


class TestList:
    async def test_ids_carry_the_apps_identifier_and_are_cached_five_minutes(self, shop: Any) -> None:
        shop.stub.answer(LIST, {"paymentMethods": [METHOD]})
        front, customer = shop.standin.storefront, shop.standin.customer
        for _ in range(2):
            (method,) = await front.stored_payment_methods("us", customer)
        assert (method.id, method.payment_method_id) == (f"app:{shop.installed.identifier}:B21:1", "B21:1")
        assert method.supported_payment_flows == ("INTERACTIVE",)
        assert len(shop.stub.of(LIST)) == 1
        shop.clock.move(minutes=6)
        await front.stored_payment_methods("us", customer)
        assert len(shop.stub.of(LIST)) == 2

    async def test_a_failure_is_an_empty_list_kept_a_second(self, shop: Any) -> None:
        shop.stub.answer(LIST, Response(status_code=500), {"paymentMethods": [METHOD]})
        front, customer = shop.standin.storefront, shop.standin.customer
        assert await front.stored_payment_methods("us", customer) == []
        shop.clock.move(seconds=2)
        assert len(await front.stored_payment_methods("us", customer)) == 1

    async def test_invalid_entries_are_left_out(self, shop: Any) -> None:
        wrong = [{"id": 1, "type": "x"}, {"id": "x"}, METHOD | {"supportedPaymentFlows": ["OTHER"]}, "text"]
        card = METHOD | {"creditCardInfo": {"brand": "visa"}}
        shop.stub.answer(LIST, {"paymentMethods": [*wrong, card]})
        (method,) = await shop.standin.storefront.stored_payment_methods("us", shop.standin.customer)
        assert method.payment_method_id == "B21:1"

    async def test_a_payment_of_the_customer_forgets_the_list(self, shop: Any) -> None:
        shop.stub.answer(LIST, {"paymentMethods": []})
        shop.stub.answer("TRANSACTION_INITIALIZE_SESSION", {"result": "AUTHORIZATION_SUCCESS", "pspReference": "p"})
        front, customer = shop.standin.storefront, shop.standin.customer
        await front.stored_payment_methods("us", customer)
        await shop.initialize(shop.standin.create_checkout("us", user=customer).id, user=customer)
        await front.stored_payment_methods("us", customer)
        assert len(shop.stub.of(LIST)) == 2


class TestDelete:
    @pytest.mark.parametrize(
        ("reply", "result"),
        [
            ({"result": "SUCCESSFULLY_DELETED"}, "SUCCESSFULLY_DELETED"),
            ({"result": "FAILED_TO_DELETE", "error": "no"}, "FAILED_TO_DELETE"),
            ({"result": "deleted"}, "FAILED_TO_DELIVER"),
            (Response(status_code=500), "FAILED_TO_DELIVER"),
        ],
    )
    async def test_results(self, shop: Any, reply: Any, result: str) -> None:
        shop.stub.answer(DELETE, reply)
        method = f"app:{shop.installed.identifier}:B21:1"
        front, customer = shop.standin.storefront, shop.standin.customer
        assert (await front.stored_payment_method_request_delete(method, "us", customer)).result == result
        assert shop.stub.of(DELETE)[0].body["paymentMethodId"] == "B21:1"

    async def test_success_forgets_the_list(self, shop: Any) -> None:
        shop.stub.answer(LIST, {"paymentMethods": [METHOD]}, {"paymentMethods": []})
        shop.stub.answer(DELETE, {"result": "SUCCESSFULLY_DELETED"})
        front, customer = shop.standin.storefront, shop.standin.customer
        (method,) = await front.stored_payment_methods("us", customer)
        await front.stored_payment_method_request_delete(method.id, "us", customer)
        assert await front.stored_payment_methods("us", customer) == []

    async def test_nobody_may_without_logging_in(self, shop: Any) -> None:
        document = 'mutation { storedPaymentMethodRequestDelete(id: "app:x:y", channel: "us") {result} }'
        with pytest.raises(GraphQLFailed) as denied:
            await shop.standin.storefront.execute(document)
        assert denied.value.code == "PermissionDenied"


class TestTokenization:
    EVENT = "PAYMENT_METHOD_INITIALIZE_TOKENIZATION_SESSION"

    @pytest.mark.parametrize(
        ("reply", "result", "own_id"),
        [
            ({"result": "SUCCESSFULLY_TOKENIZED", "id": "m"}, "SUCCESSFULLY_TOKENIZED", "m"),
            ({"result": "ADDITIONAL_ACTION_REQUIRED", "id": "m"}, "ADDITIONAL_ACTION_REQUIRED", "m"),
            ({"result": "SUCCESSFULLY_TOKENIZED"}, "FAILED_TO_DELIVER", None),
            ({"result": "PENDING"}, "PENDING", None),
            ({"result": "FAILED_TO_TOKENIZE", "error": "no"}, "FAILED_TO_TOKENIZE", None),
        ],
    )
    async def test_results(self, shop: Any, reply: Any, result: str, own_id: str | None) -> None:
        shop.stub.answer(self.EVENT, reply)
        front, customer = shop.standin.storefront, shop.standin.customer
        gateway = shop.installed.identifier
        seen = await front.payment_method_initialize_tokenization(gateway, "us", customer, {"a": 1})
        assert (seen.result, seen.id) == (result, f"app:{gateway}:{own_id}" if own_id else None)
        assert shop.stub.of(self.EVENT)[0].body["paymentFlowToSupport"] == "INTERACTIVE"

    async def test_process_sends_the_bare_id(self, shop: Any) -> None:
        method = f"app:{shop.installed.identifier}:m:1"
        await shop.standin.storefront.payment_method_process_tokenization(method, "us", shop.standin.customer)
        assert shop.stub.of("PAYMENT_METHOD_PROCESS_TOKENIZATION_SESSION")[0].body["id"] == "m:1"

    async def test_gateway_initialize(self, shop: Any) -> None:
        event = "PAYMENT_GATEWAY_INITIALIZE_TOKENIZATION_SESSION"
        shop.stub.answer(event, {"result": "SUCCESSFULLY_INITIALIZED", "data": {"a": 1}})
        gateway, customer = shop.installed.identifier, shop.standin.customer
        seen = await shop.standin.storefront.payment_gateway_initialize_tokenization(gateway, "us", customer)
        assert (seen.result, seen.data) == ("SUCCESSFULLY_INITIALIZED", {"a": 1})
