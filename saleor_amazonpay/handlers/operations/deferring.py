"""The jobs of operations: by which names they run, and when an undecided operation is looked at again."""

from __future__ import annotations

from datetime import datetime, timedelta

from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

CARRY_OUT = "carry_out_operation"
POLL = "poll_operation"
DELIVER_REPORTS = "deliver_reports"

LAST_LOOK = timedelta(days=60)
_SLOWEST_LOOK = 3600.0


def carry_out(session: Session, services: Services, payment: Payment, operation: Operation, *, delay: float) -> None:
    """A job that begins or resumes the operation, ``delay`` seconds from now."""
    _defer(session, services, payment, CARRY_OUT, operation, delay)


def look_again(session: Session, services: Services, payment: Payment, operation: Operation, *, delay: float) -> None:
    """A job that asks Amazon what it has decided of a pending operation, ``delay`` seconds from now."""
    _defer(session, services, payment, POLL, operation, delay)


def _defer(
    session: Session, services: Services, payment: Payment, task: str, operation: Operation, delay: float
) -> None:
    services.jobs.defer(
        session,
        task,
        key=operation.id,
        args={"operation_id": operation.id},
        run_at=services.clock.now() + timedelta(seconds=delay),
        priority=services.turns.priority(payment.api_url),
    )


def deliver_reports(session: Session, services: Services, payment: Payment, *, run_at: datetime) -> None:
    """A job that delivers what the payment owes Saleor."""
    services.jobs.defer(
        session,
        DELIVER_REPORTS,
        key=payment.id,
        args={"payment_id": payment.id},
        run_at=run_at,
        priority=services.turns.priority(payment.api_url),
    )


def next_look(age: timedelta, first: float) -> float | None:
    """Seconds until an undecided operation is looked at again: a tenth of its age, and never after 60 days."""
    if age > LAST_LOOK:
        return None
    return min(max(first, age.total_seconds() / 10), _SLOWEST_LOOK)
