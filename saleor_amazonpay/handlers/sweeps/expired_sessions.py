"""Sessions that are over: Complete once more to learn the truth, then tell Saleor; unknown ones are only closed."""

from __future__ import annotations

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.states import PaymentState
from saleor_amazonpay.domain.transitions import REASON_MESSAGES, SESSION_FAILURE
from saleor_amazonpay.handlers import completing, operations, surplus
from saleor_amazonpay.handlers.completing import Obstacle
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment


async def look(services: Services, payment: Payment, deadline: Deadline) -> None:
    """A session that is over cannot be completed, so the answer to Complete is what became of it (case 1).

    The amount is the one the buyer agreed to: nothing can be taken any more, and what was taken must be told.
    """
    account = await services.directory.account(payment.api_url, payment.account_id)
    completed = await completing.complete(
        services, account, payment, payment.outstanding, deadline, waiting_caller=False
    )
    if not isinstance(completed, Obstacle):
        await surplus.look(services, account, payment, completed)


async def close(services: Services, payment: Payment) -> None:
    """The end of a payment whose session never became known here: it is not completed by us (case 2)."""
    await services.database.run(lambda session: _close(session, services, payment.id))


def _close(session: Session, services: Services, payment_id: str) -> None:
    payment = payment_rows.by_id(session, payment_id, lock=True)
    if payment is None or not payment.is_undecided or payment.session_id is not None:
        return  # the buyer came back this very moment
    now = services.clock.now()
    payment_rows.change(session, payment.id, now, state=PaymentState.FAILED, sweep_at=None)
    failure = SESSION_FAILURE[payment.action_type]
    reference = keys.reference("expired", payment.api_url, payment.transaction_id)
    timeline.add(session, payment.id, "decision", now, result=failure, reason="no session became known")
    fact = Fact(reference, failure, payment.amount, now, REASON_MESSAGES["Expired"])
    operations.owe_without_actions(session, services, payment, fact)
