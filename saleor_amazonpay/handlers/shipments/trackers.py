"""Amazon is told that a parcel is under way, so that the buyer's Alexa can tell the buyer.

A tracker moves no money and is worth no money: what Amazon refuses is shown to the merchant and left at that.
Source: amazon-pay-cv2.md §3.11; saleor-contract.md §10.
"""

from __future__ import annotations

import structlog

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.amazonpay.payloads import DeliveryDetail
from saleor_amazonpay.domain import keys
from saleor_amazonpay.errors import AmazonPayError, AmazonPayRejected
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import delivery_trackers as tracker_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.delivery_trackers import DUE, REFUSED, SENT, DeliveryTracker
from saleor_amazonpay.storage.due import payment_of
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

TELL_AMAZON = "deliver_tracker"

log = structlog.get_logger(__name__)


def problem_key(account_id: str) -> str:
    """One problem an account: a merchant who is not admitted by Amazon would have one for every parcel."""
    return problems.key_of("tracker", account_id)


def announce(
    session: Session,
    services: Services,
    payment: Payment,
    fulfillment_id: str,
    order_number: str,
    tracking_number: str,
    code: str,
) -> None:
    """Have Amazon told, once for each permission and number."""
    now = services.clock.now()
    tracker = DeliveryTracker(
        api_url=payment.api_url,
        charge_permission_id=payment.charge_permission_id or "",
        tracking_number=tracking_number,
        payment_id=payment.id,
        fulfillment_id=fulfillment_id,
        order_number=order_number,
        carrier_code=code,
        state=DUE,
        reason_code=None,
        created_at=now,
        updated_at=now,
    )
    if not tracker_rows.add(session, tracker):
        return
    arguments = {
        "api_url": tracker.api_url,
        "charge_permission_id": tracker.charge_permission_id,
        "tracking_number": tracking_number,
    }
    key = keys.reference("tracker", *arguments.values(), code)
    services.jobs.defer(
        session, TELL_AMAZON, key=key, args=arguments, priority=services.turns.priority(tracker.api_url)
    )


async def tell_amazon(
    services: Services, api_url: str, charge_permission_id: str, tracking_number: str, deadline: Deadline
) -> None:
    """Send one tracker.

    Raises:
        RetryLater: Amazon cannot be reached now; a repeat has the same key and bytes.
    """
    tracker, payment = await services.database.read(
        lambda session: _find(session, api_url, charge_permission_id, tracking_number)
    )
    if tracker is None or payment is None or tracker.state != DUE:
        return
    account = await services.directory.account(api_url, payment.account_id)
    request = requests.delivery_trackers(
        [DeliveryDetail(tracking_number=tracker.tracking_number, carrier_code=tracker.carrier_code)],
        charge_permission_id=charge_permission_id,
        idempotency_key=keys.idempotency_key(
            "tracker", api_url, charge_permission_id, tracking_number, tracker.carrier_code
        ),
    )
    try:
        with services.chronicle.following(payment.id):
            await services.amazon(account).execute(request, budget=deadline.left)
    except AmazonPayRejected as refusal:
        code = refusal.reason_code
        await services.database.run(lambda session: _refused(session, services, tracker, payment, code))
    except AmazonPayError as absence:
        raise RetryLater(None, f"Amazon Pay was not told of a parcel: {absence.code}") from absence
    else:
        await services.database.run(lambda session: _settle(session, services, tracker, SENT, None))
        await _cure(services, tracker, account.id)


async def _cure(services: Services, tracker: DeliveryTracker, account_id: str) -> None:
    """What was announced after the problem was raised shows that its cause is gone; an older one shows nothing."""
    key = problem_key(account_id)
    known = await services.database.read(lambda session: problem_rows.get(session, tracker.api_url, key))
    if known is not None and known.raised_at <= tracker.updated_at:
        await problems.cure(services, tracker.api_url, key)


def _find(
    session: Session, api_url: str, charge_permission_id: str, tracking_number: str
) -> tuple[DeliveryTracker | None, Payment | None]:
    tracker = tracker_rows.get(session, api_url, charge_permission_id, tracking_number)
    return tracker, payment_of(session, tracker.payment_id) if tracker else None


def _refused(
    session: Session, services: Services, tracker: DeliveryTracker, payment: Payment, reason_code: str
) -> None:
    _settle(session, services, tracker, REFUSED, reason_code)
    sentence = Message(
        "Amazon Pay did not take the tracking number {number} ({carrier}) of order {order} ({reason}). A number can be "
        "used once, the carrier must be one Amazon knows, and Amazon must have admitted your account to delivery "
        "notices.",
        number=tracker.tracking_number,
        carrier=tracker.carrier_code,
        order=tracker.order_number,
        reason=reason_code,
    )
    problems.raise_in(session, services, tracker.api_url, problem_key(payment.account_id), sentence)


def _settle(
    session: Session, services: Services, tracker: DeliveryTracker, state: str, reason_code: str | None
) -> None:
    now = services.clock.now()
    tracker_rows.settle(session, tracker, state, reason_code, now=now)
    detail = {"reason_code": reason_code} if reason_code else {}
    timeline.add(
        session,
        tracker.payment_id,
        "decision",
        now,
        tracking_number=tracker.tracking_number,
        carrier=tracker.carrier_code,
        amazon="told" if state == SENT else "refused",
        **detail,
    )
