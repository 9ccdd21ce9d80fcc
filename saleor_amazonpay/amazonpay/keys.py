"""The merchant's RSA key: forgiving about how it was pasted, precise about why it cannot be used."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from saleor_amazonpay.errors import KeyUnusable
from saleor_amazonpay.messages import Message, marked

MINIMUM_BITS: Final = 2048
_PEM_LINE: Final = 64
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_KEY_ID: Final = re.compile(r"(LIVE|SANDBOX)-\w+\Z", re.IGNORECASE)

_EMPTY: Final = marked("No private key was given.")
_KEY_ID_PASTED: Final = marked(
    "This is the public key ID. The private key is the file Seller Central let you download with it; "
    "it begins with -----BEGIN PRIVATE KEY-----."
)
_PUBLIC: Final = marked("This is a public key. Paste the private key: it begins with -----BEGIN PRIVATE KEY-----.")
_CERTIFICATE: Final = marked(
    "This is a certificate. Paste the private key: it begins with -----BEGIN PRIVATE KEY-----."
)
_ENCRYPTED: Final = marked("The private key is protected by a passphrase. Remove the passphrase and paste it again.")
_UNREADABLE: Final = marked(
    "The private key cannot be read. Paste the whole file, from its BEGIN line to its END line."
)
_TOO_SHORT: Final = marked("The RSA key has {bits} bits; Amazon Pay needs at least 2048.")
_NOT_RSA: Final = marked("Amazon Pay needs an RSA key; this is {kind} key.")

_WRONG_LABELS: Final = (
    ("ENCRYPTED PRIVATE KEY", _ENCRYPTED),
    ("CERTIFICATE", _CERTIFICATE),
    ("PUBLIC KEY", _PUBLIC),
)
_KINDS: Final = {
    "EC": Message("an elliptic curve (EC)"),
    "DSA": Message("a DSA"),
    "Ed": Message("an EdDSA"),
    "X": Message("a Diffie-Hellman"),
}
_OTHER_KIND: Final = Message("another kind of")


def load_private_key(pem: str) -> RSAPrivateKey:
    r"""A key a person has pasted, fully validated (about 30 ms, once, when it is stored).

    Line ends, indentation, quotes around it, literal ``\n`` and a missing last newline do not matter.

    Raises:
        KeyUnusable: with a message that tells the merchant what was pasted instead.
    """
    return _checked(_parse(_tidy(pem), skip_validation=False))


def load_trusted_private_key(pem: str) -> RSAPrivateKey:
    """The same text, once ``load_private_key`` has accepted it: about 30 µs, the primes are not checked again."""
    return _checked(_parse(_tidy(pem), skip_validation=True))


def generate_key_pair() -> tuple[str, str]:
    """A new pair as (private PEM, public PEM); the public one is what the merchant uploads."""
    key = generate_private_key(public_exponent=65537, key_size=MINIMUM_BITS)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), public_pem_of(key)


def public_pem_of(key: RSAPrivateKey | RSAPublicKey) -> str:
    return _public(key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fingerprint(key_or_pem: RSAPrivateKey | RSAPublicKey | str) -> str:
    """Eight bytes of the public key's SHA-256, safe to show: ``"3f:a2:…"``. The same for both halves."""
    spki = _public(key_or_pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()[:8].hex(":")


def matches(private: RSAPrivateKey | str, public: RSAPublicKey | str) -> bool:
    """Whether the two are halves of one pair."""
    return _public(private).public_numbers() == _public(public).public_numbers()


def _public(key: RSAPrivateKey | RSAPublicKey | str) -> RSAPublicKey:
    if isinstance(key, str):
        key = _parse_public(key) if "PUBLIC KEY" in key else load_private_key(key)
    return key.public_key() if isinstance(key, RSAPrivateKey) else key


def _parse_public(pem: str) -> RSAPublicKey:
    block = _BLOCK.search(_unescaped(pem))
    if block is None:
        raise KeyUnusable(Message(_UNREADABLE))
    try:
        key = load_pem_public_key(_pem(block))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(Message(_UNREADABLE)) from None
    if not isinstance(key, RSAPublicKey):
        raise KeyUnusable(_not_rsa(key))
    return key


def _tidy(pem: str) -> bytes:
    text = _unescaped(pem)
    if not text:
        raise KeyUnusable(Message(_EMPTY))
    if _KEY_ID.match(text):
        raise KeyUnusable(Message(_KEY_ID_PASTED))
    blocks = list(_BLOCK.finditer(text))
    for block in blocks:
        if block[1].endswith("PRIVATE KEY") and "ENCRYPTED" not in block[0]:
            return _pem(block)
    raise KeyUnusable(Message(_fault_of(text)))


def _unescaped(pem: str) -> str:
    text = pem.replace("\\r", "").replace("\\n", "\n").replace("\ufeff", "")
    return text.strip(" \t\r\n\"'`")


def _fault_of(text: str) -> str:
    if "ENCRYPTED" in text:  # PKCS#8's label, or OpenSSL's older "Proc-Type: 4,ENCRYPTED"
        return _ENCRYPTED
    if text.startswith("ssh-"):
        return _PUBLIC
    labels = re.findall(r"-----BEGIN ([A-Z0-9 ]+)-----", text)
    faults = (fault for label in labels for wrong, fault in _WRONG_LABELS if label.endswith(wrong))
    return next(faults, _UNREADABLE)


def _pem(block: re.Match[str]) -> bytes:
    base64 = "".join(block[2].split())
    lines = [base64[start : start + _PEM_LINE] for start in range(0, len(base64), _PEM_LINE)]
    return "\n".join([f"-----BEGIN {block[1]}-----", *lines, f"-----END {block[1]}-----", ""]).encode()


def _parse(pem: bytes, *, skip_validation: bool) -> object:
    try:
        return load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=skip_validation)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's text may quote the input, so it is neither shown nor chained.
        raise KeyUnusable(Message(_UNREADABLE)) from None


def _checked(key: object) -> RSAPrivateKey:
    if not isinstance(key, RSAPrivateKey):
        raise KeyUnusable(_not_rsa(key))
    if key.key_size < MINIMUM_BITS:
        raise KeyUnusable(Message(_TOO_SHORT, bits=key.key_size))
    return key


def _not_rsa(key: object) -> Message:
    name = type(key).__name__
    kind = next((text for prefix, text in _KINDS.items() if name.startswith(prefix)), _OTHER_KIND)
    return Message(_NOT_RSA, kind=kind)
