"""transactionEventReport, and who may read and write transactions (observed exp6)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest

from saleor_amazonpay.sandbox.saleor.clients import GraphQLFailed


class TestRepetition:
    async def test_the_same_event_again_changes_only_the_actions(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        again = await shop.report(transaction, "CHARGE_SUCCESS", "paid", 3500, actions=["REFUND"], message="new")
        assert (again["alreadyProcessed"], again["errors"]) == (True, [])
        look = shop.look(transaction)
        assert (look.charged, look.actions) == (3500, ("REFUND",))
        assert "new" not in [event.message for event in look.events]

    async def test_six_parallel_reports_are_one_event(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        outcomes: list[bool] = []

        async def report() -> None:
            outcomes.append((await shop.report(transaction, "CHARGE_SUCCESS", "c", 3500))["alreadyProcessed"])

        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(report)
        assert sorted(outcomes) == [False, True, True, True, True, True]
        assert shop.look(transaction).charged == Decimal(3500)

    async def test_another_amount_is_refused_and_leaves_a_visible_failure(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        refused = await shop.report(transaction, "CHARGE_SUCCESS", "paid", 3000)
        assert [(each["field"], each["code"]) for each in refused["errors"]] == [("pspReference", "INCORRECT_DETAILS")]
        look = shop.look(transaction)
        assert (look.charged, look.event_types[-1], look.events[0].counted) == (3500, "CHARGE_FAILURE", False)
        assert look.events[0].psp_reference == "paid"

    async def test_that_failure_collides_with_a_later_real_one(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        await shop.report(transaction, "CHARGE_SUCCESS", "paid", 3000)
        real = await shop.report(transaction, "CHARGE_FAILURE", "paid", 3500)
        assert [each["code"] for each in real["errors"]] == ["INCORRECT_DETAILS"]
        assert shop.look(transaction).charged == Decimal(3500)

    async def test_a_second_authorization_is_refused_whatever_its_reference(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        refused = await shop.report(transaction, "AUTHORIZATION_SUCCESS", "other", 3500)
        assert [(each["field"], each["code"]) for each in refused["errors"]] == [("type", "ALREADY_EXISTS")]
        assert shop.look(transaction).event_types[-1] == "AUTHORIZATION_FAILURE"
        await shop.report(transaction, "AUTHORIZATION_ADJUSTMENT", "other", 2000)
        assert shop.look(transaction).authorized == Decimal(2000)

    @pytest.mark.parametrize("event", ["INFO", "CHARGE_ACTION_REQUIRED", "AUTHORIZATION_ACTION_REQUIRED"])
    async def test_some_events_are_never_repetitions(self, shop: Any, event: str) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        for _ in range(2):
            assert (await shop.report(transaction, event, "i", 1))["alreadyProcessed"] is False

    async def test_the_answer_after_its_own_report_is_a_repetition(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        shop.stub.answer("TRANSACTION_CHARGE_REQUESTED", {"result": "CHARGE_SUCCESS", "pspReference": "c"})
        await shop.report(transaction, "CHARGE_SUCCESS", "c", 3500)
        shop.standin.find_app(shop.installed.id)
        await shop.standin.staff.request_charge(transaction, Decimal(3500))
        types = shop.look(transaction).event_types
        assert types.count("CHARGE_SUCCESS") == 1

    async def test_an_answer_with_another_amount_than_its_report_fails_and_the_report_stays(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        shop.stub.answer("TRANSACTION_CHARGE_REQUESTED", {"result": "CHARGE_SUCCESS", "pspReference": "c", "amount": 1})
        await shop.report(transaction, "CHARGE_SUCCESS", "c", 3000)
        await shop.standin.staff.request_charge(transaction)
        look = shop.look(transaction)
        assert (look.charged, look.event_types[-1]) == (3000, "CHARGE_FAILURE")


class TestAmounts:
    @pytest.mark.parametrize(
        "event", ["CHARGE_SUCCESS", "CHARGE_REQUEST", "AUTHORIZATION_ADJUSTMENT", "CANCEL_SUCCESS"]
    )
    async def test_the_amount_is_required(self, shop: Any, event: str) -> None:
        refused = await shop.report(await shop.paid(), event, "x")
        assert [(each["field"], each["code"]) for each in refused["errors"]] == [("amount", "REQUIRED")]

    async def test_a_failure_takes_it_from_its_reference(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        await shop.report(transaction, "CHARGE_BACK", "paid")
        assert shop.look(transaction).charged == 0
        refused = await shop.report(transaction, "CHARGE_FAILURE", "unheard-of")
        assert [each["code"] for each in refused["errors"]] == ["REQUIRED"]

    async def test_information_without_amount_is_zero(self, shop: Any) -> None:
        transaction = await shop.paid()
        await shop.report(transaction, "INFO", "i")
        assert shop.look(transaction).events[0].amount == 0

    async def test_reports_are_rounded_to_the_currency(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        await shop.report(transaction, "CHARGE_SUCCESS", "c", 1000.5)
        assert shop.look(transaction).charged == Decimal(1000)

    async def test_a_success_settles_the_request_of_its_reference(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        await shop.report(transaction, "CHARGE_REQUEST", "c", 30)
        await shop.report(transaction, "CHARGE_SUCCESS", "c", 25)
        look = shop.look(transaction)
        assert (look.charged, look.charge_pending, look.authorized) == (25, 0, 3475)

    async def test_the_newer_time_wins_between_success_and_failure(self, shop: Any) -> None:
        transaction = await shop.paid("AUTHORIZATION_SUCCESS")
        now = shop.clock.now()
        await shop.report(transaction, "CHARGE_FAILURE", "c", 10, time=now.isoformat())
        await shop.report(transaction, "CHARGE_SUCCESS", "c", 10, time=(now - timedelta(hours=1)).isoformat())
        assert shop.look(transaction).charged == 0

    async def test_events_are_listed_newest_first_by_the_reported_time(self, shop: Any) -> None:
        transaction = await shop.paid("CHARGE_SUCCESS")
        old = (shop.clock.now() - timedelta(days=1)).isoformat()
        await shop.report(transaction, "INFO", "i", time=old)
        assert shop.look(transaction).events[-1].type == "INFO"


class TestOwnership:
    async def test_a_superuser_may_not_report_on_an_apps_transaction(self, shop: Any) -> None:
        transaction = await shop.paid()
        document = """mutation($id: ID) {
          transactionEventReport(id: $id, type: INFO, pspReference: "i") {errors{code}} }"""
        token = shop.standin.make_user_token(shop.standin.superuser)
        with pytest.raises(GraphQLFailed) as denied:
            await shop.standin.staff.execute(document, {"id": transaction}, token=token)
        assert denied.value.code == "PermissionDenied"

    @pytest.mark.parametrize("how", ["revoked", "deactivated", "deleted"])
    async def test_a_dead_token_is_nobody(self, shop: Any, how: str) -> None:
        transaction = await shop.paid()
        app = shop.standin.find_app(shop.installed.id)
        {
            "revoked": lambda: shop.standin.revoke_token(app),
            "deactivated": lambda: shop.standin.set_active(app, False),
            "deleted": lambda: shop.standin.delete_app(app),
        }[how]()
        with pytest.raises(GraphQLFailed) as denied:
            await shop.report(transaction, "INFO", "i")
        assert denied.value.code == "PermissionDenied"

    async def test_an_unknown_transaction_is_not_found(self, shop: Any) -> None:
        refused = await shop.report("VHJhbnNhY3Rpb25JdGVtOm5v", "INFO", "i")
        assert [each["code"] for each in refused["errors"]] == ["NOT_FOUND"]

    async def test_an_app_lists_its_own_transactions_page_by_page(self, shop: Any) -> None:
        made = [await shop.paid() for _ in range(3)]
        document = """query($after: String, $ids: [ID!]) {
          transactions(where: {ids: $ids}, first: 2, after: $after) {
            edges{node{id}} pageInfo{hasNextPage endCursor} totalCount } }"""
        token = shop.installed.token
        first = (await shop.standin.staff.execute(document, {"ids": made}, token=token))["transactions"]
        after = first["pageInfo"]["endCursor"]
        second = (await shop.standin.staff.execute(document, {"ids": made, "after": after}, token=token))[
            "transactions"
        ]
        assert [edge["node"]["id"] for page in (first, second) for edge in page["edges"]] == made
        assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


class TestManualAmounts:
    async def test_update_sets_absolute_sums_by_events_without_reference(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout("us")
        create = """mutation($id: ID!, $amount: PositiveDecimal!) { transactionCreate(id: $id, transaction: {
          pspReference: "m", amountAuthorized: {amount: $amount, currency: "USD"}}) {transaction{id} errors{code}} }"""
        update = """mutation($id: ID!, $amount: PositiveDecimal!) { transactionUpdate(id: $id, transaction: {
          amountAuthorized: {amount: $amount, currency: "USD"}}) {transaction{id} errors{code}} }"""
        token = shop.installed.token
        made = await shop.standin.staff.execute(create, {"id": checkout.id, "amount": "30"}, token=token)
        transaction = made["transactionCreate"]["transaction"]["id"]
        await shop.standin.staff.execute(update, {"id": transaction, "amount": "12.5"}, token=token)
        look = shop.look(transaction)
        assert look.authorized == Decimal("12.5")
        assert look.event_types == ["AUTHORIZATION_SUCCESS", "AUTHORIZATION_ADJUSTMENT"]

    async def test_another_currency_is_refused(self, shop: Any) -> None:
        checkout = shop.standin.create_checkout("us")
        create = """mutation($id: ID!) { transactionCreate(id: $id, transaction: {
          amountCharged: {amount: 1, currency: "JPY"}}) {errors{code}} }"""
        made = await shop.standin.staff.execute(create, {"id": checkout.id}, token=shop.installed.token)
        assert made["transactionCreate"]["errors"] == [{"code": "INCORRECT_CURRENCY"}]
