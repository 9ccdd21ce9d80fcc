"""Who asks from the Dashboard: a staff user of one tenant, proven by the token the Dashboard gave to our page.

Source: saleor-contract.md §3.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from saleor_amazonpay.errors import AppError, UnknownInstallation
from saleor_amazonpay.handlers import tenant_keys
from saleor_amazonpay.handlers.agreements.app_tokens import AppTokens
from saleor_amazonpay.handlers.directory import Tenant
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.dashboard_token import DashboardUser, TokenRejected, verify_dashboard_token
from saleor_amazonpay.saleor.signature import JwksSource
from saleor_amazonpay.storage.installations import Installation

HANDLE_PAYMENTS = "HANDLE_PAYMENTS"
NEEDED_PERMISSIONS = ("MANAGE_APPS", HANDLE_PAYMENTS)
PAYMENT_STAFF = (HANDLE_PAYMENTS,)
"""Enough for payments and agreements, on the page and in the app's GraphQL; accounts and keys need both."""
_MAX_HEADER = 1024

log = structlog.get_logger(__name__)


class Unauthenticated(AppError):
    """No token, or none that is valid for this tenant; which of both is only in the log."""

    status = 401
    code = "UNAUTHENTICATED"


class PermissionDenied(AppError):
    """``missing`` are those of the needed permissions that the user has not."""

    status = 403
    code = "PERMISSION_DENIED"

    def __init__(self, needed: Sequence[str], missing: Sequence[str]) -> None:
        super().__init__(
            Message("You need the permissions {permissions} in Saleor for this.", permissions=" + ".join(needed))
        )
        self.missing = tuple(missing)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Everything a Dashboard request may do is done as this user in this tenant.

    ``user`` is the app where ``is_app``.
    """

    installation: Installation
    user: DashboardUser
    token: str = field(repr=False)  # for calls to Saleor as this user
    is_app: bool = False  # an app of the merchant's, which may only use what is made for apps

    @property
    def tenant(self) -> str:
        return self.installation.api_url


async def authenticate_app(services: Services, tokens: AppTokens, *, api_url: str, token: str) -> Viewer:
    """The app an opaque token of Saleor's speaks for, proven at a tenant that we know.

    Raises:
        Unauthenticated: an unknown tenant, or no active app of it has this token.
        PermissionDenied: the app may not handle payments.
        SaleorUnavailable: it cannot be proven now.
    """
    try:
        installation = (await services.directory.tenant(api_url)).installation
    except UnknownInstallation as error:
        raise Unauthenticated("This token is not valid here.") from error
    caller = await tokens.caller(installation.api_url, token)
    if caller is None:
        log.info("app_token_rejected", tenant=api_url[:255])
        raise Unauthenticated("This token is not valid here.")
    if HANDLE_PAYMENTS not in caller.permissions:
        raise PermissionDenied((HANDLE_PAYMENTS,), (HANDLE_PAYMENTS,))
    user = DashboardUser(caller.app_id, "", caller.permissions, caller.permissions)
    return Viewer(installation, user, token, is_app=True)


async def authenticate(
    services: Services,
    key_source: JwksSource,
    *,
    api_url: str,
    token: str,
    permissions: Sequence[str] = NEEDED_PERMISSIONS,
) -> Viewer:
    """The user the token speaks for, at a tenant that we know.

    Raises:
        Unauthenticated: no token, an unknown tenant, or a token with any claim that is not what it should be.
        PermissionDenied: the user lacks one of ``permissions`` in Saleor.
    """
    try:
        tenant = await services.directory.tenant(api_url)
        jwks = await _jwks(services, key_source, tenant, token)
        viewer = Viewer(tenant.installation, _user(services, tenant.installation, jwks, token), token)
    except UnknownInstallation as error:
        log.info("dashboard_token_rejected", tenant=api_url[:255], reason="not installed")
        raise Unauthenticated(TokenRejected("").sentence) from error
    except TokenRejected as error:
        log.info("dashboard_token_rejected", tenant=api_url[:255], reason=error.reason)
        raise Unauthenticated(error.sentence) from error
    require(viewer, permissions)
    return viewer


def require(viewer: Viewer, permissions: Sequence[str]) -> None:
    """Raises PermissionDenied: the user lacks one of them in Saleor."""
    missing = [name for name in permissions if name not in viewer.user.user_permissions]
    if missing:
        raise PermissionDenied(permissions, missing)


def _user(services: Services, installation: Installation, jwks: str, token: str) -> DashboardUser:
    return verify_dashboard_token(
        token,
        jwks=jwks,
        api_url=installation.api_url,
        app_id=installation.app_id,
        audience=services.settings.manifest_app_id,
        now=services.clock.now(),
        required_permissions=(),
    )


async def _jwks(services: Services, key_source: JwksSource, tenant: Tenant, token: str) -> str:
    """The stored keys, or Saleor's current ones where the token names a key we do not hold.

    They are not stored, which is left to a webhook that they verify, unless they show that the Saleor which installed
    again is a stranger: then the accounts are locked before anybody sees them.
    """
    kid = _kid(token)
    if kid is None or kid in tenant.keys.keys:
        return tenant.installation.jwks
    current = await key_source.refetch(tenant.installation.api_url)
    if current is None:
        return tenant.installation.jwks
    if not tenant.installation.keys_proven and tenant_keys.are_new(current, tenant.keys):
        await tenant_keys.changed(services, tenant, current)
    return current.source


def _kid(token: str) -> str | None:
    """The key the token says it was signed with; nothing is proven by it."""
    header = token.partition(".")[0][:_MAX_HEADER]
    try:
        decoded = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        return None
    kid = decoded.get("kid") if isinstance(decoded, dict) else None
    return kid if isinstance(kid, str) else None
