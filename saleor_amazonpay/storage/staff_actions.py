"""What staff asked for on the app's own pages: a form is sent once, however often its button is pressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import StaffAction
from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import payments, staff_actions
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class StaffRequest:
    """One form. ``begun``: what came of it is not known (yet); ``refused`` has the reason in ``message``."""

    payment_id: str
    form_id: str
    action: StaffAction
    amount: Money | None
    user_id: str
    state: str  # begun | done | refused
    message: str | None
    created_at: datetime


_INSERT = Statement(insert_ignore(staff_actions))
_GET = Statement(
    select(staff_actions, payments.c.currency)
    .join(payments, payments.c.id == staff_actions.c.payment_id)
    .where(staff_actions.c.payment_id == bindparam("payment_id"), staff_actions.c.form_id == bindparam("form_id"))
)
_OF_PAYMENT = Statement(
    select(staff_actions, payments.c.currency)
    .join(payments, payments.c.id == staff_actions.c.payment_id)
    .where(staff_actions.c.payment_id == bindparam("payment_id"))
    .order_by(staff_actions.c.created_at, staff_actions.c.form_id)
)
_END = Statement(
    update(staff_actions)
    .where(staff_actions.c.payment_id == bindparam("of_payment"), staff_actions.c.form_id == bindparam("of_form"))
    .values(state=bindparam("new_state"), message=bindparam("new_message"))
)


def insert(session: Session, asked: StaffRequest) -> bool:
    """False when this form was sent before."""
    values = {
        "payment_id": asked.payment_id,
        "form_id": asked.form_id,
        "action": asked.action.value,
        "amount": asked.amount.minor if asked.amount else None,
        "user_id": asked.user_id,
        "state": asked.state,
        "message": asked.message,
        "created_at": to_micros(asked.created_at),
    }
    return session.execute(_INSERT, values) == 1


def get(session: Session, payment_id: str, form_id: str) -> StaffRequest | None:
    row = session.one(_GET, {"payment_id": payment_id, "form_id": form_id})
    return _request(row) if row else None


def of_payment(session: Session, payment_id: str) -> Sequence[StaffRequest]:
    return [_request(row) for row in session.all(_OF_PAYMENT, {"payment_id": payment_id})]


def end(session: Session, asked: StaffRequest, state: str, message: str | None = None) -> None:
    values = {"of_payment": asked.payment_id, "of_form": asked.form_id, "new_state": state, "new_message": message}
    session.execute(_END, values)


def _request(row: Row) -> StaffRequest:
    return StaffRequest(
        payment_id=row.payment_id,
        form_id=row.form_id,
        action=StaffAction(row.action),
        amount=None if row.amount is None else Money(row.amount, Currency(row.currency)),
        user_id=row.user_id,
        state=row.state,
        message=row.message,
        created_at=from_micros(row.created_at),
    )
