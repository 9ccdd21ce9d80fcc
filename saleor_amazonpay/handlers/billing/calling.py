"""A settled operation calls the renewal it belongs to, so that nobody has to look whether it is through.

Called where operations are settled, in the same transaction, whoever settles them: a webhook, a job, a notification, a
sweep. The renewal's row is left alone (it is locked before its payment, never after): the job finds by itself that
what it waited for is there. The look that was put off stays behind it as the safety net.
"""

from __future__ import annotations

from saleor_amazonpay.domain.states import ChargeInitiator
from saleor_amazonpay.handlers.billing import settling
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment


def follow(session: Session, services: Services, payment: Payment, operation: Operation) -> None:
    """Have the next step of the payment's renewal taken, where there is one and it waits for this operation."""
    if payment.charge_initiator != ChargeInitiator.MERCHANT_RECURRING:
        return  # and no row is read for what a buyer pays
    renewal = renewal_rows.by_transaction(session, payment.api_url, payment.transaction_id)
    if renewal is not None and settling.WAITS_FOR.get(renewal.step) is operation.kind:
        settling.carry_on(session, services, renewal)
