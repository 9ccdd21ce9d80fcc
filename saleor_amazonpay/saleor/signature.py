"""Saleor's webhook signature: a detached JWS over the raw body (RFC 7515, RFC 7797).

The header is ``BASE64URL(protected) .. BASE64URL(signature)``; signed is ``BASE64URL(protected) "." body`` with RS256.
Source: saleor-contract.md §4.2; seen on 3.23: saleor-observed.md, Transport.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from saleor_amazonpay.clock import Clock
from saleor_amazonpay.errors import SaleorError, SignatureRejected
from saleor_amazonpay.saleor.errors import KeyMayHaveChanged

MIN_KEY_BITS = 2048
MAX_HEADER_LENGTH = 4096
REFETCH_INTERVAL = 30.0  # seconds between two looks at one tenant's keys, so that forgeries cannot hammer Saleor

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
_PADDING = PKCS1v15()
_SHA256 = SHA256()


def _base64url(text: str) -> bytes:
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    return binascii.a2b_base64(text.encode().translate(_TO_BASE64) + b"=" * (-len(text) % 4), strict_mode=True)


@lru_cache(maxsize=256)
def _kid(protected: str) -> str:
    """The key id of a protected header we accept; the same few bytes come with every webhook, hence the cache."""
    try:
        header = json.loads(_base64url(protected))
    except (ValueError, RecursionError) as error:
        raise SignatureRejected("The signature's header is not readable.") from error
    if not isinstance(header, dict) or header.get("alg") != "RS256":
        raise SignatureRejected("The signature must be RS256.")
    if header.get("b64") is not False or header.get("crit") != ["b64"]:
        raise SignatureRejected("The signature must be over the unencoded body (RFC 7797).")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise SignatureRejected("The signature names no key.")
    return kid


@lru_cache(maxsize=256)
def _public_key(modulus: str, exponent: str) -> RSAPublicKey:
    n, e = (int.from_bytes(_base64url(part)) for part in (modulus, exponent))
    key = RSAPublicNumbers(e, n).public_key()
    if key.key_size < MIN_KEY_BITS:
        raise ValueError("The key is too short.")
    return key


def _is_for_signatures(jwk: Any) -> bool:
    return (
        isinstance(jwk, dict)
        and jwk.get("kty") == "RSA"
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", "RS256") == "RS256"
        and all(isinstance(jwk.get(name), str) for name in ("kid", "n", "e"))
    )


@dataclass(frozen=True, slots=True)
class KeySet:
    """One tenant's public keys by ``kid``; ``source`` is the JWKS text they were read from, to be stored."""

    keys: Mapping[str, RSAPublicKey]
    source: str = field(repr=False)

    @classmethod
    def from_jwks(cls, jwks: str | bytes) -> Self:
        """Keys that cannot sign webhooks (other type, use or algorithm) are left out.

        Raises:
            ValueError: not a JWKS, or no usable key in it (RecursionError where it is absurdly nested).
        """
        text = jwks.decode() if isinstance(jwks, bytes) else jwks
        document = json.loads(text)
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list):
            raise ValueError("This is not a JWKS document.")  # noqa: TRY004 - the value is wrong, not a caller's type
        keys = {jwk["kid"]: _public_key(jwk["n"], jwk["e"]) for jwk in listed if _is_for_signatures(jwk)}
        if not keys:
            raise ValueError("The JWKS document holds no RS256 key.")
        return cls(keys, text)


class WebhookVerifier:
    """Checks one signature against one tenant's keys; holds no state of its own."""

    def verify(self, signature_header: str, body: bytes, keys: KeySet) -> None:
        """Return if ``body``, byte for byte, was signed with one of ``keys``.

        Raises:
            KeyMayHaveChanged: the key is unknown or the check failed; current keys may tell otherwise.
            SignatureRejected: the header itself is refused.
        """
        if len(signature_header) > MAX_HEADER_LENGTH:
            raise SignatureRejected("The signature is too long.")
        protected, _, encoded = signature_header.partition("..")
        kid = _kid(protected)
        try:
            signature = _base64url(encoded)
        except ValueError as error:
            raise SignatureRejected("The signature is not readable.") from error
        key = keys.keys.get(kid)
        if key is None:
            raise KeyMayHaveChanged("The signature's key is not known.")
        try:
            key.verify(signature, b"%b.%b" % (protected.encode(), body), _PADDING, _SHA256)
        except InvalidSignature as error:
            raise KeyMayHaveChanged("The signature does not fit the body.") from error


FetchJwks = Callable[[str], Awaitable[bytes]]
"""API URL → JWKS document; must cap the size and follow no redirect (``SaleorClient.fetch_jwks``)."""


class JwksSource:
    """Looks at a tenant's current keys, at most once per ``interval`` seconds, however many webhooks ask.

    Its memory grows with the number of tenants asked about: ask only for installed ones.
    """

    def __init__(self, fetch: FetchJwks, clock: Clock, interval: float = REFETCH_INTERVAL) -> None:
        self._fetch = fetch
        self._clock = clock
        self._interval = interval
        self._started: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[KeySet | None]] = {}

    async def refetch(self, api_url: str) -> KeySet | None:
        """The tenant's current keys, or None where it is too early to ask again or no keys were to be had."""
        task = self._running.get(api_url) or self._start(api_url)
        return None if task is None else await asyncio.shield(task)

    def _start(self, api_url: str) -> asyncio.Task[KeySet | None] | None:
        now = self._clock.monotonic()
        last = self._started.get(api_url)
        if last is not None and now - last < self._interval:
            return None
        self._started[api_url] = now
        task = asyncio.create_task(self._load(api_url))
        self._running[api_url] = task
        task.add_done_callback(lambda _: self._running.pop(api_url, None))
        return task

    async def _load(self, api_url: str) -> KeySet | None:
        try:
            return KeySet.from_jwks(await self._fetch(api_url))
        except (SaleorError, ValueError, RecursionError):
            return None


async def verify_or_refetch(
    verifier: WebhookVerifier,
    source: JwksSource,
    signature_header: str,
    body: bytes,
    *,
    api_url: str,
    keys: KeySet,
) -> KeySet:
    """Verify with ``keys``, and once more with Saleor's current keys where those may have changed.

    Returns:
        The keys that verified: ``keys`` itself, or new ones for the caller to store.

    Raises:
        SignatureRejected: neither did.
    """
    try:
        verifier.verify(signature_header, body, keys)
    except KeyMayHaveChanged:
        current = await source.refetch(api_url)
        if current is None:
            raise
        verifier.verify(signature_header, body, current)
        return current
    return keys
