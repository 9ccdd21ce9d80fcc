"""The JWT with which Saleor's Dashboard opens our page: who the staff user is, and what they may do.

Tenant, app id and keys come from our store, never from the token. Source: saleor-contract.md §3.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.messages import Message

LEEWAY = 30  # seconds, for clocks that differ
REQUIRED_PERMISSIONS = frozenset({"HANDLE_PAYMENTS"})
MAX_TOKEN_LENGTH = 16_384


class TokenRejected(AppError):
    """``reason`` is for the log; the user learns only that the Dashboard page should be opened again."""

    status = 401
    code = "TOKEN_REJECTED"

    def __init__(self, reason: str) -> None:
        super().__init__(Message("Your session is not valid here. Open the app from the Saleor Dashboard again."))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DashboardUser:
    """``permissions`` are the user's that the app has too; ``user_permissions`` are all of the user's."""

    user_id: str
    email: str
    permissions: frozenset[str]
    user_permissions: frozenset[str]


def verify_dashboard_token(
    token: str,
    *,
    jwks: str,
    api_url: str,
    app_id: str,
    audience: str,
    now: datetime,
    required_permissions: Collection[str] = REQUIRED_PERMISSIONS,
) -> DashboardUser:
    """The staff user the token speaks for, at the tenant ``api_url`` whose stored keys are ``jwks``.

    Raises:
        TokenRejected: forged, expired, for another app or tenant, or without the permissions.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise TokenRejected("too long")
    claims = _claims(token, jwks, int(now.timestamp()))
    expected = {"iss": api_url, "aud": audience, "type": "thirdparty", "app": app_id, "is_staff": True}
    for name, value in expected.items():
        if claims.get(name) != value:
            raise TokenRejected(f"{name} is not what it should be")
    granted = _names(claims, "user_permissions")
    missing = frozenset(required_permissions) - granted
    if missing:
        raise TokenRejected(f"the user lacks {', '.join(sorted(missing))}")
    user_id, email = claims.get("user_id"), claims.get("email")
    if not isinstance(user_id, str) or not isinstance(email, str):
        raise TokenRejected("names no user")
    return DashboardUser(user_id, email, _names(claims, "permissions"), granted)


def _claims(token: str, jwks: str, now: int) -> Mapping[str, Any]:
    from joserfc import jwt  # with half of cryptography behind it, for an app that mostly takes webhooks
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    registry = jwt.JWTClaimsRegistry(now=now, leeway=LEEWAY, exp={"essential": True}, iat={"essential": True})
    try:
        keys = KeySet.import_key_set(json.loads(jwks))
        decoded = jwt.decode(token, keys, algorithms=["RS256"])
        registry.validate(decoded.claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TokenRejected(f"not a valid token: {type(error).__name__}") from error
    return decoded.claims


def _names(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    listed = claims.get(claim)
    return frozenset(str(name) for name in listed) if isinstance(listed, list) else frozenset()
