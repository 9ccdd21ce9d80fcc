"""The rules of Amazon Pay accounts and channels, the same for GraphQL, commands and the Dashboard page.

Nothing here returns a private key: what leaves is an ``AccountView``. Source: DESIGN §4 rules 8 and 10, §6 cases 15
and 17; amazon-pay-cv2.md §1.1-1.4, §4.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

import structlog

from saleor_amazonpay.amazonpay import Region, fingerprint, load_trusted_private_key
from saleor_amazonpay.amazonpay.payloads import STORE_NAME_BYTES, fit_store_name
from saleor_amazonpay.domain.money import Currency
from saleor_amazonpay.errors import SaleorError
from saleor_amazonpay.handlers import account_check
from saleor_amazonpay.handlers.account_fields import (
    AccountErrorCode,
    AccountErrors,
    AccountFields,
    FieldError,
    Identity,
    camel,
    validated,
)
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.client import Channel
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import key_pairs as key_pair_rows
from saleor_amazonpay.storage.accounts import Account, AccountOptions, Assignment
from saleor_amazonpay.storage.engine import Session

T = TypeVar("T")

log = structlog.get_logger(__name__)

_GONE = FieldError("id", AccountErrorCode.NOT_FOUND, Message("There is no such Amazon Pay account."))
_CHANGED = Message("Somebody else changed the account meanwhile. Load it again.")
_MOVED = Message("Somebody else changed the channel's account meanwhile. Look again before you move it.")
_FIXED = Message("The account has payments, so this never changes. Duplicate the account and change the copy.")
_HAS_PAYMENTS = Message("The account has payments, which need it for refunds. Archive it instead.")
_LOCKED = Message(
    "The account is locked since the app was installed by a Saleor with other keys. Enter its private key again."
)
_NOT_ARCHIVED = Message("The account is not archived.")
_FIXED_FIELDS = ("merchant_id", "region", "environment")


ANY_ACCOUNT = "any"
_NO_PAIR = Message("The generated key pair is gone. Generate another one, or paste a private key.")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A private key that is here already: of a pair generated here, or of the account that is duplicated."""

    pair_id: str | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class AccountView:
    """What may be shown of an account. ``notification_url`` is what the merchant enters in Seller Central (IPN)."""

    id: str
    name: str
    merchant_id: str
    store_id: str
    region: str
    environment: str
    public_key_id: str
    private_key_fingerprint: str
    options: AccountOptions
    state: str
    has_payments: bool
    channels: tuple[str, ...]
    notification_url: str
    warnings: tuple[FieldError, ...] = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel of Saleor, the account it uses, and what keeps it from taking payments; nothing blocks: it works.

    ``channel`` is None where Saleor has the assigned channel no more.
    """

    slug: str
    channel: Channel | None
    account_id: str | None
    account_name: str | None
    blockers: tuple[FieldError, ...]


async def accounts(services: Services, tenant: str) -> list[AccountView]:
    """All accounts, oldest first."""

    def look(session: Session) -> list[AccountView]:
        assigned = account_rows.assignments(session, tenant)
        rows = account_rows.of_tenant(session, tenant, services.secrets)
        return [_view(services, session, row, assigned) for row in rows]

    return await services.database.read(look)


async def account(services: Services, tenant: str, account_id: str) -> AccountView:
    """Raises AccountErrors: the tenant has no such account."""

    def look(session: Session) -> AccountView:
        row = _found(services, session, tenant, account_id)
        return _view(services, session, row, account_rows.assignments(session, tenant))

    return await services.database.read(look)


async def create(
    services: Services,
    tenant: str,
    given: AccountFields,
    *,
    key_from: StoredKey | None = None,
    skip_check: bool = False,
    by: str,
) -> AccountView:
    """A new account, once its keys have worked at Amazon Pay; ``by`` is who did it, for the log.

    ``key_from`` is where the private key is when none was entered. ``skip_check`` is for setting up without a network.

    Raises:
        AccountErrors: one entry per faulty field; nothing was stored.
    """
    given = await _with_key(services, tenant, given, key_from)
    identity = validated(given, None, allow_local_network=services.settings.allow_local_network)
    now = services.clock.now()
    draft = _account(identity, uuid4().hex, tenant, created_at=now, updated_at=now)
    if not skip_check:
        await _require_working(services, draft)

    def save(session: Session) -> AccountView:
        account_rows.save(session, draft, services.secrets)
        _spend(session, tenant, key_from)
        return _view(services, session, draft, ())

    return await _written(services, tenant, "account_created", save, by=by, account=draft.id)


async def update(
    services: Services,
    tenant: str,
    account_id: str,
    given: AccountFields,
    *,
    as_of: datetime | None = None,
    key_from: StoredKey | None = None,
    skip_check: bool = False,
    by: str,
) -> AccountView:
    """Change what is given; an empty private key keeps the stored one.

    The keys are tried again where anything they depend on changes. Entering the private key unlocks a locked account;
    its second key pair is dropped then, for whoever entered the key has not shown that one. ``as_of`` is the
    ``updated_at`` of what was looked at when the change was thought of.

    Raises:
        AccountErrors: one entry per faulty field; nothing was stored.
    """
    given = await _with_key(services, tenant, given, key_from)
    before = await services.database.read(lambda session: _found(services, session, tenant, account_id))
    if as_of not in {None, before.updated_at}:
        raise AccountErrors([FieldError(None, AccountErrorCode.CONFLICT, _CHANGED)])
    if before.state == "locked" and not given.private_key:
        raise AccountErrors([FieldError("privateKey", AccountErrorCode.LOCKED, _LOCKED)])
    identity = validated(given, before, allow_local_network=services.settings.allow_local_network)
    after = _account(identity, before.id, tenant, created_at=before.created_at, updated_at=services.clock.now())
    after = replace(after, state="active" if before.state == "locked" else before.state)
    await services.database.read(lambda session: _check_fixed(session, before, after))
    if not skip_check and _needs_check(before, after):
        await _require_working(services, after)

    def save(session: Session) -> AccountView:
        if _found(services, session, tenant, account_id).updated_at != before.updated_at:
            raise AccountErrors([FieldError(None, AccountErrorCode.CONFLICT, _CHANGED)])
        _check_fixed(session, before, after)
        account_rows.save(session, after, services.secrets)
        _spend(session, tenant, key_from)
        if before.state == "locked":
            key_pair_rows.delete_second(session, tenant, account_id)
        return _view(services, session, after, account_rows.assignments(session, tenant))

    return await _written(services, tenant, "account_updated", save, by=by, account=account_id)


async def test(services: Services, tenant: str, account_id: str) -> AccountView:
    """Try the stored keys at Amazon Pay.

    Raises:
        AccountErrors: what exactly is wrong with them.
    """
    row = await services.database.read(lambda session: _found(services, session, tenant, account_id))
    await _require_working(services, row)
    return await account(services, tenant, account_id)


async def delete(services: Services, tenant: str, account_id: str, *, by: str) -> AccountView:
    """Remove an account that never took a payment; its channels are free again.

    Raises:
        AccountErrors: it has payments, or is not there.
    """

    def remove(session: Session) -> AccountView:
        row = _found(services, session, tenant, account_id)
        if account_rows.payment_count(session, account_id):
            raise AccountErrors([FieldError("id", AccountErrorCode.HAS_PAYMENTS, _HAS_PAYMENTS)])
        view = _view(services, session, row, ())
        key_pair_rows.delete_second(session, tenant, account_id)
        account_rows.delete_(session, tenant, account_id)
        return view

    return await _written(services, tenant, "account_deleted", remove, by=by, account=account_id)


async def archive(services: Services, tenant: str, account_id: str, *, by: str) -> AccountView:
    """Take no new payments; captures and refunds of the old ones go on. Its channels are free again.

    Raises:
        AccountErrors: it is locked, or not there.
    """

    def put_away(session: Session) -> AccountView:
        row = _found(services, session, tenant, account_id)
        if row.state == "locked":
            raise AccountErrors([FieldError("id", AccountErrorCode.LOCKED, _LOCKED)])
        row = replace(row, state="archived", updated_at=services.clock.now())
        account_rows.save(session, row, services.secrets)
        account_rows.unassign_account(session, tenant, account_id)
        return _view(services, session, row, ())

    return await _written(services, tenant, "account_archived", put_away, by=by, account=account_id)


async def restore(services: Services, tenant: str, account_id: str, *, by: str) -> AccountView:
    """Use an archived account again, once its keys have worked; its channels have to be assigned anew.

    Raises:
        AccountErrors: it is not archived or not there, or its keys work no more.
    """
    before = await services.database.read(lambda session: _found(services, session, tenant, account_id))
    if before.state != "archived":
        raise AccountErrors([FieldError("id", AccountErrorCode.CONFLICT, _NOT_ARCHIVED)])
    after = replace(before, state="active", updated_at=services.clock.now())
    await _require_working(services, after)

    def save(session: Session) -> AccountView:
        if _found(services, session, tenant, account_id).updated_at != before.updated_at:
            raise AccountErrors([FieldError(None, AccountErrorCode.CONFLICT, _CHANGED)])
        account_rows.save(session, after, services.secrets)
        return _view(services, session, after, ())

    return await _written(services, tenant, "account_restored", save, by=by, account=account_id)


async def channels(services: Services, tenant: str) -> list[ChannelView]:
    """Saleor's channels, then those assigned that Saleor has no more.

    Raises:
        SaleorError: Saleor did not tell its channels.
    """
    known = await _saleor_channels(services, tenant)

    def look(session: Session) -> tuple[list[Assignment], dict[str, Account]]:
        rows = account_rows.of_tenant(session, tenant, services.secrets)
        return account_rows.assignments(session, tenant), {row.id: row for row in rows}

    assignments, by_id = await services.database.read(look)
    assigned = {each.channel_slug: by_id[each.account_id] for each in assignments}
    slugs = [*known, *(slug for slug in assigned if slug not in known)]
    return [_channel_view(slug, known.get(slug), assigned.get(slug)) for slug in slugs]


async def assign(
    services: Services,
    tenant: str,
    channel_slug: str,
    account_id: str,
    *,
    moved_from: str | None = ANY_ACCOUNT,
    by: str,
) -> ChannelView:
    """New payments of the channel use the account; payments already made keep theirs.

    ``moved_from`` is the account it used (None: none) when the change was thought of.

    Raises:
        AccountErrors: an unknown channel or account, a currency the account does not take, an account out of use.
    """
    try:
        channel = (await _saleor_channels(services, tenant)).get(channel_slug)
    except SaleorError as error:
        raise AccountErrors([FieldError(None, AccountErrorCode.SALEOR_UNAVAILABLE, error.sentence)]) from error
    if channel is None:
        sentence = Message("Saleor has no channel {channel}.", channel=repr(channel_slug))
        raise AccountErrors([FieldError("channelSlug", AccountErrorCode.NOT_FOUND, sentence)])

    def save(session: Session) -> ChannelView:
        row = account_rows.by_id(session, tenant, account_id, services.secrets)
        if row is None:
            raise AccountErrors([replace(_GONE, field="accountId")])
        unfit = [replace(each, field="accountId") for each in _unfit(row) + _untaken(row, channel)]
        if unfit:
            raise AccountErrors(unfit)
        _check_moved_from(session, tenant, channel_slug, moved_from)
        account_rows.assign(session, tenant, channel_slug, account_id, services.clock.now())
        return _channel_view(channel_slug, channel, row)

    return await _written(services, tenant, "channel_assigned", save, by=by, account=account_id, channel=channel_slug)


async def unassign(services: Services, tenant: str, channel_slug: str, *, by: str) -> None:
    """The channel offers Amazon Pay no more; payments already made are not touched.

    Raises:
        AccountErrors: no account is assigned to it.
    """

    def remove(session: Session) -> None:
        if not account_rows.unassign(session, tenant, channel_slug):
            sentence = Message(
                "No Amazon Pay account is assigned to the channel {channel}.", channel=repr(channel_slug)
            )
            raise AccountErrors([FieldError("channelSlug", AccountErrorCode.NOT_FOUND, sentence)])

    await _written(services, tenant, "channel_unassigned", remove, by=by, channel=channel_slug)


def _check_moved_from(session: Session, tenant: str, channel_slug: str, expected: str | None) -> None:
    if expected == ANY_ACCOUNT:
        return
    assigned = {each.channel_slug: each.account_id for each in account_rows.assignments(session, tenant)}
    if assigned.get(channel_slug) != expected:
        raise AccountErrors([FieldError(None, AccountErrorCode.CONFLICT, _MOVED)])


async def _with_key(services: Services, tenant: str, given: AccountFields, key_from: StoredKey | None) -> AccountFields:
    """What was entered, with the private key from where it is stored if none was."""
    if given.private_key or key_from is None:
        return given
    found = await services.database.read(lambda session: _stored_key(services, session, tenant, key_from))
    return replace(given, private_key=found)


def _stored_key(services: Services, session: Session, tenant: str, key_from: StoredKey) -> str:
    if key_from.account_id is not None:
        row = _found(services, session, tenant, key_from.account_id)
        if row.state == "locked":
            raise AccountErrors([FieldError("privateKey", AccountErrorCode.LOCKED, _LOCKED)])
        return row.private_key
    pair = key_pair_rows.by_id(session, tenant, key_from.pair_id or "", services.secrets)
    if pair is None:
        raise AccountErrors([FieldError("privateKey", AccountErrorCode.NOT_FOUND, _NO_PAIR)])
    return pair.private_key


def _spend(session: Session, tenant: str, key_from: StoredKey | None) -> None:
    """A generated pair belongs to one account."""
    if key_from is not None and key_from.pair_id is not None:
        key_pair_rows.delete_(session, tenant, key_from.pair_id)


async def _written(
    services: Services, tenant: str, event: str, work: Callable[[Session], T], *, by: str, **what: str
) -> T:
    """Run one change, make this process see it at once, and leave a line in the log."""
    result = await services.database.run(work)
    services.directory.forget(tenant)
    log.info(event, tenant=tenant, by=by, **what)
    return result


async def _require_working(services: Services, row: Account) -> None:
    fault = await account_check.fault_of(services, row)
    if fault is not None:
        raise AccountErrors([fault])


async def _saleor_channels(services: Services, tenant: str) -> Mapping[str, Channel]:
    installation = (await services.directory.tenant(tenant)).installation
    found = await services.saleor.channels(installation.api_url, installation.token)
    return {channel.slug: channel for channel in found}


def _found(services: Services, session: Session, tenant: str, account_id: str) -> Account:
    row = account_rows.by_id(session, tenant, account_id, services.secrets)
    if row is None:
        raise AccountErrors([_GONE])
    return row


def _account(
    identity: Identity, account_id: str, tenant: str, *, created_at: datetime, updated_at: datetime
) -> Account:
    return Account(
        id=account_id,
        api_url=tenant,
        name=identity.name,
        merchant_id=identity.merchant_id,
        store_id=identity.store_id,
        region=identity.region,
        environment=identity.environment,
        public_key_id=identity.public_key_id,
        private_key=identity.private_key,
        options=identity.options,
        state="active",
        created_at=created_at,
        updated_at=updated_at,
    )


def _check_fixed(session: Session, before: Account, after: Account) -> None:
    """Whose payments an account holds never changes (DESIGN §4 rule 10)."""
    changed = [name for name in _FIXED_FIELDS if getattr(before, name) != getattr(after, name)]
    if changed and account_rows.payment_count(session, before.id):
        raise AccountErrors([FieldError(camel(name), AccountErrorCode.NOT_CHANGEABLE, _FIXED) for name in changed])


def _needs_check(before: Account, after: Account) -> bool:
    names = (*_FIXED_FIELDS, "store_id", "public_key_id", "private_key", "state")
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _view(services: Services, session: Session, row: Account, assigned: list[Assignment] | tuple[()]) -> AccountView:
    return AccountView(
        id=row.id,
        name=row.name,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        region=row.region,
        environment=row.environment,
        public_key_id=row.public_key_id,
        private_key_fingerprint=fingerprint(load_trusted_private_key(row.private_key)),
        options=row.options,
        state=row.state,
        has_payments=account_rows.payment_count(session, row.id) > 0,
        channels=tuple(each.channel_slug for each in assigned if each.account_id == row.id),
        notification_url=f"{services.settings.app_api_base_url}/api/webhooks/amazon-pay/{row.id}",
        warnings=_warnings(row.options),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _warnings(options: AccountOptions) -> tuple[FieldError, ...]:
    """What works, though perhaps not as the merchant thinks."""
    found = []
    if not options.allowed_origins:
        sentence = Message("No origin is allowed yet, so no storefront can send a buyer to Amazon Pay.")
        found.append(FieldError("options.allowedOrigins", AccountErrorCode.WARNING, sentence))
    if options.store_name and fit_store_name(options.store_name) != options.store_name:
        shown = repr(fit_store_name(options.store_name))
        sentence = Message("Amazon shows {limit} bytes at most: {shown}.", limit=STORE_NAME_BYTES, shown=shown)
        found.append(FieldError("options.storeName", AccountErrorCode.WARNING, sentence))
    return tuple(found)


def _channel_view(slug: str, channel: Channel | None, row: Account | None) -> ChannelView:
    account_id, account_name = (row.id, row.name) if row else (None, None)
    return ChannelView(slug, channel, account_id, account_name, tuple(_blockers(channel, row)))


def _blockers(channel: Channel | None, row: Account | None) -> list[FieldError]:
    if channel is None:
        return [FieldError("channel", AccountErrorCode.NOT_FOUND, Message("Saleor has this channel no more."))]
    found = []
    if not channel.is_active:
        found.append(FieldError("channel", AccountErrorCode.INACTIVE, Message("The channel is not active in Saleor.")))
    if row is None:
        found.append(FieldError("account", AccountErrorCode.REQUIRED, Message("No Amazon Pay account is assigned.")))
        return found
    found += _unfit(row) + _untaken(row, channel)
    return found + [each for each in _warnings(row.options) if each.field == "options.allowedOrigins"]


def _unfit(row: Account) -> list[FieldError]:
    faults = {
        "locked": FieldError("account", AccountErrorCode.LOCKED, _LOCKED),
        "archived": FieldError("account", AccountErrorCode.INACTIVE, Message("The Amazon Pay account is archived.")),
    }
    return [faults[row.state]] if row.state in faults else []


def takes(view: AccountView, channel: Channel | None) -> bool:
    """Whether the account's region sells in the channel's currency."""
    currencies = {str(currency) for currency in Region(view.region).presentment_currencies}
    return channel is not None and channel.currency_code in currencies


def _untaken(row: Account, channel: Channel) -> list[FieldError]:
    taken = Region(row.region).presentment_currencies
    if channel.currency_code in {str(currency) for currency in taken}:
        return []
    sentence = Message(
        "The channel sells in {currency}; the account takes {taken}.",
        currency=channel.currency_code,
        taken=_listed(taken),
    )
    return [FieldError("account", AccountErrorCode.CURRENCY_NOT_TAKEN, sentence)]


def _listed(currencies: tuple[Currency, ...]) -> str:
    return ", ".join(currencies)
