from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from saleor_amazonpay.saleor.dashboard_token import TokenRejected, verify_dashboard_token

NOW = 1_795_000_000
CLAIMS = {
    "iat": NOW - 10,
    "exp": NOW + 290,
    "iss": "https://shop.example/graphql/",
    "owner": "saleor",
    "type": "thirdparty",
    "token": "session",
    "email": "staff@shop.example",
    "user_id": "VXNlcjox",
    "is_staff": True,
    "app": "QXBwOjE=",
    "aud": "saleor.app.payment.amazonpay",
    "permissions": ["HANDLE_PAYMENTS"],
    "user_permissions": ["HANDLE_PAYMENTS", "MANAGE_APPS"],
}


@pytest.fixture
def token(signer):
    def sign(header=None, key=None, **changes):
        claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
        header = {"alg": "RS256", "kid": "key-1", "typ": "JWT", **(header or {})}
        return jwt.encode(header, claims, key or RSAKey.import_key(signer.key), algorithms=[header["alg"]])

    return sign


@pytest.fixture
def verify(signer):
    def check(token, **changes):
        known = {
            "jwks": signer.jwks,
            "api_url": CLAIMS["iss"],
            "app_id": CLAIMS["app"],
            "audience": CLAIMS["aud"],
            "now": datetime.fromtimestamp(NOW, UTC),
        }
        return verify_dashboard_token(token, **{**known, **changes})

    return check


class TestAccepted:
    def test_it_says_who_the_user_is_and_what_they_may(self, token, verify):
        user = verify(token(), required_permissions=["HANDLE_PAYMENTS", "MANAGE_APPS"])
        assert (user.user_id, user.email) == ("VXNlcjox", "staff@shop.example")
        assert user.permissions == {"HANDLE_PAYMENTS"}
        assert user.user_permissions == {"HANDLE_PAYMENTS", "MANAGE_APPS"}

    @pytest.mark.parametrize("changes", [{"exp": NOW - 29}, {"iat": NOW + 29}])
    def test_clocks_may_differ_by_half_a_minute(self, token, verify, changes):
        verify(token(**changes))


class TestRejected:
    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": NOW - 31},
            {"exp": ...},
            {"iat": NOW + 31},
            {"iat": ...},
            {"iss": "https://evil.example/graphql/"},
            {"iss": ...},
            {"aud": "another.app"},
            {"aud": ...},
            {"type": "access"},
            {"type": "app"},
            {"app": "QXBwOjI="},
            {"app": ...},
            {"is_staff": False},
            {"is_staff": ...},
            {"user_permissions": ["MANAGE_APPS"]},
            {"user_permissions": "HANDLE_PAYMENTS"},
            {"user_permissions": ...},
            {"user_id": ...},
            {"email": None},
        ],
        ids=str,
    )
    def test_a_wrong_claim(self, token, verify, changes):
        with pytest.raises(TokenRejected) as rejected:
            verify(token(**changes))
        assert rejected.value.status == 401
        assert rejected.value.reason not in rejected.value.public_message

    def test_another_key(self, token, verify, other_signer):
        with pytest.raises(TokenRejected):
            verify(token(key=RSAKey.import_key(other_signer.key)))

    def test_an_unknown_kid(self, token, verify):
        with pytest.raises(TokenRejected):
            verify(token(header={"kid": "key-9"}))

    @pytest.mark.parametrize("alg", ["RS384", "PS256"])
    def test_another_algorithm_of_the_right_key(self, token, verify, alg):
        with pytest.raises(TokenRejected):
            verify(token(header={"alg": alg}))

    def test_a_mac_with_a_secret(self, token, verify):
        with pytest.raises(TokenRejected):
            verify(token(header={"alg": "HS256"}, key=OctKey.import_key("s" * 32)))

    def test_a_mac_with_the_public_key_as_secret(self, verify, signer):
        head, claims = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
            for part in ({"alg": "HS256", "kid": "key-1"}, CLAIMS)
        )
        mac = hmac.new(signer.jwks.encode(), head + b"." + claims, hashlib.sha256).digest()
        with pytest.raises(TokenRejected):
            verify(b".".join([head, claims, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode())

    def test_no_signature(self, verify):
        head, claims = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "none"}, CLAIMS)
        )
        with pytest.raises(TokenRejected):
            verify(f"{head}.{claims}.")

    @pytest.mark.parametrize("text", ["W1tb" * 3000 + ".e30.AA", "", "a", "a.b.c", "..", "é.é.é", "x" * 20_000])
    def test_nonsense(self, verify, text):
        with pytest.raises(TokenRejected):
            verify(text)
