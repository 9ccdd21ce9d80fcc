"""What of a request or answer may stand in a log: no secret, nothing that tells who the buyer is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

import msgspec

MASK: Final = "[redacted]"
_MAX_DEPTH: Final = 12

_MASKED_KEYS: Final = frozenset(
    {
        # secrets
        "authorization", "authorizationtoken", "authtoken", "buyertoken", "mwsauthtoken", "nexttoken", "password",
        "privatekey", "secret", "secretkey", "signature", "token", "tokens", "xamzpayauthtoken",
        # the buyer
        "addressline1", "addressline2", "addressline3", "city", "county", "district", "districtorcounty", "email",
        "name", "notetobuyer", "paymentdescriptor", "phone", "phonenumber", "postalcode", "stateorregion",
        # texts that hold either
        "custominformation", "payloadjson", "shippingaddresslist", "supplementarydata", "url",
    }
)  # fmt: skip

_IN_TEXT: Final = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"(?i)\b(signature|buyertoken|token)=[^\s&,]+"), rf"\1={MASK}"),
    (re.compile(r"(?i)(/buyers/|/authorizationtokens/)[^/?\s]+"), rf"\1{MASK}"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63})+"), MASK),
)


def redact(value: Any) -> Any:
    """A copy for logs, with keys, signatures, tokens and the buyer's data masked, however deep they are.

    Takes mappings, lists, answer models and payloads; text is searched for keys, tokens and mail addresses.
    """
    return _redacted(value, _MAX_DEPTH)


def redact_text(text: str) -> str:
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _redacted(value: Any, depth: int) -> Any:
    if depth == 0:
        return MASK
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, depth - 1) for item in value]
    members = _members(value)
    if members is None:
        return value
    return {key: _member(key, item, depth - 1) for key, item in members.items()}


def _member(key: Any, value: Any, depth: int) -> Any:
    plain = re.sub(r"[^a-z0-9]", "", str(key).lower())
    is_masked = plain in _MASKED_KEYS and value is not None
    return MASK if is_masked else _redacted(value, depth)


def _members(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.repr}
    return None
