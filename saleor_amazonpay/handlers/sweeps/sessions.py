"""Checkout sessions whose buyer has not come back: asked about sparsely, closed once they can come to nothing.

Source: DESIGN §6 cases 1, 2.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps import expired_sessions, unreturned_sessions
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, later, row_deadline
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

SECONDS = 60.0  # between runs
MARGIN = timedelta(minutes=10)  # Amazon's clock is not ours
UNKNOWN_SESSION_LIFE = timedelta(hours=25)  # from the signature of an APB payload (case 2)
_SESSION_LIFE = timedelta(hours=24)
_FIRST, _LONGEST = timedelta(minutes=15), timedelta(hours=6)


async def run(services: Services) -> None:
    now = services.clock.now()
    ids = await services.database.read(lambda session: due.awaiting(session, now=now, limit=ROWS))
    await each(services, "sessions", ids, lambda id_: _look(services, id_))


async def _look(services: Services, payment_id: str) -> None:
    payment = await services.database.run(lambda session: _put_off(session, services, payment_id))
    if not payment.is_undecided:
        return
    now = services.clock.now()
    if payment.session_id is None:
        if now >= _unknown_until(payment):
            await expired_sessions.close(services, payment)
    elif now >= _over_at(payment):
        await expired_sessions.look(services, payment, row_deadline(services))
    else:
        await unreturned_sessions.look(services, payment, row_deadline(services))


def _put_off(session: Session, services: Services, payment_id: str) -> Payment:
    payment = due.payment_of(session, payment_id)
    due.sweep_at(session, payment_id, _next(payment, services.clock.now()))
    return payment


def _next(payment: Payment, now: datetime) -> datetime:
    """After as long again as it has waited, but right when the session is over; then hourly until Amazon says so."""
    end = _unknown_until(payment) if payment.session_id is None else _over_at(payment)
    if now >= end:
        return now + timedelta(hours=1)
    if payment.session_id is None:
        return end
    return min(end, later(payment.created_at, now, first=_FIRST, longest=_LONGEST))


def _over_at(payment: Payment) -> datetime:
    return (payment.session_expires_at or payment.created_at + _SESSION_LIFE) + MARGIN


def _unknown_until(payment: Payment) -> datetime:
    signed_at = (payment.session_expires_at or payment.created_at + _SESSION_LIFE) - _SESSION_LIFE
    return signed_at + UNKNOWN_SESSION_LIFE
