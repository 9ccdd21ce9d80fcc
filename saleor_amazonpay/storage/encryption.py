"""Secrets at rest: AES-256-GCM, each ciphertext bound to the table, column and row it belongs to.

A token is ``v1.<key id>.<nonce>.<ciphertext>``. The key is derived from ``SECRET_KEY`` by HKDF-SHA256; its id says
which of the current and previous keys made it without telling anything about the key. ``context`` is the place of the
secret, ``table/column/primary key``; it is authenticated with it (AAD), so a token copied into another row does not
open. Source: DESIGN §7.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from saleor_amazonpay.errors import ConfigurationError

VERSION = "v1"
MINIMUM_KEY_LENGTH = 32  # characters: 128 bits even if they are only hexadecimal
_NONCE_LENGTH = 12


class SecretKeyTooShort(ConfigurationError):
    code = "SECRET_KEY_TOO_SHORT"


class SecretUnreadable(ConfigurationError):
    """A stored secret does not open with any key at hand; names its place, never its content."""

    code = "SECRET_UNREADABLE"


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    id: str
    cipher: AESGCM

    @classmethod
    def derive(cls, secret: str) -> _Key:
        if len(secret) < MINIMUM_KEY_LENGTH:
            raise SecretKeyTooShort(
                f"SECRET_KEY and PREVIOUS_SECRET_KEYS need at least {MINIMUM_KEY_LENGTH} characters each; "
                "make one with: openssl rand -hex 32"
            )
        return cls(_derive(secret, b"id", 4).hex(), AESGCM(_derive(secret, b"encryption", 32)))


class SecretBox:
    """Seals with the current key, opens with the current and the previous ones.

    Raises:
        SecretKeyTooShort: a key has less than 32 characters.
    """

    def __init__(self, current_key: str, previous: Sequence[str] = ()) -> None:
        self._current = _Key.derive(current_key)
        keys = [*map(_Key.derive, previous), self._current]
        self._keys = {key.id: key for key in keys}

    def seal(self, plaintext: str, *, context: str) -> str:
        nonce = os.urandom(_NONCE_LENGTH)
        sealed = self._current.cipher.encrypt(nonce, plaintext.encode(), context.encode())
        return ".".join((VERSION, self._current.id, _encode(nonce), _encode(sealed)))

    def open(self, token: str, *, context: str) -> str:
        """The plaintext.

        Raises:
            SecretUnreadable: sealed with a key that is not at hand, changed, or moved from another row.
        """
        try:
            version, key_id, nonce, sealed = token.split(".")
            key = self._keys[key_id]
            if version == VERSION:
                return key.cipher.decrypt(_decode(nonce), _decode(sealed), context.encode()).decode()
        except KeyError:
            reason = "its key is not among SECRET_KEY and PREVIOUS_SECRET_KEYS"
        except InvalidTag:
            reason = "it was changed or belongs to another row"
        except ValueError:
            reason = "it is not a sealed value"
        else:
            reason = "it was sealed by a newer version"
        raise SecretUnreadable(f"The secret in {context} cannot be read: {reason}.") from None

    def needs_rotation(self, token: str) -> bool:
        """Whether the token was made with another key than the current one."""
        return not token.startswith(f"{VERSION}.{self._current.id}.")

    def __repr__(self) -> str:
        return f"SecretBox(current={self._current.id}, keys={len(self._keys)})"


def _derive(secret: str, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"saleor-amazonpay " + purpose).derive(secret.encode())


def _encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(value: str) -> bytes:
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))
