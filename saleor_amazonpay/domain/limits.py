"""Amazon's limits on one payment, so that a person sees them before Amazon says no.

Source: amazon-pay-cv2.md §4.4 (open charges), §4.5 (refunds of a charge), §4.7 (largest amounts, over-refund).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from saleor_amazonpay.domain.balances import Balances, ChargePart
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import ChargeState

MAX_OPEN_CHARGES: Final = 25  # on one one-time permission
OVER_REFUND_PERCENT: Final = 15
OVER_REFUND_CAPS: Final[Mapping[Currency, Money]] = {
    Currency.USD: Money(75_00, Currency.USD),
    Currency.GBP: Money(75_00, Currency.GBP),
    Currency.EUR: Money(75_00, Currency.EUR),
    Currency.JPY: Money(8_400, Currency.JPY),
}
"""Amazon states the cap in ledger currencies only: in another currency nothing beyond the capture is offered."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``largest_charge``: one step's most; ``largest_refund`` within what was captured; ``refund_beyond``: on top."""

    largest_charge: Money
    captures_left: int  # steps; each further one needs an open authorization or the permission's unused balance
    largest_refund: Money
    refunds_left: int  # of those the charges can still bear
    refund_beyond: Money  # the most one refund may be, Amazon's allowance included
    cancelable: Money
    reauthorizable: Money


def limits_of(balances: Balances) -> Limits:
    open_charges = balances.open_charges
    zero = Money.zero(balances.currency)
    in_one_step = [charge.amount for charge in open_charges] + [balances.unused]
    further = MAX_OPEN_CHARGES - len(open_charges) if balances.unused.is_positive else 0
    return Limits(
        largest_charge=max(in_one_step, key=lambda amount: amount.minor),
        captures_left=len(open_charges) + further,
        largest_refund=balances.refundable,
        refunds_left=sum(max(0, charge.refunds_left) for charge in balances.charges if _is_captured(charge)),
        refund_beyond=max((beyond_capture(charge) for charge in balances.charges), key=_minor, default=zero),
        cancelable=zero if balances.charges_being_decided else balances.chargeable,
        reauthorizable=balances.unused,
    )


def over_refund_allowance(captured: Money) -> Money:
    """How much more than ``captured`` all refunds of one charge may be; rounded down."""
    cap = OVER_REFUND_CAPS.get(captured.currency, Money.zero(captured.currency))
    return min(Money(captured.minor * OVER_REFUND_PERCENT // 100, captured.currency), cap)


def beyond_capture(charge: ChargePart) -> Money:
    """The most one refund of this charge may be when Amazon's allowance is used (DESIGN §6 case 7)."""
    if not _is_captured(charge) or charge.refunds_left <= 0:
        return Money.zero(charge.amount.currency)
    return max(Money.zero(charge.amount.currency), charge.unreturned + over_refund_allowance(charge.captured))


def _is_captured(charge: ChargePart) -> bool:
    return charge.state == ChargeState.CAPTURED


def _minor(amount: Money) -> int:
    return amount.minor
