"""Which CV2 calls a request takes, decided from balances alone: pure, so that every case can be tried.

Source: DESIGN §6 (the table) and its cases 4, 7, 8; amazon-pay-cv2.md §4.4 (one capture per charge).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from saleor_amazonpay.domain.balances import Balances, ChargePart
from saleor_amazonpay.domain.limits import beyond_capture
from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.states import ChargePermissionState, ChargePermissionType
from saleor_amazonpay.messages import Message, marked


@dataclass(frozen=True, slots=True)
class CaptureCharge:
    charge_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class CreateCharge:
    """On the payment's permission; captured at once, or held."""

    amount: Money
    capture_now: bool = True


@dataclass(frozen=True, slots=True)
class CreateRefund:
    charge_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class CancelCharge:
    charge_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class ClosePermission:
    amount: Money  # what it releases beyond the cancelled charges
    cancels_pending: bool = False  # Amazon cancels open charges with it


Step = CaptureCharge | CreateCharge | CreateRefund | CancelCharge | ClosePermission


@dataclass(frozen=True, slots=True)
class Plan:
    steps: Sequence[Step]
    amount: Money


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is sent; ``message`` is for the merchant's staff."""

    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Amazon is still deciding ``charge_id``; plan again when it has."""

    charge_id: str


def plan_charge(balances: Balances, amount: Money) -> Plan | Refusal | Wait:
    """Capture an open authorization that bears the amount, else charge the permission's unused balance."""
    if not amount.is_positive:
        return Refusal(marked("There is nothing left to charge on this payment."))
    bearing = [charge for charge in balances.open_charges if charge.amount >= amount]
    if bearing:
        smallest = min(bearing, key=lambda charge: charge.amount.minor)
        return Plan([CaptureCharge(smallest.charge_id, amount)], amount)
    if balances.unused >= amount:
        return _beyond_month(balances, amount) or Plan([CreateCharge(amount)], amount)
    if balances.charges_being_decided:
        return Wait(balances.charges_being_decided[0].charge_id)
    return Refusal(_too_much_to_charge(balances, amount))


def plan_agreement_charge(balances: Balances, amount: Money) -> Plan | Refusal | Wait:
    """Charge a standing agreement for a new payment (DESIGN §8); whose it is was looked at before."""
    if not amount.is_positive:
        return Refusal(marked("There is nothing to charge."))
    if balances.permission_state == ChargePermissionState.CLOSED:
        return Refusal(marked("This Amazon Pay agreement has ended; the buyer has to agree to a new one."))
    if balances.permission_state != ChargePermissionState.CHARGEABLE:
        return Refusal(_BUYER_HAS_TO_ACT)
    return _beyond_month(balances, amount) or Plan([CreateCharge(amount)], amount)


def _beyond_month(balances: Balances, amount: Money) -> Refusal | None:
    left = balances.month_left
    if left is None or amount <= left:
        return None
    return Refusal(str(Message(BEYOND_MONTH, left=left, amount=amount)))


BEYOND_MONTH: Final = marked(
    "The monthly limit of this Amazon Pay agreement leaves {left} until next month; {amount} was asked for."
)
_TOO_MUCH_IN_ONE_STEP = marked(
    "Amazon Pay can charge at most {most} in one step on this payment; {amount} was asked for."
)
_TOO_MUCH_BEYOND = marked("Amazon Pay would refund at most {most} on this payment now; {amount} was asked for.")
_TOO_MUCH_TO_REFUND = marked("{left} can still be refunded on this payment; {amount} was asked for.")
_REFUNDED_ELSEWHERE = marked(
    "{left} can still be refunded on this payment; {amount} was asked for. "
    "{elsewhere} was refunded at Amazon Pay itself."
)
_ONLY_THE_WHOLE_REST = marked("Amazon Pay releases only the whole rest ({rest}); {amount} was asked for.")
FILLED: Final = (
    BEYOND_MONTH,
    _TOO_MUCH_IN_ONE_STEP,
    _TOO_MUCH_BEYOND,
    _TOO_MUCH_TO_REFUND,
    _REFUNDED_ELSEWHERE,
    _ONLY_THE_WHOLE_REST,
)
"""The sentences of refusals that hold figures; a refusal is kept as its English text."""

_BUYER_HAS_TO_ACT = marked(
    "Amazon Pay cannot charge this payment now: the buyer has to update the payment method at Amazon."
)


def _too_much_to_charge(balances: Balances, amount: Money) -> str:
    largest = max([charge.amount for charge in balances.open_charges] + [balances.unused], key=lambda m: m.minor)
    if largest.is_positive:
        return str(Message(_TOO_MUCH_IN_ONE_STEP, most=largest, amount=amount))
    if balances.permission_state == ChargePermissionState.NON_CHARGEABLE:
        return _BUYER_HAS_TO_ACT
    return marked("Nothing is authorized on this payment any more, so nothing can be charged.")


def plan_refund(balances: Balances, amount: Money) -> Plan | Refusal | Wait:
    """One refund where one charge can bear it, else split over several, the largest first (case 7)."""
    if not amount.is_positive:
        return Refusal(marked("There is nothing left to refund on this payment."))
    usable = [charge for charge in balances.charges if charge.refundable.is_positive and charge.refunds_left > 0]
    bearing = [charge for charge in usable if charge.refundable >= amount]
    if bearing:
        smallest = min(bearing, key=lambda charge: charge.refundable.minor)
        return Plan([CreateRefund(smallest.charge_id, amount)], amount)
    steps = _split(sorted(usable, key=lambda charge: -charge.refundable.minor), amount)
    if steps:
        return Plan(steps, amount)
    return Refusal(_too_much_to_refund(balances, usable, amount))


def plan_over_refund(balances: Balances, amount: Money) -> Plan | Refusal | Wait:
    """One refund within Amazon's allowance beyond the capture: asked for by staff who see the limit (case 7)."""
    most = max(((beyond_capture(charge).minor, charge) for charge in balances.charges), default=None, key=itemgetter(0))
    if most is not None and 0 < amount.minor <= most[0]:
        return Plan([CreateRefund(most[1].charge_id, amount)], amount)
    limit = Money(most[0] if most else 0, balances.currency)
    return Refusal(str(Message(_TOO_MUCH_BEYOND, most=limit, amount=amount)))


def _split(charges: Sequence[ChargePart], amount: Money) -> list[CreateRefund]:
    """Parts that add up to ``amount`` exactly, or nothing."""
    steps, rest = [], amount
    for charge in charges:
        part = min(charge.refundable, rest)
        steps.append(CreateRefund(charge.charge_id, part))
        rest -= part
        if not rest.is_positive:
            return steps
    return []


def _too_much_to_refund(balances: Balances, usable: Sequence[ChargePart], amount: Money) -> str:
    if balances.refundable >= amount and not all(charge in usable for charge in balances.charges):
        return marked(
            "Amazon Pay allows 10 refunds for one charge, and they are used up; refund this buyer another way."
        )
    elsewhere = total((charge.refunded_unheard for charge in balances.charges), balances.currency)
    if elsewhere.is_positive:
        return str(Message(_REFUNDED_ELSEWHERE, left=balances.refundable, amount=amount, elsewhere=elsewhere))
    return str(Message(_TOO_MUCH_TO_REFUND, left=balances.refundable, amount=amount))


def plan_cancel(balances: Balances, amount: Money) -> Plan | Refusal | Wait:
    """Release every open authorization, then close a one-time permission so that nothing more can be charged.

    A plan without steps: the rest of a standing permission is given up, for which Amazon need not be asked.
    """
    releasable = balances.releasable
    if balances.charges_being_decided:
        return Wait(balances.charges_being_decided[0].charge_id)
    if not amount.is_positive or not releasable.is_positive:
        return Refusal(marked("There is no authorization left to cancel; refund what was charged instead."))
    if amount < releasable:
        return Refusal(str(Message(_ONLY_THE_WHOLE_REST, rest=releasable, amount=amount)))
    steps: list[Step] = [CancelCharge(charge.charge_id, charge.amount) for charge in balances.open_charges]
    if balances.permission_type == ChargePermissionType.ONE_TIME:
        steps.append(ClosePermission(releasable - balances.held))
    return Plan(steps, releasable)


def plan_reauthorize(balances: Balances, amount: Money) -> Plan | Refusal | Wait:
    """Hold what a partial capture released (account option ``afterPartialCapture: reauthorize``)."""
    rest = min(amount, balances.unused)
    if not rest.is_positive:
        return Refusal(marked("Nothing is left to hold."))
    return Plan([CreateCharge(rest, capture_now=False)], rest)
