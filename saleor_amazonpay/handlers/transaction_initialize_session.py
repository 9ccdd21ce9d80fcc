"""TRANSACTION_INITIALIZE_SESSION: check what the storefront sends, then begin the flow it names.

Source: DESIGN §5, §6 cases 14-15.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import PaymentState
from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.handlers import apb_flow, checkout_return, problems, review_flow
from saleor_amazonpay.handlers.button import payable
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import check_origins, refused
from saleor_amazonpay.saleor.answers import SessionAnswer
from saleor_amazonpay.saleor.data import (
    ApbData,
    ReviewData,
    StoredData,
    parse_transaction_initialize,
)
from saleor_amazonpay.saleor.events import TransactionInitializeSession
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.payments import Payment

SESSION_LIFE = timedelta(hours=24)  # amazon-pay-cv2.md §4.1
FIRST_SWEEP = timedelta(minutes=15)  # what a buyer who is still paying needs
FIRST_AUDIT = timedelta(days=1)
_NEVER_CLAIMED = datetime.fromtimestamp(0, UTC)


async def handle(
    services: Services, installation: Installation, event: TransactionInitializeSession, deadline: Deadline
) -> SessionAnswer:
    try:
        data = parse_transaction_initialize(event.data)
        account = await services.directory.account_for_channel(installation.api_url, event.source_object.channel.slug)
        amount = payable(account, event.money())
        outstanding = Money.parse(event.outstanding, event.action.currency)
        if isinstance(data, StoredData):
            raise _not_available()
        _check_origins(account, data)
    except DataErrors as wrong:
        return refused(installation.api_url, event, wrong.public_message, wrong.errors)
    except ConfigurationError as wrong:
        await problems.channel_unusable(services, installation.api_url, event.source_object.channel.slug, wrong)
        return refused(installation.api_url, event, wrong.public_message)
    except MoneyError as wrong:
        return refused(installation.api_url, event, str(wrong))
    payment = _payment(services, account, event, data, amount, outstanding)
    if isinstance(data, ApbData):
        return await apb_flow.begin(services, account, payment, event, data)
    return await review_flow.begin(services, account, payment, event, data, deadline)


def _check_origins(account: Account, data: ReviewData | ApbData) -> None:
    check_origins(
        account,
        checkoutResultReturnUrl=data.checkout_result_return_url,
        returnUrl=data.return_url,
        checkoutCancelUrl=data.checkout_cancel_url if isinstance(data, ApbData) else None,
    )


def _not_available() -> DataErrors:
    return DataErrors([DataError("data.flow", "INVALID", "Stored payment methods are not available.")])


def _payment(
    services: Services,
    account: Account,
    event: TransactionInitializeSession,
    data: ReviewData | ApbData,
    amount: Money,
    outstanding: Money,
) -> Payment:
    """The payment as it begins; its id is derived, so that the same transaction is always the same payment.

    Amazon keeps the query of the shop's result page, so the buyer comes back with the transaction's id in any browser.
    """
    now, source = services.clock.now(), event.source_object
    payment_id = keys.reference("payment", account.api_url, event.transaction.id)
    session_id = data.amazon_checkout_session_id.lower() if isinstance(data, ReviewData) else None
    shop_page = data.checkout_result_return_url
    return Payment(
        id=payment_id,
        api_url=account.api_url,
        transaction_id=event.transaction.id,
        account_id=account.id,
        channel_slug=source.channel.slug,
        flow="review" if session_id else "apb",
        action_type=event.action.action_type,
        source_type=type(source).__name__,
        source_id=source.id,
        customer_id=source.user.id if source.user else None,
        amount=amount,
        outstanding=outstanding,
        state=PaymentState.AWAITING_BUYER,
        session_id=session_id,
        session_expires_at=now + SESSION_LIFE,
        result_url=checkout_return.with_query(shop_page, transaction=event.transaction.id)
        if shop_page
        else checkout_return.url(services, payment_id),
        return_url=data.return_url,
        redirect_url=None,
        charge_permission_id=None,
        charge_permission_type=None,
        charge_permission_state=None,
        charge_permission_balance=None,
        charge_permission_expires_at=None,
        released=Money.zero(amount.currency),
        claim_fence=0,
        claimed_until=_NEVER_CLAIMED,
        created_at=now,
        updated_at=now,
        sweep_at=now + FIRST_SWEEP,
        audit_at=now + FIRST_AUDIT,
    )
