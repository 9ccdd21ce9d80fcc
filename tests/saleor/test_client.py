from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

import httpx2
import pytest

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import TransactionAction, TransactionEventType
from saleor_amazonpay.errors import SaleorRefused, SaleorUnavailable
from saleor_amazonpay.saleor.client import MAX_RESPONSE_BYTES, SaleorClient
from saleor_amazonpay.saleor.errors import SaleorTokenRevoked

API_URL = "https://shop.example/graphql/"
AS = {"api_url": API_URL, "token": "secret-token"}


class Saleor:
    """Answers every request with what it was told to, and remembers them."""

    def __init__(self):
        self.requests = []
        self.answer = httpx2.Response(200, json={"data": {}})

    async def __call__(self, request):
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is None:
            await asyncio.Event().wait()
        return self.answer

    def data(self, **data):
        self.answer = httpx2.Response(200, json={"data": data})

    @property
    def asked(self):
        return json.loads(self.requests[-1].content)


@pytest.fixture
def saleor():
    return Saleor()


@pytest.fixture
async def client(saleor):
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(saleor), follow_redirects=True) as http:
        yield SaleorClient(http)


class TestExecute:
    async def test_it_sends_the_document_with_its_fragments_as_the_app(self, saleor, client):
        await client.execute("queries/transaction", {"id": "T1"}, **AS)
        assert saleor.requests[0].headers["authorization"] == "Bearer secret-token"
        assert saleor.asked["variables"] == {"id": "T1"}
        for fragment in ("TransactionFields", "TransactionEventFields", "MoneyFields"):
            assert saleor.asked["query"].count(f"fragment {fragment} on") == 1

    async def test_graphql_text_is_sent_as_it_is(self, saleor, client):
        await client.execute("{ shop { name } }", {"amount": Decimal("1.10")}, **AS)
        assert saleor.asked == {"query": "{ shop { name } }", "variables": {"amount": "1.10"}}

    async def test_decimals_are_exact(self, saleor, client):
        saleor.answer = httpx2.Response(200, content=b'{"data": {"amount": 12345678901234567.891}}')
        assert await client.execute("{ a }", **AS) == {"amount": Decimal("12345678901234567.891")}

    async def test_a_compressed_answer_is_never_unpacked(self, saleor, client):
        bomb = gzip.compress(b"0" * 10_000_000)
        saleor.answer = httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx2.ByteStream(bomb))
        with pytest.raises(SaleorUnavailable, match="compressed"):
            await client.execute("{ a }", **AS)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx2.Response(500),
            httpx2.Response(503, json={"data": {"a": 1}}),
            httpx2.Response(429),
            httpx2.Response(200, text="<html>"),
            httpx2.Response(200, json=[]),
            httpx2.Response(200, json={"data": None}),
            httpx2.Response(200, json={"errors": [{"extensions": "x"}]}),
            httpx2.Response(200, json={"errors": 1}),
            httpx2.Response(200, content=b"[" * 50_000 + b"]" * 50_000),
            httpx2.Response(302, headers={"location": "https://elsewhere.example/"}),
            httpx2.Response(200, content=b'"' + b"x" * MAX_RESPONSE_BYTES + b'"'),
            httpx2.ConnectError("refused"),
            httpx2.ReadTimeout("slow"),
            httpx2.RemoteProtocolError("nonsense"),
        ],
        ids=str,
    )
    async def test_what_is_no_answer_means_ask_later(self, saleor, client, answer):
        saleor.answer = answer
        with pytest.raises(SaleorUnavailable):
            await client.execute("{ a }", **AS)
        assert len(saleor.requests) == 1

    async def test_the_time_limit_is_for_the_whole_call(self, saleor, client):
        saleor.answer = None
        with pytest.raises(SaleorUnavailable):
            await client.execute("{ a }", **AS, timeout=0.01)

    @pytest.mark.parametrize("status", [200, 400])
    async def test_graphql_errors_are_final_also_beside_data(self, saleor, client, status):
        error = {"message": "Nope.", "path": ["a"], "extensions": {"exception": {"code": "GraphQLError"}}}
        saleor.answer = httpx2.Response(status, json={"data": {"a": 1}, "errors": [error]})
        with pytest.raises(SaleorRefused, match="Nope") as refused:
            await client.execute("{ a }", **AS)
        assert refused.value.codes == {"GraphQLError"}
        assert not isinstance(refused.value, SaleorTokenRevoked)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx2.Response(401),
            httpx2.Response(403, text="no"),
            httpx2.Response(
                200, json={"errors": [{"message": "m", "extensions": {"exception": {"code": "PermissionDenied"}}}]}
            ),
        ],
        ids=str,
    )
    async def test_a_refused_token_is_told_apart_and_never_shown(self, saleor, client, answer):
        saleor.answer = answer
        with pytest.raises(SaleorTokenRevoked) as refused:
            await client.execute("{ a }", **AS)
        assert "secret-token" not in f"{refused.value!r} {refused.value.__cause__!r}"


class TestAppIdentity:
    async def test_it_says_who_the_token_is(self, saleor, client):
        widget = "https://pay.example/widgets/order"
        app = {
            "id": "QXBwOjE=",
            "permissions": [{"code": "HANDLE_PAYMENTS"}],
            "webhooks": [],
            "extensions": [{"url": widget}],
        }
        saleor.data(app=app, shop={"schemaVersion": "3.23"})
        identity = await client.app_identity(API_URL, "t")
        assert (identity.id, identity.permissions, identity.schema_version) == ("QXBwOjE=", {"HANDLE_PAYMENTS"}, "3.23")
        assert identity.extensions == {widget}

    async def test_a_token_of_no_app_is_revoked(self, saleor, client):
        saleor.data(app=None, shop={"schemaVersion": "3.23"})
        with pytest.raises(SaleorTokenRevoked):
            await client.app_identity(API_URL, "t")

    @pytest.mark.parametrize("data", [{"app": "x"}, {"app": {"id": "a"}}, {"app": {"id": "a", "permissions": [1]}}])
    async def test_something_that_is_no_saleor_is_not_trusted(self, saleor, client, data):
        saleor.data(**data)
        with pytest.raises(SaleorUnavailable):
            await client.app_identity(API_URL, "t")


class TestReport:
    async def report(self, client, **more):
        return await client.report_transaction_event(
            API_URL,
            "t",
            transaction_id="T1",
            type=TransactionEventType.REFUND_SUCCESS,
            psp_reference="R1",
            **more,
        )

    async def test_it_tells_exactly_what_is_given(self, saleor, client):
        saleor.data(transactionEventReport={"alreadyProcessed": False, "errors": []})
        answer = await self.report(
            client,
            amount=Money.parse("12.00", "USD"),
            time=datetime(2026, 11, 23, tzinfo=UTC),
            available_actions=[TransactionAction.REFUND],
            message="m" * 600,
        )
        assert (answer.already_processed, answer.errors) == (False, ())
        assert saleor.asked["variables"] == {
            "id": "T1",
            "type": "REFUND_SUCCESS",
            "pspReference": "R1",
            "amount": "12.00",
            "time": "2026-11-23T00:00:00+00:00",
            "availableActions": ["REFUND"],
            "message": "m" * 512,
        }

    async def test_actions_left_out_stay_as_they_are_and_none_at_all_clears_them(self, saleor, client):
        saleor.data(transactionEventReport={"alreadyProcessed": True, "errors": []})
        assert (await self.report(client)).already_processed
        assert "availableActions" not in saleor.asked["variables"]
        await self.report(client, available_actions=[])
        assert saleor.asked["variables"]["availableActions"] == []

    async def test_saleors_own_errors_come_back(self, saleor, client):
        error = {"field": "pspReference", "message": "m", "code": "INCORRECT_DETAILS"}
        saleor.data(transactionEventReport={"alreadyProcessed": None, "errors": [error]})
        answer = await self.report(client)
        assert answer.codes == {"INCORRECT_DETAILS"}
        assert answer.already_processed is False


class TestProblems:
    async def test_a_problem_is_shown(self, saleor, client):
        saleor.data(appProblemCreate={"appProblem": {"id": "P"}, "errors": []})
        assert await client.create_problem(API_URL, "t", key="keys", message="m" * 3000, critical_threshold=1)
        assert saleor.asked["variables"]["input"] == {"key": "keys", "message": "m" * 2048, "criticalThreshold": 1}

    async def test_and_taken_back(self, saleor, client):
        saleor.data(appProblemDismiss={"errors": []})
        assert await client.dismiss_problem(API_URL, "t", key="keys")
        assert saleor.asked["variables"] == {"keys": ["keys"]}

    async def test_a_saleor_without_problems_is_no_fault(self, saleor, client):
        message = 'Cannot query field "appProblemCreate" on type "Mutation".'
        saleor.answer = httpx2.Response(400, json={"errors": [{"message": message}]})
        assert await client.create_problem(API_URL, "t", key="keys", message="m") is False

    async def test_a_refused_problem_is_raised(self, saleor, client):
        saleor.data(appProblemCreate={"appProblem": None, "errors": [{"message": "too short", "code": "INVALID"}]})
        with pytest.raises(SaleorRefused, match="too short"):
            await client.create_problem(API_URL, "t", key="k", message="m")


class TestReading:
    async def test_channels(self, saleor, client):
        node = {
            "id": "C",
            "slug": "jp",
            "name": "日本",
            "isActive": True,
            "currencyCode": "JPY",
            "defaultCountry": {"code": "JP"},
        }
        saleor.data(channels=[node])
        (channel,) = await client.channels(API_URL, "t")
        assert (channel.slug, channel.currency_code, channel.country_code, channel.name) == ("jp", "JPY", "JP", "日本")

    async def test_a_transaction_that_is_not_there_is_none(self, saleor, client):
        saleor.data(transaction=None)
        assert await client.transaction(API_URL, "t", "T1") is None

    async def test_keys_come_from_the_well_known_place(self, saleor, client):
        saleor.answer = httpx2.Response(200, content=b'{"keys": []}')
        assert await client.fetch_jwks(API_URL) == b'{"keys": []}'
        assert str(saleor.requests[0].url) == "https://shop.example/.well-known/jwks.json"
        assert "authorization" not in saleor.requests[0].headers

    @pytest.mark.parametrize(
        "answer",
        [
            httpx2.Response(404),
            httpx2.Response(302, headers={"location": "https://elsewhere.example/"}),
            httpx2.Response(200, content=b"x" * (MAX_RESPONSE_BYTES + 1)),
        ],
        ids=str,
    )
    async def test_keys_elsewhere_or_without_end_are_not_taken(self, saleor, client, answer):
        saleor.answer = answer
        with pytest.raises(SaleorUnavailable):
            await client.fetch_jwks(API_URL)
        assert len(saleor.requests) == 1
