"""Only the body of a webhook is signed, so the body must say that it is for us, for this route, and recent.

Source: DESIGN §4 rule 9; saleor-contract.md §4.2.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from saleor_amazonpay.errors import InvalidPayload, WrongRecipient
from saleor_amazonpay.saleor.errors import FuturePayload, StalePayload
from saleor_amazonpay.saleor.events import Event

SESSION_WINDOW = timedelta(minutes=10)
ACTION_WINDOW = timedelta(hours=24)  # repeats are harmless by identity, and Saleor's queue may be slow
FUTURE_LEEWAY = timedelta(seconds=60)


def check_envelope(
    event: Event,
    *,
    expected_typename: str,
    recipient_id: str,
    now: datetime,
    session_window: timedelta = SESSION_WINDOW,
    action_window: timedelta = ACTION_WINDOW,
    future_leeway: timedelta = FUTURE_LEEWAY,
) -> None:
    """Return if the event is this route's, made for the app ``recipient_id``, and fresh at ``now``.

    Raises:
        WrongRecipient: made for another app of the same Saleor, or for an earlier installation.
        InvalidPayload: another event's body.
        StalePayload: issued outside the window.
        FuturePayload: one of the two clocks is wrong.
    """
    if event.recipient is None or event.recipient.id != recipient_id:
        raise WrongRecipient("The event is addressed to another app.")
    if event.typename != expected_typename:
        raise InvalidPayload(f"Expected {expected_typename}, got another event.")
    if event.issued_at.tzinfo is None:
        raise InvalidPayload("issuedAt has no time zone.")
    age = now - event.issued_at.astimezone(UTC)
    if age < -future_leeway:
        raise FuturePayload("The event was issued later than now.")
    if age > (session_window if event.is_session else action_window):
        raise StalePayload("The event was not issued just now.")
