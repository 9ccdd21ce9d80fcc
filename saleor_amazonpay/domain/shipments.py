"""What an order's shipments make due: pure arithmetic over what was ordered and what has left.

Everything is counted from the whole order each time, never added up from events: an event that comes twice, late or in
another order changes nothing, and what is returned or cancelled before it was charged is not charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from saleor_amazonpay.domain.money import Money


class CaptureOnShipment(StrEnum):
    """How much a shipment has captured."""

    OFF = "off"
    FULL = "full"  # the order's whole rest, with its first shipment
    LINES = "lines"  # what the shipped lines cost; shipping and fees with the first, the rest with the last


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """One line of an order; ``total`` is its price after discounts, for the whole quantity."""

    total: Money
    ordered: int
    shipped: int

    @property
    def due(self) -> Money:
        """The share of what has left, rounded down; the last piece brings what rounding left."""
        if self.shipped >= self.ordered:
            return self.total
        return Money(self.total.minor * self.shipped // self.ordered, self.total.currency)


def due_by_shipment(
    lines: Sequence[ShippedLine], shipping: Money, order_total: Money, extent: CaptureOnShipment
) -> Money:
    """What is to be paid by now for what has left the house, at most ``order_total``."""
    nothing = Money.zero(order_total.currency)
    if extent is CaptureOnShipment.OFF or not any(line.shipped for line in lines):
        return nothing
    if extent is CaptureOnShipment.FULL or all(line.shipped >= line.ordered for line in lines):
        return max(nothing, order_total)
    shipped = sum((line.due for line in lines), shipping)
    return max(nothing, min(shipped, order_total))


def share_out(rest: Money, bearing: Sequence[Money]) -> list[Money]:
    """``rest`` over payments that can bear so much each, the first ones first; what none can bear is left over."""
    parts = []
    for most in bearing:
        part = max(Money.zero(rest.currency), min(rest, most))
        parts.append(part)
        rest -= part
    return parts
