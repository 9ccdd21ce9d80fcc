"""What a merchant chose for all billing schedules of a tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select

from saleor_amazonpay.domain.billing import Policy
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Session, Statement, upsert
from saleor_amazonpay.storage.tables import billing_settings
from saleor_amazonpay.storage.times import to_micros


@dataclass(frozen=True, slots=True)
class BillingSettings:
    """``policy`` is what new schedules begin with. Without a ``webhook_url`` no endpoint is told of anything."""

    api_url: str
    policy: Policy = field(default_factory=Policy)
    webhook_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)


_GET = Statement(select(billing_settings).where(billing_settings.c.api_url == bindparam("api_url")))
_HAS_ENDPOINT = Statement(
    select(billing_settings.c.webhook_url).where(billing_settings.c.api_url == bindparam("api_url"))
)
_SAVE = Statement(
    upsert(
        billing_settings,
        index_elements=["api_url"],
        update_columns=["policy", "webhook_url", "webhook_secret_sealed", "updated_at"],
    )
)


def get(session: Session, api_url: str, box: SecretBox) -> BillingSettings:
    """The defaults where nothing was chosen yet."""
    row = session.one(_GET, {"api_url": api_url})
    if row is None:
        return BillingSettings(api_url)
    sealed = row.webhook_secret_sealed
    return BillingSettings(
        api_url=api_url,
        policy=msgspec.json.decode(row.policy, type=Policy),
        webhook_url=row.webhook_url,
        webhook_secret=box.open(sealed, context=_context(api_url)) if sealed else None,
    )


def has_endpoint(session: Session, api_url: str) -> bool:
    return session.scalar(_HAS_ENDPOINT, {"api_url": api_url}) is not None


def save(session: Session, chosen: BillingSettings, box: SecretBox, now: datetime) -> None:
    secret = chosen.webhook_secret
    session.execute(
        _SAVE,
        {
            "api_url": chosen.api_url,
            "policy": msgspec.json.encode(chosen.policy).decode(),
            "webhook_url": chosen.webhook_url,
            "webhook_secret_sealed": box.seal(secret, context=_context(chosen.api_url)) if secret else None,
            "updated_at": to_micros(now),
        },
    )


def _context(api_url: str) -> str:
    return f"billing_settings/webhook_secret_sealed/{api_url}"
