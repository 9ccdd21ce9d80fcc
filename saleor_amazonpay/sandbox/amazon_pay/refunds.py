"""Refunds, which Amazon always decides later. Source: amazon-pay-cv2.md §3.10, §4.5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ChargeState, RefundState
from saleor_amazonpay.sandbox.amazon_pay import fields, wire
from saleor_amazonpay.sandbox.amazon_pay.api_request import Answer, ApiRequest
from saleor_amazonpay.sandbox.amazon_pay.charges import is_too_large
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, Refund
from saleor_amazonpay.sandbox.amazon_pay.options import MAX_REFUNDS, OVER_REFUND_CAP
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.world import World, find

CREATE_FIELDS: Final = Fields(
    {"chargeId": fields.text(64), "refundAmount": fields.price, "softDescriptor": fields.SOFT_DESCRIPTOR},
    required=("chargeId", "refundAmount"),
)

DECLINE_REASONS: Final = frozenset({"AmazonRejected", "ProcessingFailure"})


@dataclass(slots=True)
class RefundScript:
    """How refunds end while ``times`` lasts; ``charge_id`` None is any charge."""

    state: RefundState
    reason: str | None
    charge_id: str | None
    times: int


class Refunds:
    def __init__(self, world: World) -> None:
        self._world = world
        self._scripts: list[RefundScript] = []

    def create(self, request: ApiRequest) -> Answer:
        body = CREATE_FIELDS(request.body)
        charge = find(self._world.charges, body["chargeId"], request.owner)
        it = self.start(charge, body["refundAmount"], request.simulation)
        it.soft_descriptor = body.get("softDescriptor")
        return Answer(201, wire.refund(it))

    def get(self, request: ApiRequest) -> Answer:
        return Answer(200, wire.refund(find(self._world.refunds, request.ids["id"], request.owner)))

    def script(self, script: RefundScript) -> None:
        if script.state == RefundState.DECLINED and script.reason not in DECLINE_REASONS:
            raise ValueError(f"A refund is not declined for {script.reason}.")
        self._scripts.append(script)

    def start(self, charge: Charge, amount: Money, simulation: str | None = None) -> Refund:
        self.check(charge, amount)
        world = self._world
        it = Refund(
            refund_id=world.ids.child(charge.permission.permission_id, "R", world.refunds),
            charge=charge,
            amount=amount,
            created=world.now,
            updated=world.now,
        )
        world.refunds[it.refund_id] = it
        charge.refunds.append(it)
        state, reason = self._outcome(charge, simulation)
        world.agenda.after(world.options.refund_seconds, lambda: self._settle(it, state, reason))
        world.announce_refund(it)
        return it

    def check(self, charge: Charge, amount: Money) -> None:
        if charge.state != ChargeState.CAPTURED:
            raise ApiProblem("InvalidChargeStatus", f"The charge is {charge.state}.")
        if amount.currency != charge.amount.currency:
            raise ApiProblem("CurrencyMismatch", f"The charge is in {charge.amount.currency}.")
        if not amount.is_positive:
            raise ApiProblem("InvalidParameterValue", "The amount of a refund is more than zero.")
        if len([refund for refund in charge.refunds if refund.state != RefundState.DECLINED]) >= MAX_REFUNDS:
            raise ApiProblem("TransactionCountExceeded", f"The charge has {MAX_REFUNDS} refunds.")
        if is_too_large(amount) or charge.claimed + amount > refund_ceiling(charge.captured):
            raise ApiProblem("TransactionAmountExceeded", "The amount is larger than what can be refunded.")

    def _outcome(self, charge: Charge, simulation: str | None) -> tuple[RefundState, str | None]:
        if simulation in DECLINE_REASONS:
            return RefundState.DECLINED, simulation
        for script in self._scripts:
            if script.times > 0 and script.charge_id in {None, charge.charge_id}:
                script.times -= 1
                return script.state, script.reason
        return RefundState.REFUNDED, None

    def _settle(self, it: Refund, state: RefundState, reason: str | None) -> None:
        it.state, it.reason, it.updated = state, reason, self._world.now
        it.charge.updated = self._world.now
        self._world.announce_refund(it)


def refund_ceiling(captured: Money) -> Money:
    """The sum of refunds may exceed the capture by 15 % or the region's cap, whichever is less."""
    cap = Money.parse(OVER_REFUND_CAP.get(captured.currency, "75"), captured.currency)
    return captured + min(Money(captured.minor * 15 // 100, captured.currency), cap)
