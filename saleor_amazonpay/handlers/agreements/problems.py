"""What the merchant is told of all agreements of a tenant at once: one App Problem of each kind.

Which agreements they are is in the list; a shop with a thousand subscribers has cards expire every day.
Source: amazon-pay-cv2.md §4.1 (13 months), §4.3 (reasons), §6.5 (the buyer ends it).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.agreements.looking import KEEP_ALIVE
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreements import Watched
from saleor_amazonpay.storage.engine import Session

SUSPENDED, LAPSING, ENDED = "agreements_suspended", "agreements_lapsing", "agreements_ended"

_ENDED_WITHIN = timedelta(days=14)


async def look(services: Services, api_url: str) -> None:
    """Raise, renew or take back the tenant's problems by what its agreements are now."""
    await services.database.run(lambda session: _look(session, services, api_url))


def _look(session: Session, services: Services, api_url: str) -> None:
    now = services.clock.now()
    seen = agreement_rows.watched(session, api_url, lapsing_by=now + KEEP_ALIVE, ended_since=now - _ENDED_WITHIN)
    for kind, (count, sentence) in _sentences(seen).items():
        if count:
            problems.raise_in(session, services, api_url, kind, sentence)
        else:
            problems.cure_in(session, services, api_url, kind)


def _sentences(seen: Watched) -> dict[str, tuple[int, Message]]:
    counts = {SUSPENDED: seen.suspended, LAPSING: seen.lapsing, ENDED: seen.ended}
    return {kind: (count, Message(_TEXTS[kind], count=count)) for kind, count in counts.items()}


_TEXTS: Mapping[str, str] = {
    SUSPENDED: marked(
        "Amazon Pay agreements that cannot be charged until the buyer updates the payment method at Amazon: {count}. "
        "Amazon does not write to them: send them the link that the list of agreements shows."
    ),
    LAPSING: marked(
        "Amazon Pay agreements that lapse within 30 days, because they were not charged for a year: {count}. "
        "A charge keeps one for another 13 months; else end it."
    ),
    ENDED: marked(
        "Amazon Pay agreements that buyers ended at Amazon in the last 14 days: {count}. That ends the payment, not "
        "what you agreed on: cancel these subscriptions, or ask for another payment method."
    ),
}
