from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from saleor_amazonpay.amazonpay import (
    Algorithm,
    AmazonPayClient,
    ApiRequest,
    ChargeState,
    Credentials,
    Environment,
    NoAnswer,
    NotSent,
    RawAnswer,
    Region,
    requests,
)
from saleor_amazonpay.amazonpay.client import MAX_ATTEMPTS
from saleor_amazonpay.amazonpay.signing import canonical_request, verify
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.errors import (
    AmazonPayRejected,
    AmazonPayUnavailable,
    AmazonPayUnresolved,
    KeyUnusable,
)

CHARGE = "S03-1234567-1234567-C000001"
CAPTURE = requests.capture_charge(CHARGE, Money.parse("1200", "JPY"), idempotency_key="0123456789abcdef")
CANCEL = requests.cancel_charge(CHARGE, "Sold out")
GET = requests.get_charge(CHARGE)
PATCH = requests.update_checkout_session("bd504926-f659-4ad7-a1a9-9a747aaf5275")
REPORTS = requests.get_reports(report_types=["A", "B"])
CAPTURED = json.dumps({"chargeId": CHARGE, "statusDetails": {"state": "Captured"}, "new": 0.1})


def refusal(code: str) -> str:
    return json.dumps({"reasonCode": code, "message": "told by buyer@example.com"})


def assert_signed(sending, vectors, target_path):
    """The sending verifies as Amazon would do it: from its own SignedHeaders list."""
    algorithm, names, signature = re.fullmatch(
        r"(\S+) PublicKeyId=\S+, SignedHeaders=(\S+), Signature=(\S+)", sending.headers["authorization"]
    ).groups()
    path, _, query = target_path.partition("?")
    signed = {name: sending.headers[name] for name in names.split(";")}
    text = canonical_request(sending.method, path, query, signed, sending.body)
    verify(load_pem_public_key(vectors["publicKeyPem"].encode()), Algorithm(algorithm), text, signature)
    return names


class TestASending:
    async def test_is_the_documented_request(self, make_client, transport, vectors):
        transport.replies = [(200, CAPTURED)]
        await make_client().execute(CAPTURE)
        (sending,) = transport.sent
        assert sending.target == f"https://pay-api.amazon.jp/v2/charges/{CHARGE}/capture"
        assert sending.body == b'{"captureAmount":{"amount":"1200","currencyCode":"JPY"}}'
        assert {name: value for name, value in sending.headers.items() if name != "authorization"} == {
            "accept": "application/json",
            "content-type": "application/json",
            "x-amz-pay-date": "20261123T010203Z",
            "x-amz-pay-host": "pay-api.amazon.jp",
            "x-amz-pay-idempotency-key": "0123456789abcdef",
            "x-amz-pay-region": "jp",
        }
        names = assert_signed(sending, vectors, f"/v2/charges/{CHARGE}/capture")
        assert names == ("accept;content-type;x-amz-pay-date;x-amz-pay-host;x-amz-pay-idempotency-key;x-amz-pay-region")

    async def test_has_no_idempotency_header_without_a_key(self, make_client, transport):
        transport.replies = [(200, CAPTURED)]
        await make_client().execute(CANCEL)
        assert "x-amz-pay-idempotency-key" not in transport.sent[0].headers
        assert transport.sent[0].body == b'{"cancellationReason":"Sold out"}'

    @pytest.mark.parametrize(
        ("changes", "target"),
        [
            ({}, "https://pay-api.amazon.jp/v2/reports?reportTypes=A%2CB"),
            ({"region": Region.EU}, "https://pay-api.amazon.eu/v2/reports?reportTypes=A%2CB"),
            (
                {"public_key_id": "AOLD", "environment": Environment.SANDBOX},
                "https://pay-api.amazon.jp/sandbox/v2/reports?reportTypes=A%2CB",
            ),
            (
                {"public_key_id": "AOLD", "environment": Environment.LIVE, "region": Region.NA},
                "https://pay-api.amazon.com/live/v2/reports?reportTypes=A%2CB",
            ),
            (
                {"api_url": "http://127.0.0.1:9/"},
                "http://127.0.0.1:9/v2/reports?reportTypes=A%2CB",
            ),
        ],
    )
    @pytest.mark.parametrize("algorithm", Algorithm)
    async def test_goes_where_key_and_region_say(self, make_client, transport, vectors, changes, target, algorithm):
        transport.replies = [(200, "{}")]
        client = make_client(algorithm=algorithm, **changes)
        await client.execute(REPORTS)
        (sending,) = transport.sent
        assert sending.target == target
        assert sending.headers["x-amz-pay-host"] == client.credentials.region.host
        assert_signed(sending, vectors, "/" + target.split("/", 3)[3])

    async def test_carries_a_simulation_code_unsigned_and_in_the_sandbox_only(self, make_client, transport, vectors):
        transport.replies = [(200, CAPTURED)]
        await make_client().execute(CAPTURE, simulation_code="AmazonRejected")
        (sending,) = transport.sent
        assert sending.headers["x-amz-pay-simulation-code"] == "AmazonRejected"
        assert "simulation" not in assert_signed(sending, vectors, f"/v2/charges/{CHARGE}/capture")
        live = make_client(public_key_id="LIVE-A", environment=Environment.LIVE)
        with pytest.raises(ValueError, match="sandbox"):
            await live.execute(CAPTURE, simulation_code="AmazonRejected")
        assert len(transport.sent) == 1


class TestAnAnswer:
    async def test_is_the_model_and_the_document_as_it_came(self, make_client, transport):
        transport.replies = [(200, CAPTURED)]
        answer = await make_client().execute(CAPTURE)
        assert answer.value.state == ChargeState.CAPTURED
        assert answer.raw["new"] == Decimal("0.1")
        assert (answer.status, answer.request_id) == (200, "request-1")
        assert "chargeId" not in repr(answer).replace("charge_id", "")

    async def test_may_be_empty_where_it_has_nothing_to_tell(self, make_client, transport):
        transport.replies = [(200, "")]
        assert (await make_client().execute(requests.cancel_report_schedule("s1"))).raw == {}

    async def test_tells_when_amazon_has_not_decided(self, make_client, transport):
        transport.replies = [(202, '{"checkoutSessionId":"x"}')]
        request = requests.complete_checkout_session("bd504926", Money.parse("1", "JPY"))
        assert (await make_client().execute(request)).status == 202


class TestRetries:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    async def test_same_key_and_bytes_under_a_new_date(self, make_client, transport, vectors, clock, status):
        transport.replies = [(status, ""), (200, CAPTURED)]
        clock.elapsed = 0.9
        answer = await make_client().execute(CAPTURE)
        first, second = transport.sent
        assert answer.value.state == "Captured"
        assert second.body == first.body
        assert second.headers["x-amz-pay-idempotency-key"] == first.headers["x-amz-pay-idempotency-key"]
        assert second.headers["x-amz-pay-date"] > first.headers["x-amz-pay-date"]
        assert_signed(second, vectors, f"/v2/charges/{CHARGE}/capture")

    @pytest.mark.parametrize("failure", [NotSent("refused"), NoAnswer("reset")])
    async def test_a_broken_connection_is_tried_again(self, make_client, transport, failure):
        transport.replies = [failure, (200, CAPTURED)]
        assert (await make_client().execute(CAPTURE)).status == 200

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 426, 301])
    async def test_a_refusal_is_not(self, make_client, transport, status):
        transport.replies = [(status, "")]
        with pytest.raises((AmazonPayRejected, AmazonPayUnresolved)):
            await make_client().execute(CAPTURE)
        assert len(transport.sent) == 1

    async def test_can_be_switched_off(self, make_client, transport, clock):
        transport.replies = [(503, "")]
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(CAPTURE, retries=False)
        assert (len(transport.sent), clock.sleeps) == (1, [])

    async def test_waits_double_with_jitter_and_end_within_the_budget(self, make_client, transport, clock):
        transport.replies = [(503, "")]
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(CAPTURE, budget=10.0)
        assert sum(clock.sleeps) < 10.0
        assert len(transport.sent) == len(clock.sleeps) + 1 <= MAX_ATTEMPTS
        for number, slept in enumerate(clock.sleeps):
            assert 0.15 * 2**number <= slept <= 0.3 * 2**number

    async def test_end_after_six_attempts_whatever_the_budget(self, make_client, transport):
        transport.replies = [(503, "")]
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(CAPTURE, budget=1e9)
        assert len(transport.sent) == MAX_ATTEMPTS

    async def test_each_attempt_has_what_is_left_of_the_budget(self, make_client, transport, clock):
        transport.takes = 2.0
        transport.replies = [(503, "")]
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(CAPTURE, budget=5.0)
        timeouts = [sending.timeout for sending in transport.sent]
        assert timeouts[0] == 5.0
        assert timeouts[1] == pytest.approx(3.0 - clock.sleeps[0])
        assert all(timeout > 0 for timeout in timeouts)

    async def test_no_wait_that_would_outlast_the_budget(self, make_client, transport, clock):
        transport.replies = [(503, "")]
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(CAPTURE, budget=0.1)
        assert (len(transport.sent), clock.sleeps) == (1, [])

    async def test_nothing_is_sent_when_the_budget_is_over(self, make_client, transport):
        transport.replies = [(200, CAPTURED)]
        with pytest.raises(AmazonPayUnavailable):
            await make_client().execute(CAPTURE, budget=0.0)
        assert transport.sent == []

    async def test_a_late_wake_up_sends_nothing_and_leaves_the_outcome_open(self, make_client, transport, clock):
        async def oversleep(_seconds: float) -> None:
            clock.elapsed += 60.0

        clock.sleep = oversleep
        transport.replies = [NoAnswer("reset"), (200, CAPTURED)]
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(CAPTURE)
        assert len(transport.sent) == 1

    @pytest.mark.parametrize("form", ["seconds", "date"])
    async def test_retry_after_is_honoured(self, make_client, transport, clock, form):
        value = "3" if form == "seconds" else format_datetime(clock.now() + timedelta(seconds=3), usegmt=True)
        transport.replies = [RawAnswer(429, {"retry-after": value}, b""), (200, CAPTURED)]
        await make_client().execute(CAPTURE)
        assert clock.sleeps == [3.0]

    async def test_a_retry_after_beyond_the_budget_ends_it_at_once(self, make_client, transport, clock):
        transport.replies = [RawAnswer(429, {"retry-after": "3600"}, b"")]
        with pytest.raises(AmazonPayUnavailable):
            await make_client().execute(CAPTURE)
        assert (len(transport.sent), clock.sleeps) == (1, [])

    @pytest.mark.parametrize("value", ["soon", "-5", "Mon, 01 Jan 2001 00:00:00 GMT", "²"])
    async def test_a_senseless_retry_after_is_overlooked(self, make_client, transport, clock, value):
        transport.replies = [RawAnswer(429, {"retry-after": value}, b""), (200, CAPTURED)]
        await make_client().execute(CAPTURE)
        assert 0.15 <= clock.sleeps[0] <= 0.3


class TestThreeFailures:
    @pytest.mark.parametrize(
        ("request_", "reply", "kind"),
        [
            (CAPTURE, (422, refusal("SoftDeclined")), AmazonPayRejected),
            (CAPTURE, (400, refusal("DuplicateIdempotencyKey")), AmazonPayRejected),
            (CAPTURE, (429, refusal("TooManyRequests")), AmazonPayUnavailable),
            (CAPTURE, (425, ""), AmazonPayUnavailable),
            (CAPTURE, NotSent("refused"), AmazonPayUnavailable),
            (CAPTURE, NoAnswer("timeout"), AmazonPayUnresolved),
            (CAPTURE, (500, refusal("ProcessingFailure")), AmazonPayUnresolved),
            (CAPTURE, (503, "<html>"), AmazonPayUnresolved),
            (CAPTURE, (200, "<html>"), AmazonPayUnresolved),
            (CAPTURE, (200, ""), AmazonPayUnresolved),
            (CAPTURE, (200, "[]"), AmazonPayUnresolved),
            (CAPTURE, (200, "{}"), AmazonPayUnresolved),
            (CAPTURE, (200, '{"chargeId":5}'), AmazonPayUnresolved),
            (CAPTURE, RawAnswer(200, {}, b'{"chargeId":"\xff"}'), AmazonPayUnresolved),
            (CAPTURE, (302, ""), AmazonPayUnresolved),
            (CANCEL, NoAnswer("reset"), AmazonPayUnresolved),
            (GET, NoAnswer("timeout"), AmazonPayUnavailable),
            (GET, (500, refusal("InternalServerError")), AmazonPayUnavailable),
            (GET, (200, "nonsense"), AmazonPayUnavailable),
            (GET, (404, refusal("ResourceNotFound")), AmazonPayRejected),
            (PATCH, NoAnswer("timeout"), AmazonPayUnavailable),
        ],
    )
    async def test_are_told_apart(self, make_client, transport, request_, reply, kind):
        transport.replies = [reply]
        with pytest.raises((AmazonPayRejected, AmazonPayUnavailable, AmazonPayUnresolved)) as raised:
            await make_client().execute(request_)
        assert raised.type is kind

    async def test_carry_what_support_asks_for(self, make_client, transport):
        transport.replies = [(422, refusal("HardDeclined"))]
        with pytest.raises(AmazonPayRejected) as raised:
            await make_client().execute(CAPTURE)
        error = raised.value
        assert (error.reason_code, error.http_status, error.request_id) == ("HardDeclined", 422, "request-1")
        assert "buyer@example.com" not in f"{error} {error.public_message} {error!r}"

    @pytest.mark.parametrize(
        "later",
        [
            NotSent("refused"),
            (429, refusal("TooManyRequests")),
            (403, refusal("InvalidRequestSignature")),
            (400, refusal("DuplicateIdempotencyKey")),
        ],
    )
    async def test_once_unresolved_nothing_that_did_nothing_makes_it_harmless(self, make_client, transport, later):
        transport.replies = [NoAnswer("reset"), later]
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(CAPTURE)
        assert len(transport.sent) >= 2

    async def test_a_decision_on_the_second_attempt_is_final(self, make_client, transport):
        transport.replies = [NoAnswer("reset"), (422, refusal("HardDeclined"))]
        with pytest.raises(AmazonPayRejected):
            await make_client().execute(CAPTURE)

    @pytest.mark.parametrize("reply", [(400, refusal("DuplicateIdempotencyKey")), NotSent("refused")])
    async def test_a_restored_request_stays_unresolved(self, make_client, transport, reply):
        transport.replies = [reply]
        stored = ApiRequest.restore(
            CAPTURE.operation, CAPTURE.method, CAPTURE.resource, CAPTURE.body, CAPTURE.idempotency_key
        )
        with pytest.raises(AmazonPayUnresolved):
            await make_client().execute(stored)
        assert transport.sent[0].body == CAPTURE.body


class TestObserver:
    async def test_sees_every_attempt_once(self, make_client, transport, attempts):
        transport.takes = 0.5
        transport.replies = [NoAnswer("reset"), (429, refusal("TooManyRequests")), (200, CAPTURED)]
        await make_client().execute(CAPTURE)
        assert [(a.number, a.status, a.error, a.reason_code) for a in attempts] == [
            (1, None, "AmazonPayUnresolved", ""),
            (2, 429, "AmazonPayUnresolved", "TooManyRequests"),
            (3, 200, None, ""),
        ]
        assert {a.operation for a in attempts} == {"capture_charge"}
        assert [a.seconds for a in attempts] == pytest.approx([0.5] * 3)
        assert attempts[2].request_id == "request-1"

    async def test_has_amazons_message_with_the_buyer_masked(self, make_client, transport, attempts):
        transport.replies = [(422, refusal("SoftDeclined"))]
        with pytest.raises(AmazonPayRejected):
            await make_client().execute(CAPTURE)
        assert attempts[0].message == "told by [redacted]"

    async def test_that_fails_does_not_lose_the_answer(self, make_client, transport):
        client = make_client()
        client._observer = lambda _attempt: 1 / 0
        transport.replies = [(200, CAPTURED)]
        assert (await client.execute(CAPTURE)).status == 200

    async def test_is_optional(self, make_client, transport, clock, attempts):
        transport.replies = [(200, CAPTURED)]
        client = AmazonPayClient(make_client().credentials, transport, clock)
        assert (await client.execute(CAPTURE)).status == 200
        assert attempts == []


class TestButtons:
    def test_the_config_is_signed_over_its_own_text(self, make_client, vectors):
        payload = {"storeId": "amzn1.x", "webCheckoutDetails": {"checkoutReviewReturnUrl": "https://店.example"}}
        config = make_client().sign_button(payload)
        assert config["payloadJSON"] == json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        assert config["algorithm"] == "AMZN-PAY-RSASSA-PSS-V2"
        assert config["publicKeyId"] == "SANDBOX-AEXAMPLEKEYID0000000001"
        public_key = load_pem_public_key(vectors["publicKeyPem"].encode())
        verify(public_key, Algorithm.PSS_V2, config["payloadJSON"], config["signature"])

    def test_a_given_text_is_signed_as_it_is(self, make_client, vectors):
        text = '{ "storeId" : "x" }'
        signature = make_client(algorithm=Algorithm.PSS).button(text)
        verify(load_pem_public_key(vectors["publicKeyPem"].encode()), Algorithm.PSS, text, signature)


class TestCredentials:
    def test_never_show_the_key(self, make_client):
        credentials = make_client().credentials
        assert "private_key" not in repr(credentials)

    @pytest.mark.parametrize("key_id", ["LIVE-A", "sandbox-a"])
    def test_refuse_a_key_id_of_the_other_environment(self, private_key, key_id):
        other = Environment.SANDBOX if key_id == "LIVE-A" else Environment.LIVE
        with pytest.raises(KeyUnusable, match="the account is set to"):
            Credentials(key_id, private_key, Region.JP, other)
