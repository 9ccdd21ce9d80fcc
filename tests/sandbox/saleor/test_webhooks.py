"""Signatures, permissions in payloads, repetitions of asynchronous events, faults."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.responses import Response

from saleor_amazonpay.sandbox.saleor.clients import GraphQLFailed

INITIALIZE, PAID = "TRANSACTION_INITIALIZE_SESSION", "ORDER_FULLY_PAID"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def verify(standin: Any, signature: str, body: bytes) -> None:
    """With what the JWKS endpoint says, by the letter of RFC 7797."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        (key,) = (await client.get(f"{standin.public_url}/.well-known/jwks.json")).json()["keys"]
    header, payload, signed = signature.split(".")
    assert payload == ""
    assert json.loads(decoded(header)) == {
        "alg": "RS256",
        "b64": False,
        "crit": ["b64"],
        "kid": key["kid"],
        "typ": "JWT",
    }
    numbers = RSAPublicNumbers(int.from_bytes(decoded(key["e"])), int.from_bytes(decoded(key["n"])))
    numbers.public_key().verify(decoded(signed), header.encode() + b"." + body, PKCS1v15(), SHA256())


class TestSignature:
    async def test_it_verifies_with_the_jwks_before_and_after_a_rotation(self, shop: Any) -> None:
        await shop.initialize()
        old = shop.standin.key.kid
        shop.standin.rotate_keys()
        await shop.initialize()
        assert shop.standin.key.kid != old
        newest = shop.stub.of(INITIALIZE)[-1]
        await verify(shop.standin, newest.headers["saleor-signature"], newest.raw)
        assert newest.headers["saleor-signature"] == newest.headers["x-saleor-signature"]

    async def test_the_api_url_names_the_shop(self, shop: Any) -> None:
        await shop.initialize()
        headers = shop.stub.of(INITIALIZE)[0].headers
        assert headers["saleor-api-url"] == f"{shop.standin.public_url}/graphql/"
        assert headers["saleor-domain"] == shop.standin.public_url.removeprefix("http://")


class TestPermissions:
    async def test_what_the_app_may_not_read_is_null_with_errors_and_still_sent(
        self, standin: Any, stub_listening: Any
    ) -> None:
        stub_listening.queries = {INITIALIZE: "sourceObject{...on Checkout{id user{id metadata{key}}}}"}
        app = await standin.install_app(f"{stub_listening.url}/manifest", ["HANDLE_PAYMENTS"])
        checkout = standin.create_checkout(user=standin.customer)
        await standin.storefront.transaction_initialize(checkout.id, app.identifier)
        body = stub_listening.of(INITIALIZE)[0].body
        assert body["sourceObject"] == {"id": checkout.id, "user": None}
        (error,) = body["errors"]
        assert error["extensions"] == {"exception": {"code": "PermissionDenied"}}
        assert "MANAGE_USERS" in error["message"]

    async def test_without_handle_payments_no_payment_event_is_sent(self, standin: Any, stub_listening: Any) -> None:
        app = await standin.install_app(f"{stub_listening.url}/manifest", ["MANAGE_ORDERS"])
        payment = await standin.storefront.transaction_initialize(standin.create_checkout().id, app.identifier)
        assert payment.result == "CHARGE_FAILURE"
        assert stub_listening.received == []

    async def test_fragments_and_aliases_work(self, standin: Any, stub_listening: Any) -> None:
        stub_listening.manifest = {
            "webhooks": [
                {
                    "name": "w",
                    "targetUrl": f"{stub_listening.url}/hook/{INITIALIZE}",
                    "syncEvents": [INITIALIZE],
                    "query": "subscription{event{...E}} fragment E on TransactionInitializeSession{when:issuedAt action{sum:amount}}",
                }
            ]
        }
        app = await standin.install_app(f"{stub_listening.url}/manifest")
        await standin.storefront.transaction_initialize(standin.create_checkout().id, app.identifier)
        body = stub_listening.of(INITIALIZE)[0].body
        assert list(body) == ["when", "action"]
        assert body["action"] == {"sum": 3500.0}


class TestAsynchronous:
    @pytest.mark.parametrize(("reply", "sent"), [(500, 6), (404, 1), (302, 1), (204, 1)])
    async def test_only_5xx_is_repeated(self, shop: Any, reply: int, sent: int) -> None:
        shop.stub.answer(PAID, Response(status_code=reply))
        await shop.paid(order=True)
        await shop.standin.settle()
        assert len(shop.stub.of(PAID)) == sent

    async def test_repetitions_have_the_identical_body_and_signature(self, shop: Any) -> None:
        shop.stub.answer(PAID, Response(status_code=500), Response())
        await shop.paid(order=True)
        await shop.standin.settle()
        first, second = shop.stub.of(PAID)
        assert (first.raw, first.headers["saleor-signature"]) == (second.raw, second.headers["saleor-signature"])

    async def test_no_answer_is_repeated_too(self, shop: Any) -> None:
        shop.standin.faults.webhook("lost-answer", PAID)
        await shop.paid(order=True)
        await shop.standin.settle()
        assert [each.attempt for each in shop.standin.deliveries_of(PAID)] == [0, 1]


class TestFaults:
    async def test_a_duplicate_reaches_the_app_twice_with_the_same_bytes(self, shop: Any) -> None:
        shop.standin.faults.webhook("duplicate", INITIALIZE)
        await shop.initialize()
        first, second = shop.stub.of(INITIALIZE)
        assert first.raw == second.raw

    async def test_refused_never_reaches_it(self, shop: Any) -> None:
        shop.standin.faults.webhook("refused")
        assert (await shop.initialize()).result == "CHARGE_FAILURE"
        assert shop.stub.received == []
        assert shop.standin.deliveries[-1].status is None

    async def test_the_apps_calls_fail_as_told_and_nobody_elses(self, shop: Any) -> None:
        transaction = await shop.paid()
        shop.standin.faults.api("graphql-error", "transactionEventReport")
        shop.standin.create_checkout()
        await shop.standin.staff.request_refund(transaction)
        with pytest.raises(GraphQLFailed, match="Internal Server Error"):
            await shop.report(transaction, "INFO", "i")
        assert (await shop.report(transaction, "INFO", "i"))["errors"] == []

    @pytest.mark.parametrize(("kind", "status"), [("unavailable", 503), ("lost-answer", 502), ("not-json", 200)])
    async def test_a_lost_answer_is_work_done_and_the_others_not(self, shop: Any, kind: str, status: int) -> None:
        document = """mutation($id: ID!) {
          updateMetadata(id: $id, input: [{key: "k", value: "v"}]) {errors{code}} }"""
        shop.standin.faults.api(kind)
        async with httpx2.AsyncClient(trust_env=False) as client:
            response = await client.post(
                shop.standin.api_url,
                json={"query": document, "variables": {"id": shop.installed.id}},
                headers={"Authorization-Bearer": shop.installed.token},
            )
        assert response.status_code == status
        done = shop.standin.find_app(shop.installed.id).metadata == {"k": "v"}
        assert done is (kind == "lost-answer")

    async def test_saleor_is_down_as_long_as_the_block_runs(self, shop: Any) -> None:
        transaction = await shop.paid()
        with shop.standin.faults.during("graphql-error"), pytest.raises(GraphQLFailed):
            await shop.report(transaction, "INFO", "i")
        assert (await shop.report(transaction, "INFO", "i"))["errors"] == []
