"""Key pairs made here, and the second pair of an account: changing keys without a minute in which none works.

Amazon accepts every public key that is registered for a merchant. So a second pair is registered and tried, then the
account signs with it at once; the first one stays at hand until it is deleted, here and in Seller Central. Buttons
signed with the first go on working as long as Amazon knows it. Source: DESIGN §7; amazon-pay-cv2.md §1.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import uuid4

import structlog

from saleor_amazonpay.amazonpay import fingerprint, generate_key_pair, load_trusted_private_key, public_pem_of
from saleor_amazonpay.handlers import account_check
from saleor_amazonpay.handlers.account_fields import (
    AccountErrorCode,
    AccountErrors,
    AccountFields,
    FieldError,
    validated,
)
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import key_pairs as rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.key_pairs import KeyPair

T = TypeVar("T")

UNUSED_FOR: Final = timedelta(days=30)

_GONE: Final = FieldError("id", AccountErrorCode.NOT_FOUND, Message("There is no such Amazon Pay account."))
_NO_SECOND: Final = FieldError("id", AccountErrorCode.NOT_FOUND, Message("The account has no second key pair."))
_LOCKED: Final = FieldError("id", AccountErrorCode.LOCKED, Message("Enter the account's private key again first."))
_SAME_ID: Final = FieldError(
    "publicKeyId", AccountErrorCode.INVALID, Message("This is the public key ID that the account uses already.")
)
_NO_PAIR: Final = FieldError(
    "privateKey",
    AccountErrorCode.NOT_FOUND,
    Message("The generated key pair is gone. Generate another one, or paste a private key."),
)
_CHANGED: Final = Message("Somebody else changed the account meanwhile. Load it again.")
_OTHER_ENVIRONMENT: Final = marked("This public key ID is for {named}; the account is for {own}.")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GeneratedPair:
    """What may be shown of a pair that was made here: all but the private key."""

    id: str
    public_key: str
    fingerprint: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SecondPair:
    public_key_id: str
    fingerprint: str
    created_at: datetime


async def generate(services: Services, tenant: str, *, by: str) -> GeneratedPair:
    """A new pair; its private half never leaves. Nobody comes back for it within 30 days: it is dropped."""
    private_key, _ = await asyncio.to_thread(generate_key_pair)
    now = services.clock.now()
    pair = KeyPair(uuid4().hex, tenant, None, None, private_key, now)

    def save(session: Session) -> None:
        rows.delete_unused(session, tenant, older_than=now - UNUSED_FOR)
        rows.save(session, pair, services.secrets)

    await services.database.run(save)
    log.info("key_pair_generated", tenant=tenant, by=by)
    return _generated(pair)


async def generated(services: Services, tenant: str, pair_id: str) -> GeneratedPair | None:
    """A pair made earlier that no account has yet."""
    pair = await services.database.read(lambda session: rows.by_id(session, tenant, pair_id, services.secrets))
    return _generated(pair) if pair else None


async def second(services: Services, tenant: str, account_id: str) -> SecondPair | None:
    pair = await services.database.read(lambda session: rows.second_of(session, tenant, account_id, services.secrets))
    return _second(pair) if pair else None


async def add_second(
    services: Services,
    tenant: str,
    account_id: str,
    *,
    public_key_id: str,
    private_key: str,
    pair_id: str | None = None,
    by: str,
) -> SecondPair:
    """Store a second pair in place of a former one, once Amazon has accepted it for this account.

    Raises:
        AccountErrors: one entry per faulty field; nothing was stored.
    """
    account = await services.database.read(lambda session: _usable(services, session, tenant, account_id))
    if not private_key.strip() and pair_id:
        private_key = await services.database.read(lambda session: _private_key(services, session, tenant, pair_id))
    as_first = _as_first(services, account, public_key_id, private_key)
    await _require_working(services, as_first)
    now = services.clock.now()
    pair = KeyPair(uuid4().hex, tenant, account_id, as_first.public_key_id, as_first.private_key, now)

    def save(session: Session) -> SecondPair:
        _usable(services, session, tenant, account_id)
        rows.delete_second(session, tenant, account_id)
        if pair_id:
            rows.delete_(session, tenant, pair_id)
        rows.save(session, pair, services.secrets)
        return _second(pair)

    return await _written(services, tenant, "second_key_pair_added", save, account_id, by)


async def switch(services: Services, tenant: str, account_id: str, *, by: str) -> SecondPair:
    """Sign with the second pair from now on, once it has worked; the first is the second then.

    Raises:
        AccountErrors: there is none, or Amazon does not accept it (any more).
    """
    account, pair = await services.database.read(lambda session: _both(services, session, tenant, account_id))
    now = services.clock.now()
    after = replace(account, public_key_id=pair.public_key_id or "", private_key=pair.private_key, updated_at=now)
    await _require_working(services, after)

    def save(session: Session) -> SecondPair:
        if _both(services, session, tenant, account_id) != (account, pair):
            raise AccountErrors([FieldError(None, AccountErrorCode.CONFLICT, _CHANGED)])
        former = replace(pair, public_key_id=account.public_key_id, private_key=account.private_key, created_at=now)
        account_rows.save(session, after, services.secrets)
        rows.save(session, former, services.secrets)
        return _second(former)

    return await _written(services, tenant, "key_pairs_switched", save, account_id, by)


async def remove_second(services: Services, tenant: str, account_id: str, *, by: str) -> None:
    """Forget the second pair; in Seller Central it is deleted by the merchant.

    Raises:
        AccountErrors: there is none.
    """

    def remove(session: Session) -> None:
        if not rows.delete_second(session, tenant, account_id):
            raise AccountErrors([_NO_SECOND])

    await _written(services, tenant, "second_key_pair_removed", remove, account_id, by)


async def _written(
    services: Services, tenant: str, event: str, work: Callable[[Session], T], account_id: str, by: str
) -> T:
    result = await services.database.run(work)
    services.directory.forget(tenant)
    log.info(event, tenant=tenant, account=account_id, by=by)
    return result


async def _require_working(services: Services, account: Account) -> None:
    fault = await account_check.fault_of(services, account)
    if fault is not None:
        raise AccountErrors([fault])


def _usable(services: Services, session: Session, tenant: str, account_id: str) -> Account:
    account = account_rows.by_id(session, tenant, account_id, services.secrets)
    if account is None:
        raise AccountErrors([_GONE])
    if account.state == "locked":
        raise AccountErrors([_LOCKED])
    return account


def _both(services: Services, session: Session, tenant: str, account_id: str) -> tuple[Account, KeyPair]:
    account = _usable(services, session, tenant, account_id)
    pair = rows.second_of(session, tenant, account_id, services.secrets)
    if pair is None:
        raise AccountErrors([_NO_SECOND])
    return account, pair


def _private_key(services: Services, session: Session, tenant: str, pair_id: str) -> str:
    pair = rows.by_id(session, tenant, pair_id, services.secrets)
    if pair is None:
        raise AccountErrors([_NO_PAIR])
    return pair.private_key


def _as_first(services: Services, account: Account, public_key_id: str, private_key: str) -> Account:
    """The account as it would sign with the second pair, every fault of it told at once."""
    given = AccountFields(public_key_id=public_key_id, private_key=private_key or " ")
    faults: list[FieldError] = []
    if not private_key.strip():
        faults.append(FieldError("privateKey", AccountErrorCode.REQUIRED, Message("No private key was given.")))
    try:
        identity = validated(given, account, allow_local_network=services.settings.allow_local_network)
    except AccountErrors as refused:
        raise AccountErrors([*refused.errors, *faults]) from refused
    if identity.public_key_id == account.public_key_id:
        faults.append(_SAME_ID)
    elif identity.environment != account.environment:
        sentence = Message(_OTHER_ENVIRONMENT, named=identity.environment, own=account.environment)
        faults.append(FieldError("publicKeyId", AccountErrorCode.ENVIRONMENT_MISMATCH, sentence))
    if faults:
        raise AccountErrors(faults)
    return replace(account, public_key_id=identity.public_key_id, private_key=identity.private_key)


def _generated(pair: KeyPair) -> GeneratedPair:
    key = load_trusted_private_key(pair.private_key)
    return GeneratedPair(pair.id, public_pem_of(key), fingerprint(key), pair.created_at)


def _second(pair: KeyPair) -> SecondPair:
    key = load_trusted_private_key(pair.private_key)
    return SecondPair(pair.public_key_id or "", fingerprint(key), pair.created_at)
