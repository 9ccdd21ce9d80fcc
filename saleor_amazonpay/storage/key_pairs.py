"""Key pairs beside those that accounts sign with: generated ones that wait for their id, and second ones.

A pair with an account is its *second* pair (at most one), with the public key ID that Amazon gave for it. A pair
without one was generated here and waits for the merchant to come back from Seller Central.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Row, Session, Statement, upsert
from saleor_amazonpay.storage.tables import key_pairs
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class KeyPair:
    """``private_key`` is PEM text."""

    id: str
    api_url: str
    account_id: str | None
    public_key_id: str | None
    private_key: str = field(repr=False)
    created_at: datetime


_IN_TENANT = key_pairs.c.api_url == bindparam("tenant")
_BY_ID = Statement(
    select(key_pairs).where(_IN_TENANT, key_pairs.c.id == bindparam("pair"), key_pairs.c.account_id.is_(None))
)
_SECOND = Statement(select(key_pairs).where(_IN_TENANT, key_pairs.c.account_id == bindparam("account")))
_SAVE = Statement(
    upsert(
        key_pairs,
        index_elements=["id"],
        update_columns=["account_id", "public_key_id", "private_key_sealed", "created_at"],
    )
)
_DELETE = Statement(delete(key_pairs).where(_IN_TENANT, key_pairs.c.id == bindparam("pair")))
_DELETE_SECOND = Statement(delete(key_pairs).where(_IN_TENANT, key_pairs.c.account_id == bindparam("account")))
_DELETE_UNUSED = Statement(
    delete(key_pairs).where(_IN_TENANT, key_pairs.c.account_id.is_(None), key_pairs.c.created_at < bindparam("oldest"))
)


def by_id(session: Session, api_url: str, pair_id: str, box: SecretBox) -> KeyPair | None:
    """A generated pair that no account has yet, only within its own tenant."""
    row = session.one(_BY_ID, {"tenant": api_url, "pair": pair_id})
    return _pair(row, box) if row else None


def second_of(session: Session, api_url: str, account_id: str, box: SecretBox) -> KeyPair | None:
    row = session.one(_SECOND, {"tenant": api_url, "account": account_id})
    return _pair(row, box) if row else None


def save(session: Session, pair: KeyPair, box: SecretBox) -> None:
    session.execute(
        _SAVE,
        {
            "id": pair.id,
            "api_url": pair.api_url,
            "account_id": pair.account_id,
            "public_key_id": pair.public_key_id,
            "private_key_sealed": box.seal(pair.private_key, context=_context(pair.id)),
            "created_at": to_micros(pair.created_at),
        },
    )


def delete_(session: Session, api_url: str, pair_id: str) -> None:
    session.execute(_DELETE, {"tenant": api_url, "pair": pair_id})


def delete_second(session: Session, api_url: str, account_id: str) -> bool:
    return session.execute(_DELETE_SECOND, {"tenant": api_url, "account": account_id}) == 1


def delete_unused(session: Session, api_url: str, *, older_than: datetime) -> None:
    """Generated pairs that nobody came back for."""
    session.execute(_DELETE_UNUSED, {"tenant": api_url, "oldest": to_micros(older_than)})


def _context(pair_id: str) -> str:
    return f"key_pairs/private_key_sealed/{pair_id}"


def _pair(row: Row, box: SecretBox) -> KeyPair:
    return KeyPair(
        id=row.id,
        api_url=row.api_url,
        account_id=row.account_id,
        public_key_id=row.public_key_id,
        private_key=box.open(row.private_key_sealed, context=_context(row.id)),
        created_at=from_micros(row.created_at),
    )
