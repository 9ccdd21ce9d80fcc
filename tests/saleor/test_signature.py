from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from saleor_amazonpay.errors import SaleorUnavailable, SignatureRejected
from saleor_amazonpay.saleor.errors import KeyMayHaveChanged
from saleor_amazonpay.saleor.signature import JwksSource, KeySet, WebhookVerifier, verify_or_refetch

CAPTURES = sorted(path.stem for path in (Path(__file__).parent / "captures").glob("*.json") if path.stem != "jwks")
API_URL = "https://shop.example/graphql/"
BODY = b'{"issuedAt": "2026-11-23T11:42:29.629560+00:00"}'
HEADER = {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": "key-1"}


@pytest.fixture
def verifier():
    return WebhookVerifier()


@pytest.fixture
def keys(signer):
    return KeySet.from_jwks(signer.jwks)


class TestRecordedWebhooks:
    @pytest.fixture
    def saleor_keys(self):
        return KeySet.from_jwks((Path(__file__).parent / "captures" / "jwks.json").read_bytes())

    @pytest.mark.parametrize("name", CAPTURES)
    def test_each_verifies_over_its_raw_body(self, capture, verifier, saleor_keys, name):
        recorded = capture(name)
        verifier.verify(recorded["headers"]["Saleor-Signature"], recorded["body"].encode(), saleor_keys)

    @pytest.mark.parametrize("name", CAPTURES)
    def test_none_verifies_once_re_serialised(self, capture, verifier, saleor_keys, name):
        recorded = capture(name)
        body = json.dumps(json.loads(recorded["body"]), separators=(",", ":")).encode()
        with pytest.raises(KeyMayHaveChanged):
            verifier.verify(recorded["headers"]["Saleor-Signature"], body, saleor_keys)

    def test_one_changed_byte_is_refused(self, capture, verifier, saleor_keys):
        recorded = capture("transaction_initialize_session-1")
        body = bytearray(recorded["body"].encode())
        body[len(body) // 2] ^= 1
        with pytest.raises(SignatureRejected):
            verifier.verify(recorded["headers"]["Saleor-Signature"], bytes(body), saleor_keys)


class TestVerify:
    def test_an_empty_body_verifies_when_it_was_signed(self, verifier, signer, keys):
        verifier.verify(signer.sign(b""), b"", keys)

    def test_another_key_of_the_same_name_is_refused(self, verifier, other_signer, keys):
        with pytest.raises(KeyMayHaveChanged):
            verifier.verify(other_signer.sign(BODY), BODY, keys)

    def test_an_unknown_kid_is_refused(self, verifier, signer, keys):
        with pytest.raises(KeyMayHaveChanged):
            verifier.verify(signer.sign(BODY, {**HEADER, "kid": "key-2"}), BODY, keys)

    @pytest.mark.parametrize(
        "header",
        [
            {**HEADER, "alg": "none"},
            {**HEADER, "alg": "HS256"},
            {**HEADER, "alg": "PS256"},
            {**HEADER, "alg": "rs256"},
            {**HEADER, "b64": True},
            {**HEADER, "b64": 0},
            {**HEADER, "crit": ["b64", "exp"]},
            {**HEADER, "crit": "b64"},
            {**HEADER, "crit": []},
            {**HEADER, "kid": ""},
            {**HEADER, "kid": 1},
            {name: value for name, value in HEADER.items() if name != "b64"},
            {name: value for name, value in HEADER.items() if name != "crit"},
            {name: value for name, value in HEADER.items() if name != "kid"},
            {name: value for name, value in HEADER.items() if name != "alg"},
            [],
            None,
        ],
        ids=str,
    )
    def test_any_other_header_is_refused_although_rightly_signed(self, verifier, signer, keys, header):
        signed = signer.sign(BODY, {} if header is None else header)
        with pytest.raises(SignatureRejected) as refused:
            verifier.verify(signed, BODY, keys)
        assert not isinstance(refused.value, KeyMayHaveChanged)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda s: "",
            lambda s: "..",
            lambda s: s.replace("..", "."),
            lambda s: s.replace("..", ".e30."),
            lambda s: s.replace("..", "..."),
            lambda s: s + "=",
            lambda s: s + "\n",
            lambda s: " " + s,
            lambda s: s.split("..")[0] + "..",
            lambda s: s.split("..")[0] + "..A",
            lambda s: ".." + s.split("..")[1],
            lambda s: s[:-4],
            lambda s: s + "é",
            lambda s: "W1tb" * 900 + ".." + s.split("..")[1],  # [[[…
            lambda s: s + "A" * 5000,
        ],
    )
    def test_a_malformed_signature_is_refused(self, verifier, signer, keys, spoil):
        with pytest.raises(SignatureRejected):
            verifier.verify(spoil(signer.sign(BODY)), BODY, keys)

    def test_a_signature_over_the_encoded_body_is_refused(self, verifier, signer, keys):
        encoded = base64.urlsafe_b64encode(BODY).rstrip(b"=")
        with pytest.raises(SignatureRejected):
            verifier.verify(signer.sign(encoded), BODY, keys)


class TestKeySet:
    def test_keys_for_other_uses_are_left_out(self, signer):
        others = [
            {**signer.jwk, "kid": "a", "use": "enc"},
            {**signer.jwk, "kid": "b", "alg": "RS512"},
            {"kty": "oct", "kid": "c", "k": "AAAA"},
            "key",
        ]
        assert set(KeySet.from_jwks(json.dumps({"keys": [*others, signer.jwk]})).keys) == {"key-1"}

    def test_a_short_key_is_refused(self, signer):
        short = {**signer.jwk, "n": signer.jwk["n"][:171]}
        with pytest.raises(ValueError, match="too short"):
            KeySet.from_jwks(json.dumps({"keys": [short]}))

    @pytest.mark.parametrize(
        "text",
        ["[" * 900 + "]" * 900, "", "[]", "{}", '{"keys": {}}', '{"keys": []}', '{"keys": [{"kty": "RSA"}]}', "\xff"],
    )
    def test_anything_else_is_a_value_error(self, text):
        with pytest.raises(ValueError):
            KeySet.from_jwks(text)

    def test_its_text_is_kept_for_storing_but_not_shown(self, signer):
        keys = KeySet.from_jwks(signer.jwks)
        assert keys.source == signer.jwks
        assert signer.jwk["n"] not in repr(keys)


class Saleor:
    """Serves keys; counts how often it is asked."""

    def __init__(self, jwks):
        self.jwks = jwks
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, api_url):
        assert api_url == API_URL
        self.asked += 1
        await self.gate.wait()
        if isinstance(self.jwks, Exception):
            raise self.jwks
        return self.jwks.encode()


class TestRotation:
    async def verify(self, source, signer, keys):
        return await verify_or_refetch(WebhookVerifier(), source, signer.sign(BODY), BODY, api_url=API_URL, keys=keys)

    async def test_known_keys_need_no_look_at_saleor(self, signer, keys, clock):
        saleor = Saleor(signer.jwks)
        assert await self.verify(JwksSource(saleor.fetch, clock), signer, keys) is keys
        assert saleor.asked == 0

    async def test_a_rotated_key_is_found_with_one_refetch_and_handed_back(self, signer, other_signer, keys, clock):
        saleor = Saleor(other_signer.jwks)
        found = await self.verify(JwksSource(saleor.fetch, clock), other_signer, keys)
        assert found.source == other_signer.jwks
        assert saleor.asked == 1

    async def test_a_flood_of_forgeries_makes_one_call_per_interval(self, signer, other_signer, keys, clock):
        saleor = Saleor(signer.jwks)
        source = JwksSource(saleor.fetch, clock, interval=30)
        for _ in range(50):
            with pytest.raises(SignatureRejected):
                await self.verify(source, other_signer, keys)
        assert saleor.asked == 1
        await clock.sleep(30)
        with pytest.raises(SignatureRejected):
            await self.verify(source, other_signer, keys)
        assert saleor.asked == 2

    async def test_concurrent_refetches_share_one_call(self, other_signer, keys, clock):
        saleor = Saleor(other_signer.jwks)
        saleor.gate.clear()
        source = JwksSource(saleor.fetch, clock)
        tasks = [asyncio.create_task(self.verify(source, other_signer, keys)) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks[0].cancel()  # one caller giving up does not spoil it for the others
        await asyncio.sleep(0)
        saleor.gate.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert {keys.source for keys in found[1:]} == {other_signer.jwks}
        assert saleor.asked == 1

    @pytest.mark.parametrize("answer", [SaleorUnavailable("down"), "<html>", '{"keys": []}'])
    async def test_keys_that_cannot_be_had_leave_the_refusal(self, other_signer, keys, clock, answer):
        with pytest.raises(SignatureRejected):
            await self.verify(JwksSource(Saleor(answer).fetch, clock), other_signer, keys)

    async def test_a_malformed_signature_causes_no_call(self, signer, keys, clock):
        saleor = Saleor(signer.jwks)
        source = JwksSource(saleor.fetch, clock)
        header = signer.sign(BODY, {**HEADER, "alg": "none"})
        with pytest.raises(SignatureRejected):
            await verify_or_refetch(WebhookVerifier(), source, header, BODY, api_url=API_URL, keys=keys)
        assert saleor.asked == 0
