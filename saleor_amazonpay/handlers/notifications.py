"""Amazon's notifications: received into the inbox, then matched to a payment and reconciled by a job.

Source: DESIGN §4 rule 2, §6 cases 5 and 16; amazon-pay-cv2.md §8.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from saleor_amazonpay.amazonpay.notifications import Envelope, read_notification
from saleor_amazonpay.errors import AmazonPayError, RequestRejected
from saleor_amazonpay.handlers import reconcile
from saleor_amazonpay.handlers.agreements import noticing
from saleor_amazonpay.handlers.disputes import reading as disputes
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.storage import notifications as inbox
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.notifications import Received
from saleor_amazonpay.storage.payments import Payment

log = structlog.get_logger(__name__)

HANDLE_NOTIFICATION = "handle_notification"

# An object may be notified before the answer that creates it here is written; later it is somebody else's.
_UNKNOWN_FOR = timedelta(minutes=10)
_LOOK_AGAIN_SECONDS = 30.0  # 20 looks, fewer than a job may have attempts


class UnknownAccount(RequestRejected):
    status = 404
    code = "UNKNOWN_ACCOUNT"


async def receive(services: Services, account_id: str, envelope: Envelope) -> str:
    """Store a verified message with its job in one transaction; a word for the log.

    Raises:
        UnknownAccount: no account has this URL.
        InvalidPayload: the message names no object.
    """
    if envelope.type != "Notification":
        return "acknowledged"  # subscription housekeeping; Amazon Pay asks merchants for nothing here (§8.5)
    notification = read_notification(envelope.message)
    now = services.clock.now()

    def store(session: Session) -> bool:
        api_url = inbox.tenant_of(session, account_id)
        if api_url is None:
            raise UnknownAccount("There is no such Amazon Pay account.")
        received = Received(
            message_id=envelope.message_id,
            api_url=api_url,
            account_id=account_id,
            merchant_id=notification.merchant_id,
            object_type=notification.object_type,
            object_id=notification.object_id,
            charge_permission_id=notification.charge_permission_id,
            state="new",
            received_at=now,
        )
        is_new = inbox.insert(session, received)
        if is_new:
            arguments = {"message_id": received.message_id}
            services.jobs.defer(
                session,
                HANDLE_NOTIFICATION,
                key=received.message_id,
                args=arguments,
                priority=services.turns.priority(api_url),
            )
        return is_new

    return "stored" if await services.database.run(store) else "repeated"


async def handle(services: Services, message_id: str, deadline: Deadline) -> None:
    """Find the payment or agreement a notification is about, anywhere in its tenant, and read it anew from Amazon.

    Raises:
        RetryLater: the object is not known yet, or another actor has the payment.
    """
    received = await services.database.read(lambda session: inbox.by_id(session, message_id))
    if received is None or received.state != "new":
        return
    agreement = await services.database.read(lambda session: noticing.agreement_of(session, received))
    payment = await _payment_of(services, received, agreement, deadline)
    about = payment or agreement
    if about is not None and not await _is_our_merchants(services, received, about):
        await _close(services, received, "ignored", "the object belongs to another merchant", payment)
    elif payment is not None:
        if received.object_type == disputes.OBJECT_TYPE:
            await _read_dispute(services, payment, received, deadline)
        await reconcile.payment(services, payment.id, deadline, named=(received.object_type, received.object_id))
        await _close(services, received, "handled", None, payment)
    elif agreement is not None and noticing.is_about_itself(agreement, received):
        await noticing.look(services, agreement, deadline)
        await _close(services, received, "handled", None)
    elif services.clock.now() - received.received_at < _UNKNOWN_FOR:
        raise RetryLater(_LOOK_AGAIN_SECONDS, f"{received.object_id} is not known (yet)")
    else:
        await _close(services, received, "ignored", "no payment of this tenant has this object")


async def _read_dispute(services: Services, payment: Payment, received: Received, deadline: Deadline) -> None:
    try:
        await disputes.read(services, payment, received.object_id, deadline)
    except AmazonPayError as absence:
        raise RetryLater(None, f"the dispute cannot be read: {absence.code}") from absence


async def _payment_of(
    services: Services, received: Received, agreement: Agreement | None, deadline: Deadline
) -> Payment | None:
    """A one-time permission is one payment's; on a standing one only the named object tells whose it is."""
    if agreement is None or received.object_type == disputes.OBJECT_TYPE:
        permission_id = received.charge_permission_id or received.object_id.rpartition("-B")[0] or received.object_id
        return await services.database.read(
            lambda session: payment_rows.by_permission(session, received.api_url, permission_id)
        )
    found = await services.database.read(lambda session: noticing.payment_of(session, received))
    return found or await noticing.payment_of_unknown_refund(services, agreement, received, deadline)


async def _is_our_merchants(services: Services, received: Received, about: Payment | Agreement) -> bool:
    account = await services.directory.account(about.api_url, about.account_id)
    return received.merchant_id in {"", account.merchant_id}


async def _close(
    services: Services, received: Received, state: str, note: str | None, payment: Payment | None = None
) -> None:
    now = services.clock.now()
    if note:
        log.info("notification_ignored", message_id=received.message_id, reason=note)

    def write(session: Session) -> None:
        inbox.close(session, received.message_id, state, note, now)
        if payment is not None:
            _tell_timeline(session, payment, received, note)

    await services.database.run(write)


def _tell_timeline(session: Session, payment: Payment, received: Received, note: str | None) -> None:
    timeline.add(
        session,
        payment.id,
        "notification",
        received.received_at,
        object=received.object_type,
        amazon_id=received.object_id,
        message_id=received.message_id,
        **({"ignored": note} if note else {}),
    )
