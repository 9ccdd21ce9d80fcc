"""Request and button signatures: ``AMZN-PAY-RSASSA-PSS`` and ``-V2``.

Source: amazon-pay-cv2.md §2, proved against vectors made by Amazon's own SDK.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_SHA256: Final = hashes.SHA256()


class Algorithm(StrEnum):
    """Always stated, never left to a default: SDKs and button do not agree on one (§14, row 3)."""

    PSS = "AMZN-PAY-RSASSA-PSS"
    PSS_V2 = "AMZN-PAY-RSASSA-PSS-V2"

    @property
    def salt_length(self) -> int:
        return _SALT_LENGTH[self]


_SALT_LENGTH: Final = {Algorithm.PSS: 20, Algorithm.PSS_V2: 32}
_PADDING: Final = {algorithm: PSS(mgf=MGF1(_SHA256), salt_length=salt) for algorithm, salt in _SALT_LENGTH.items()}


def canonical_query(params: Mapping[str, str]) -> str:
    """The query both signed and sent: sorted by name, RFC 3986 encoded (a comma becomes ``%2C``)."""
    return "&".join(f"{_encoded(name)}={_encoded(params[name])}" for name in sorted(params))


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> str:
    """The text that stands for one request: every header given is signed, names in any case."""
    signed = {name.lower(): value for name, value in headers.items()}
    names = sorted(signed)
    lines = [method.upper(), path, query, *[f"{name}:{signed[name]}" for name in names]]
    return "\n".join([*lines, "", ";".join(names), hashlib.sha256(body).hexdigest()])


def string_to_sign(alg: Algorithm, text: str) -> str:
    """Two lines: the algorithm's name and the hash of a canonical request or of a button payload."""
    return f"{alg}\n{hashlib.sha256(text.encode()).hexdigest()}"


def sign(key: RSAPrivateKey, alg: Algorithm, text: str) -> str:
    """The Base64 signature of ``text``; different every time, since PSS is salted at random."""
    signature = key.sign(string_to_sign(alg, text).encode(), _PADDING[alg], _SHA256)
    return base64.b64encode(signature).decode()


def verify(public_key: RSAPublicKey, alg: Algorithm, text: str, signature: str) -> None:
    """Checks a signature with the exact salt length of ``alg``.

    Raises:
        cryptography.exceptions.InvalidSignature: wrong key, text, algorithm or salt length.
        ValueError: ``signature`` is not Base64.
    """
    raw = base64.b64decode(signature, validate=True)
    public_key.verify(raw, string_to_sign(alg, text).encode(), _PADDING[alg], _SHA256)


def button_signature(key: RSAPrivateKey, alg: Algorithm, payload_json: str) -> str:
    """Signs the very text handed to the browser as ``payloadJSON``; it never expires (§2.4)."""
    return sign(key, alg, payload_json)
