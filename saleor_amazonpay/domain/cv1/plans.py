"""What cancelling an order of CV1 takes: the same steps as elsewhere, closed as CV1's own calls closed it.

Source: amazon-pay-cv2.md §12 (CloseAuthorization, CloseOrderReference, CancelOrderReference), §13.2
(CancelOrderReference: not after a capture).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from saleor_amazonpay.domain import plans
from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.plans import ClosePermission, Plan, Refusal, Step, Wait
from saleor_amazonpay.domain.states import ChargePermissionState


def plan_cancel(balances: Balances, amount: Money) -> Plan | Refusal | Wait:
    """Everything: CancelOrderReference. After a capture: the rest. Exactly what is not held: CloseOrderReference.

    Only the first lets Amazon cancel charges too, among them authorizations of CV1 that nobody told us of.
    """
    if amount.is_positive and balances.held.is_positive and amount == balances.unused:
        return Plan([ClosePermission(amount)], amount)
    planned = plans.plan_cancel(balances, amount)
    return Plan([*_closed_as_cv1(balances, planned)], planned.amount) if isinstance(planned, Plan) else planned


def _closed_as_cv1(balances: Balances, planned: Plan) -> Iterator[Step]:
    """An agreement's Order Reference is Closed from the start, and Closed is not closed again."""
    for step in planned.steps:
        if not isinstance(step, ClosePermission):
            yield step
        elif balances.permission_state != ChargePermissionState.CLOSED:
            yield replace(step, cancels_pending=not balances.captured.is_positive)
