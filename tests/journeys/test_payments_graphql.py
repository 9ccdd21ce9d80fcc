"""Payments through the app's own GraphQL, over HTTP, with the Dashboard's token."""

from __future__ import annotations

from decimal import Decimal

from tests.handlers.merchant import request
from tests.journeys.helpers import captured, refunded, settle

MONEY = "{ amount currency }"
PAYMENT = f"""{{
  id transactionId orderNumber status channelSlug chargePermissionId authorizationExpiresAt sellerCentralUrl
  amount {MONEY} authorized {MONEY} captured {MONEY} refunded {MONEY} capturesLeft
  actions {{ action most {MONEY} }} charges {{ id state refundsLeft beyond {MONEY} refunds {{ id state amount {MONEY} }} }}
  reports {{ id type state }} timeline {{ at kind detail }} differences {{ of saleor {MONEY} amazonPay {MONEY} }}
}}"""
CHANGE = f"{{ payment {PAYMENT} errors {{ field code message }} }}"
LIST = """query($search: String! = "", $filter: PaymentFilterInput, $first: Int! = 50, $after: String! = "") {
  payments(search: $search, filter: $filter, first: $first, after: $after) {
    nodes { id transactionId status amount { amount } captured { amount } } endCursor searchedTo
  }
}"""


class Api:
    def __init__(self, shop) -> None:
        self.shop = shop

    async def post(self, query, variables):
        token = self.shop.saleor.make_dashboard_token(self.shop.saleor.superuser, self.shop.app)
        headers = {"Saleor-Api-Url": self.shop.saleor.api_url, "Authorization": f"Bearer {token}"}
        sent = {"query": query, "variables": variables}
        return (await request("POST", f"{self.shop.app_url}/graphql", headers=headers, json=sent)).json()

    async def ask(self, query, **variables):
        answer = await self.post(query, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def change(self, mutation, payment_id, form="1", **arguments):
        given = "".join(f", {name}: {value}" for name, value in arguments.items())
        form_ = f', requestId: "{form}"' if form else ""
        made = await self.ask(f'mutation {{ it: {mutation}(id: "{payment_id}"{form_}{given}) {CHANGE} }}')
        await settle(self.shop)
        return made["it"]

    async def payment(self, payment_id):
        return (await self.ask(f'{{ payment(id: "{payment_id}") {PAYMENT} }}'))["payment"]


async def one(shop, amount="3000"):
    api, transaction = Api(shop), await shop.authorized(amount)
    [line] = (await api.ask(LIST, search=transaction))["payments"]["nodes"]
    return api, line["id"], transaction


class TestReading:
    async def test_a_payment_is_found_and_told(self, shop):
        api, id_, transaction = await one(shop)
        told = await api.payment(id_)
        assert (told["transactionId"], told["status"]) == (transaction, "AUTHORIZED")
        assert told["authorized"] == {"amount": "3000", "currency": "JPY"}
        assert {offer["action"]: offer["most"] for offer in told["actions"]} == {
            "REREAD": None,
            "CHARGE": {"amount": "3000", "currency": "JPY"},
            "CANCEL": {"amount": "3000", "currency": "JPY"},
        }
        assert {entry["kind"] for entry in told["timeline"]} == {"request", "call", "answer", "decision"}

    async def test_the_list_is_filtered_and_paged(self, shop):
        transactions = [await shop.authorized("3000") for _ in range(3)]
        api, seen, after = Api(shop), [], ""
        for _ in transactions:
            page = (await api.ask(LIST, first=1, after=after, filter={"status": "AUTHORIZED"}))["payments"]
            seen += [line["transactionId"] for line in page["nodes"]]
            after = page["endCursor"]
        assert after is None
        assert sorted(seen) == sorted(transactions)
        none = await api.ask(LIST, filter={"amountFrom": "3000.5", "fromDay": "2020-01-01", "timeZone": "Asia/Tokyo"})
        assert none["payments"]["nodes"] == []

    async def test_what_cannot_be_read_is_an_error_with_a_code(self, shop):
        api = Api(shop)
        for variables in (
            {"filter": {"fromDay": "tomorrow"}},
            {"filter": {"currency": "XXX"}},
            {"first": 0},
            {"first": 501},
            {"after": "nonsense"},
        ):
            [error] = (await api.post(LIST, variables))["errors"]
            assert error["extensions"]["code"] == "INVALID", variables

    async def test_there_is_none_of_that_id(self, shop):
        assert await Api(shop).payment("payment-x") is None


class TestChanging:
    async def test_charge_refund_cancel_and_beyond(self, shop):
        api, id_, transaction = await one(shop)
        assert (await api.change("paymentCharge", id_, amount='"1000"'))["errors"] == []
        assert (await api.change("paymentCancel", id_, "2"))["errors"] == []
        assert (await api.change("paymentRefund", id_, "3", amount='"400"'))["errors"] == []
        beyond = (await api.payment(id_))["charges"][0]["beyond"]["amount"]
        assert beyond == "750"
        assert (await api.change("paymentRefundBeyond", id_, "4", amount=f'"{beyond}"'))["errors"] == []
        assert shop.amounts(transaction) == {"charged": -150, "refunded": 1150, "canceled": 2000}
        assert (captured(shop), refunded(shop)) == (1000, 1150)

    async def test_the_same_request_id_is_acted_on_once(self, shop):
        api, id_, _ = await one(shop)
        for _ in range(2):
            assert (await api.change("paymentCharge", id_, "same", amount='"1000"'))["errors"] == []
        assert captured(shop) == 1000

    async def test_holding_again_reading_and_reporting(self, shop):
        api, id_, _ = await one(shop)
        await api.change("paymentCharge", id_, amount='"1000"')
        assert (await api.change("paymentReauthorize", id_, "2"))["errors"] == []
        assert (await api.change("paymentReread", id_, ""))["errors"] == []
        [refused] = (await api.change("paymentReportResend", id_, ""))["errors"]
        assert refused["code"] == "REFUSED"

    async def test_refusals_name_the_argument(self, shop):
        api, id_, _ = await one(shop)
        [error] = (await api.change("paymentCharge", id_, amount='"3000.5"'))["errors"]
        assert (error["field"], error["code"]) == ("amount", "REFUSED")
        [error] = (await api.change("paymentCharge", "payment-x", amount='"1"'))["errors"]
        assert error["code"] == "NOT_FOUND"
        assert captured(shop) == Decimal(0)
