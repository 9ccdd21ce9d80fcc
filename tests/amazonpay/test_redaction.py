from __future__ import annotations

import json
from types import MappingProxyType

import msgspec
import pytest

from saleor_amazonpay.amazonpay import models, redact
from saleor_amazonpay.amazonpay.payloads import AddressDetails

SECRETS = [
    "鈴木太郎",
    "buyer@example.com",
    "0312345678",
    "下目黒1-8-1",
    "アルコタワー",
    "153-0064",
    "東京都",
    "Visa 1111",
]
PERMISSION = {
    "chargePermissionId": "S03-1234567-1234567",
    "buyer": {
        "buyerId": "amzn1.account.A",
        "name": "鈴木太郎",
        "email": "buyer@example.com",
        "phoneNumber": "0312345678",
    },
    "shippingAddress": {
        "name": "鈴木太郎",
        "addressLine1": "下目黒1-8-1",
        "addressLine2": "アルコタワー",
        "addressLine3": None,
        "stateOrRegion": "東京都",
        "postalCode": "153-0064",
        "countryCode": "JP",
    },
    "paymentPreferences": [{"paymentDescriptor": "Visa 1111"}],
    "limits": {"amountLimit": {"amount": "1200", "currencyCode": "JPY"}},
}


class TestRedact:
    def test_masks_the_buyer_and_keeps_what_support_needs(self):
        shown = redact(PERMISSION)
        text = json.dumps(shown, ensure_ascii=False)
        assert not [secret for secret in SECRETS if secret in text]
        assert shown["chargePermissionId"] == "S03-1234567-1234567"
        assert shown["buyer"]["buyerId"] == "amzn1.account.A"
        assert shown["limits"] == PERMISSION["limits"]
        assert shown["shippingAddress"]["addressLine3"] is None
        assert shown["shippingAddress"]["countryCode"] == "JP"

    def test_masks_answer_models_and_payloads_alike(self):
        model = msgspec.convert(PERMISSION, models.ChargePermission)
        payload = AddressDetails(
            name="鈴木太郎",
            address_line1="下目黒1-8-1",
            postal_code="153-0064",
            country_code="JP",
            phone_number="0312345678",
        )
        text = repr(redact([model, payload, MappingProxyType({"inner": (model,)})]))
        assert not [secret for secret in SECRETS if secret in text]

    def test_does_not_change_what_it_was_given(self):
        before = json.dumps(PERMISSION)
        redact(PERMISSION)
        assert json.dumps(PERMISSION) == before

    @pytest.mark.parametrize(
        "key",
        [
            "Authorization",
            "x-amz-pay-authtoken",
            "signature",
            "private_key",
            "privateKey",
            "buyerToken",
            "authorizationToken",
            "payloadJSON",
            "SECRET_KEY",
        ],
    )
    def test_masks_secrets_under_any_spelling(self, key):
        assert redact({"headers": [{key: "hush"}]}) == {"headers": [{key: "[redacted]"}]}

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- b", "a [redacted] b"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE cut", "[redacted]"),
            ("ALG PublicKeyId=A, Signature=abc==", "ALG PublicKeyId=A, Signature=[redacted]"),
            ("https://x/?buyerToken=abc&b=1", "https://x/?buyerToken=[redacted]&b=1"),
            ("GET /v2/buyers/token?x", "GET /v2/buyers/[redacted]?x"),
            ("mail a.b+c@example.co.jp please", "mail [redacted] please"),
            ("S03-1234567-1234567 1200 JPY", "S03-1234567-1234567 1200 JPY"),
        ],
    )
    def test_finds_secrets_inside_text(self, text, shown):
        assert redact(text) == shown

    def test_bytes_are_only_counted(self):
        assert redact({"body": b"secret"}) == {"body": "[6 bytes]"}

    def test_leaves_plain_values_alone(self):
        assert redact({"status": 200, "ok": True, "none": None}) == {"status": 200, "ok": True, "none": None}

    def test_depth_is_bounded(self):
        loop: dict = {}
        loop["again"] = loop
        assert "[redacted]" in repr(redact(loop))
