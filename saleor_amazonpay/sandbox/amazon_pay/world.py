"""Everything the simulated Amazon knows, shared by the operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from saleor_amazonpay.clock import Clock
from saleor_amazonpay.sandbox.amazon_pay.agenda import Agenda
from saleor_amazonpay.sandbox.amazon_pay.buyers import Buyers
from saleor_amazonpay.sandbox.amazon_pay.identifiers import Identifiers
from saleor_amazonpay.sandbox.amazon_pay.merchants import Merchants, Owner
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, ChargePermission, CheckoutSession, Dispute, Refund
from saleor_amazonpay.sandbox.amazon_pay.options import SimulatorOptions
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem


class Owned(Protocol):
    @property
    def owner(self) -> Owner: ...


Object = TypeVar("Object", bound=Owned)


@dataclass(frozen=True, slots=True)
class Change:
    """Something a merchant is notified of (§8.3)."""

    owner: Owner
    object_type: str
    object_id: str
    charge_permission_id: str


class World:
    """``url``: where the simulator is reached from outside, without a slash at the end."""

    def __init__(self, clock: Clock, options: SimulatorOptions, seed: int) -> None:
        self.clock = clock
        self.options = options
        self.agenda = Agenda(clock)
        self.ids = Identifiers(seed)
        self.merchants = Merchants()
        self.buyers = Buyers()
        self.url = ""
        self.sessions: dict[str, CheckoutSession] = {}
        self.permissions: dict[str, ChargePermission] = {}
        self.charges: dict[str, Charge] = {}
        self.refunds: dict[str, Refund] = {}
        self.disputes: dict[str, Dispute] = {}
        self.on_change: Callable[[Change], None] = lambda _change: None

    @property
    def now(self) -> datetime:
        """To the second, as the API tells times."""
        return self.agenda.now.replace(microsecond=0)

    def announce_permission(self, it: ChargePermission) -> None:
        self.on_change(Change(it.owner, "CHARGE_PERMISSION", it.permission_id, it.permission_id))

    def announce_charge(self, it: Charge) -> None:
        self.on_change(Change(it.owner, "CHARGE", it.charge_id, it.permission.permission_id))

    def announce_refund(self, it: Refund) -> None:
        self.on_change(Change(it.owner, "REFUND", it.refund_id, it.charge.permission.permission_id))

    def announce_dispute(self, it: Dispute) -> None:
        self.on_change(Change(it.owner, "CHARGEBACK", it.dispute_id, it.charge.permission.permission_id))


def find(objects: Mapping[str, Object], object_id: str, owner: Owner) -> Object:
    """Another merchant's object, or one of the other environment, does not exist (§7)."""
    found = objects.get(object_id)
    if found is None or found.owner != owner:
        raise ApiProblem("ResourceNotFound", f"{object_id} was not found.")
    return found
