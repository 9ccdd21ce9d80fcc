"""The append-only account of everything seen, decided and sent for a payment; redacted before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, BindParameter, ColumnElement, Insert, bindparam, cast, func, insert, select

from saleor_amazonpay.storage.engine import DialectName, Session, Statement
from saleor_amazonpay.storage.tables import timeline
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    kind: str
    detail: dict[str, Any]


class NewEntry(NamedTuple):
    payment_id: str
    kind: str
    at: datetime
    detail: Mapping[str, Any]


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
    entry = {"payment_id": payment_id, "at": to_micros(now), "kind": kind, "detail": _text(detail)}
    session.execute(_INSERT, entry)


def _insert_all(dialect: DialectName) -> Insert:
    """All rows by one statement, from a JSON list of lists: each statement costs a change of threads."""
    given: BindParameter[str] = bindparam("rows")
    if dialect == "sqlite":
        row = func.json_each(given).table_valued("value").c.value
        columns: list[ColumnElement[Any]] = [func.json_extract(row, f"$[{place}]") for place in range(4)]
    else:
        from sqlalchemy.dialects.postgresql import JSONB

        row = func.jsonb_array_elements(cast(given, JSONB)).table_valued("value").c.value
        columns = [row.op("->>")(place) for place in range(4)]
    payment_id, at, kind, detail = columns
    return insert(timeline).from_select(
        ["payment_id", "at", "kind", "detail"], select(payment_id, cast(at, BigInteger), kind, detail)
    )


_INSERT_ALL = Statement(_insert_all)


def add_all(session: Session, entries: Iterable[NewEntry]) -> None:
    """As ``add``, for many at once, in their order."""
    rows = [(entry.payment_id, to_micros(entry.at), entry.kind, _text(entry.detail)) for entry in entries]
    session.execute(_INSERT_ALL, {"rows": msgspec.json.encode(rows).decode()})


def _text(detail: Mapping[str, Any]) -> str:
    return msgspec.json.encode(detail, enc_hook=str).decode()


def of_payment(session: Session, payment_id: str) -> list[Entry]:
    rows = session.all(_OF_PAYMENT, {"payment_id": payment_id})
    return [Entry(from_micros(row.at), row.kind, msgspec.json.decode(row.detail)) for row in rows]
