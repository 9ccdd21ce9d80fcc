"""Registration: Saleor brings the token of a new installation, by a POST that anybody could have made.

What proves it is that the token works at the API URL it names, for an app with our identifier: another app of the same
Saleor has a working token too, and must not take our tenant over. Source: saleor-contract.md §2; DESIGN §4 rule 8, §6
case 17.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from saleor_amazonpay import __version__
from saleor_amazonpay.errors import SaleorError, SaleorRefused
from saleor_amazonpay.handlers import tenant_keys
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.saleor.client import AppIdentity
from saleor_amazonpay.saleor.registration import (
    JwksNotAvailable,
    RegistrationRefused,
    StorageNotAvailable,
    UnknownAppId,
    validate_api_url,
)
from saleor_amazonpay.saleor.signature import KeySet
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage.encryption import SecretUnreadable
from saleor_amazonpay.storage.engine import Session, StorageError
from saleor_amazonpay.storage.installations import Installation

NEEDED_PERMISSION = "HANDLE_PAYMENTS"
PROOF_SECONDS = 14.0  # Saleor waits 18 for the whole registration

log = structlog.get_logger(__name__)

__all__ = ["RegistrationRefused", "register"]


class PermissionMissing(RegistrationRefused):
    code = "PERMISSION_MISSING"


@dataclass(frozen=True, slots=True)
class _Proven:
    """What that Saleor itself said about the token, and the keys it signs with."""

    identity: AppIdentity
    keys: KeySet


async def register(services: Services, *, api_url_header: str, auth_token: str, schema_version: str | None) -> None:
    """Install, or install again: accounts, payments and agreements of the tenant stay.

    Accounts are locked when that Saleor signs with a key this tenant never had: host names are recycled. Keys that it
    had are public, so they are in doubt until something signed with one of them arrives (``tenant_keys``).

    Raises:
        RegistrationRefused: with a message for the merchant; nothing was changed.
    """
    settings = services.settings
    pattern = settings.allowed_domain_pattern
    api_url = await validate_api_url(
        api_url_header,
        allowed_pattern=pattern.pattern if pattern else None,
        allow_local_network=settings.allow_local_network,
    )
    try:
        async with asyncio.timeout(PROOF_SECONDS):
            proven = await _prove(services, str(api_url), auth_token)
    except TimeoutError as error:
        raise UnknownAppId(f"The Saleor at {api_url} answered too slowly. Install the app again.") from error
    now = services.clock.now()
    installation = Installation(
        api_url=str(api_url),
        app_id=proven.identity.id,
        token=auth_token,
        jwks=proven.keys.source,
        saleor_version=proven.identity.schema_version or schema_version,
        app_version=__version__,
        state="active",
        installed_at=now,
        updated_at=now,
    )
    await _record(services, installation, proven.keys)


async def _prove(services: Services, api_url: str, token: str) -> _Proven:
    """Raises RegistrationRefused: the token is not our app's there, may not handle payments, or there are no keys."""
    try:
        identity = await services.saleor.app_identity(api_url, token)
        await _check_identifier(services, api_url, token)
    except SaleorRefused as error:
        raise UnknownAppId(f"The token does not work at {api_url}.") from error
    except SaleorError as error:
        raise UnknownAppId(f"No Saleor could be reached at {api_url}. Is that its public address?") from error
    if NEEDED_PERMISSION not in identity.permissions:
        raise PermissionMissing(f"Amazon Pay needs the permission {NEEDED_PERMISSION}. Install it again and grant it.")
    return _Proven(identity, await _keys(services, api_url))


async def _check_identifier(services: Services, api_url: str, token: str) -> None:
    data = await services.saleor.execute("queries/app_identifier", api_url=api_url, token=token)
    app = data.get("app")
    identifier = app.get("identifier") if isinstance(app, dict) else None
    expected = services.settings.manifest_app_id
    if identifier is not None and identifier != expected:
        raise UnknownAppId(f"The token belongs to another app than {expected}.")


async def _keys(services: Services, api_url: str) -> KeySet:
    try:
        return KeySet.from_jwks(await services.saleor.fetch_jwks(api_url))
    except (SaleorError, ValueError, RecursionError) as error:
        raise JwksNotAvailable("Saleor's public keys (/.well-known/jwks.json) cannot be read.") from error


async def _record(services: Services, installation: Installation, keys: KeySet) -> None:
    def save(session: Session) -> tuple[bool, int]:
        known = installation_rows.get(session, installation.api_url, services.secrets)
        installation_rows.save(session, installation, services.secrets)
        if known is None:
            return False, 0
        is_foreign = tenant_keys.are_new(keys, KeySet.from_jwks(known.jwks))
        if not is_foreign:
            installation_rows.doubt_keys(session, installation.api_url)
            return True, 0
        return True, tenant_keys.lock_accounts(services, session, installation.api_url, installation.updated_at)

    try:
        is_known, locked = await services.database.run(save)
    except SecretUnreadable as error:
        message = "What the app stored for this Saleor cannot be decrypted; its operator must restore SECRET_KEY."
        raise StorageNotAvailable(message) from error
    except StorageError as error:
        raise StorageNotAvailable("The app's database does not answer. Install the app again later.") from error
    services.directory.forget(installation.api_url)
    log.info("installed", tenant=installation.api_url, saleor=installation.saleor_version, again=is_known)
    if locked:
        log.warning("accounts_locked", tenant=installation.api_url, accounts=locked)
