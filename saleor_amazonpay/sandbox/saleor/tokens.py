"""Saleor's key: JWKS, signatures of webhooks, tokens of users and the token the Dashboard hands to an app."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """One RSA key. A shop has exactly one at a time; ``rotate_keys`` of the stand-in replaces it (contract §3)."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._jwk = RSAKey.import_key(self._private)
        self.kid = self._jwk.thumbprint()

    def jwks(self) -> dict[str, Any]:
        public = self._jwk.as_dict(private=False)
        key = {
            "kty": "RSA",
            "key_ops": ["verify"],
            "n": public["n"],
            "e": public["e"],
            "use": "sig",
            "kid": self.kid,
            "alg": ALGORITHM,
        }
        return {"keys": [key]}

    def sign_detached(self, body: bytes) -> str:
        """A detached JWS over the raw bytes, payload unencoded (RFC 7797): ``header..signature``."""
        header = {"alg": ALGORITHM, "b64": False, "crit": ["b64"], "kid": self.kid, "typ": "JWT"}
        protected = _base64url(json.dumps(header, separators=(",", ":")).encode())
        signature = self._private.sign(protected.encode() + b"." + body, padding.PKCS1v15(), hashes.SHA256())
        return f"{protected}..{_base64url(signature)}"

    def encode(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": self.kid}, claims, self._jwk)

    def decode(self, token: str) -> dict[str, Any] | None:
        """The claims of a token this key signed, expired or not; ``None`` for any other string."""
        try:
            return jwt.decode(token, self._jwk, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            return None
