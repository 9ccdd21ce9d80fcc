"""TRANSACTION_PROCESS_SESSION: the buyer is back; complete the session, or say why not.

Asked twice it answers twice the same, whether the storefront, the return page or a job was first.
Source: DESIGN §5, §6 cases 1, 3; amazon-pay-cv2.md §3.6.
"""

from __future__ import annotations

from dataclasses import dataclass

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import OperationKind, OperationState, PaymentState
from saleor_amazonpay.domain.transitions import SESSION_ACTION_REQUIRED
from saleor_amazonpay.handlers import operations
from saleor_amazonpay.handlers.operations import Claimed
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import answer_of, refused, undecided
from saleor_amazonpay.handlers.transaction_initialize_session import send_buyer_on
from saleor_amazonpay.saleor.answers import SessionAnswer
from saleor_amazonpay.saleor.data import DataError, DataErrors, parse_transaction_process
from saleor_amazonpay.saleor.events import TransactionProcessSession
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

_SESSION_FIELD = "data.amazonCheckoutSessionId"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the session is not completed; ``is_final`` closes the transaction in Saleor."""

    message: str
    is_final: bool = True


async def handle(
    services: Services, installation: Installation, event: TransactionProcessSession, deadline: Deadline
) -> SessionAnswer:
    try:
        data = parse_transaction_process(event.data)
    except DataErrors as wrong:
        listed = [error.as_json() for error in wrong.errors]
        return undecided(event, wrong.public_message, status="invalid_data", errors=listed)
    api_url = installation.api_url
    payment = await services.database.read(lambda session: payment_rows.find(session, api_url, event.transaction.id))
    if payment is None:
        return refused(api_url, event, "This transaction was not initialized with Amazon Pay; start a new one.")
    given = (data.amazon_checkout_session_id or payment.session_id or "").lower()
    if payment.session_id is not None and given != payment.session_id:
        return _foreign_session(event)
    account = await services.directory.account(api_url, payment.account_id)
    begun = await services.database.run(lambda session: _begin(session, services, account, event))
    if isinstance(begun, Obstacle):
        return _told(api_url, event, begun)
    operation = await operations.finish_within(services, account, begun, deadline)
    return await _answer(services, account, event, operation, deadline)


def _foreign_session(event: TransactionProcessSession) -> SessionAnswer:
    """Anyone may call transactionProcess, so a wrong id must not end somebody's payment: nothing is decided."""
    message = "This Amazon Pay session does not belong to the transaction."
    error = DataError(_SESSION_FIELD, "INVALID", message)
    return undecided(event, message, status="invalid_data", errors=[error.as_json()])


def _told(api_url: str, event: TransactionProcessSession, obstacle: Obstacle) -> SessionAnswer:
    if obstacle.is_final:
        return refused(api_url, event, obstacle.message)
    return undecided(event, obstacle.message, status="processing")


def _begin(
    session: Session, services: Services, account: Account, event: TransactionProcessSession
) -> Claimed | Operation | Obstacle:
    payment = payment_rows.by_transaction(session, account.api_url, event.transaction.id)
    if payment is None or payment.session_id is None:
        return _ended(payment)
    known = operation_rows.by_request(
        session, payment.id, OperationKind.COMPLETE, payment.session_id, payment.amount.currency
    )
    if known is not None and known.result != SESSION_ACTION_REQUIRED[payment.action_type]:
        return known
    obstacle = _amount_changed(session, services, payment, event)
    if obstacle is not None:
        return obstacle
    operation = _opened(session, services, payment, known)
    return operations.begin(session, services, account, payment, operation, waiting_caller=True)


def _ended(payment: Payment | None) -> Obstacle:
    if payment is not None and payment.state == PaymentState.REPLACED:
        return Obstacle("A newer Amazon Pay transaction of the same checkout replaced this one.")
    return Obstacle("This Amazon Pay payment has ended; start a new one.")


def _opened(session: Session, services: Services, payment: Payment, known: Operation | None) -> Operation:
    """A first Complete, or another try after "the buyer is not through yet": nothing was decided then."""
    now = services.clock.now()
    if known is None:
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
    )
    operation_rows.update_(session, reopened)
    return reopened


def _amount_changed(
    session: Session, services: Services, payment: Payment, event: TransactionProcessSession
) -> Obstacle | None:
    """Before Complete the source must still need what the buyer approves (case 1); if not, Amazon releases it.

    A payment of the whole rest must still be the whole rest; a payment of a part must still fit.
    """
    try:
        outstanding = Money.parse(event.outstanding, event.action.currency)
    except MoneyError as wrong:
        return Obstacle(str(wrong), is_final=False)
    is_whole = payment.amount == payment.outstanding
    fits = outstanding == payment.amount if is_whole else outstanding >= payment.amount
    if fits:
        return None
    now = services.clock.now()
    payment_rows.change(session, payment.id, now, state=PaymentState.FAILED, session_id=None)
    timeline.add(session, payment.id, "decision", now, outstanding=str(outstanding), amount=str(payment.amount))
    return Obstacle(
        f"The checkout changed after the buyer approved {payment.amount}: {outstanding} is due now. "
        "Nothing was charged; start a new Amazon Pay payment."
    )


async def _answer(
    services: Services, account: Account, event: TransactionProcessSession, operation: Operation, deadline: Deadline
) -> SessionAnswer:
    def look(session: Session) -> tuple[Payment, SessionAnswer]:
        payment = payment_rows.by_id(session, operation.payment_id)
        if payment is None:
            raise LookupError(operation.payment_id)
        balances = payment_rows.balances(session, payment, account.options.policy)
        return payment, answer_of(event, payment, operation, balances)

    payment, answer = await services.database.read(look)
    waits_for_buyer = operation.result == SESSION_ACTION_REQUIRED[payment.action_type]
    if waits_for_buyer and payment.redirect_url is None:
        return await send_buyer_on(services, account, payment, event, deadline)
    return answer
