"""What can still be charged, refunded and cancelled on one payment, computed from Amazon's objects as last read.

Source: DESIGN §6, case 4 ("authorized in Saleor") and case 7 (refund ceiling); amazon-pay-cv2.md §4.4-4.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.domain.money import Currency, Money, total
from saleor_amazonpay.domain.states import (
    AfterPartialCapture,
    ChargePermissionState,
    ChargePermissionType,
    ChargeState,
    RefundState,
    TransactionAction,
)

MAX_REFUNDS_PER_CHARGE = 10  # amazon-pay-cv2.md §4.5
_HELD = frozenset({ChargeState.AUTHORIZED})
_BEING_DECIDED = frozenset({ChargeState.AUTHORIZATION_INITIATED, ChargeState.CAPTURE_INITIATED})


@dataclass(frozen=True, slots=True)
class RefundPart:
    refund_id: str
    state: str
    amount: Money


@dataclass(frozen=True, slots=True)
class ChargePart:
    """One Amazon charge and its refunds. ``charged_back`` was lost to a dispute: it cannot be refunded as well.

    ``reserved`` is what refund calls without an answer yet hold; ``refunded_at_amazon`` the charge's own
    ``refundedAmount`` as last read, which also counts refunds that nobody has told us of.
    """

    charge_id: str
    state: str
    amount: Money
    captured: Money
    refunds: Sequence[RefundPart] = ()
    reserved: Sequence[Money] = ()
    refunded_at_amazon: Money | None = None
    charged_back: Money | None = None

    @property
    def is_open(self) -> bool:
        return self.state in _HELD

    @property
    def is_being_decided(self) -> bool:
        return self.state in _BEING_DECIDED

    @property
    def refunded(self) -> Money:
        """By the refunds we know."""
        return self._refunds(RefundState.REFUNDED)

    @property
    def refunded_elsewhere(self) -> Money:
        """What Amazon has refunded beyond the refunds we know; those in flight may or may not be counted in it."""
        if self.refunded_at_amazon is None:
            return Money.zero(self.amount.currency)
        return max(Money.zero(self.amount.currency), self.refunded_at_amazon - self.refunded)

    @property
    def refunded_unheard(self) -> Money:
        """What was surely refunded by nobody we know: nothing is in flight that could explain it."""
        is_explained = self.refund_in_flight.is_positive
        return Money.zero(self.amount.currency) if is_explained else self.refunded_elsewhere

    @property
    def refund_in_flight(self) -> Money:
        return self._refunds(RefundState.REFUND_INITIATED) + total(self.reserved, self.amount.currency)

    @property
    def refundable(self) -> Money:
        """Captured - refunded - in flight (case 7); Amazon's over-refund allowance is never used."""
        return max(Money.zero(self.amount.currency), self.unreturned)

    @property
    def unreturned(self) -> Money:
        """What is left of the capture; less than nothing once the allowance was used."""
        if self.state != ChargeState.CAPTURED:
            return Money.zero(self.amount.currency)
        lost = self.charged_back or Money.zero(self.amount.currency)
        return self.captured - self.refunded - self.refunded_elsewhere - self.refund_in_flight - lost

    @property
    def refunds_left(self) -> int:
        counted = sum(1 for refund in self.refunds if refund.state != RefundState.DECLINED)
        return MAX_REFUNDS_PER_CHARGE - counted - len(self.reserved)

    def _refunds(self, state: RefundState) -> Money:
        return total((refund.amount for refund in self.refunds if refund.state == state), self.amount.currency)


@dataclass(frozen=True, slots=True)
class Balances:
    """One payment's money. ``order_total`` is the amount Saleor's transaction asked for.

    ``charged_on``: the permission's states in which a charge is worth a try.
    """

    order_total: Money
    charges: Sequence[ChargePart] = ()
    permission_state: str | None = None
    permission_type: str = ChargePermissionType.ONE_TIME
    permission_balance: Money | None = None
    released: Money | None = None
    charged_on: AbstractSet[str] = frozenset({ChargePermissionState.CHARGEABLE})
    policy: AfterPartialCapture = field(default=AfterPartialCapture.KEEP)

    @property
    def currency(self) -> Currency:
        return self.order_total.currency

    @property
    def open_charges(self) -> list[ChargePart]:
        return [charge for charge in self.charges if charge.is_open]

    @property
    def charges_being_decided(self) -> list[ChargePart]:
        return [charge for charge in self.charges if charge.is_being_decided]

    @property
    def held(self) -> Money:
        """Open authorizations."""
        return self._sum(charge.amount for charge in self.open_charges)

    @property
    def captured(self) -> Money:
        return self._sum(charge.captured for charge in self.charges if charge.state == ChargeState.CAPTURED)

    @property
    def refunded(self) -> Money:
        """Whoever made the refunds."""
        return self._sum(charge.refunded + charge.refunded_elsewhere for charge in self.charges)

    @property
    def charged_back(self) -> Money:
        """What disputes took back from the merchant."""
        return self._sum(charge.charged_back for charge in self.charges if charge.charged_back is not None)

    @property
    def unused(self) -> Money:
        """What may still be charged on the permission without holding it, up to the order total.

        A standing permission's balance is a month's and shared with other orders: it says when, not whether.
        """
        nothing = Money.zero(self.currency)
        if self.permission_state not in self.charged_on:
            return nothing
        left = self._unclaimed
        if not is_standing(self.permission_type):
            left = min(left, self.permission_balance or nothing)
        return max(nothing, left)

    @property
    def month_left(self) -> Money | None:
        """What a standing permission can still be charged this month, as last read; None: no such limit."""
        return self.permission_balance if is_standing(self.permission_type) else None

    @property
    def chargeable(self) -> Money:
        """What Amazon would still let us charge, held or not."""
        return self.held + self.unused

    @property
    def releasable(self) -> Money:
        """What a cancelation gives up: whatever Amazon would still let us charge, or would again.

        A permission that is not chargeable now becomes so when the buyer updates the payment method, and until it is
        closed Saleor goes on showing its rest as authorized (case 4).
        """
        if self.permission_state != ChargePermissionState.NON_CHARGEABLE:
            return self.chargeable
        return self.held + max(Money.zero(self.currency), self._unclaimed)

    @property
    def authorized(self) -> Money:
        """What Saleor shall show as authorized (case 4): the unused balance counts while the policy keeps it."""
        return self.chargeable if self.policy is AfterPartialCapture.KEEP else self.held

    @property
    def refundable(self) -> Money:
        return self._sum(charge.refundable for charge in self.charges)

    def actions(self) -> list[TransactionAction]:
        """What Saleor's staff may be offered, from real balances."""
        offered = []
        if self.authorized.is_positive:
            offered.append(TransactionAction.CHARGE)
        if self.authorized.is_positive or self._is_suspended:
            offered.append(TransactionAction.CANCEL)
        if self.refundable.is_positive:
            offered.append(TransactionAction.REFUND)
        return offered

    @property
    def _unclaimed(self) -> Money:
        """The order's total less everything captured, held, being decided or released."""
        being_decided = self._sum(charge.amount for charge in self.charges_being_decided)
        released = self.released or Money.zero(self.currency)
        return self.order_total - self.captured - self.held - being_decided - released

    @property
    def _is_suspended(self) -> bool:
        """Something could be charged again if the buyer acted."""
        return self.permission_state == ChargePermissionState.NON_CHARGEABLE and self.releasable.is_positive

    def _sum(self, amounts: Iterable[Money]) -> Money:
        return total(amounts, self.currency)
