"""Who is who: installations, accounts and their clients, kept for a few seconds so that a webhook need not ask again.

Nothing here decides about money; what is kept may be ``KEPT_SECONDS`` old on another replica (DESIGN §4 rule 8 holds
because every look-up names its tenant).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from saleor_amazonpay.amazonpay import (
    AmazonPayClient,
    Attempt,
    CreateCheckoutSessionConfig,
    Credentials,
    Environment,
    Gate,
    Observer,
    Region,
    Transport,
    load_trusted_private_key,
)
from saleor_amazonpay.clock import Clock
from saleor_amazonpay.errors import AccountLocked, ChannelNotConfigured, UnknownInstallation
from saleor_amazonpay.saleor.signature import KeySet
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Database, Session
from saleor_amazonpay.storage.installations import Installation

KEPT_SECONDS = 5.0
_MOST_KEPT = 10_000  # entries; beyond that everything is forgotten at once, which costs one look-up each

T = TypeVar("T")
AccountObserver = Callable[[Account | None, Attempt], None]
"""Sees each sending to Amazon, and for which stored account it was."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An installation with its parsed keys."""

    installation: Installation
    keys: KeySet


class Directory:
    """Look-ups by tenant; ``forget`` after a change makes this process see it at once."""

    def __init__(
        self,
        database: Database,
        secrets: SecretBox,
        transport: Transport,
        clock: Clock,
        *,
        api_url: str | None = None,
        observer: AccountObserver | None = None,
        gates: Callable[[Account], Gate] | None = None,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._transport = transport
        self._clock = clock
        self._api_url = api_url
        self._observer = observer
        self._gates = gates
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._clients: dict[str, tuple[Account, AmazonPayClient]] = {}
        self._signed: dict[tuple[str, datetime, str], CreateCheckoutSessionConfig] = {}

    async def tenant(self, api_url: str) -> Tenant:
        """Raises UnknownInstallation: not installed, or removed."""
        found = await self._keep(("tenant", api_url), lambda session: self._tenant(session, api_url))
        if found is None or not found.installation.is_active:
            raise UnknownInstallation("This Saleor has not installed the app.")
        return found

    def knows(self, api_url: str) -> bool:
        """True for a tenant that asked just now; says nothing about who is asking."""
        return ("tenant", api_url) in self._kept

    async def account(self, api_url: str, account_id: str, *, even_locked: bool = False) -> Account:
        """An account for a payment it has; archived ones go on working, ``even_locked`` ones may be looked at.

        Raises:
            ChannelNotConfigured: the tenant has no such account.
            AccountLocked: its private key has to be entered again first.
        """
        found = await self._keep(
            ("account", api_url, account_id),
            lambda session: account_rows.by_id(session, api_url, account_id, self._secrets),
        )
        if found is None:
            raise ChannelNotConfigured("The Amazon Pay account of this payment does not exist any more.")
        if found.state == "locked" and not even_locked:
            raise AccountLocked("Enter the private key of this Amazon Pay account again: Saleor was installed anew.")
        return found

    async def account_for_channel(self, api_url: str, channel_slug: str) -> Account:
        """Raises ChannelNotConfigured: no account, or one that cannot take new payments."""
        found = await self._keep(
            ("channel", api_url, channel_slug),
            lambda session: account_rows.by_channel(session, api_url, channel_slug, self._secrets),
        )
        if found is None:
            raise ChannelNotConfigured(f"Amazon Pay is not set up for the channel {channel_slug!r}.")
        if found.state != "active":
            raise ChannelNotConfigured(f"The Amazon Pay account of the channel {channel_slug!r} is {found.state}.")
        return found

    def client(self, account: Account) -> AmazonPayClient:
        """The account's client; parsing a key costs as much as a hundred payments, so it is done once."""
        known = self._clients.get(account.id)
        if known is not None and known[0].updated_at == account.updated_at:
            return known[1]
        client = self._client(
            account.public_key_id,
            account.private_key,
            Region(account.region),
            Environment(account.environment),
            observer=self._observer and partial(self._observer, account),
            gate=self._gates and self._gates(account),
        )
        self._clients[account.id] = (account, client)
        return client

    def client_of(
        self, public_key_id: str, private_key: str, region: Region, environment: Environment
    ) -> AmazonPayClient:
        """A client of keys not (yet) stored, e.g. to try them."""
        observer = self._observer and partial(self._observer, None)
        return self._client(public_key_id, private_key, region, environment, observer=observer, gate=None)

    def _client(
        self,
        public_key_id: str,
        private_key: str,
        region: Region,
        environment: Environment,
        *,
        observer: Observer | None,
        gate: Gate | None,
    ) -> AmazonPayClient:
        credentials = Credentials(
            public_key_id=public_key_id,
            private_key=load_trusted_private_key(private_key),
            region=region,
            environment=environment,
            api_url=self._api_url,
        )
        return AmazonPayClient(credentials, self._transport, self._clock, observer=observer, gate=gate)

    def signed_button(self, account: Account, payload_json: str) -> CreateCheckoutSessionConfig:
        """The button configuration of exactly this payload; no signature expires, so the same text is signed once."""
        signed = self._signed.get((account.id, account.updated_at, payload_json))
        if signed is None:
            client = self.client(account)
            signed = CreateCheckoutSessionConfig(
                payloadJSON=payload_json,
                signature=client.button(payload_json),
                algorithm=client.credentials.algorithm.value,
                publicKeyId=client.credentials.public_key_id,
            )
            if len(self._signed) >= _MOST_KEPT:
                self._signed.clear()
            self._signed[account.id, account.updated_at, payload_json] = signed
        return signed

    def forget(self, api_url: str) -> None:
        """Everything kept of one tenant."""
        self._kept = {key: kept for key, kept in self._kept.items() if api_url not in key}  # type: ignore[operator]

    async def _keep(self, key: Hashable, look_up: Callable[[Session], T | None]) -> T | None:
        moment = self._clock.monotonic()
        kept = self._kept.get(key)
        if kept is not None and moment < kept[0]:
            return kept[1]  # type: ignore[no-any-return]
        found = await self._database.read(look_up)
        if found is not None:  # an absence is asked for again: it is cured by the merchant any moment
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (moment + KEPT_SECONDS, found)
        return found

    def _tenant(self, session: Session, api_url: str) -> Tenant | None:
        installation = installation_rows.get(session, api_url, self._secrets)
        return Tenant(installation, KeySet.from_jwks(installation.jwks)) if installation else None
