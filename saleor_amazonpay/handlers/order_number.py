"""Amazon is told the number of the order a payment belongs to, while its permission can still be changed.

Seller Central, Amazon's mails and settlement reports show it as ``merchantReferenceId``; charges made later carry it
too. A permission that is closed (everything was captured or released) cannot be changed any more, so the number goes
out before a request that may close it, and a sweep sees to the others. Source: amazon-pay-cv2.md §3.
"""

from __future__ import annotations

import structlog

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.errors import AmazonPayRejected, AppError
from saleor_amazonpay.handlers import terms
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 2.0  # of a request's budget: the number is a convenience, the money is not


async def tell(services: Services, payment: Payment, order_id: str, number: str, deadline: Deadline) -> None:
    """Tell Amazon and write down that it was told. A refusal is final, and not worth a problem.

    Raises:
        AmazonPayUnavailable, AmazonPayUnresolved: nothing is written, it may be told again.
    """
    outcome = await _tell_amazon(services, payment, number, deadline)

    def write(session: Session) -> None:
        now = services.clock.now()
        payment_rows.change(session, payment.id, now, order_number=number, order_id=order_id, sweep_at=None)
        timeline.add(session, payment.id, "decision", now, order_number=number, amazon=outcome)

    await services.database.run(write)


async def tell_in_time(services: Services, payment: Payment, order_id: str, number: str, deadline: Deadline) -> None:
    """The same on the way of a request, which must neither fail nor wait long because of it."""
    soon = Deadline(services.clock, min(_PATIENCE_SECONDS, deadline.left / 2))
    try:
        await tell(services, payment, order_id, number, soon)
    except AppError as absence:
        log.info("order_number_not_told", transaction=payment.transaction_id, code=absence.code)


async def _tell_amazon(services: Services, payment: Payment, number: str, deadline: Deadline) -> str:
    permission_id = payment.charge_permission_id
    if permission_id is None or is_standing(payment.charge_permission_type):
        return "not told: the permission is no single order's"
    account = await services.directory.account(payment.api_url, payment.account_id)
    metadata = terms.merchant_metadata(account.options, payment, reference=number)
    request = requests.update_charge_permission(permission_id, merchant_metadata=metadata)
    try:
        with services.chronicle.following(payment.id):
            await services.amazon(account).execute(request, budget=deadline.left)
    except AmazonPayRejected as refusal:
        return refusal.reason_code
    return "told"
