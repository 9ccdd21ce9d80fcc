"""Whether a payment is about to change, and what came of what staff asked for: what a page waits for and then shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from saleor_amazonpay.domain.states import OperationKind
from saleor_amazonpay.handlers.merchant_payments.story import BOUNDED_BY, PaymentStory
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.staff_actions import StaffRequest

ARRIVES_WITHIN: Final = timedelta(seconds=30)
"""Saleor sends a request that was asked of it by a queue of its own; one that takes longer is looked for by a sweep."""
TOLD_FOR: Final = timedelta(minutes=15)
_KINDS: Final = frozenset(kind.value for kind in OperationKind)
_AT_ONCE: Final = timedelta(seconds=5)
_WATCHES_DIFFER: Final = timedelta(seconds=2)  # two replicas may write the request and what followed it


def is_moving(told: PaymentStory, now: datetime) -> bool:
    """Something asked for is not decided, has not reached us yet, or is about to be told to Saleor."""
    is_pending = told.in_saleor is not None and told.in_saleor.is_pending
    return bool(told.under_way) or awaited(told, now) is not None or is_pending or _is_telling(told, now)


def awaited(told: PaymentStory, now: datetime) -> StaffRequest | None:
    """What staff asked of Saleor a moment ago and Saleor has not sent yet."""
    request = _newest(told)
    if request is None or request.action not in BOUNDED_BY or now - request.created_at >= ARRIVES_WITHIN:
        return None
    return None if _since(told, request) else request


def outcomes(told: PaymentStory, now: datetime) -> Sequence[Operation]:
    """What came of the newest thing staff asked for, for as long as it is news."""
    request = _newest(told)
    if request is None:
        return ()
    settled = (each for each in _since(told, request) if each.settled_at is not None)
    return [each for each in settled if each.settled_at is not None and now - each.settled_at < TOLD_FOR]


def _newest(told: PaymentStory) -> StaffRequest | None:
    moves = [each for each in told.asked if each.state != "refused" and each.action.value in _KINDS]
    return moves[-1] if moves else None


def _since(told: PaymentStory, request: StaffRequest) -> Sequence[Operation]:
    """What the request led to: a staff action that moves money has the name of its kind of operation."""
    earliest = request.created_at - _WATCHES_DIFFER
    return [each for each in told.operations if each.kind == request.action.value and each.created_at >= earliest]


def _is_telling(told: PaymentStory, now: datetime) -> bool:
    return any(each.state == "due" and each.due_at <= now + _AT_ONCE for each in told.reports)
