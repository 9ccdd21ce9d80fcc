"""The append-only account of everything seen, decided and sent for a payment; redacted before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, BindParameter, Insert, bindparam, cast, func, insert, select

from saleor_amazonpay.storage.engine import DialectName, Session, Statement
from saleor_amazonpay.storage.tables import timeline
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    kind: str
    detail: dict[str, Any]


_ROWS_AT_ONCE = (64, *range(8, 0, -1))  # a statement for each; one for every number would fill the memory


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


_COLUMNS = ("payment_id", "at", "kind", "detail")


def _as_json(_dialect: DialectName) -> Insert:
    """The rows are one parameter, a JSON list of lists: psycopg takes hundreds of parameters dearly."""
    from sqlalchemy.dialects.postgresql import JSONB

    given: BindParameter[str] = bindparam("rows")
    row = func.jsonb_array_elements(cast(given, JSONB)).table_valued("value").c.value
    payment_id, at, kind, detail = (row.op("->>")(place) for place in range(len(_COLUMNS)))
    return insert(timeline).from_select(_COLUMNS, select(payment_id, cast(at, BigInteger), kind, detail))


_INSERT_JSON = Statement(_as_json)


@cache
def _insert_values(count: int) -> tuple[Statement, Sequence[str]]:
    """Each value is a parameter: SQLite takes twice as long to pick them out of JSON. With the parameters' names."""
    rows = [{column: f"{column}_{number}" for column in _COLUMNS} for number in range(count)]
    places: list[dict[str, BindParameter[Any]]] = [
        {column: bindparam(name) for column, name in row.items()} for row in rows
    ]
    return Statement(insert(timeline).values(places)), [name for row in rows for name in row.values()]


def add_all(session: Session, entries: Sequence[NewEntry]) -> None:
    """As ``add``, for many at once, in their order, by few statements: each costs a change of threads."""
    rows = [(entry.payment_id, to_micros(entry.at), entry.kind, _text(entry.detail)) for entry in entries]
    if session.dialect == "postgresql":
        session.execute(_INSERT_JSON, {"rows": msgspec.json.encode(rows).decode()})
        return

    written = 0
    for count in _ROWS_AT_ONCE:
        statement, names = _insert_values(count)
        while len(rows) - written >= count:
            values = chain.from_iterable(rows[written : written + count])
            session.execute(statement, dict(zip(names, values, strict=True)))
            written += count


def _text(detail: Mapping[str, Any]) -> str:
    return msgspec.json.encode(detail, enc_hook=str).decode()


def of_payment(session: Session, payment_id: str) -> list[Entry]:
    rows = session.all(_OF_PAYMENT, {"payment_id": payment_id})
    return [Entry(from_micros(row.at), row.kind, msgspec.json.decode(row.detail)) for row in rows]
