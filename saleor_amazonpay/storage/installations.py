"""Installations: one row per tenant, that is per Saleor API URL (DESIGN §4 rule 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, or_, select, update

from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Row, Session, Statement, upsert
from saleor_amazonpay.storage.tables import installations
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Installation:
    """``jwks`` is the tenant's JWKS as JSON text; ``token`` is the app token Saleor gave us.

    ``keys_proven``: somebody has signed with these keys since the app was installed (again), not only shown them.
    """

    api_url: str
    app_id: str
    token: str = field(repr=False)
    jwks: str = field(repr=False)
    saleor_version: str | None
    app_version: str
    state: str
    installed_at: datetime
    updated_at: datetime
    keys_proven: bool = True

    @property
    def is_active(self) -> bool:
        return self.state == "active"


_GET = Statement(select(installations).where(installations.c.api_url == bindparam("api_url")))
_ALL = Statement(select(installations).order_by(installations.c.api_url))
_SAVE = Statement(
    upsert(
        installations,
        index_elements=["api_url"],
        update_columns=["app_id", "token_sealed", "jwks", "saleor_version", "app_version", "state", "updated_at"],
    )
)
_SET_JWKS = Statement(
    update(installations)
    .where(installations.c.api_url == bindparam("tenant"))
    .values(jwks=bindparam("new_jwks"), updated_at=bindparam("new_updated_at"))
)
_SET_PROVEN = Statement(
    update(installations)
    .where(installations.c.api_url == bindparam("tenant"))
    .values(keys_proven_at=bindparam("new_keys_proven_at"))
)
_SET_STATE = Statement(
    update(installations)
    .where(installations.c.api_url == bindparam("tenant"))
    .values(state=bindparam("new_state"), updated_at=bindparam("new_updated_at"))
)
_OLD_WEBHOOKS = Statement(
    select(installations.c.api_url)
    .where(installations.c.state == "active", installations.c.webhooks_looked_at <= bindparam("tried_before"))
    .where(
        or_(
            installations.c.manifest_mark.is_distinct_from(bindparam("mark")),
            installations.c.webhooks_looked_at <= bindparam("looked_before"),
        )
    )
    .order_by(installations.c.webhooks_looked_at, installations.c.api_url)
    .limit(bindparam("limit"))
)
_PUT_OFF_WEBHOOKS = Statement(
    update(installations)
    .where(installations.c.api_url == bindparam("tenant"))
    .values(webhooks_looked_at=bindparam("new_looked_at"))
)
_NOTE_WEBHOOKS = Statement(
    update(installations)
    .where(installations.c.api_url == bindparam("tenant"))
    .values(
        manifest_mark=bindparam("new_mark"),
        app_version=bindparam("new_version"),
        webhooks_looked_at=bindparam("new_looked_at"),
    )
)


def get(session: Session, api_url: str, box: SecretBox) -> Installation | None:
    row = session.one(_GET, {"api_url": api_url})
    return _installation(row, box) if row else None


def all_(session: Session, box: SecretBox) -> list[Installation]:
    return [_installation(row, box) for row in session.all(_ALL)]


def save(session: Session, installation: Installation, box: SecretBox) -> None:
    """Insert, or refresh on re-install: accounts, payments and agreements of the tenant stay as they are."""
    session.execute(
        _SAVE,
        {
            "api_url": installation.api_url,
            "app_id": installation.app_id,
            "token_sealed": box.seal(installation.token, context=_context(installation.api_url)),
            "jwks": installation.jwks,
            "saleor_version": installation.saleor_version,
            "app_version": installation.app_version,
            "state": installation.state,
            "installed_at": to_micros(installation.installed_at),
            "updated_at": to_micros(installation.updated_at),
            "keys_proven_at": to_micros(installation.installed_at),  # a first installation has nothing to protect
            "manifest_mark": None,
            "webhooks_looked_at": 0,
        },
    )


def with_old_webhooks(
    session: Session, *, mark: str, looked_before: datetime, tried_before: datetime, limit: int
) -> list[str]:
    """API URLs of active tenants whose webhooks are of another manifest than ``mark``, or were not looked at lately."""
    given = {
        "mark": mark,
        "looked_before": to_micros(looked_before),
        "tried_before": to_micros(tried_before),
        "limit": limit,
    }
    return [row.api_url for row in session.all(_OLD_WEBHOOKS, given)]


def put_off_webhooks(session: Session, api_url: str, now: datetime) -> None:
    """Before a look, so that one that fails stands behind the others."""
    session.execute(_PUT_OFF_WEBHOOKS, {"tenant": api_url, "new_looked_at": to_micros(now)})


def note_webhooks(session: Session, api_url: str, *, mark: str, app_version: str, now: datetime) -> None:
    """They are those of this manifest."""
    values = {"tenant": api_url, "new_mark": mark, "new_version": app_version, "new_looked_at": to_micros(now)}
    session.execute(_NOTE_WEBHOOKS, values)


def set_jwks(session: Session, api_url: str, jwks: str, now: datetime) -> None:
    session.execute(_SET_JWKS, {"tenant": api_url, "new_jwks": jwks, "new_updated_at": to_micros(now)})


def prove_keys(session: Session, api_url: str, now: datetime) -> None:
    """Whoever answers at the API URL holds the private key."""
    session.execute(_SET_PROVEN, {"tenant": api_url, "new_keys_proven_at": to_micros(now)})


def doubt_keys(session: Session, api_url: str) -> None:
    """Installed again: the keys were shown, and anybody can show public keys."""
    session.execute(_SET_PROVEN, {"tenant": api_url, "new_keys_proven_at": 0})


def set_state(session: Session, api_url: str, state: str, now: datetime) -> None:
    session.execute(_SET_STATE, {"tenant": api_url, "new_state": state, "new_updated_at": to_micros(now)})


def _context(api_url: str) -> str:
    return f"installations/token_sealed/{api_url}"


def _installation(row: Row, box: SecretBox) -> Installation:
    return Installation(
        api_url=row.api_url,
        app_id=row.app_id,
        token=box.open(row.token_sealed, context=_context(row.api_url)),
        jwks=row.jwks,
        saleor_version=row.saleor_version,
        app_version=row.app_version,
        state=row.state,
        installed_at=from_micros(row.installed_at),
        updated_at=from_micros(row.updated_at),
        keys_proven=row.keys_proven_at > 0,
    )
