from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.amazonpay import load_private_key
from saleor_amazonpay.amazonpay.signing import (
    Algorithm,
    button_signature,
    canonical_query,
    canonical_request,
    sign,
    string_to_sign,
    verify,
)

DOCUMENT = json.loads((Path(__file__).parent / "signing-vectors.json").read_text(encoding="utf-8"))
REQUESTS = [vector for vector in DOCUMENT["vectors"] if vector["kind"] == "api-request"]
BUTTONS = [vector for vector in DOCUMENT["vectors"] if vector["kind"] == "button-signature"]
PUBLIC_KEY = load_pem_public_key(DOCUMENT["publicKeyPem"].encode())
PRIVATE_KEY = load_private_key(DOCUMENT["privateKeyPem"])
OTHER = {Algorithm.PSS: Algorithm.PSS_V2, Algorithm.PSS_V2: Algorithm.PSS}

named = {"ids": lambda vector: vector["name"]}


def signed_text(vector) -> str:
    """The text to sign, rebuilt by our code from what the vector says was sent."""
    if vector["kind"] == "button-signature":
        return vector["payloadJSON"]
    names = vector["signedHeaders"].split(";")
    sent = {name.lower(): value for name, value in vector["allHeadersSent"].items()}
    request = vector["request"]
    return canonical_request(
        request["method"],
        request["path"],
        request["canonicalQuery"],
        {name: sent[name] for name in names},
        request["bodyUtf8"].encode(),
    )


def test_the_vectors_hold_both_kinds_and_both_algorithms():
    assert len(REQUESTS) >= 6
    assert len(BUTTONS) >= 4
    assert {vector["algorithm"] for vector in DOCUMENT["vectors"]} == set(Algorithm)


@pytest.mark.parametrize("vector", REQUESTS, **named)
class TestRequestVectors:
    def test_canonical_request_is_the_same_text(self, vector):
        assert signed_text(vector) == vector["canonicalRequest"]

    def test_query_is_rebuilt_from_its_parameters(self, vector):
        query = vector["request"]["canonicalQuery"]
        assert canonical_query(dict(reversed(parse_qsl(query)))) == query


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], **named)
class TestEveryVector:
    def test_string_to_sign_is_the_same_text(self, vector):
        assert string_to_sign(Algorithm(vector["algorithm"]), signed_text(vector)) == vector["stringToSign"]

    def test_salt_length_is_the_documented_one(self, vector):
        assert Algorithm(vector["algorithm"]).salt_length == vector["saltLength"]

    def test_its_signature_verifies(self, vector):
        verify(PUBLIC_KEY, Algorithm(vector["algorithm"]), signed_text(vector), vector["signatureBase64"])

    def test_our_signature_verifies(self, vector):
        algorithm, text = Algorithm(vector["algorithm"]), signed_text(vector)
        verify(PUBLIC_KEY, algorithm, text, sign(PRIVATE_KEY, algorithm, text))

    def test_the_other_salt_length_does_not(self, vector):
        algorithm, text = Algorithm(vector["algorithm"]), signed_text(vector)
        with pytest.raises(InvalidSignature):
            verify(PUBLIC_KEY, OTHER[algorithm], text, vector["signatureBase64"])

    def test_another_text_does_not(self, vector):
        algorithm, text = Algorithm(vector["algorithm"]), signed_text(vector)
        with pytest.raises(InvalidSignature):
            verify(PUBLIC_KEY, algorithm, text + " ", vector["signatureBase64"])


class TestCanonicalRequest:
    def test_header_names_are_lowered_and_sorted_bytewise(self):
        text = canonical_request("get", "/v2/charges", "", {"X-B": "2", "Accept": "a", "x-a-z": "1"}, b"")
        assert text.split("\n")[:-2] == ["GET", "/v2/charges", "", "accept:a", "x-a-z:1", "x-b:2", ""]
        assert text.split("\n")[-2] == "accept;x-a-z;x-b"

    def test_no_body_and_an_empty_object_hash_differently(self):
        none = canonical_request("POST", "/", "", {}, b"")
        assert none.endswith("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        assert canonical_request("POST", "/", "", {}, b"{}") != none


class TestCanonicalQuery:
    def test_values_are_encoded_by_rfc_3986(self):
        assert canonical_query({"a": "x,y z!'()*~-._/+日"}) == "a=x%2Cy%20z%21%27%28%29%2A~-._%2F%2B%E6%97%A5"

    def test_nothing_gives_an_empty_line(self):
        assert canonical_query({}) == ""

    @given(st.dictionaries(st.text("abcXYZ019_", min_size=1), st.text(min_size=1)), st.randoms())
    def test_order_of_the_caller_does_not_matter_and_nothing_is_lost(self, params, chance):
        shuffled = list(params.items())
        chance.shuffle(shuffled)
        query = canonical_query(dict(shuffled))
        assert query == canonical_query(params)
        assert parse_qsl(query, keep_blank_values=True) == sorted(params.items())
        assert query.isascii()


class TestButtonSignature:
    def test_is_over_the_exact_text(self):
        text = '{"note":"日本語 \\\\ / \\u00e9"}'
        verify(PUBLIC_KEY, Algorithm.PSS_V2, text, button_signature(PRIVATE_KEY, Algorithm.PSS_V2, text))

    def test_differs_every_time(self):
        made = {button_signature(PRIVATE_KEY, Algorithm.PSS_V2, "{}") for _ in range(3)}
        assert len(made) == 3


def test_a_signature_that_is_not_base64_is_a_value_error():
    with pytest.raises(ValueError):
        verify(PUBLIC_KEY, Algorithm.PSS_V2, "{}", "not base64!")
