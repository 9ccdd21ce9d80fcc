"""A page that follows what it shows: htmx asks for it again, ever more rarely, until all is decided or it took long.

``static/app.js`` replaces those parts (``data-live``) that changed, so that focus, entries and what was opened stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from saleor_amazonpay.dashboard.pages import Visit
from saleor_amazonpay.handlers.merchant_payments import following
from saleor_amazonpay.handlers.merchant_payments.story import PaymentStory
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.staff_actions import StaffRequest

# How many looks a rhythm lasts, and the seconds before each: 13 minutes in all.
_RHYTHM: Final = ((5, 2), (10, 5), (20, 15), (40, 30))
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Following:
    """``delay`` is how many seconds later the page looks again; None when it has stopped."""

    path: str
    looks: int
    is_moving: bool
    under_way: Sequence[Operation]
    awaited: Sequence[StaffRequest]
    outcomes: Sequence[Operation]

    @property
    def delay(self) -> int | None:
        if not self.is_moving:
            return None
        return next((seconds for upto, seconds in _RHYTHM if self.looks < upto), None)


def follow(visit: Visit, path: str, stories: Sequence[PaymentStory]) -> Following:
    """``path`` is the page's own; its query ``looks`` counts how often it has looked."""
    now = visit.services.clock.now()
    asked = visit.query.text("looks")[:_DIGITS]
    return Following(
        path=path,
        looks=int(asked) if asked.isascii() and asked.isdecimal() else 0,
        is_moving=any(following.is_moving(told, now) for told in stories),
        under_way=[operation for told in stories for operation in told.under_way],
        awaited=_awaited(stories, now),
        outcomes=[operation for told in stories for operation in following.outcomes(told, now)],
    )


def _awaited(stories: Sequence[PaymentStory], now: datetime) -> list[StaffRequest]:
    return [request for told in stories if (request := following.awaited(told, now)) is not None]
