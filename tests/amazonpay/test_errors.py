from __future__ import annotations

import json

import pytest

from saleor_amazonpay.amazonpay.errors import (
    BY_REASON,
    MESSAGES,
    STATE_CONFLICTS,
    Failure,
    as_error,
    classify,
    read_refusal,
)
from saleor_amazonpay.amazonpay.states import ReasonCode
from saleor_amazonpay.errors import AmazonPayRejected, AmazonPayUnavailable, AmazonPayUnresolved

REJECTED, UNAVAILABLE, UNRESOLVED = Failure.REJECTED, Failure.UNAVAILABLE, Failure.UNRESOLVED

# Written from the table of amazon-pay-cv2.md §7 and §7.0, not from the code:
# (HTTP status, reasonCode, outcome of something that moves money, outcome of a GET).
DOCUMENTED = [
    (400, "InvalidHeaderValue", REJECTED, REJECTED),
    (400, "MissingHeader", REJECTED, REJECTED),
    (400, "MissingHeaderValue", REJECTED, REJECTED),
    (400, "InvalidRequest", REJECTED, REJECTED),
    (400, "InvalidRequestFormat", REJECTED, REJECTED),
    (400, "InvalidParameterValue", REJECTED, REJECTED),
    (400, "MissingParameterValue", REJECTED, REJECTED),
    (400, "InvalidParameterCombination", REJECTED, REJECTED),
    (400, "UnrecognizedField", REJECTED, REJECTED),
    (400, "CurrencyMismatch", REJECTED, REJECTED),
    (400, "InvalidAPIVersion", REJECTED, REJECTED),
    (400, "InvalidSandboxSimulationSpecified", REJECTED, REJECTED),
    (400, "DuplicateIdempotencyKey", REJECTED, REJECTED),
    (400, "TransactionAmountExceeded", REJECTED, REJECTED),
    (400, "PeriodicAmountExceeded", REJECTED, REJECTED),
    (401, "UnauthorizedAccess", REJECTED, REJECTED),
    (403, "InvalidAuthentication", REJECTED, REJECTED),
    (403, "InvalidRequestSignature", REJECTED, REJECTED),
    (403, "InvalidAuthorizationToken", REJECTED, REJECTED),
    (403, "InvalidAccountStatus", REJECTED, REJECTED),
    (404, "ResourceNotFound", REJECTED, REJECTED),
    (405, "UnsupportedOperation", REJECTED, REJECTED),
    (405, "RequestNotSupported", REJECTED, REJECTED),
    (408, "RequestTimeout", UNRESOLVED, UNAVAILABLE),
    (409, "AmountMismatch", REJECTED, REJECTED),
    (422, "InvalidCheckoutSessionStatus", REJECTED, REJECTED),
    (422, "CheckoutSessionCanceled", REJECTED, REJECTED),
    (400, "CheckoutSessionCanceled", REJECTED, REJECTED),
    (422, "InvalidChargePermissionStatus", REJECTED, REJECTED),
    (422, "ChargePermissionNotModifiable", REJECTED, REJECTED),
    (422, "InvalidChargeStatus", REJECTED, REJECTED),
    (422, "TransactionCountExceeded", REJECTED, REJECTED),
    (422, "SoftDeclined", REJECTED, REJECTED),
    (422, "HardDeclined", REJECTED, REJECTED),
    (422, "PaymentMethodNotAllowed", REJECTED, REJECTED),
    (422, "MFANotCompleted", REJECTED, REJECTED),
    (422, "AmazonRejected", REJECTED, REJECTED),
    (422, "TransactionTimedOut", REJECTED, REJECTED),
    (425, "", UNAVAILABLE, UNAVAILABLE),
    (426, "TLSVersionNotSupported", REJECTED, REJECTED),
    (429, "TooManyRequests", UNAVAILABLE, UNAVAILABLE),
    (429, "RequestThrottled", UNAVAILABLE, UNAVAILABLE),
    (500, "InternalServerError", UNRESOLVED, UNAVAILABLE),
    (500, "ProcessingFailure", UNRESOLVED, UNAVAILABLE),
    (502, "", UNRESOLVED, UNAVAILABLE),
    (503, "ServiceUnavailable", UNRESOLVED, UNAVAILABLE),
    (504, "", UNRESOLVED, UNAVAILABLE),
]
AT_THE_DOOR = [
    "InvalidHeaderValue",
    "MissingHeader",
    "MissingHeaderValue",
    "InvalidAPIVersion",
    "UnauthorizedAccess",
    "InvalidAuthentication",
    "InvalidRequestSignature",
    "InvalidAuthorizationToken",
    "InvalidAccountStatus",
    "TLSVersionNotSupported",
]


class TestClassify:
    @pytest.mark.parametrize(("status", "code", "moving", "reading"), DOCUMENTED)
    def test_every_documented_answer(self, status, code, moving, reading):
        assert classify(status, code, moves_money=True) is moving
        assert classify(status, code, moves_money=False) is reading

    def test_every_documented_code_has_a_message(self):
        codes = {code for _, code, _, _ in DOCUMENTED if code}
        assert codes == set(MESSAGES)
        assert codes <= set(BY_REASON)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422])
    def test_an_unknown_code_is_judged_by_its_status(self, status):
        assert classify(status, "MoonPhase", moves_money=True) is REJECTED

    @pytest.mark.parametrize("status", [None, 200, 204, 301, 303, 307, 500, 501, 599])
    def test_what_is_neither_success_nor_refusal_is_unresolved(self, status):
        assert classify(status, "", moves_money=True) is UNRESOLVED
        assert classify(status, "", moves_money=False) is UNAVAILABLE

    @pytest.mark.parametrize("status", [400, 422, 500])
    def test_the_code_decides_and_not_the_status(self, status):
        assert classify(status, "SoftDeclined", moves_money=True) is REJECTED
        assert classify(status, "TooManyRequests", moves_money=True) is UNAVAILABLE
        assert classify(status, "ProcessingFailure", moves_money=True) is UNRESOLVED


class TestReplay:
    @pytest.mark.parametrize("moves_money", [True, False])
    def test_a_duplicate_key_is_unresolved(self, moves_money):
        failure = classify(400, "DuplicateIdempotencyKey", moves_money=moves_money, is_replay=True)
        assert failure is UNRESOLVED

    @pytest.mark.parametrize("code", AT_THE_DOOR)
    def test_a_refusal_at_the_door_leaves_the_first_sending_open(self, code):
        assert classify(403, code, moves_money=True, is_replay=True) is UNRESOLVED
        assert classify(403, code, moves_money=False, is_replay=True) is REJECTED

    @pytest.mark.parametrize("status", [401, 403, 426])
    def test_so_does_one_without_a_known_code(self, status):
        assert classify(status, "", moves_money=True, is_replay=True) is UNRESOLVED

    @pytest.mark.parametrize("status", [425, 429])
    def test_so_does_throttling(self, status):
        assert classify(status, "", moves_money=True, is_replay=True) is UNRESOLVED

    @pytest.mark.parametrize("code", ["SoftDeclined", "TransactionAmountExceeded", "ResourceNotFound"])
    def test_a_decision_about_the_operation_is_final(self, code):
        assert classify(422, code, moves_money=True, is_replay=True) is REJECTED


class TestAsError:
    @pytest.mark.parametrize(
        ("failure", "kind"),
        [
            (REJECTED, AmazonPayRejected),
            (UNAVAILABLE, AmazonPayUnavailable),
            (UNRESOLVED, AmazonPayUnresolved),
        ],
    )
    def test_is_the_class_of_the_failure_with_all_it_knows(self, failure, kind):
        error = as_error(failure, "SoftDeclined", 422, "request-1")
        assert type(error) is kind
        assert (error.reason_code, error.http_status, error.request_id) == ("SoftDeclined", 422, "request-1")
        assert error.public_message == MESSAGES["SoftDeclined"]

    @pytest.mark.parametrize("failure", Failure)
    def test_has_a_sentence_for_a_code_nobody_knows(self, failure):
        message = as_error(failure, "MoonPhase").public_message
        assert message.startswith("Amazon Pay")
        assert "MoonPhase" not in message

    @pytest.mark.parametrize("message", MESSAGES.values())
    def test_messages_are_short_sentences(self, message):
        assert message.endswith(".")
        assert len(message) <= 120


class TestReadRefusal:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b'{"reasonCode":"SoftDeclined","message":"why"}', ("SoftDeclined", "why")),
            (b'{"reasonCode":"SoftDeclined","message":null,"new":[]}', ("SoftDeclined", "")),
            (b'{"reasonCode":null}', ("", "")),
            (b'{"reasonCode":5,"message":{}}', ("", "")),
            (b'{"reasonCode":"<script>"}', ("", "")),
            (b"[]", ("", "")),
            (b"", ("", "")),
            (b"<html>503</html>", ("", "")),
            (b'{"reasonCode":"\xff"}', ("", "")),
        ],
    )
    def test_takes_what_is_there(self, body, expected):
        assert read_refusal(body) == expected

    def test_cuts_a_long_message(self):
        body = json.dumps({"message": "x" * 1000}).encode()
        assert read_refusal(body) == ("", "x" * 300)


def test_state_conflicts_are_refusals_that_ask_for_a_look():
    assert {
        "ChargePermissionNotModifiable",
        "CheckoutSessionCanceled",
        "InvalidChargePermissionStatus",
        "InvalidChargeStatus",
        "InvalidCheckoutSessionStatus",
    } == STATE_CONFLICTS
    assert {BY_REASON[ReasonCode(code)] for code in STATE_CONFLICTS} == {REJECTED}
