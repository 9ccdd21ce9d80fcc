"""Whose keys a tenant's are: the Saleor that installs again may be somebody else's by now (DESIGN §6 case 17).

A key is public, so a host that shows the keys we know has proven nothing; a signature made with one of them has. Until
then new keys are those of a stranger, and the accounts are locked as for a re-installation with foreign keys. After it
they are a rotation: who holds the old key names the new one.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from saleor_amazonpay.handlers.directory import Tenant
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.saleor.signature import KeySet
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)


def are_new(keys: KeySet, known: KeySet) -> bool:
    """Some key was never seen: the keys themselves count, their ids are only what that Saleor calls them."""
    return not _numbers(keys) <= _numbers(known)


def _numbers(keys: KeySet) -> AbstractSet[RSAPublicNumbers]:
    return {key.public_numbers() for key in keys.keys.values()}


async def proven(services: Services, tenant: Tenant) -> None:
    """A message was signed with a key we knew: whoever installed again is who was there before."""
    if not tenant.installation.keys_proven:
        api_url, now = tenant.installation.api_url, services.clock.now()
        await services.database.run(lambda session: installation_rows.prove_keys(session, api_url, now))
        services.directory.forget(api_url)


async def changed(services: Services, tenant: Tenant, keys: KeySet) -> None:
    """Keep the tenant's new keys; lock its accounts where nobody has shown to hold the old ones."""
    api_url, now = tenant.installation.api_url, services.clock.now()
    locked = await services.database.run(lambda session: _keep(services, session, api_url, keys, now))
    services.directory.forget(api_url)
    if locked:
        log.warning("accounts_locked", tenant=api_url, accounts=locked, reason="keys changed before they were proven")


def _keep(services: Services, session: Session, api_url: str, keys: KeySet, now: datetime) -> int:
    stored = installation_rows.get(session, api_url, services.secrets)
    if stored is None:
        return 0
    is_foreign = not stored.keys_proven and are_new(keys, KeySet.from_jwks(stored.jwks))
    installation_rows.set_jwks(session, api_url, keys.source, now)
    installation_rows.prove_keys(session, api_url, now)
    return lock_accounts(services, session, api_url, now) if is_foreign else 0


def lock_accounts(services: Services, session: Session, api_url: str, now: datetime) -> int:
    """Until their private keys are entered again; archived ones too. How many there are."""
    accounts = account_rows.of_tenant(session, api_url, services.secrets)
    for account in accounts:
        account_rows.save(session, replace(account, state="locked", updated_at=now), services.secrets)
    return len(accounts)
