"""The outbox to Saleor: a report is a row first and is delivered until Saleor accepts it (DESIGN §4 rule 4, case 9)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, or_, select, update

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.states import TransactionEventType
from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import payments, reports
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Report:
    """One event owed to Saleor. ``actions`` None leaves Saleor's buttons as they are."""

    id: str
    payment_id: str
    fact: Fact
    actions: tuple[str, ...] | None
    state: str  # due | delivered | dropped | dead
    due_at: datetime
    attempts: int
    last_error: str | None


_INSERT = Statement(insert_ignore(reports))
_SELECT = select(reports, payments.c.currency).join(payments, payments.c.id == reports.c.payment_id)
_DUE = Statement(
    _SELECT.where(reports.c.payment_id == bindparam("payment_id"), reports.c.state == "due").order_by(
        reports.c.created_at, reports.c.id
    )
)
_OF_PAYMENT = Statement(
    _SELECT.where(reports.c.payment_id == bindparam("payment_id")).order_by(reports.c.created_at, reports.c.id)
)
_SETTLE = Statement(
    update(reports)
    .where(reports.c.id == bindparam("report_id"))
    .values(
        state=bindparam("new_state"),
        attempts=reports.c.attempts + 1,
        last_error=bindparam("new_error"),
        delivered_at=bindparam("new_delivered_at"),
        due_at=bindparam("new_due_at"),
    )
)
_RESEND = Statement(
    update(reports)
    .where(reports.c.id == bindparam("report_id"), or_(reports.c.type != "INFO", reports.c.state.in_(["due", "dead"])))
    .values(state="due", due_at=bindparam("new_due_at"), attempts=0, delivered_at=None)
)
_DROP = Statement(update(reports).where(reports.c.id == bindparam("report_id")).values(state="dropped"))


def add(
    session: Session,
    payment_id: str,
    fact: Fact,
    *,
    actions: Sequence[str] | None,
    now: datetime,
    due_at: datetime,
) -> bool:
    """Owe Saleor a fact; False when the same (payment, reference, type) is owed or told already."""
    return (
        session.execute(
            _INSERT,
            {
                "id": str(uuid.uuid4()),
                "payment_id": payment_id,
                "reference": fact.reference,
                "type": fact.type.value,
                "amount": fact.amount.minor,
                "time": to_micros(fact.time),
                "message": fact.message,
                "actions": None if actions is None else json.dumps(list(actions)),
                "state": "due",
                "due_at": to_micros(due_at),
                "attempts": 0,
                "last_error": None,
                "created_at": to_micros(now),
                "delivered_at": None,
            },
        )
        == 1
    )


def due(session: Session, payment_id: str) -> list[Report]:
    """What is owed for one payment, oldest first, due or not yet due."""
    return [_report(row) for row in session.all(_DUE, {"payment_id": payment_id})]


def of_payment(session: Session, payment_id: str) -> list[Report]:
    return [_report(row) for row in session.all(_OF_PAYMENT, {"payment_id": payment_id})]


def delivered(session: Session, report: Report, *, now: datetime) -> None:
    _settle(session, report, "delivered", None, report.due_at, now)


def dead(session: Session, report: Report, error: str, *, now: datetime) -> None:
    """Saleor's refusal is final; the next report goes on (case 9)."""
    _settle(session, report, "dead", error, report.due_at, now)


def postpone(session: Session, report: Report, error: str, *, now: datetime, until: datetime) -> None:
    _settle(session, report, "due", error, until, now)


def resend(session: Session, report_id: str, now: datetime) -> bool:
    """Have a report sent once more whatever became of it; False for INFO that Saleor has: that would stand twice.

    Saleor knows any other event by its reference and takes a repeat for none.
    """
    return session.execute(_RESEND, {"report_id": report_id, "new_due_at": to_micros(now)}) == 1


def drop_seen(session: Session, payment_id: str, seen: AbstractSet[tuple[str, str]]) -> None:
    """Drop what Saleor shows already, by (reference, type): the synchronous answer did arrive (case 9)."""
    for report in due(session, payment_id):
        if (report.fact.reference, report.fact.type) in seen:
            session.execute(_DROP, {"report_id": report.id})


def _settle(session: Session, report: Report, state: str, error: str | None, due_at: datetime, now: datetime) -> None:
    session.execute(
        _SETTLE,
        {
            "report_id": report.id,
            "new_state": state,
            "new_error": error,
            "new_delivered_at": to_micros(now) if state == "delivered" else None,
            "new_due_at": to_micros(due_at),
        },
    )


def _report(row: Row) -> Report:
    return Report(
        id=row.id,
        payment_id=row.payment_id,
        fact=Fact(
            reference=row.reference,
            type=TransactionEventType(row.type),
            amount=Money(row.amount, Currency(row.currency)),
            time=from_micros(row.time),
            message=row.message,
        ),
        actions=None if row.actions is None else tuple(json.loads(row.actions)),
        state=row.state,
        due_at=from_micros(row.due_at),
        attempts=row.attempts,
        last_error=row.last_error,
    )
