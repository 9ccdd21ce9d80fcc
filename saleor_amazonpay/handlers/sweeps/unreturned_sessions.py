"""Sessions that still live and whose buyer did not come back: a payment made at Amazon is not lost with the tab.

Whether such a buyer is taken for a customer is the account's option ``abandonedPaid`` (case 1): ``auto`` where Saleor
completes paid checkouts by itself (seen with MANAGE_CHECKOUTS, decision 0017) and for orders, which exist already.
"""

from __future__ import annotations

import structlog

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.errors import SaleorRefused
from saleor_amazonpay.handlers import completing
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor.events import Order
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.payments import Payment

log = structlog.get_logger(__name__)


async def look(services: Services, payment: Payment, deadline: Deadline) -> None:
    """Complete the session if the account wants that and the source still needs the very amount.

    Where the amount has changed nothing is done: the buyer may still come back, and the shop decides then.
    """
    account = await services.directory.account(payment.api_url, payment.account_id)
    outstanding = await _wanted(services, account, payment)
    if outstanding is not None and completing.still_fits(payment, outstanding):
        await completing.complete(services, account, payment, outstanding, deadline, waiting_caller=False)


async def _wanted(services: Services, account: Account, payment: Payment) -> Money | None:
    """What the source needs now; None when nothing is to be completed."""
    if account.options.abandoned_paid == "leave":
        return None
    token = (await services.directory.tenant(payment.api_url)).installation.token
    source = await services.saleor.transaction_source(payment.api_url, token, payment.transaction_id)
    if source is None:
        return None
    is_auto = account.options.abandoned_paid == "auto"
    if is_auto and not isinstance(source, Order) and not await _completes_by_itself(services, payment, token):
        return None
    try:
        return Money.parse(source.outstanding_excluding(payment.transaction_id), source.due.currency)
    except MoneyError:
        return None


async def _completes_by_itself(services: Services, payment: Payment, token: str) -> bool:
    try:
        return await services.saleor.completes_paid_checkouts(payment.api_url, token, payment.channel_slug)
    except SaleorRefused as refusal:
        log.info("checkout_settings_unreadable", tenant=payment.api_url, reason=refusal.public_message)
        return False
