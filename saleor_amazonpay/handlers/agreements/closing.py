"""An agreement ended from our side: by its customer, by the merchant, or with the customer's erasure.

It counts as ended from the commit on; Amazon is told at once where it answers, else by a job until it has confirmed.
"""

from __future__ import annotations

from datetime import timedelta

from saleor_amazonpay.domain.states import ChargePermissionState
from saleor_amazonpay.handlers.agreements import births, looking
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session

_SAFETY_NET = timedelta(minutes=1)
_MAX_REASON = 255


async def close(services: Services, known: Agreement, *, reason: str, by: str, deadline: Deadline) -> Agreement:
    """The agreement as it is then: closed, or with ``closing_since`` set where Amazon has not confirmed it yet."""
    asked = await services.database.run(lambda session: _ask(session, services, known.id, reason[:_MAX_REASON], by))
    if asked is None or asked.state == ChargePermissionState.CLOSED:
        return asked or known
    try:
        return await looking.look(services, known.id, deadline) or asked
    except RetryLater:
        return asked


def _ask(session: Session, services: Services, agreement_id: str, reason: str, by: str) -> Agreement | None:
    known = agreement_rows.by_id(session, agreement_id, lock=True)
    if known is None or known.is_closed:
        return known
    now = services.clock.now()
    agreement_rows.change(session, known.id, now, closing_since=now, closing_reason=reason, watch_at=now)
    timeline.add(session, known.id, "request", now, agreement="to be closed", by=by, reason=reason)
    births.defer_look(session, services, known, at=now + _SAFETY_NET)
    return agreement_rows.by_id(session, known.id)
