"""From checkout to order, parcels, automatic completion (observed exp7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from saleor_amazonpay.sandbox.saleor.clients import GraphQLFailed


class TestComplete:
    async def test_an_unpaid_checkout_is_refused(self, shop: Any) -> None:
        done = await shop.standin.storefront.checkout_complete(shop.standin.create_checkout().id)
        assert [problem.code for problem in done.errors] == ["CHECKOUT_NOT_FULLY_PAID"]

    @pytest.mark.parametrize(
        ("result", "charge", "authorize"),
        [
            ("CHARGE_SUCCESS", "FULL", "FULL"),
            ("AUTHORIZATION_SUCCESS", "NONE", "FULL"),
            ("CHARGE_REQUEST", "NONE", "NONE"),
            ("AUTHORIZATION_REQUEST", "NONE", "NONE"),
        ],
    )
    async def test_pending_money_makes_an_order_but_does_not_count_on_it(
        self, shop: Any, result: str, charge: str, authorize: str
    ) -> None:
        order = shop.standin.order(shop.look(await shop.paid(result, order=True)).order_id)
        assert (order.charge_status, order.authorize_status) == (charge, authorize)

    async def test_the_transaction_changes_sides_and_the_checkout_is_gone(self, shop: Any) -> None:
        transaction = await shop.paid()
        checkout = shop.look(transaction).checkout_id
        first = await shop.standin.storefront.checkout_complete(checkout)
        look = shop.look(transaction)
        assert (look.checkout_id, look.order_id) == (None, first.order_id)
        document = "query($id: ID) {checkout(id: $id) {id}}"
        assert (await shop.standin.storefront.execute(document, {"id": checkout}))["checkout"] is None
        assert [each.code for each in (await shop.initialize(checkout)).errors] == ["NOT_FOUND"]
        assert (await shop.standin.storefront.checkout_complete(checkout)).order_id == first.order_id

    async def test_more_goods_after_payment_make_it_partial(self, shop: Any) -> None:
        checkout = shop.standin.checkout(shop.look(await shop.paid()).checkout_id)
        await shop.standin.storefront.update_quantity(checkout.id, checkout.lines[0].id, 2)
        assert checkout.authorize_status == "PARTIAL"

    async def test_a_fully_paid_order_is_announced(self, shop: Any) -> None:
        await shop.paid(order=True)
        await shop.standin.settle()
        assert len(shop.stub.of("ORDER_FULLY_PAID")) == 1

    @pytest.mark.parametrize("result", ["CHARGE_SUCCESS", "AUTHORIZATION_SUCCESS", "CHARGE_REQUEST"])
    async def test_the_job_completes_what_is_covered_after_the_delay(self, shop: Any, result: str) -> None:
        settings = shop.standin.channel("default-jp").checkout_settings
        settings.automatically_complete_fully_paid_checkouts = True
        settings.automatic_completion_delay = 1
        transaction = await shop.paid(result)
        assert await shop.standin.complete_paid_checkouts() == []
        shop.clock.move(minutes=2)
        (order,) = await shop.standin.complete_paid_checkouts()
        assert shop.look(transaction).order_id == order.id

    async def test_settings_are_changed_by_the_api(self, standin: Any) -> None:
        document = """mutation($id: ID!) { channelUpdate(id: $id, input: {
          paymentSettings: {defaultTransactionFlowStrategy: AUTHORIZATION},
          checkoutSettings: {automaticCompletion: {enabled: true, delay: 5}}}) {errors{code}} }"""
        channel = standin.channel("default-jp")
        token = standin.make_user_token(standin.superuser)
        await standin.staff.execute(document, {"id": channel.id}, token=token)
        assert channel.payment_settings.default_transaction_flow_strategy == "AUTHORIZATION"
        assert channel.checkout_settings.automatic_completion_delay == 5

    async def test_a_gift_card_pays_its_part(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout(gift_card=Decimal(1000))
        shop.stub.answer("TRANSACTION_INITIALIZE_SESSION", {"result": "CHARGE_SUCCESS", "pspReference": "p"})
        await shop.initialize(checkout.id)
        assert (checkout.charge_status, checkout.authorize_status) == ("PARTIAL", "FULL")
        order = shop.standin.order((await shop.standin.storefront.checkout_complete(checkout.id)).order_id)
        assert len(order.transactions) == 2

    async def test_a_digital_checkout_needs_no_shipping(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout("eu", [("PDF-1", 2)])
        assert (checkout.is_shipping_required, checkout.total_price.gross.amount) == (False, Decimal("17.98"))


class TestUnpaidOrder:
    async def test_it_is_paid_like_a_checkout(self, shop: Any) -> None:
        order = shop.standin.create_order("us")
        shop.stub.answer("TRANSACTION_INITIALIZE_SESSION", {"result": "CHARGE_SUCCESS", "pspReference": "p"})
        await shop.initialize(order.id)
        body = shop.stub.of("TRANSACTION_INITIALIZE_SESSION")[0].body
        assert body["sourceObject"] == {"__typename": "Order", "id": order.id, "total": {"gross": {"amount": 34.99}}}
        assert (order.charge_status, order.is_paid, order.payment_status) == ("FULL", True, "FULLY_CHARGED")

    async def test_cancelling_it_asks_the_app_for_nothing(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS", order=True)
        await shop.standin.staff.cancel_order(shop.look(transaction).order_id)
        assert shop.stub.of("TRANSACTION_CANCELATION_REQUESTED") == []
        assert shop.look(transaction).authorized == Decimal(3500)


class TestParcels:
    async def _order(self, shop: Any) -> str:
        return shop.look(await shop.paid(order=True)).order_id

    async def test_with_a_number_both_events_are_sent(self, shop: Any) -> None:
        await shop.standin.staff.fulfill(await self._order(shop), "1Z")
        assert len(shop.stub.of("FULFILLMENT_CREATED")) == 1
        (told,) = shop.stub.of("FULFILLMENT_TRACKING_NUMBER_UPDATED")
        assert told.body["fulfillment"]["trackingNumber"] == "1Z"

    async def test_without_one_only_the_former_and_each_update_sends_one_more(self, shop: Any) -> None:
        made = await shop.standin.staff.fulfill(await self._order(shop))
        assert shop.stub.of("FULFILLMENT_TRACKING_NUMBER_UPDATED") == []
        for _ in range(2):
            await shop.standin.staff.update_tracking(made.id, "1Z")
        assert len(shop.stub.of("FULFILLMENT_TRACKING_NUMBER_UPDATED")) == 2

    async def test_more_than_ordered_cannot_be_sent(self, shop: Any) -> None:
        order = await self._order(shop)
        await shop.standin.staff.fulfill(order)
        again = """mutation($id: ID!, $line: ID!) { orderFulfill(order: $id, input: {
          lines: [{orderLineId: $line, stocks: [{quantity: 1, warehouse: "x"}]}]}) {errors{code}} }"""
        sent = {"id": order, "line": shop.standin.order(order).lines[0].id}
        token = shop.standin.make_user_token(shop.standin.superuser)
        seen = await shop.standin.staff.execute(again, sent, token=token)
        assert seen["orderFulfill"]["errors"] == [{"code": "FULFILL_ORDER_LINE"}]


class TestRenewal:
    async def test_an_app_makes_an_order_for_a_customer_it_may_impersonate(
        self, standin: Any, stub_listening: Any
    ) -> None:
        permissions = ["HANDLE_PAYMENTS", "HANDLE_CHECKOUTS", "IMPERSONATE_USER", "MANAGE_ORDERS"]
        app = await standin.install_app(f"{stub_listening.url}/manifest", permissions)
        template = standin.create_order("us", user=standin.customer)
        run = standin.staff.execute
        copy = "mutation($id: ID!) {checkoutCreateFromOrder(id: $id) {checkout{id} errors{code}}}"
        made = await run(copy, {"id": template.id}, token=app.token)
        checkout = made["checkoutCreateFromOrder"]["checkout"]["id"]
        attach = "mutation($id: ID, $user: ID) {checkoutCustomerAttach(id: $id, customerId: $user) {errors{code}}}"
        assert (standin.checkout(checkout).user, standin.checkout(checkout).email) == (None, None)
        await run(attach, {"id": checkout, "user": standin.customer.id}, token=app.token)
        assert standin.checkout(checkout).user is standin.customer
        with pytest.raises(GraphQLFailed) as denied:
            await run(attach, {"id": checkout, "user": standin.customer.id}, token=app.token)
        assert denied.value.code == "PermissionDenied"

    @pytest.mark.parametrize(
        ("code", "change"),
        [
            ("NOT_FOUND", lambda variant: setattr(variant, "is_deleted", True)),
            ("UNAVAILABLE_VARIANT_IN_CHANNEL", lambda variant: variant.prices.pop("us")),
            ("PRODUCT_NOT_PUBLISHED", lambda variant: setattr(variant.product, "is_published", False)),
            (
                "PRODUCT_UNAVAILABLE_FOR_PURCHASE",
                lambda variant: setattr(variant.product, "is_available_for_purchase", False),
            ),
            ("QUANTITY_GREATER_THAN_LIMIT", lambda variant: setattr(variant, "quantity_limit_per_customer", 1)),
            ("INSUFFICIENT_STOCK", lambda variant: setattr(variant, "stock", 1)),
        ],
    )
    async def test_what_cannot_be_sold_is_left_out_and_named(self, shop: Any, code: str, change: Any) -> None:
        standin = shop.standin
        template = standin.create_order("us", [("CUP-1", 2), ("POT-1", 1)], user=standin.customer)
        change(template.lines[0].variant)
        copy = """mutation($id: ID!) {checkoutCreateFromOrder(id: $id)
          {checkout{lines{variant{sku}}} unavailableVariants{code lineId} errors{code}}}"""
        made = (await standin.staff.execute(copy, {"id": template.id}))["checkoutCreateFromOrder"]
        assert made["unavailableVariants"] == [{"code": code, "lineId": template.lines[0].id}]
        assert [line["variant"]["sku"] for line in made["checkout"]["lines"]] == ["POT-1"]

    async def test_an_unknown_order(self, shop: Any) -> None:
        copy = 'mutation {checkoutCreateFromOrder(id: "x") {checkout{id} errors{code}}}'
        made = await shop.standin.staff.execute(copy)
        assert made["checkoutCreateFromOrder"] == {"checkout": None, "errors": [{"code": "ORDER_NOT_FOUND"}]}

    async def test_the_stock_is_looked_at_again_when_the_order_is_made_and_falls_with_it(self, shop: Any) -> None:
        standin = shop.standin
        standin.channel("us").order_settings.allow_unpaid_orders = True
        checkout = standin.create_checkout("us", [("CUP-1", 2)])
        checkout.lines[0].variant.stock = 1
        refused = await standin.storefront.checkout_complete(checkout.id)
        assert [error.code for error in refused.errors] == ["INSUFFICIENT_STOCK"]
        checkout.lines[0].variant.stock = 3
        assert (await standin.storefront.checkout_complete(checkout.id)).order_id
        assert checkout.lines[0].variant.stock == 1

    async def test_without_that_permission_it_may_not(self, shop: Any) -> None:
        attach = "mutation($id: ID, $user: ID) {checkoutCustomerAttach(id: $id, customerId: $user) {errors{code}}}"
        sent = {"id": shop.standin.create_checkout().id, "user": shop.standin.customer.id}
        with pytest.raises(GraphQLFailed) as denied:
            await shop.standin.staff.execute(attach, sent, token=shop.installed.token)
        assert denied.value.code == "PermissionDenied"

    async def test_it_sets_a_price_only_with_handle_checkouts(self, shop: Any) -> None:
        create = """mutation($variant: ID!) { checkoutCreate(input: {channel: "us", lines: [
          {variantId: $variant, quantity: 2, price: 12.5}]}) {checkout{totalPrice{gross{amount}}} errors{code}} }"""
        sent = {"variant": shop.standin.store.variants[0].id}
        with pytest.raises(GraphQLFailed):
            await shop.standin.staff.execute(create, sent, token=shop.installed.token)
        shop.standin.find_app(shop.installed.id).granted |= {"HANDLE_CHECKOUTS"}
        made = await shop.standin.staff.execute(create, sent, token=shop.installed.token)
        assert made["checkoutCreate"]["checkout"]["totalPrice"]["gross"]["amount"] == 25
