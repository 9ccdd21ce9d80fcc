"""The append-only account of everything seen, decided and sent for a payment; redacted before it is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, select

from saleor_amazonpay.storage.engine import Session, Statement
from saleor_amazonpay.storage.tables import timeline
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    kind: str
    detail: dict[str, Any]


_INSERT = Statement(
    insert(timeline).values(
        payment_id=bindparam("payment_id"), at=bindparam("at"), kind=bindparam("kind"), detail=bindparam("detail")
    )
)
_OF_PAYMENT = Statement(
    select(timeline).where(timeline.c.payment_id == bindparam("payment_id")).order_by(timeline.c.at, timeline.c.id)
)


def add(session: Session, payment_id: str, kind: str, now: datetime, **detail: Any) -> None:
    """``kind``: request, call, answer, decision, report, notification, person.

    ``detail`` holds ids, amounts and our own sentences, nothing of the buyer.
    """
    session.execute(
        _INSERT,
        {
            "payment_id": payment_id,
            "at": to_micros(now),
            "kind": kind,
            "detail": msgspec.json.encode(detail, enc_hook=str).decode(),
        },
    )


def of_payment(session: Session, payment_id: str) -> list[Entry]:
    rows = session.all(_OF_PAYMENT, {"payment_id": payment_id})
    return [Entry(from_micros(row.at), row.kind, msgspec.json.decode(row.detail)) for row in rows]
