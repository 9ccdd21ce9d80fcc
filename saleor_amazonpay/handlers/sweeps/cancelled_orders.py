"""Orders cancelled in Saleor, which tells a payment app nothing by itself: what they hold at Amazon is released.

Account option ``onOrderCancelled: release``. Saleor is asked which orders were cancelled lately instead of sending each
shop's cancelations to an app that mostly has nothing to do with them, and nothing is lost while the app is away. What
was charged is never refunded by this: a person decides that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from saleor_amazonpay.domain.states import OperationKind, PaymentState
from saleor_amazonpay.handlers import operations
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

log = structlog.get_logger(__name__)

SECONDS = 300.0
LOOK = "look_for_cancelled_orders"
_RELEASES = "release"
_SINCE = timedelta(hours=25)  # a day's outage loses none, and the option works a day back when it is switched on
_PAGES = 10


@dataclass(frozen=True, slots=True)
class CancelledOrder:
    id: str
    number: str
    transaction_ids: Sequence[str]


async def run(services: Services) -> None:
    """One job for each tenant that has chosen it, so that no Saleor waits for another's."""
    await services.database.run(lambda session: _defer(session, services))


def _defer(session: Session, services: Services) -> None:
    for api_url in account_rows.tenants_releasing(session):
        services.jobs.defer(session, LOOK, key=api_url, args={"api_url": api_url})


async def look(services: Services, api_url: str) -> None:
    """Release what lately cancelled orders of one tenant hold; a second look does nothing more."""
    tenant = await services.directory.tenant(api_url)
    since, after, released = services.clock.now() - _SINCE, None, 0
    for _ in range(_PAGES):
        orders, after = await services.saleor.cancelled_orders(
            api_url, tenant.installation.token, since=since, after=after
        )
        for order in [CancelledOrder(*found) for found in orders]:
            released += await _released(services, api_url, order)
        if after is None:
            break
    services.metrics.swept("cancelled_orders", done=released)


async def _released(services: Services, api_url: str, order: CancelledOrder) -> int:
    """On how many of the order's payments something is being released by this look."""
    begun = 0
    for transaction_id in order.transaction_ids:
        payment = await services.database.read(
            lambda session, id_=transaction_id: payment_rows.find(session, api_url, id_)  # type: ignore[misc]
        )
        if payment is None or payment.state != PaymentState.ACTIVE:
            continue
        account = await services.directory.account(api_url, payment.account_id, even_locked=True)
        if account.options.on_order_cancelled == _RELEASES and account.state != "locked":
            begun += await services.database.run(
                lambda session, payment=payment, account=account: _release(  # type: ignore[misc]
                    session, services, account, payment, order
                )
            )
    return begun


def _release(session: Session, services: Services, account: Account, payment: Payment, order: CancelledOrder) -> bool:
    balances = payment_rows.balances(session, payment, account.options.policy)
    if not balances.releasable.is_positive:
        return False
    now = services.clock.now()
    cancel = operations.new_operation(
        payment, OperationKind.CANCEL, f"order-cancelled-{order.id}", balances.releasable, now=now
    )
    if not operations.start_later(session, services, payment, cancel):
        return False
    timeline.add(session, payment.id, "decision", now, reason="order cancelled in Saleor", order=order.number)
    log.info("order_cancelled", tenant=payment.api_url, payment=payment.id, order=order.number)
    return True
