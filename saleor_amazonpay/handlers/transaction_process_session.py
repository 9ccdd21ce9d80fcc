"""TRANSACTION_PROCESS_SESSION: the buyer is back; complete the session, or say why not.

Asked twice it answers twice the same, whether the storefront, the return page or a job was first.

Source: DESIGN §5, §6 cases 1, 3; amazon-pay-cv2.md §3.6.
"""

from __future__ import annotations

from typing import Literal

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.transitions import SESSION_ACTION_REQUIRED
from saleor_amazonpay.errors import AmazonPayError, ConfigurationError
from saleor_amazonpay.handlers import apb_flow, completing
from saleor_amazonpay.handlers.agreements import charging
from saleor_amazonpay.handlers.completing import Obstacle
from saleor_amazonpay.handlers.review_flow import send_buyer_on
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import answer_of, refused, undecided
from saleor_amazonpay.saleor.answers import SessionAnswer
from saleor_amazonpay.saleor.data import parse_transaction_process
from saleor_amazonpay.saleor.events import TransactionProcessSession
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

_SESSION_FIELD = "data.amazonCheckoutSessionId"


async def handle(
    services: Services, installation: Installation, event: TransactionProcessSession, deadline: Deadline
) -> SessionAnswer:
    api_url = installation.api_url
    payment = await services.database.read(lambda session: payment_rows.find(session, api_url, event.transaction.id))
    if payment is None:
        return refused(api_url, event, "This transaction was not initialized with Amazon Pay; start a new one.")
    try:
        account = await services.directory.account(api_url, payment.account_id)
        if payment.agreement_id is not None:
            return await charging.again(services, account, payment, event, deadline)
        data = parse_transaction_process(event.data)
        outstanding = Money.parse(event.outstanding, event.action.currency)
        payment = await _with_session(services, account, payment, data.amazon_checkout_session_id, deadline)
    except (DataErrors, MoneyError) as wrong:
        return _not_now(event, wrong)
    except (AmazonPayError, ConfigurationError) as absence:
        return undecided(event, absence.public_message, status="processing")
    completed = await completing.complete(services, account, payment, outstanding, deadline)
    if isinstance(completed, Obstacle):
        return refused(api_url, event, completed.message)
    return await _answer(services, account, event, completed, deadline)


def _not_now(event: TransactionProcessSession, wrong: DataErrors | MoneyError) -> SessionAnswer:
    """Anyone may call transactionProcess, so wrong data must not end somebody's payment: nothing is decided."""
    if isinstance(wrong, MoneyError):
        return undecided(event, str(wrong), status="invalid_data")
    return undecided(event, wrong.public_message, status="invalid_data", errors=wrong.as_json())


async def _with_session(
    services: Services, account: Account, payment: Payment, given: str | None, deadline: Deadline
) -> Payment:
    """The payment with the session that is meant.

    Raises:
        DataErrors: another one was given, or none where Amazon has made it (APB).
    """
    session_id = given.lower() if given else payment.session_id
    if payment.session_id is not None or not payment.is_undecided:
        if session_id != payment.session_id and payment.session_id is not None:
            raise _wrong_session("INVALID", "This Amazon Pay session does not belong to the transaction.")
        return payment
    if session_id is None:
        raise _wrong_session("REQUIRED", "Give the amazonCheckoutSessionId with which Amazon sent the buyer back.")
    return await apb_flow.recognize(services, account, payment, session_id, deadline)


def _wrong_session(code: Literal["REQUIRED", "INVALID"], message: str) -> DataErrors:
    return DataErrors([DataError(_SESSION_FIELD, code, message)])


async def _answer(
    services: Services, account: Account, event: TransactionProcessSession, operation: Operation, deadline: Deadline
) -> SessionAnswer:
    def look(session: Session) -> tuple[Payment, SessionAnswer]:
        payment = payment_rows.by_id(session, operation.payment_id)
        if payment is None:
            raise LookupError(operation.payment_id)
        balances = payment_rows.balances(session, payment, account.options.policy)
        return payment, answer_of(event, payment, operation, balances, account.region)

    payment, answer = await services.database.read(look)
    waits_for_buyer = operation.result == SESSION_ACTION_REQUIRED[payment.action_type]
    if waits_for_buyer and payment.redirect_url is None and payment.flow == "review":
        return await send_buyer_on(services, account, payment, event, deadline)  # our update never reached Amazon
    return answer
