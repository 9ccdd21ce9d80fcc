"""What a payment has come to: one word for lists and filters, from how far it came and what its money did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.states import PaymentState, PaymentStatus

BEFORE_MONEY: Final[Mapping[str, PaymentStatus]] = {
    PaymentState.INITIALIZED: PaymentStatus.AWAITING_BUYER,
    PaymentState.AWAITING_BUYER: PaymentStatus.AWAITING_BUYER,
    PaymentState.COMPLETING: PaymentStatus.PROCESSING,
    PaymentState.PENDING: PaymentStatus.PROCESSING,
    PaymentState.FAILED: PaymentStatus.FAILED,
    PaymentState.REPLACED: PaymentStatus.REPLACED,
}
"""States that say it all; an ``active`` payment is what its balances are."""

IN_MOTION: Final = frozenset(
    {
        PaymentStatus.AWAITING_BUYER,
        PaymentStatus.PROCESSING,
        PaymentStatus.AUTHORIZED,
        PaymentStatus.PARTIALLY_CAPTURED,
    }
)
"""Statuses a payment passes through: how many payments have them does not grow with the shop's age."""


def status_of(state: str, balances: Balances) -> PaymentStatus:
    """The status of a payment in ``state`` with these balances."""
    known = BEFORE_MONEY.get(state)
    if known is not None:
        return known
    if not balances.order_total.is_positive:
        return PaymentStatus.CAPTURED  # an agreement alone: nothing was due, and all of it is paid
    if balances.captured.is_positive:
        return _of_captured(balances)
    if balances.authorized.is_positive:
        return PaymentStatus.AUTHORIZED
    return PaymentStatus.PROCESSING if balances.charges_being_decided else PaymentStatus.CANCELED


def _of_captured(balances: Balances) -> PaymentStatus:
    """What can still be captured comes first: somebody has to do it, or to release it."""
    if balances.authorized.is_positive:
        return PaymentStatus.PARTIALLY_CAPTURED
    if balances.refunded >= balances.captured:
        return PaymentStatus.REFUNDED
    return PaymentStatus.PARTIALLY_REFUNDED if balances.refunded.is_positive else PaymentStatus.CAPTURED
