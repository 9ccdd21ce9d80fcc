"""A merchant's own scheduler charges agreements: by the app's GraphQL, as staff or as a Saleor app."""

from __future__ import annotations

import asyncio
import html
from urllib.parse import quote

import httpx2
import pytest

from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from tests.journeys.agreements import agreed, agreement_of, another_app, cart
from tests.journeys.helpers import charges, settle
from tests.journeys.test_payment_pages import Pages

CHARGE = """
mutation($id: ID!, $input: AgreementChargeInput!) {
  agreementCharge(id: $id, input: $input) {
    charge { transactionId result pspReference message amount { amount currency } }
    errors { field code message }
  }
}"""
LIST = "{ agreements { id state amountLimit { amount } amountBalance { amount } lapsesSoon events { kind } } }"


async def ask(shop, query, variables=None, *, token=None, status=200):
    """As staff with the Dashboard's token, or with whatever is given."""
    token = token or shop.saleor.make_dashboard_token(shop.saleor.superuser, shop.app)
    headers = {"authorization": f"Bearer {token}", "saleor-api-url": shop.saleor.api_url}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        body = {"query": query, "variables": variables or {}}
        response = await client.post(f"{shop.app_url}/graphql", json=body, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


async def charge(shop, agreement_id, source_id, *, token=None, key="2026-05", amount="3500", **more):
    given = {"sourceId": source_id, "amount": amount, "currency": "JPY", "idempotencyKey": key, **more}
    answer = await ask(shop, CHARGE, {"id": agreement_id, "input": given}, token=token)
    return answer["data"]["agreementCharge"]


def due(shop):
    """A checkout of the customer, and what it comes to."""
    return cart(shop).id, "3500"


class TestCharging:
    async def test_by_staff_for_an_order(self, any_shop):
        shop = any_shop
        made = await agreed(shop)
        order, amount = due(shop)
        done = await charge(shop, made.id, order, amount=amount)
        assert done["errors"] == []
        assert done["charge"]["result"] == "CHARGE_SUCCESS"
        newest = charges(shop)[-1]
        assert done["charge"]["pspReference"] == newest["chargeId"]
        assert (newest["chargeInitiator"], newest["channel"]) == ("MITR", "Web")
        assert list(shop.amounts(done["charge"]["transactionId"])) == ["charged"]

    async def test_the_same_key_is_the_same_charge(self, shop):
        made = await agreed(shop)
        order, amount = due(shop)
        first = await charge(shop, made.id, order, amount=amount)
        again = await charge(shop, made.id, order, amount=amount)
        assert again["charge"]["transactionId"] == first["charge"]["transactionId"]
        assert again["charge"]["pspReference"] == first["charge"]["pspReference"]
        assert len(charges(shop)) == 2

    @pytest.mark.parametrize("sign", ["", "#"])
    async def test_an_order_is_the_same_under_its_number(self, shop, sign):
        made = await agreed(shop)
        order = shop.saleor.create_order(user=shop.saleor.customer)
        by_number = await charge(shop, made.id, f"{sign}{order.number}")
        assert by_number["errors"] == []
        assert by_number["charge"]["result"] == "CHARGE_SUCCESS"
        assert await charge(shop, made.id, order.id) == by_number
        assert len(charges(shop)) == 2

    async def test_a_number_that_no_order_has_uses_no_key_up(self, shop):
        made = await agreed(shop)
        order = shop.saleor.create_order(user=shop.saleor.customer)
        [unknown] = (await charge(shop, made.id, "424242"))["errors"]
        assert (unknown["field"], unknown["code"]) == ("sourceId", "NOT_FOUND")
        assert (await charge(shop, made.id, order.number))["charge"]["result"] == "CHARGE_SUCCESS"

    @pytest.mark.parametrize("change", [{"amount": "100"}, {"channel": "PHONE"}, {"action": "AUTHORIZATION"}])
    async def test_the_same_key_with_another_body_is_refused(self, shop, change):
        made = await agreed(shop)
        order, amount = due(shop)
        await charge(shop, made.id, order, amount=amount)
        other = await charge(shop, made.id, order, **{"amount": amount, **change})
        assert other["charge"] is None
        assert [(error["field"], error["code"]) for error in other["errors"]] == [("idempotencyKey", "KEY_TAKEN")]
        assert len(charges(shop)) == 2

    async def test_a_time_out_at_amazon_is_reported_later_and_charged_once(self, shop):
        made = await agreed(shop)
        order, amount = due(shop)
        shop.amazon.faults.add(Fault(operation="create_charge", reset_after=True, times=1))
        done = await charge(shop, made.id, order, amount=amount)
        assert done["charge"]["result"] in {"CHARGE_SUCCESS", "CHARGE_ACTION_REQUIRED"}
        await settle(shop, done["charge"]["transactionId"])
        assert len(charges(shop)) == 2
        assert list(shop.amounts(done["charge"]["transactionId"])) == ["charged"]

    async def test_a_decline_is_told(self, shop):
        made = await agreed(shop)
        shop.amazon.buyer_account.break_payment_method(made.charge_permission_id)
        order, amount = due(shop)
        done = await charge(shop, made.id, order, amount=amount)
        assert done["charge"]["result"] == "CHARGE_FAILURE"
        assert "payment method" in done["charge"]["message"]


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "field", "code"),
        [
            ({"amount": "0"}, "amount", "INVALID"),
            ({"amount": "-5"}, "amount", "INVALID"),
            ({"amount": "1.5"}, "amount", "INVALID"),
            ({"amount": "lots"}, "amount", "INVALID"),
            ({"amount": "100001"}, "amount", "LIMIT_EXCEEDED"),
            ({"currency": "USD"}, "currency", "INVALID"),
            ({"key": " "}, "idempotencyKey", "REQUIRED"),
            ({"key": "x" * 129}, "idempotencyKey", "INVALID"),
        ],
    )
    async def test_what_cannot_be_charged(self, shop, change, field, code):
        made = await agreed(shop)
        order, amount = due(shop)
        done = await charge(shop, made.id, order, **{"amount": amount, **change})
        assert done["charge"] is None
        assert [(error["field"], error["code"]) for error in done["errors"]] == [(field, code)]
        assert len(charges(shop)) == 1

    async def test_an_unknown_agreement_and_an_unknown_order(self, shop):
        made = await agreed(shop)
        order, amount = due(shop)
        assert (await charge(shop, "agreement-x", order, amount=amount))["errors"][0]["code"] == "NOT_FOUND"
        gone = await charge(shop, made.id, "T3JkZXI6bm9uZQ==", amount=amount)
        assert gone["errors"][0]["code"] == "SALEOR_REFUSED"
        assert len(charges(shop)) == 1

    async def test_a_closed_agreement(self, shop):
        made = await agreed(shop)
        close = (
            'mutation($id: ID!) { agreementClose(id: $id, reason: "Moved.") { agreement { state } errors { code } } }'
        )
        ended = await ask(shop, close, {"id": made.id})
        assert ended["data"]["agreementClose"] == {"agreement": {"state": "CLOSED"}, "errors": []}
        order, amount = due(shop)
        assert (await charge(shop, made.id, order, amount=amount))["errors"][0]["code"] == "CLOSED"
        assert (await agreement_of(shop)).closing_reason == "Moved."


class TestWhoMay:
    async def test_a_saleor_app_with_its_opaque_token(self, shop):
        made = await agreed(shop)
        app = another_app(shop, "HANDLE_PAYMENTS")
        order, amount = due(shop)
        done = await charge(shop, made.id, order, amount=amount, token=app.token)
        assert done["charge"]["result"] == "CHARGE_SUCCESS"
        listed = await ask(shop, LIST, token=app.token)
        assert [each["id"] for each in listed["data"]["agreements"]] == [made.id]

    async def test_not_without_the_permission_nor_with_a_token_of_nobody(self, shop):
        app = another_app(shop, "MANAGE_ORDERS")
        refused = await ask(shop, LIST, token=app.token, status=403)
        assert refused["errors"][0]["extensions"]["code"] == "PERMISSION_DENIED"
        await ask(shop, LIST, token="nobodys-token", status=401)

    async def test_an_app_may_nothing_that_is_for_staff(self, shop):
        app = another_app(shop)
        for query in ("{ accounts { id } }", "{ a: installation { appId } }", "{ ...on Query { accounts { id } } }"):
            answer = await ask(shop, query, token=app.token)
            assert answer["errors"][0]["extensions"]["code"] == "PERMISSION_DENIED"

    async def test_what_was_proven_is_believed_for_a_minute(self, shop):
        app = another_app(shop)
        await ask(shop, LIST, token=app.token)
        token, app.token = app.token, ""
        await ask(shop, LIST, token=token)
        shop.clock.move(seconds=61)
        await ask(shop, LIST, token=token, status=401)

    async def test_the_list_shows_the_meter_of_the_month(self, shop):
        made = await agreed(shop)
        [seen] = (await ask(shop, LIST))["data"]["agreements"]
        assert (seen["id"], seen["state"], seen["lapsesSoon"]) == (made.id, "CHARGEABLE", False)
        assert (seen["amountLimit"]["amount"], seen["amountBalance"]["amount"]) == ("100000", "96500")


class TestFromThePage:
    """The form of the agreement's page: the same charge however often it is sent."""

    async def send(self, shop, agreement_id, source_id, *, key="form-1", amount="3500", language="en"):
        form = {"sourceId": source_id, "amount": amount, "idempotencyKey": key}
        return await Pages(shop).ask("POST", f"/agreements/{agreement_id}/charge", data=form, language=language)

    async def test_two_clicks_are_one_charge(self, any_shop):
        shop = any_shop
        made = await agreed(shop)
        source, amount = due(shop)
        before = len(charges(shop))
        sent = [self.send(shop, made.id, quote(source, safe=""), amount=amount) for _ in range(2)]
        answers = await asyncio.gather(*sent)
        again = await self.send(shop, made.id, source, amount=amount)
        assert [it.status_code for it in (*answers, again)] == [204] * 3
        assert [it["captureAmount"]["amount"] for it in charges(shop)[before:]] == [amount]

    async def test_more_than_is_left_of_the_month_is_refused_before_anybody_is_asked(self, shop):
        made = await agreed(shop)
        await charge(shop, made.id, due(shop)[0])
        before, asked = len(charges(shop)), shop.amazon.count("create_charge")
        left = (await agreement_of(shop)).amount_balance
        refused = await self.send(shop, made.id, due(shop)[0], amount=str(int(left.amount) + 1), language="ja")
        assert refused.status_code == 422
        assert f"今月 Amazon Pay で請求できる残りは {left} です" in refused.text
        assert (len(charges(shop)), shop.amazon.count("create_charge")) == (before, asked)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"amount": "0"}, "Enter an amount above zero."),
            ({"amount": "many"}, "Write an amount of JPY like 100000."),
            ({"amount": "100001"}, "in a calendar month"),
            ({"key": ""}, "Give a key of your own"),
            ({"source_id": ""}, "Name the order or checkout."),
            ({"source_id": "T3JkZXI6bm9uZQ=="}, "<p"),
        ],
    )
    async def test_what_cannot_be_charged_is_told_and_nothing_is(self, shop, given, told):
        made = await agreed(shop)
        before = len(charges(shop))
        refused = await self.send(shop, made.id, **{"source_id": due(shop)[0], **given})
        assert refused.status_code == 422
        assert told in html.unescape(refused.text)
        assert len(charges(shop)) == before

    async def test_a_decline_is_told_and_the_form_has_a_new_key(self, shop):
        made = await agreed(shop)
        shop.amazon.faults.add(Fault(operation="create_charge", reason_code="HardDeclined"))
        declined = await self.send(shop, made.id, due(shop)[0])
        assert declined.status_code == 422
        assert 'name="idempotencyKey" value="form-1"' not in declined.text

    async def test_one_of_nobody_is_not_found(self, shop):
        assert (await self.send(shop, "agreement-of-nobody", due(shop)[0])).status_code == 404
