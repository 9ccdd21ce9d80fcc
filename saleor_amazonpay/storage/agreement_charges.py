"""What a merchant's own scheduler asked to charge, by its idempotency key: the same key is the same charge for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update

from saleor_amazonpay.storage.engine import Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import agreement_charges
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class AgreementCharge:
    """One row of ``agreement_charges``; ``body_hash`` is of everything that was asked beside the key."""

    api_url: str
    idempotency_key: str
    agreement_id: str
    body_hash: str
    asked_by: str
    transaction_id: str | None
    created_at: datetime


_KEY = (
    agreement_charges.c.api_url == bindparam("tenant"),
    agreement_charges.c.idempotency_key == bindparam("the_key"),
)
_GET = Statement(select(agreement_charges).where(*_KEY))
_INSERT = Statement(insert_ignore(agreement_charges))
_TELL = Statement(update(agreement_charges).where(*_KEY).values(transaction_id=bindparam("new_transaction_id")))


def get(session: Session, api_url: str, key: str) -> AgreementCharge | None:
    row = session.one(_GET, {"tenant": api_url, "the_key": key})
    return AgreementCharge(**{**row._asdict(), "created_at": from_micros(row.created_at)}) if row else None


def insert(session: Session, new: AgreementCharge) -> bool:
    """False when the key was used before, for whatever."""
    cells = {name: getattr(new, name) for name in AgreementCharge.__slots__}
    return session.execute(_INSERT, {**cells, "created_at": to_micros(new.created_at)}) == 1


def tell(session: Session, api_url: str, key: str, transaction_id: str) -> None:
    session.execute(_TELL, {"tenant": api_url, "the_key": key, "new_transaction_id": transaction_id})
