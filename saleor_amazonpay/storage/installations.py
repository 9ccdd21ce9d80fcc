"""Installations: one row per tenant, that is per Saleor API URL (DESIGN §4 rule 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, select, update

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
        },
    )


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
