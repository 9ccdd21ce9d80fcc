"""Completing a checkout session: the one way to learn what the buyer did, whoever comes first to do it.

The storefront's transactionProcess, the app-hosted return page and the sweep all come here; the first one's Complete is
everybody's (DESIGN §4 rule 2, §6 case 1).
"""

from __future__ import annotations

from dataclasses import dataclass

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import OperationKind, OperationState, PaymentState
from saleor_amazonpay.domain.transitions import SESSION_ACTION_REQUIRED
from saleor_amazonpay.handlers import operations
from saleor_amazonpay.handlers.operations import Claimed
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing was completed, now and for good."""

    message: str


async def complete(
    services: Services,
    account: Account,
    payment: Payment,
    outstanding: Money,
    deadline: Deadline,
    *,
    waiting_caller: bool = True,
) -> Operation | Obstacle:
    """Complete the payment's session, or find out who did; ``outstanding`` is what the source still needs now.

    The operation may be settled (also as "the buyer is not through yet"), pending, or unfinished at the deadline.
    ``waiting_caller``: Saleor itself waits for the outcome, so that it need not be reported at once.
    """
    begun = await services.database.run(
        lambda session: _begin(session, services, account, payment.id, outstanding, waiting_caller=waiting_caller)
    )
    if isinstance(begun, Obstacle):
        return begun
    return await operations.finish_within(services, account, begun, deadline, waiting_caller=waiting_caller)


def _begin(
    session: Session,
    services: Services,
    account: Account,
    payment_id: str,
    outstanding: Money,
    *,
    waiting_caller: bool,
) -> Claimed | Operation | Obstacle:
    payment = payment_rows.by_id(session, payment_id, lock=True)
    if payment is None or payment.session_id is None:
        return _ended(payment)
    known = operation_rows.by_request(
        session, payment.id, OperationKind.COMPLETE, payment.session_id, payment.amount.currency
    )
    if known is not None and known.result != SESSION_ACTION_REQUIRED[payment.action_type]:
        return known
    if not still_fits(payment, outstanding):
        return _amount_changed(session, services, payment, outstanding)
    operation = _opened(session, services, payment, known)
    return operations.begin(session, services, account, payment, operation, waiting_caller=waiting_caller)


def _ended(payment: Payment | None) -> Obstacle:
    if payment is not None and payment.state == PaymentState.REPLACED:
        return Obstacle("A newer Amazon Pay transaction of the same checkout replaced this one.")
    return Obstacle("This Amazon Pay payment has ended; start a new one.")


def _opened(session: Session, services: Services, payment: Payment, known: Operation | None) -> Operation:
    """A first Complete, or another try after "the buyer is not through yet": nothing was decided then."""
    if known is None:
        now = services.clock.now()
        operation = operations.new_operation(
            payment, OperationKind.COMPLETE, payment.session_id or "", payment.amount, now=now
        )
        operation_rows.insert(session, operation)
        return operation
    reopened = known.with_(
        state=OperationState.WAITING,
        attempt=known.attempt + 1,
        psp_reference=None,
        announced=False,
        result=None,
        result_amount=None,
        result_time=None,
        message=None,
        settled_at=None,
        reason_code=None,
    )
    operation_rows.update_(session, reopened)
    return reopened


def still_fits(payment: Payment, outstanding: Money) -> bool:
    """A payment of the whole rest must still be the whole rest; a payment of a part must still fit (case 1)."""
    is_whole = payment.amount == payment.outstanding
    return outstanding == payment.amount if is_whole else outstanding >= payment.amount


def _amount_changed(session: Session, services: Services, payment: Payment, outstanding: Money) -> Obstacle:
    """No Complete: Amazon releases what the buyer approved when the session expires."""
    now = services.clock.now()
    payment_rows.change(session, payment.id, now, state=PaymentState.FAILED, session_id=None)
    timeline.add(session, payment.id, "decision", now, outstanding=str(outstanding), amount=str(payment.amount))
    return Obstacle(
        f"The checkout changed after the buyer approved {payment.amount}: {outstanding} is due now. "
        "Nothing was charged; start a new Amazon Pay payment."
    )
