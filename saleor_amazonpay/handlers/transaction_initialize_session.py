"""TRANSACTION_INITIALIZE_SESSION: check what the storefront sends, then begin the flow it names.

Source: DESIGN §5, §6 cases 14-15.
"""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.domain.agreements import AgreementTerms
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.handlers import apb_flow, beginnings, checkout_return, problems, review_flow
from saleor_amazonpay.handlers.agreements import asking, charging
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
from saleor_amazonpay.saleor.shapes import DataErrors
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.payments import Payment

SESSION_LIFE = timedelta(hours=24)  # amazon-pay-cv2.md §4.1
FIRST_SWEEP = timedelta(minutes=15)  # what a buyer who is still paying needs


async def handle(
    services: Services, installation: Installation, event: TransactionInitializeSession, deadline: Deadline
) -> SessionAnswer:
    try:
        data = parse_transaction_initialize(event.data)
        account = await services.directory.account_for_channel(installation.api_url, event.source_object.channel.slug)
        if isinstance(data, StoredData):
            return await charging.begin(services, installation, account, event, data, deadline)
        amount = payable(account, event.money(), may_be_nothing=data.asks_for_agreement)
        outstanding = Money.parse(event.outstanding, event.action.currency)
        _check_origins(account, data)
        agreed = asking.asked(account, data, amount, event.source_object)
    except DataErrors as wrong:
        return refused(installation.api_url, event, wrong.public_message, wrong.errors)
    except ConfigurationError as wrong:
        await problems.channel_unusable(services, installation.api_url, event.source_object.channel.slug, wrong)
        return refused(installation.api_url, event, wrong.public_message)
    except MoneyError as wrong:
        return refused(installation.api_url, event, str(wrong))
    payment = _payment(services, account, event, data, amount, outstanding, agreed)
    if isinstance(data, ApbData):
        return await apb_flow.begin(services, account, payment, event, data)
    return await review_flow.begin(services, account, payment, event, deadline)


def _check_origins(account: Account, data: ReviewData | ApbData) -> None:
    check_origins(
        account,
        checkoutResultReturnUrl=data.checkout_result_return_url,
        returnUrl=data.return_url,
        checkoutCancelUrl=data.checkout_cancel_url if isinstance(data, ApbData) else None,
    )


def _payment(
    services: Services,
    account: Account,
    event: TransactionInitializeSession,
    data: ReviewData | ApbData,
    amount: Money,
    outstanding: Money,
    agreed: AgreementTerms | None,
) -> Payment:
    """The payment as it begins, before the buyer goes to Amazon.

    Amazon keeps the query of the shop's result page, so the buyer comes back with the transaction's id in any browser.
    """
    session_id = data.amazon_checkout_session_id.lower() if isinstance(data, ReviewData) else None
    now, shop_page = services.clock.now(), data.checkout_result_return_url
    return beginnings.payment(
        services,
        account,
        event,
        amount,
        outstanding,
        flow="review" if session_id else "apb",
        session_id=session_id,
        session_expires_at=now + SESSION_LIFE,
        result_url=checkout_return.with_query(shop_page, transaction=event.transaction.id)
        if shop_page
        else checkout_return.url(services, beginnings.payment_id(account, event)),
        return_url=data.return_url,
        sweep_at=now + FIRST_SWEEP,
        agreement_terms=agreed,
    )
