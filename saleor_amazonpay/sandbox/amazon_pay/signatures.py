"""Checks request and button signatures, on its own: shares no code with the client it judges.

The canonical request is rebuilt from the SignedHeaders of the request itself, with exact salt lengths.
Source: amazon-pay-cv2.md §2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem

SALT_BYTES: Final[Mapping[str, int]] = {"AMZN-PAY-RSASSA-PSS": 20, "AMZN-PAY-RSASSA-PSS-V2": 32}
DEFAULT_ALGORITHM: Final = "AMZN-PAY-RSASSA-PSS"
"""What a button configuration without ``algorithm`` is checked as (§2.4)."""

REQUIRED_HEADERS: Final = ("accept", "content-type", "x-amz-pay-date", "x-amz-pay-host", "x-amz-pay-region")

_AUTHORIZATION: Final = re.compile(
    r"(?P<algorithm>[A-Z0-9-]+) PublicKeyId=(?P<key>[^,\s]+), ?SignedHeaders=(?P<names>[^,\s]+), ?"
    r"Signature=(?P<signature>[A-Za-z0-9+/=]+)\Z"
)
_DATE_FORMS: Final = ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Authorization:
    algorithm: str
    public_key_id: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What of a request is under the signature; ``path`` and ``query`` as they were on the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def parse_authorization(header: str | None) -> Authorization:
    match = _AUTHORIZATION.match(header or "")
    if match is None or match["algorithm"] not in SALT_BYTES:
        raise ApiProblem("InvalidAuthentication", "The Authorization header is missing or malformed.")
    return Authorization(match["algorithm"], match["key"], tuple(match["names"].split(";")), match["signature"])


def check_headers(headers: Mapping[str, str]) -> None:
    for name in REQUIRED_HEADERS:
        if name not in headers:
            raise ApiProblem("MissingHeader", f"The header {name} is missing.")
        if not headers[name].strip():
            raise ApiProblem("MissingHeaderValue", f"The header {name} has no value.")


def request_date(headers: Mapping[str, str]) -> datetime:
    """Both the basic and the extended form are taken (§14 row 1)."""
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(headers["x-amz-pay-date"], form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ApiProblem("InvalidHeaderValue", "x-amz-pay-date is not a UTC time stamp.")


def check_request(key: RSAPublicKey, authorization: Authorization, request: SignedRequest) -> None:
    """Raises ``InvalidRequestSignature`` unless the signature covers this very request."""
    names = {name.lower() for name in authorization.signed_headers}
    unsigned = [name for name in REQUIRED_HEADERS if name not in names]
    absent = [name for name in names if name not in request.headers]
    if unsigned or absent:
        raise ApiProblem("InvalidRequestSignature", f"Not signed or not sent: {', '.join(unsigned + absent)}.")
    texts = _canonical_requests(request, authorization.signed_headers)
    if not any(_is_signed(key, authorization.algorithm, text, authorization.signature) for text in texts):
        raise ApiProblem("InvalidRequestSignature", "Unable to verify the signature of the request.")


def check_payload(key: RSAPublicKey, algorithm: str, payload_json: str, signature: str) -> None:
    """A button's signature, over the exact text given to the browser (§2.4)."""
    if algorithm not in SALT_BYTES:
        raise ApiProblem("InvalidParameterValue", "The algorithm of the button signature is unknown.")
    if not _is_signed(key, algorithm, payload_json, signature):
        raise ApiProblem("InvalidRequestSignature", "Unable to verify the signature of the payload.")


def _canonical_requests(request: SignedRequest, names: Iterable[str]) -> Iterator[str]:
    """The SDKs differ in how they encode path and query (§2.3); all of them are understood by Amazon."""
    names = tuple(names)
    for path in dict.fromkeys((request.path, unquote(request.path))):
        for query in dict.fromkeys((_sorted(request.query), _encoded(request.query))):
            lines = [request.method, path, query]
            lines += [f"{name.lower()}:{request.headers[name.lower()].strip()}" for name in names]
            yield "\n".join([*lines, "", ";".join(names), hashlib.sha256(request.body).hexdigest()])


def _sorted(query: str) -> str:
    return "&".join(sorted(query.split("&"), key=lambda pair: pair.partition("=")[0]))


def _encoded(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)


def _is_signed(key: RSAPublicKey, algorithm: str, text: str, signature: str) -> bool:
    signed = f"{algorithm}\n{hashlib.sha256(text.encode()).hexdigest()}".encode()
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=SALT_BYTES[algorithm])
    try:
        key.verify(base64.b64decode(signature, validate=True), signed, scheme, hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
