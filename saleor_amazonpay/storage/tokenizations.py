"""What was signed for a customer who agrees without a purchase, until Amazon's session is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from saleor_amazonpay.domain.agreements import AgreementTerms
from saleor_amazonpay.domain.money import Currency
from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.payments import terms_from_json, terms_to_json
from saleor_amazonpay.storage.tables import tokenizations
from saleor_amazonpay.storage.times import from_micros, to_micros

AWAITING_BUYER, COMPLETING, DONE, FAILED = "awaiting_buyer", "completing", "done", "failed"


@dataclass(frozen=True, slots=True)
class Tokenization:
    """One row of ``tokenizations``; see tables.py for the columns."""

    id: str
    api_url: str
    account_id: str
    channel_slug: str
    customer_id: str
    currency: Currency
    agreement_terms: AgreementTerms
    state: str
    session_id: str | None
    agreement_id: str | None
    message: str | None
    created_at: datetime
    updated_at: datetime


_INSERT = Statement(insert_ignore(tokenizations))
_BY_ID = Statement(select(tokenizations).where(tokenizations.c.id == bindparam("id")))
_CHANGE = Statement(
    update(tokenizations)
    .where(tokenizations.c.id == bindparam("the_id"))
    .values(
        state=bindparam("new_state"),
        session_id=bindparam("new_session_id"),
        agreement_id=bindparam("new_agreement_id"),
        message=bindparam("new_message"),
        updated_at=bindparam("new_updated_at"),
    )
)
_OLD = Statement(
    select(tokenizations.c.id)
    .where(tokenizations.c.created_at < bindparam("moment"))
    .order_by(tokenizations.c.created_at)
    .limit(bindparam("limit"))
)
_DROP = Statement(delete(tokenizations).where(tokenizations.c.id.in_(bindparam("ids", expanding=True))))


def insert(session: Session, new: Tokenization) -> bool:
    """False when it is known already."""
    return session.execute(_INSERT, _columns(new)) == 1


def by_id(session: Session, id_: str) -> Tokenization | None:
    """Of whichever tenant: compare ``api_url`` and ``customer_id`` before anything is done or told."""
    row = session.one(_BY_ID, {"id": id_})
    return _tokenization(row) if row else None


def change(session: Session, changed: Tokenization, now: datetime) -> None:
    session.execute(
        _CHANGE,
        {
            "the_id": changed.id,
            "new_state": changed.state,
            "new_session_id": changed.session_id,
            "new_agreement_id": changed.agreement_id,
            "new_message": changed.message,
            "new_updated_at": to_micros(now),
        },
    )


def drop_old(session: Session, *, before: datetime, limit: int) -> int:
    """How many were deleted; what came of them are agreements, which stay."""
    ids = [row.id for row in session.all(_OLD, {"moment": to_micros(before), "limit": limit})]
    return session.execute(_DROP, {"ids": ids}) if ids else 0


_DROP_OF_CUSTOMER = Statement(
    delete(tokenizations).where(
        tokenizations.c.api_url == bindparam("api_url"), tokenizations.c.customer_id == bindparam("customer_id")
    )
)


def drop_of_customer(session: Session, api_url: str, customer_id: str) -> int:
    return session.execute(_DROP_OF_CUSTOMER, {"api_url": api_url, "customer_id": customer_id})


def _columns(new: Tokenization) -> dict[str, Any]:
    cells: dict[str, Any] = {name: getattr(new, name) for name in Tokenization.__slots__}
    return cells | {
        "currency": new.currency.value,
        "agreement_terms": terms_to_json(new.agreement_terms),
        "created_at": to_micros(new.created_at),
        "updated_at": to_micros(new.updated_at),
    }


def _tokenization(row: Row) -> Tokenization:
    currency = Currency(row.currency)
    return Tokenization(
        id=row.id,
        api_url=row.api_url,
        account_id=row.account_id,
        channel_slug=row.channel_slug,
        customer_id=row.customer_id,
        currency=currency,
        agreement_terms=terms_from_json(row.agreement_terms, currency),
        state=row.state,
        session_id=row.session_id,
        agreement_id=row.agreement_id,
        message=row.message,
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
    )
