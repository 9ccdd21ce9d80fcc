"""Disputes as last read from Amazon, the merchant's answer to each, and the evidence gathered for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, text, tuple_, update

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.storage.engine import Row, Session, Statement, upsert
from saleor_amazonpay.storage.tables import charges, dispute_evidence, disputes, payments
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros

COMMITTED, SENT, REFUSED = "committed", "sent", "refused"
FIRST = (1 << 62, "")


@dataclass(frozen=True, slots=True)
class Dispute:
    """``evidence`` is what Amazon has; ``contest_state`` None: no answer of ours is under way."""

    api_url: str
    dispute_id: str
    payment_id: str
    charge_id: str
    dispute_type: str
    amount: Money
    filing_reason: str
    state: str
    reason_code: str | None
    reason_description: str | None
    resolution: str | None
    respond_by: datetime | None
    evidence: Sequence[dict[str, Any]]
    contest_state: str | None
    contest_key: str | None
    contest_body: str | None
    contest_by: str | None
    created_at: datetime
    status_at: datetime
    read_at: datetime
    look_at: datetime | None
    transaction_id: str = ""
    order_number: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A text, a file that is at Amazon already, or both."""

    id: str
    api_url: str
    dispute_id: str
    evidence_type: str
    text: str | None
    file_id: str | None
    file_name: str | None
    file_bytes: int | None
    by: str
    is_sent: bool
    created_at: datetime


_WITH_PAYMENT = select(disputes, payments.c.transaction_id, payments.c.order_number).join(
    payments, payments.c.id == disputes.c.payment_id
)
_THE_ONE = (disputes.c.api_url == bindparam("tenant"), disputes.c.dispute_id == bindparam("the_dispute"))
_GET = Statement(_WITH_PAYMENT.where(*_THE_ONE))
_PAGE = Statement(
    _WITH_PAYMENT.where(
        disputes.c.api_url == bindparam("tenant"),
        tuple_(disputes.c.created_at, disputes.c.dispute_id)
        < tuple_(bindparam("before_time", type_=disputes.c.created_at.type), bindparam("before_id")),
    )
    .order_by(disputes.c.created_at.desc(), disputes.c.dispute_id.desc())
    .limit(bindparam("limit"))
)
_DUE = Statement(
    select(disputes.c.api_url, disputes.c.dispute_id)
    .where(text("look_at IS NOT NULL"), disputes.c.look_at <= bindparam("moment"))
    .order_by(disputes.c.look_at)
    .limit(bindparam("limit"))
)
_SAVE = Statement(
    upsert(
        disputes,
        index_elements=["api_url", "dispute_id"],
        update_columns=[
            "amount",
            "filing_reason",
            "state",
            "reason_code",
            "reason_description",
            "resolution",
            "respond_by",
            "evidence",
            "status_at",
            "read_at",
            "look_at",
        ],
    )
)
_SET_CONTEST = Statement(
    update(disputes)
    .where(*_THE_ONE)
    .values(
        contest_state=bindparam("new_state"),
        contest_key=bindparam("new_key"),
        contest_body=bindparam("new_body"),
        contest_by=bindparam("new_by"),
    )
)
_LOOK_AT = Statement(update(disputes).where(*_THE_ONE).values(look_at=bindparam("new_look_at")))
_LOSE = Statement(
    update(charges)
    .where(charges.c.payment_id == bindparam("in_payment"), charges.c.charge_id == bindparam("the_charge"))
    .values(charged_back=bindparam("lost"))
)
_LOST = Statement(
    select(disputes.c.amount, disputes.c.state, disputes.c.resolution, disputes.c.reason_code).where(
        disputes.c.payment_id == bindparam("in_payment"), disputes.c.charge_id == bindparam("the_charge")
    )
)
_ADD_EVIDENCE = Statement(
    upsert(dispute_evidence, index_elements=["id"], update_columns=["text", "file_id", "file_name", "file_bytes"])
)
_EVIDENCE = Statement(
    select(dispute_evidence)
    .where(
        dispute_evidence.c.api_url == bindparam("tenant"),
        dispute_evidence.c.dispute_id == bindparam("the_dispute"),
        dispute_evidence.c.is_sent == 0,
    )
    .order_by(dispute_evidence.c.created_at, dispute_evidence.c.id)
)
_REMOVE_EVIDENCE = Statement(
    delete(dispute_evidence).where(
        dispute_evidence.c.api_url == bindparam("tenant"),
        dispute_evidence.c.dispute_id == bindparam("the_dispute"),
        dispute_evidence.c.id == bindparam("the_evidence"),
        dispute_evidence.c.is_sent == 0,
    )
)
_EVIDENCE_SENT = Statement(
    update(dispute_evidence)
    .where(
        dispute_evidence.c.api_url == bindparam("tenant"),
        dispute_evidence.c.dispute_id == bindparam("the_dispute"),
        dispute_evidence.c.is_sent == 0,
    )
    .values(is_sent=1)
)

_OF_PAYMENT = Statement(
    _WITH_PAYMENT.where(
        disputes.c.api_url == bindparam("tenant"), disputes.c.payment_id == bindparam("in_payment")
    ).order_by(disputes.c.created_at, disputes.c.dispute_id)
)


def get(session: Session, api_url: str, dispute_id: str) -> Dispute | None:
    row = session.one(_GET, {"tenant": api_url, "the_dispute": dispute_id})
    return _dispute(row) if row else None


def of_payment(session: Session, api_url: str, payment_id: str) -> Sequence[Dispute]:
    """Every dispute about a payment, oldest first."""
    return [_dispute(row) for row in session.all(_OF_PAYMENT, {"tenant": api_url, "in_payment": payment_id})]


def page(session: Session, api_url: str, *, before: tuple[int, str] = FIRST, limit: int = 50) -> Sequence[Dispute]:
    """The tenant's, newest first, older than ``before`` (micros and id)."""
    at, id_ = before
    values = {"tenant": api_url, "before_time": at, "before_id": id_, "limit": limit}
    return [_dispute(row) for row in session.all(_PAGE, values)]


def due(session: Session, *, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Tenant and id of those to be read again."""
    return [(row.api_url, row.dispute_id) for row in session.all(_DUE, {"moment": to_micros(now), "limit": limit})]


def save(session: Session, dispute: Dispute) -> None:
    """As read from Amazon; the answer under way is left as it is."""
    session.execute(
        _SAVE,
        {
            "api_url": dispute.api_url,
            "dispute_id": dispute.dispute_id,
            "payment_id": dispute.payment_id,
            "charge_id": dispute.charge_id,
            "dispute_type": dispute.dispute_type,
            "currency": dispute.amount.currency.value,
            "amount": dispute.amount.minor,
            "filing_reason": dispute.filing_reason,
            "state": dispute.state,
            "reason_code": dispute.reason_code,
            "reason_description": dispute.reason_description,
            "resolution": dispute.resolution,
            "respond_by": _maybe_micros(dispute.respond_by),
            "evidence": msgspec.json.encode(dispute.evidence).decode(),
            "contest_state": None,
            "contest_key": None,
            "contest_body": None,
            "contest_by": None,
            "look_at": _maybe_micros(dispute.look_at),
            "created_at": to_micros(dispute.created_at),
            "status_at": to_micros(dispute.status_at),
            "read_at": to_micros(dispute.read_at),
        },
    )


def look_at(session: Session, api_url: str, dispute_id: str, at: datetime) -> None:
    session.execute(_LOOK_AT, {"tenant": api_url, "the_dispute": dispute_id, "new_look_at": to_micros(at)})


def set_contest(
    session: Session, dispute: Dispute, state: str, *, key: str | None, body: str | None, by: str | None
) -> None:
    values = {"new_state": state, "new_key": key, "new_body": body, "new_by": by}
    session.execute(_SET_CONTEST, {"tenant": dispute.api_url, "the_dispute": dispute.dispute_id, **values})


def lost_of_charge(session: Session, payment_id: str, charge_id: str) -> list[Row]:
    """Every dispute of one charge: amount, state, resolution, reason_code."""
    return session.all(_LOST, {"in_payment": payment_id, "the_charge": charge_id})


def set_charged_back(session: Session, payment_id: str, charge_id: str, amount: Money) -> None:
    session.execute(_LOSE, {"in_payment": payment_id, "the_charge": charge_id, "lost": amount.minor})


def evidence_of(session: Session, api_url: str, dispute_id: str) -> Sequence[Evidence]:
    """What is gathered and not sent."""
    return [_evidence(row) for row in session.all(_EVIDENCE, {"tenant": api_url, "the_dispute": dispute_id})]


def add_evidence(session: Session, evidence: Evidence) -> None:
    row = {name: getattr(evidence, name) for name in Evidence.__slots__}
    session.execute(
        _ADD_EVIDENCE, row | {"is_sent": int(evidence.is_sent), "created_at": to_micros(evidence.created_at)}
    )


def remove_evidence(session: Session, api_url: str, dispute_id: str, evidence_id: str) -> bool:
    values = {"tenant": api_url, "the_dispute": dispute_id, "the_evidence": evidence_id}
    return session.execute(_REMOVE_EVIDENCE, values) == 1


def evidence_sent(session: Session, api_url: str, dispute_id: str) -> None:
    session.execute(_EVIDENCE_SENT, {"tenant": api_url, "the_dispute": dispute_id})


def _maybe_micros(moment: datetime | None) -> int | None:
    return to_micros(moment) if moment is not None else None


def _dispute(row: Row) -> Dispute:
    return Dispute(
        api_url=row.api_url,
        dispute_id=row.dispute_id,
        payment_id=row.payment_id,
        charge_id=row.charge_id,
        dispute_type=row.dispute_type,
        amount=Money(row.amount, Currency(row.currency)),
        filing_reason=row.filing_reason,
        state=row.state,
        reason_code=row.reason_code,
        reason_description=row.reason_description,
        resolution=row.resolution,
        respond_by=maybe_from_micros(row.respond_by),
        evidence=msgspec.json.decode(row.evidence),
        contest_state=row.contest_state,
        contest_key=row.contest_key,
        contest_body=row.contest_body,
        contest_by=row.contest_by,
        created_at=from_micros(row.created_at),
        status_at=from_micros(row.status_at),
        read_at=from_micros(row.read_at),
        look_at=maybe_from_micros(row.look_at),
        transaction_id=row.transaction_id,
        order_number=row.order_number,
    )


def _evidence(row: Row) -> Evidence:
    return Evidence(
        id=row.id,
        api_url=row.api_url,
        dispute_id=row.dispute_id,
        evidence_type=row.evidence_type,
        text=row.text,
        file_id=row.file_id,
        file_name=row.file_name,
        file_bytes=row.file_bytes,
        by=row.by,
        is_sent=bool(row.is_sent),
        created_at=from_micros(row.created_at),
    )
