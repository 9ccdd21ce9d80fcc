"""Accounts (a set of Amazon Pay keys with its options) and which channel uses which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import msgspec
from sqlalchemy import bindparam, delete, func, select

from saleor_amazonpay.domain.states import AfterPartialCapture
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Row, Session, Statement, upsert
from saleor_amazonpay.storage.tables import (
    accounts,
    agreements,
    channel_assignments,
    installations,
    payments,
    tokenizations,
)
from saleor_amazonpay.storage.times import from_micros, to_micros


class DeliveryRestriction(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A country goods may go to; only to these states or postal codes of it, where any are named.

    Spelled as Amazon does; ``*`` and ``?`` in ``zip_codes`` stand for any characters and for one (§5.6).
    """

    country_code: str
    states_or_regions: tuple[str, ...] = ()
    zip_codes: tuple[str, ...] = ()


class AccountOptions(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a merchant may choose per account; every default is DESIGN §6's.

    ``abandoned_paid``: whether a buyer who paid at Amazon and never came back is taken for a customer (case 1).
    ``expiry_policy``: what is done before an authorization expires. ``give_back_surplus``: money nobody needs any
    more is returned at once (case 10).
    ``on_order_cancelled``: whether what an order still holds is released when it is cancelled in Saleor.
    ``allowed_origins``: origins to which a buyer may be sent (case 15), e.g. ``https://shop.example``.
    ``buyer_data_retention``: how long it stays known who the buyer of an ended agreement was, where that is less than
    the operator's ``BUYER_DATA_RETENTION_DAYS``; ``RETENTION_DAYS`` has the words' meaning.
    ``address_mismatch``: what becomes of a review-flow payment whose goods go elsewhere than the buyer told Amazon.
    ``restrictions`` narrow the channel's shipping zones, for the address book the buyer sees at Amazon; none: all.
    ``payment_method_on_file``: Amazon has opened saved wallets to this merchant (by invitation, §6.7).
    ``recurring_monthly_limit``: what an agreement takes in a month where it is not Amazon's published figure.
    ``trusted_apps``: ids of Saleor apps beside this one that may charge customers' agreements (case 12).
    ``store_name`` is shown to the buyer and cut to 50 bytes by Amazon's limit.
    ``capture_on_shipment``: whether a fulfillment in Saleor captures, and how much. ``default_carrier``: by whom
    parcels go whose fulfillment names no carrier; None: Amazon is told only of those that name one.
    """

    capture_policy: Literal["followSaleor", "authorizeOnly"] = "followSaleor"
    after_partial_capture: Literal["keep", "reauthorize"] = "keep"
    pending_authorization: bool = False
    abandoned_paid: Literal["auto", "complete", "leave"] = "auto"
    expiry_policy: Literal["warn", "reauthorize", "capture"] = "warn"
    give_back_surplus: bool = False
    on_order_cancelled: Literal["nothing", "release"] = "nothing"
    buyer_data_retention: Literal["operator", "month", "week", "day"] = "operator"
    allowed_origins: tuple[str, ...] = ()
    address_mismatch: Literal["refuse", "warn"] = "refuse"
    restrictions: tuple[DeliveryRestriction, ...] = ()
    restrict_po_boxes: bool = False
    restrict_packstations: bool = False
    store_name: str | None = None
    note_to_buyer: str | None = None
    soft_descriptor: str | None = None
    button_color: Literal["Gold", "LightGray", "DarkGray"] = "Gold"
    placement: Literal["Home", "Product", "Cart", "Checkout", "Other"] = "Checkout"
    checkout_language: str | None = None
    payment_method_on_file: bool = False
    recurring_monthly_limit: str | None = None
    trusted_apps: tuple[str, ...] = ()
    capture_on_shipment: Literal["off", "full", "lines"] = "off"
    default_carrier: str | None = None

    @property
    def policy(self) -> AfterPartialCapture:
        return AfterPartialCapture(self.after_partial_capture)


@dataclass(frozen=True, slots=True)
class Account:
    """``private_key`` is PEM text; everything else may be shown to the merchant."""

    id: str
    api_url: str
    name: str
    merchant_id: str
    store_id: str
    region: str
    environment: str
    public_key_id: str
    private_key: str = field(repr=False)
    options: AccountOptions
    state: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_sandbox(self) -> bool:
        return self.environment == "sandbox"


@dataclass(frozen=True, slots=True)
class Assignment:
    channel_slug: str
    account_id: str


_BY_ID = Statement(select(accounts).where(accounts.c.id == bindparam("id"), accounts.c.api_url == bindparam("api_url")))
_BY_CHANNEL = Statement(
    select(accounts)
    .join(channel_assignments, channel_assignments.c.account_id == accounts.c.id)
    .where(
        channel_assignments.c.api_url == bindparam("api_url"),
        channel_assignments.c.channel_slug == bindparam("channel_slug"),
    )
)
_OF_TENANT = Statement(
    select(accounts).where(accounts.c.api_url == bindparam("api_url")).order_by(accounts.c.created_at, accounts.c.id)
)
_ALL_ACTIVE = Statement(
    select(accounts)
    .join(installations, installations.c.api_url == accounts.c.api_url)
    .where(accounts.c.state != "locked", installations.c.state == "active")
    .order_by(accounts.c.id)
)
_SAVE = Statement(
    upsert(
        accounts,
        index_elements=["id"],
        update_columns=[
            "name",
            "merchant_id",
            "store_id",
            "region",
            "environment",
            "public_key_id",
            "private_key_sealed",
            "options",
            "state",
            "updated_at",
        ],
    )
)
_DELETE = Statement(
    delete(accounts).where(accounts.c.id == bindparam("id"), accounts.c.api_url == bindparam("api_url"))
)
_PAYMENT_COUNT = Statement(
    select(func.count()).select_from(payments).where(payments.c.account_id == bindparam("account_id"))
)
_AGREEMENT_COUNT = Statement(
    select(func.count()).select_from(agreements).where(agreements.c.account_id == bindparam("account_id"))
)
_FORGET_TOKENIZATIONS = Statement(delete(tokenizations).where(tokenizations.c.account_id == bindparam("account_id")))
_ASSIGN = Statement(
    upsert(
        channel_assignments,
        index_elements=["api_url", "channel_slug"],
        update_columns=["account_id", "updated_at"],
    )
)
_UNASSIGN = Statement(
    delete(channel_assignments).where(
        channel_assignments.c.api_url == bindparam("api_url"),
        channel_assignments.c.channel_slug == bindparam("channel_slug"),
    )
)
_UNASSIGN_ACCOUNT = Statement(
    delete(channel_assignments).where(
        channel_assignments.c.api_url == bindparam("api_url"),
        channel_assignments.c.account_id == bindparam("account_id"),
    )
)
_ASSIGNMENTS = Statement(
    select(channel_assignments.c.channel_slug, channel_assignments.c.account_id)
    .where(channel_assignments.c.api_url == bindparam("api_url"))
    .order_by(channel_assignments.c.channel_slug)
)


RETENTION_DAYS: Final[Mapping[str, int]] = {"month": 30, "week": 7, "day": 1}

# Options that are not the default are in the text as msgspec writes it, without a space.
_RELEASING = Statement(
    select(accounts.c.api_url)
    .where(accounts.c.options.contains('"onOrderCancelled":"release"', autoescape=True), accounts.c.state != "locked")
    .distinct()
    .order_by(accounts.c.api_url)
)


def tenants_releasing(session: Session) -> list[str]:
    """Tenants with an account that releases what cancelled orders hold."""
    return [row.api_url for row in session.all(_RELEASING)]


_FORGETTING = Statement(
    select(accounts.c.id, accounts.c.options).where(
        accounts.c.options.contains('"buyerDataRetention":"', autoescape=True)
    )
)


def forgetting_sooner(session: Session) -> dict[str, int]:
    """Accounts of all tenants whose buyers are forgotten sooner than the operator says, with the days."""
    rows = session.all(_FORGETTING)
    words = {row.id: msgspec.json.decode(row.options, type=AccountOptions).buyer_data_retention for row in rows}
    return {id_: RETENTION_DAYS[word] for id_, word in words.items() if word in RETENTION_DAYS}


def by_id(session: Session, api_url: str, account_id: str, box: SecretBox) -> Account | None:
    """The account, only within its own tenant."""
    row = session.one(_BY_ID, {"id": account_id, "api_url": api_url})
    return _account(row, box) if row else None


def by_channel(session: Session, api_url: str, channel_slug: str, box: SecretBox) -> Account | None:
    row = session.one(_BY_CHANNEL, {"api_url": api_url, "channel_slug": channel_slug})
    return _account(row, box) if row else None


def of_tenant(session: Session, api_url: str, box: SecretBox) -> list[Account]:
    return [_account(row, box) for row in session.all(_OF_TENANT, {"api_url": api_url})]


def all_active(session: Session, box: SecretBox) -> list[Account]:
    """Of every tenant: for what is done daily."""
    return [_account(row, box) for row in session.all(_ALL_ACTIVE)]


def save(session: Session, account: Account, box: SecretBox) -> None:
    session.execute(
        _SAVE,
        {
            "id": account.id,
            "api_url": account.api_url,
            "name": account.name,
            "merchant_id": account.merchant_id,
            "store_id": account.store_id,
            "region": account.region,
            "environment": account.environment,
            "public_key_id": account.public_key_id,
            "private_key_sealed": box.seal(account.private_key, context=_context(account.id)),
            "options": msgspec.json.encode(account.options).decode(),
            "state": account.state,
            "created_at": to_micros(account.created_at),
            "updated_at": to_micros(account.updated_at),
        },
    )


def delete_(session: Session, api_url: str, account_id: str) -> bool:
    """Remove an account without payments, and its channel assignments."""
    session.execute(_FORGET_TOKENIZATIONS, {"account_id": account_id})  # nobody came back from them
    session.execute(_UNASSIGN_ACCOUNT, {"api_url": api_url, "account_id": account_id})
    return session.execute(_DELETE, {"id": account_id, "api_url": api_url}) == 1


def payment_count(session: Session, account_id: str) -> int:
    """Payments and agreements: whatever needs the account's keys later on."""
    row = {"account_id": account_id}
    return int(session.scalar(_PAYMENT_COUNT, row)) + int(session.scalar(_AGREEMENT_COUNT, row))


def assign(session: Session, api_url: str, channel_slug: str, account_id: str, now: datetime) -> None:
    session.execute(
        _ASSIGN,
        {
            "api_url": api_url,
            "channel_slug": channel_slug,
            "account_id": account_id,
            "updated_at": to_micros(now),
        },
    )


def unassign(session: Session, api_url: str, channel_slug: str) -> bool:
    return session.execute(_UNASSIGN, {"api_url": api_url, "channel_slug": channel_slug}) == 1


def unassign_account(session: Session, api_url: str, account_id: str) -> None:
    session.execute(_UNASSIGN_ACCOUNT, {"api_url": api_url, "account_id": account_id})


def assignments(session: Session, api_url: str) -> list[Assignment]:
    return [Assignment(row.channel_slug, row.account_id) for row in session.all(_ASSIGNMENTS, {"api_url": api_url})]


def _context(account_id: str) -> str:
    return f"accounts/private_key_sealed/{account_id}"


def _account(row: Row, box: SecretBox) -> Account:
    return Account(
        id=row.id,
        api_url=row.api_url,
        name=row.name,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        region=row.region,
        environment=row.environment,
        public_key_id=row.public_key_id,
        private_key=box.open(row.private_key_sealed, context=_context(row.id)),
        options=msgspec.json.decode(row.options, type=AccountOptions),
        state=row.state,
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
    )
