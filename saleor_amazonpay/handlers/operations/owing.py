"""What Saleor is owed: each settled fact becomes a report row, delivered until it is accepted."""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.handlers.operations import deferring
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import reports
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment


def fact_of(operation: Operation) -> Fact:
    """The event of a settled operation."""
    if operation.result is None or operation.result_amount is None or operation.result_time is None:
        raise ValueError(f"operation {operation.id} is not settled")
    return Fact(
        reference=operation.psp_reference or operation.id,
        type=operation.result,
        amount=operation.result_amount,
        time=operation.result_time,
        message=operation.message or "",
    )


def owe(
    session: Session, services: Services, payment: Payment, fact: Fact, balances: Balances, *, in_the_answer: bool
) -> None:
    """Owe Saleor a report: now, or as the safety net of a synchronous answer (case 9)."""
    now = services.clock.now()
    due_at = now + timedelta(seconds=services.settings.report_delay_seconds) if in_the_answer else now
    if reports.add(session, payment.id, fact, actions=balances.actions(), now=now, due_at=due_at):
        deferring.deliver_reports(session, services, payment, run_at=due_at)


def owe_without_actions(session: Session, services: Services, payment: Payment, fact: Fact) -> None:
    """Owe a report that leaves Saleor's buttons as they are."""
    now = services.clock.now()
    if reports.add(session, payment.id, fact, actions=None, now=now, due_at=now):
        deferring.deliver_reports(session, services, payment, run_at=now)
