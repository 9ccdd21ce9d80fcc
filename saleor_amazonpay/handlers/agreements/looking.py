"""One look at an agreement, whoever asks: a notification, the sweep, a page, its birth (DESIGN §4 rule 2).

Reads Amazon's permission, or closes it where that was asked for, and does what follows from its state.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog

from saleor_amazonpay.amazonpay import ApiRequest, ChargePermission, requests
from saleor_amazonpay.domain.states import ChargePermissionState, PaymentState
from saleor_amazonpay.errors import AmazonPayError, AmazonPayRejected, ConfigurationError
from saleor_amazonpay.handlers.agreements import copies
from saleor_amazonpay.handlers.billing import settling
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)

RECONCILE_PAYMENT = "reconcile_payment"

KEEP_ALIVE = timedelta(days=30)
"""How long before the end a permission that nobody charges is warned about."""

_QUIET, _SUSPENDED, _AGAIN = timedelta(days=7), timedelta(days=1), timedelta(hours=1)
_MOST_WOKEN = 100


def lapses_soon(known: Agreement, now: datetime) -> bool:
    """Nobody has charged it for about a year: the next charge keeps it alive (§4.1)."""
    return not known.is_closed and known.expires_at is not None and known.expires_at - now <= KEEP_ALIVE


async def look(services: Services, agreement_id: str, deadline: Deadline) -> Agreement | None:
    """The agreement as Amazon has it now.

    Raises:
        RetryLater: Amazon cannot be asked now.
    """
    known = await services.database.read(lambda session: agreement_rows.by_id(session, agreement_id))
    if known is None:
        return None
    seen = None if known.state == ChargePermissionState.CLOSED else await _seen(services, known, deadline)
    after = await services.database.run(lambda session: _settle(session, services, known.id, seen))
    if after is not None and after.state == ChargePermissionState.CLOSED:
        await services.database.run(lambda session: settling.end_with_agreement(session, services, after.id))
    return after


async def _seen(services: Services, known: Agreement, deadline: Deadline) -> ChargePermission | None:
    """What Amazon says; a refused closing is read after, it may have been closed already."""
    try:
        account = await services.directory.account(known.api_url, known.account_id)
    except ConfigurationError as locked:
        log.info("agreement_not_read", agreement=known.id, reason=locked.code)
        return None
    for request in _requests(known):
        try:
            answer = await services.amazon(account).execute(request, budget=deadline.left)
        except AmazonPayRejected as refusal:
            log.info("agreement_refused", agreement=known.id, operation=request.operation, reason=refusal.reason_code)
        except AmazonPayError as absence:
            raise RetryLater(None, f"Amazon Pay cannot be asked: {absence.code}") from absence
        else:
            seen: ChargePermission = answer.value
            return seen
    return None


def _requests(known: Agreement) -> list[ApiRequest[Any]]:
    read = requests.get_charge_permission(known.charge_permission_id)
    if known.closing_since is None:
        return [read]
    reason = known.closing_reason or "Ended in the shop."
    # What is authorized for an order stays, to be captured or cancelled with that order.
    close = requests.close_charge_permission(known.charge_permission_id, reason, cancel_pending_charges=False)
    return [close, read]


def _settle(session: Session, services: Services, agreement_id: str, seen: ChargePermission | None) -> Agreement | None:
    now = services.clock.now()
    known = agreement_rows.by_id(session, agreement_id, lock=True)
    if known is None:
        return None
    if seen is not None:
        copies.write(session, known.api_url, seen, now=now)
    after = agreement_rows.by_id(session, agreement_id) or known
    if after.state == ChargePermissionState.CLOSED:
        _wake_payments(session, services, after)
    agreement_rows.change(session, after.id, now, watch_at=_next(after, now))
    return after


def _next(known: Agreement, now: datetime) -> datetime | None:
    """Notifications tell first; a look finds what they did not."""
    if known.state == ChargePermissionState.CLOSED:
        return None
    if known.closing_since is not None:
        return now + _AGAIN
    if known.state == ChargePermissionState.NON_CHARGEABLE:
        return now + _SUSPENDED
    end = known.expires_at
    return min(now + _QUIET, end) if end is not None and end > now else now + _QUIET


def _wake_payments(session: Session, services: Services, known: Agreement) -> None:
    """What was not charged yet can be charged no more: each of its payments tells Saleor (case 4)."""
    if known.watch_at is None:
        return  # done before
    for payment in payment_rows.of_permission(session, known.api_url, known.charge_permission_id, limit=_MOST_WOKEN):
        if payment.state in {PaymentState.ACTIVE, PaymentState.PENDING}:
            services.jobs.defer(
                session,
                RECONCILE_PAYMENT,
                key=payment.id,
                args={"payment_id": payment.id},
                priority=services.turns.priority(payment.api_url),
            )
    timeline.add(session, known.id, "decision", services.clock.now(), payments="looked at once more")
