"""TRANSACTION_INITIALIZE_SESSION and TRANSACTION_PROCESS_SESSION: what an answer leaves behind (observed exp1-3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio
import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from saleor_amazonpay.sandbox.saleor.clients import GraphQLFailed

INITIALIZE, PROCESS = "TRANSACTION_INITIALIZE_SESSION", "TRANSACTION_PROCESS_SESSION"
SUCCESS = {"result": "CHARGE_SUCCESS", "pspReference": "p"}


class TestNoAnswer:
    @pytest.mark.parametrize(
        "reply",
        [
            JSONResponse(SUCCESS, status_code=400),
            JSONResponse(SUCCESS, status_code=500),
            RedirectResponse("/elsewhere"),
            Response(b""),
            Response(b"{"),
            Response(b"null"),
        ],
        ids=["400", "500", "redirect", "empty", "broken", "null"],
    )
    async def test_anything_but_2xx_json_is_an_uncounted_failure(self, shop: Any, reply: Response) -> None:
        shop.stub.answer(INITIALIZE, reply)
        payment = await shop.initialize()
        assert (payment.result, payment.event.message, payment.data) == (
            "CHARGE_FAILURE",
            "Failed to delivery request.",
            None,
        )
        assert payment.errors == ()
        assert not shop.look(payment.transaction_id).events[0].counted
        assert len(shop.stub.of(INITIALIZE)) == 1

    async def test_no_answer_in_time_is_one(self, shop: Any) -> None:
        shop.stub.gate = anyio.Event()
        payment = await shop.initialize()
        shop.stub.gate.set()
        assert payment.result == "CHARGE_FAILURE"

    async def test_after_it_process_asks_the_app_again(self, shop: Any) -> None:
        shop.stub.answer(INITIALIZE, Response(status_code=500))
        shop.stub.answer(PROCESS, SUCCESS)
        payment = await shop.initialize()
        again = await shop.standin.storefront.transaction_process(payment.transaction_id)
        assert again.result == "CHARGE_SUCCESS"
        assert shop.look(payment.transaction_id).charged == Decimal(3500)

    @pytest.mark.parametrize(
        "reply",
        [
            [],
            Response(b'"text"'),
            {**SUCCESS, "pspReference": "x" * 513},
            {**SUCCESS, "externalUrl": "https://e/" + "x" * 200},
        ],
        ids=["list", "string", "long-reference", "long-url"],
    )
    async def test_some_answers_break_saleor_and_leave_only_the_request(self, shop: Any, reply: Any) -> None:
        shop.stub.answer(INITIALIZE, reply)
        checkout = shop.standin.create_checkout()
        with pytest.raises(GraphQLFailed, match="Internal Server Error"):
            await shop.initialize(checkout.id)
        (left,) = checkout.transactions
        assert [event.type for event in left.recorded] == ["CHARGE_REQUEST"]


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            {"result": "charge_success", "pspReference": "p"},
            {"result": "REFUND_SUCCESS", "pspReference": "p"},
            {"result": "CANCEL_REQUEST", "pspReference": "p"},
            {"pspReference": "p"},
            {"result": "CHARGE_SUCCESS"},
            {"result": "CHARGE_SUCCESS", "pspReference": None},
            {"result": "CHARGE_REQUEST", "pspReference": 12},
            SUCCESS | {"externalUrl": ""},
            SUCCESS | {"externalUrl": "no url"},
            SUCCESS | {"time": "yesterday"},
            SUCCESS | {"amount": "much"},
            SUCCESS | {"actions": "REFUND"},
            SUCCESS | {"paymentMethodDetails": {"type": "WALLET", "name": "x"}},
            SUCCESS | {"paymentMethodDetails": {"type": "OTHER"}},
            SUCCESS | {"paymentMethodDetails": {"type": "CARD", "name": "x", "expMonth": 13}},
        ],
    )
    async def test_an_invalid_answer_is_an_uncounted_failure_but_its_data_is_told(self, shop: Any, answer: Any) -> None:
        shop.stub.answer(INITIALIZE, answer | {"data": {"told": True}})
        payment = await shop.initialize()
        assert payment.result == "CHARGE_FAILURE"
        assert payment.event.message
        assert payment.data == {"told": True}
        look = shop.look(payment.transaction_id)
        assert (look.charged, look.events[0].counted) == (0, False)

    @pytest.mark.parametrize(
        ("result", "sums", "charge", "authorize"),
        [
            ("AUTHORIZATION_SUCCESS", {"authorized": 3500}, "NONE", "FULL"),
            ("AUTHORIZATION_REQUEST", {"authorize_pending": 3500}, "NONE", "FULL"),
            ("AUTHORIZATION_FAILURE", {}, "NONE", "NONE"),
            ("AUTHORIZATION_ACTION_REQUIRED", {}, "NONE", "NONE"),
            ("CHARGE_SUCCESS", {"charged": 3500}, "FULL", "FULL"),
            ("CHARGE_REQUEST", {"charge_pending": 3500}, "FULL", "FULL"),
            ("CHARGE_FAILURE", {}, "NONE", "NONE"),
            ("CHARGE_ACTION_REQUIRED", {}, "NONE", "NONE"),
            ("CANCEL_SUCCESS", {}, "NONE", "NONE"),
        ],
    )
    async def test_each_result_is_taken_whatever_was_asked_and_counts_so(
        self, shop: Any, result: str, sums: dict[str, int], charge: str, authorize: str
    ) -> None:
        checkout = shop.standin.create_checkout()
        shop.stub.answer(INITIALIZE, {"result": result, "pspReference": "p"})
        payment = await shop.initialize(checkout.id)
        assert payment.result == result
        assert checkout.transactions[0].amounts.nonzero() == sums
        assert (checkout.charge_status, checkout.authorize_status) == (charge, authorize)
        assert shop.look(payment.transaction_id).psp_reference == "p"

    @pytest.mark.parametrize(
        ("amount", "booked", "status"),
        [
            (None, "3500", "FULL"),
            (0, "3500", "FULL"),
            ("1000", "1000", "PARTIAL"),
            (3500.4567, "3500.457", "OVERCHARGED"),
            (-5, "-5", "NONE"),
        ],
    )
    async def test_amounts_are_taken_as_they_are_and_zero_is_the_requested_one(
        self, shop: Any, amount: Any, booked: str, status: str
    ) -> None:
        checkout = shop.standin.create_checkout()
        shop.stub.answer(INITIALIZE, SUCCESS | {"amount": amount})
        payment = await shop.initialize(checkout.id)
        assert shop.look(payment.transaction_id).charged == Decimal(booked)
        assert checkout.charge_status == status

    async def test_an_amount_with_too_many_decimals_is_shown_rounded(self, shop: Any) -> None:
        shop.stub.answer(INITIALIZE, SUCCESS | {"amount": 3500.4567})
        assert (await shop.initialize()).event.amount == 3500

    async def test_unknown_actions_are_dropped_and_absent_ones_change_nothing(self, shop: Any) -> None:
        shop.stub.answer(INITIALIZE, SUCCESS | {"actions": ["REFUND", "refund", "VOID"]})
        payment = await shop.initialize()
        assert shop.look(payment.transaction_id).actions == ("REFUND",)
        await shop.report(payment.transaction_id, "INFO", "i")
        assert shop.look(payment.transaction_id).actions == ("REFUND",)

    async def test_actions_of_action_required_are_ignored(self, shop: Any) -> None:
        shop.stub.answer(INITIALIZE, {"result": "CHARGE_ACTION_REQUIRED", "actions": ["CHARGE"]})
        payment = await shop.initialize()
        assert shop.look(payment.transaction_id).actions == ()

    async def test_a_long_message_is_cut(self, shop: Any) -> None:
        shop.stub.answer(INITIALIZE, SUCCESS | {"message": "m" * 600})
        assert len((await shop.initialize()).event.message) == 512

    async def test_an_empty_reference_is_never_deduplicated(self, shop: Any) -> None:
        shop.stub.answer(INITIALIZE, {"result": "CHARGE_SUCCESS", "pspReference": ""})
        payment = await shop.initialize()
        assert shop.look(payment.transaction_id).charged == Decimal(3500)
        assert (await shop.report(payment.transaction_id, "CHARGE_SUCCESS", "", 3500))["alreadyProcessed"] is False
        assert shop.look(payment.transaction_id).charged == Decimal(7000)


class TestProcess:
    @pytest.mark.parametrize(
        "result",
        [f"{phase}_{end}" for phase in ("AUTHORIZATION", "CHARGE") for end in ("SUCCESS", "FAILURE", "REQUEST")],
    )
    async def test_a_counted_end_is_given_again_without_asking_the_app(self, shop: Any, result: str) -> None:
        transaction = await shop.paid(result)
        again = await shop.standin.storefront.transaction_process(transaction, {"x": 1})
        assert (again.result, again.data) == (result, None)
        assert shop.stub.of(PROCESS) == []

    @pytest.mark.parametrize("result", ["CHARGE_ACTION_REQUIRED", "AUTHORIZATION_ACTION_REQUIRED", "CANCEL_SUCCESS"])
    async def test_these_do_not_end_a_session(self, shop: Any, result: str) -> None:
        transaction = await shop.paid(result)
        shop.stub.answer(PROCESS, SUCCESS)
        assert (await shop.standin.storefront.transaction_process(transaction)).result == "CHARGE_SUCCESS"

    async def test_omitting_the_reference_later_blanks_that_of_the_request(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_ACTION_REQUIRED")
        shop.stub.answer(PROCESS, {"result": "CHARGE_ACTION_REQUIRED"})
        await shop.standin.storefront.transaction_process(transaction)
        look = shop.look(transaction)
        assert next(event for event in look.events if event.type == "CHARGE_REQUEST").psp_reference == ""
        assert look.psp_reference == "paid"

    async def test_two_parallel_calls_both_reach_the_app_and_one_reference_is_one_charge(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_ACTION_REQUIRED")
        shop.stub.answer(PROCESS, SUCCESS)
        await self._twice(shop, transaction)
        assert len(shop.stub.of(PROCESS)) == 2
        assert shop.look(transaction).charged == Decimal(3500)

    async def test_two_parallel_calls_with_two_references_charge_twice(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_ACTION_REQUIRED")
        shop.stub.answer(PROCESS, SUCCESS, SUCCESS | {"pspReference": "q"})
        await self._twice(shop, transaction)
        assert shop.look(transaction).charged == Decimal(7000)

    async def _twice(self, shop: Any, transaction: str) -> None:
        shop.stub.gate = anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(shop.standin.storefront.transaction_process, transaction)
            while len(shop.stub.of(PROCESS)) < 2:  # noqa: ASYNC110 - the gate opens once both are there
                await anyio.sleep(0.005)
            shop.stub.gate.set()

    async def test_without_a_request_there_is_nothing_to_process(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout()
        document = 'mutation($id: ID!) {transactionCreate(id: $id, transaction: {name: "x"}) {transaction{id}}}'
        made = await shop.standin.storefront.execute(document, {"id": checkout.id}, token=shop.installed.token)
        transaction = made["transactionCreate"]["transaction"]["id"]
        payment = await shop.standin.storefront.transaction_process(transaction)
        assert [problem.code for problem in payment.errors] == ["INVALID"]

    async def test_it_works_on_after_the_order_was_made(self, shop: Any) -> None:
        shop.standin.channel("default-jp").order_settings.allow_unpaid_orders = True
        transaction = await shop.paid("CHARGE_ACTION_REQUIRED", order=True)
        shop.stub.answer(PROCESS, SUCCESS)
        await shop.standin.storefront.transaction_process(transaction)
        assert shop.stub.of(PROCESS)[0].body["sourceObject"]["__typename"] == "Order"
        assert shop.standin.order(shop.look(transaction).order_id).charge_status == "FULL"


class TestInitialize:
    async def test_the_event_carries_what_was_asked(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout("us", user=shop.standin.customer)
        await shop.initialize(checkout.id, data={"n": 1.1}, idempotency_key="key", user=shop.standin.customer)
        body = shop.stub.of(INITIALIZE)[0].body
        assert body["action"] == {"amount": 34.99, "currency": "USD", "actionType": "AUTHORIZATION"}
        assert (body["idempotencyKey"], body["data"]) == ("key", {"n": 1.1})
        assert body["merchantReference"] == body["transaction"]["id"]
        assert body["customerIpAddress"] == "127.0.0.1"
        assert body["issuingPrincipal"]["email"] == "customer@example.com"
        assert body["recipient"]["id"] == shop.installed.id

    async def test_the_same_key_is_the_same_transaction_and_asks_again(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout()
        shop.stub.answer(INITIALIZE, SUCCESS, SUCCESS | {"pspReference": "q"})
        first = await shop.initialize(checkout.id, idempotency_key="k", amount=Decimal(3500))
        second = await shop.initialize(checkout.id, idempotency_key="k", amount=Decimal(3500))
        assert first.transaction_id == second.transaction_id
        assert len(shop.stub.of(INITIALIZE)) == 2
        assert shop.look(first.transaction_id).charged == Decimal(7000)

    async def test_the_same_key_with_another_amount_or_checkout_is_refused(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout()
        shop.stub.answer(INITIALIZE, SUCCESS)
        await shop.initialize(checkout.id, idempotency_key="k")
        for payment in (
            await shop.initialize(checkout.id, idempotency_key="k"),  # 0 is left to ask for
            await shop.initialize(checkout.id, idempotency_key="k", amount=Decimal(10)),
            await shop.initialize(idempotency_key="k"),
        ):
            assert [problem.code for problem in payment.errors] == ["UNIQUE"]
        assert len(shop.stub.of(INITIALIZE)) == 1

    async def test_the_default_amount_is_what_is_left(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout(gift_card=Decimal(1000))
        await shop.initialize(checkout.id)
        assert shop.stub.of(INITIALIZE)[0].body["action"]["amount"] == 2500.0

    async def test_nothing_left_zero_and_too_much_all_go_through(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout(gift_card=Decimal(3500))
        for amount in (None, Decimal(0), Decimal(99999), Decimal("1000.4")):
            await shop.initialize(checkout.id, amount=amount)
        asked = [each.body["action"]["amount"] for each in shop.stub.of(INITIALIZE)]
        assert asked == [0.0, 0.0, 99999.0, 1000.0]

    async def test_a_bare_checkout_can_be_initialised(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout(ready=False, email=None)
        await shop.initialize(checkout.id)
        assert shop.stub.of(INITIALIZE)[0].body["action"]["amount"] == 3000.0

    async def test_action_needs_an_app(self, shop: Any) -> None:
        document = """mutation($id: ID!, $gateway: PaymentGatewayToInitialize!) {
          transactionInitialize(id: $id, paymentGateway: $gateway, action: AUTHORIZATION) {
            transactionEvent{type} errors{code} } }"""
        variables = {"id": shop.standin.create_checkout().id, "gateway": {"id": shop.installed.identifier}}
        with pytest.raises(GraphQLFailed) as denied:
            await shop.standin.storefront.execute(document, variables)
        assert denied.value.code == "PermissionDenied"
        await shop.standin.storefront.execute(document, variables, token=shop.installed.token)
        assert shop.stub.of(INITIALIZE)[0].body["action"]["actionType"] == "AUTHORIZATION"

    @pytest.mark.parametrize("data", ['"text"', "1", "true"])
    async def test_data_must_be_an_object_or_a_list(self, shop: Any, data: str) -> None:
        document = f"""mutation($id: ID!) {{ transactionInitialize(
          id: $id, paymentGateway: {{id: "x", data: {data}}}) {{errors{{code}}}} }}"""
        with pytest.raises(GraphQLFailed):
            await shop.standin.storefront.execute(document, {"id": shop.standin.create_checkout().id})


class TestGatewayInitialize:
    EVENT = "PAYMENT_GATEWAY_INITIALIZE_SESSION"

    async def _config(self, shop: Any, reply: Any) -> Any:
        shop.stub.answer(self.EVENT, reply)
        checkout = shop.standin.create_checkout()
        (config,) = await shop.standin.storefront.payment_gateway_initialize(checkout.id, shop.installed.identifier)
        return config

    @pytest.mark.parametrize(
        "reply", [Response(status_code=500), Response(b"{"), JSONResponse({"data": 1}, 400), {"errors": []}, []]
    )
    async def test_a_useless_answer_is_told_the_storefront(self, shop: Any, reply: Any) -> None:
        config = await self._config(shop, reply)
        assert [problem.code for problem in config.errors] == ["INVALID"]
        assert config.data is None

    @pytest.mark.parametrize("reply", [{}, {"data": None}])
    async def test_empty_answers_are_no_error(self, shop: Any, reply: Any) -> None:
        config = await self._config(shop, reply)
        assert (config.data, config.errors) == (None, ())

    async def test_only_data_is_passed_on(self, shop: Any) -> None:
        assert (await self._config(shop, {"data": {"a": 1}, "errors": ["x"]})).data == {"a": 1}

    async def test_without_gateways_all_apps_are_asked_without_data(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout()
        (config,) = await shop.standin.storefront.payment_gateway_initialize(checkout.id)
        assert config.id == shop.installed.identifier
        assert shop.stub.of(self.EVENT)[0].body["data"] is None

    async def test_an_unknown_gateway_is_not_found(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout()
        (config,) = await shop.standin.storefront.payment_gateway_initialize(checkout.id, "nobody")
        assert [problem.code for problem in config.errors] == ["NOT_FOUND"]
