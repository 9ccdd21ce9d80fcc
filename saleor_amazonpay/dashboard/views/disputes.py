"""Chargebacks and A-to-z claims: what is open and until when, and the answer with its evidence.

A dispute is about a payment: whoever may refund it may defend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from saleor_amazonpay.dashboard.pages import Answer, Go, MenuEntry, PageNotFound, Pages, Screen, Upload, Visit
from saleor_amazonpay.domain.disputes import ACTION_REQUIRED, EvidenceType, is_lost, is_over
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.dashboard_users import PAYMENT_STAFF
from saleor_amazonpay.handlers.disputes import answering
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage.disputes import Dispute

pages = Pages()

_MOST = 100
_SOON = timedelta(days=2)

REASONS: Final[Mapping[str, str]] = {
    "ProductNotReceived": marked("The goods did not arrive"),
    "ProductUnacceptable": marked("The goods are not as described"),
    "ProductNoLongerNeeded": marked("The goods are not wanted any more"),
    "CreditNotProcessed": marked("A refund did not arrive"),
    "Overcharged": marked("Too much was charged"),
    "DuplicateCharge": marked("Charged twice"),
    "SubscriptionCancelled": marked("Charged after a cancelation"),
    "Unrecognized": marked("The charge is not recognised"),
    "Fraudulent": marked("Fraud"),
    "Other": marked("Another reason"),
}
EVIDENCE: Final[Mapping[str, str]] = {
    EvidenceType.TRACKING_NUMBER: marked("Tracking number"),
    EvidenceType.CARRIER_NAME: marked("Carrier"),
    EvidenceType.CUSTOMER_SIGNATURE: marked("The customer's signature"),
    EvidenceType.RECEIPT: marked("Receipt or invoice"),
    EvidenceType.PRODUCT_DESCRIPTION: marked("Product description"),
    EvidenceType.CANCELLATION_POLICY: marked("Cancelation terms"),
    EvidenceType.DOWNLOAD_DATE_TIME: marked("Time of a download"),
    EvidenceType.DEVICE_ID: marked("Device ID"),
    EvidenceType.DEVICE_NAME: marked("Device name"),
    EvidenceType.OTHER: marked("Something else"),
}


@pages.get("/disputes", permissions=PAYMENT_STAFF, menu=MenuEntry(marked("Disputes"), order=60, icon="dispute"))
async def listing(visit: Visit) -> Answer:
    return await _listing(visit)


@pages.post("/disputes", permissions=PAYMENT_STAFF)
async def look_up(visit: Visit) -> Answer:
    """Read one by its id: Amazon has no list."""
    try:
        found = await answering.look_up(visit.services, visit.tenant, visit.form.text("disputeId"))
    except AppError as refused:
        return await _listing(visit, refused)
    return Go(f"/disputes/{found.dispute_id}", Message("Read from Amazon Pay."))


@pages.get("/disputes/{dispute_id}", permissions=PAYMENT_STAFF)
async def one(visit: Visit) -> Answer:
    return await _one(visit)


@pages.post("/disputes/{dispute_id}/evidence", permissions=PAYMENT_STAFF)
async def add(visit: Visit) -> Answer:
    chosen = visit.files.get("file", Upload("", b""))
    form = visit.form
    try:
        await answering.add_evidence(
            visit.services,
            visit.tenant,
            visit.path["dispute_id"],
            form.text("type"),
            text=form.text("text"),
            name=chosen.name,
            content=chosen.content,
            by=visit.by,
        )
    except answering.UnknownDispute:
        raise PageNotFound from None
    except AppError as refused:
        return await _one(visit, refused)
    return Go(f"/disputes/{visit.path['dispute_id']}", Message("Added. It is sent once you send your answer."))


@pages.post("/disputes/{dispute_id}/evidence/{evidence_id}/remove", permissions=PAYMENT_STAFF)
async def remove(visit: Visit) -> Answer:
    dispute_id = visit.path["dispute_id"]
    await answering.remove_evidence(visit.services, visit.tenant, dispute_id, visit.path["evidence_id"])
    return Go(f"/disputes/{dispute_id}", Message("Removed."))


@pages.post("/disputes/{dispute_id}/contest", permissions=PAYMENT_STAFF)
async def contest(visit: Visit) -> Answer:
    dispute_id = visit.path["dispute_id"]
    try:
        found = await answering.contest(visit.services, visit.tenant, dispute_id, by=visit.by)
    except answering.UnknownDispute:
        raise PageNotFound from None
    except AppError as refused:
        return await _one(visit, refused)
    is_sent = found.contest_state == dispute_rows.SENT
    told = Message("Your answer was sent.") if is_sent else Message("Your answer is on its way.")
    return Go(f"/disputes/{dispute_id}", told)


@pages.post("/disputes/{dispute_id}/read", permissions=PAYMENT_STAFF)
async def read(visit: Visit) -> Answer:
    dispute_id = visit.path["dispute_id"]
    try:
        await answering.look_up(visit.services, visit.tenant, dispute_id)
    except AppError as refused:
        return await _one(visit, refused)
    return Go(f"/disputes/{dispute_id}", Message("Read from Amazon Pay."))


async def _listing(visit: Visit, refused: AppError | None = None) -> Answer:
    found = await visit.services.database.read(lambda session: dispute_rows.page(session, visit.tenant, limit=_MOST))
    rows = sorted(found, key=lambda each: (is_over(each.state), each.respond_by or each.created_at))
    return Screen(
        "disputes.html",
        title=Message("Disputes"),
        status=422 if refused else 200,
        rows=rows,
        fault=refused.sentence if refused else None,
        entered=visit.form.text("disputeId"),
        **_words(visit),
    )


async def _one(visit: Visit, refused: AppError | None = None) -> Answer:
    try:
        found, gathered = await answering.dispute(visit.services, visit.tenant, visit.path["dispute_id"])
    except answering.UnknownDispute:
        raise PageNotFound from None
    return Screen(
        "dispute.html",
        title=Message("Dispute {id}", id=found.dispute_id),
        status=422 if refused else 200,
        dispute=found,
        gathered=gathered,
        fault=refused.sentence if refused else None,
        kind=visit.form.text("type"),
        text=visit.form.text("text"),
        **_words(visit),
    )


def _words(visit: Visit) -> dict[str, object]:
    now = visit.services.clock.now()
    return {
        "reasons": REASONS,
        "evidence_types": EVIDENCE,
        "badge": badge,
        "left": lambda dispute: _left(dispute, now),
        "is_urgent": lambda dispute: dispute.respond_by is not None and dispute.respond_by - now < _SOON,
        "is_open": lambda dispute: (
            dispute.state == ACTION_REQUIRED
            and dispute.contest_state != dispute_rows.COMMITTED
            and (dispute.respond_by is None or now < dispute.respond_by)
        ),
    }


def badge(dispute: Dispute) -> tuple[str, str]:
    """What it has come to, and its tone."""
    if is_lost(dispute.state, dispute.resolution, dispute.reason_code):
        return marked("Lost"), "critical"
    if is_over(dispute.state):
        return marked("Ended, the money is yours"), "success"
    if dispute.contest_state == dispute_rows.COMMITTED:
        return marked("Answer on its way"), "info"
    if dispute.state == ACTION_REQUIRED:
        return marked("Your answer is wanted"), "warning"
    return marked("Amazon Pay looks into it"), "info"


def _left(dispute: Dispute, now: datetime) -> Message | None:
    """How long there is for an answer; None where none is wanted."""
    if dispute.state != ACTION_REQUIRED or dispute.respond_by is None:
        return None
    left = dispute.respond_by - now
    if left <= timedelta(0):
        return Message("The time is over")
    if left >= _SOON:
        return Message("{days} days left", days=left.days)
    hours = max(1, int(left.total_seconds() // 3600))
    return Message("{hours} h left", hours=hours)
