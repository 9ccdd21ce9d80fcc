"""Transactions: events, the amounts recomputed from them, and what is a repetition.

Amounts are never added up in place: each change recomputes all eight from all counted events (contract §5).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from saleor_amazonpay.sandbox.saleor.nodes import Money, Node, NodeWithMetadata

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.answers import PaymentMethodDetails
    from saleor_amazonpay.sandbox.saleor.apps import App
    from saleor_amazonpay.sandbox.saleor.catalogue import User
    from saleor_amazonpay.sandbox.saleor.checkouts import Checkout
    from saleor_amazonpay.sandbox.saleor.orders import Order, OrderGrantedRefund

GIFT_CARD_GATEWAY = "saleor.io.gift-card-payment-gateway"
"""The payment gateway Saleor has built in since 3.23; nobody else may use its name (contract §1)."""

UNDELIVERED = "Failed to delivery request."
DIFFERENT_AMOUNT = "The transaction with provided `pspReference` and `type` already exists with different amount."
SECOND_AUTHORIZATION = (
    "Event with `AUTHORIZATION_SUCCESS` already reported for the transaction. "
    "Use `AUTHORIZATION_ADJUSTMENT` to change the authorization amount."
)


class Phase(NamedTuple):
    """``amount`` and ``pending`` grow; what they gain leaves ``source``."""

    amount: str
    pending: str
    source: str | None


PHASES = {
    "authorization": Phase("authorized", "authorize_pending", None),
    "charge": Phase("charged", "charge_pending", "authorized"),
    "refund": Phase("refunded", "refund_pending", "charged"),
    "cancel": Phase("canceled", "cancel_pending", "authorized"),
}

PLACES: dict[str, tuple[str, str]] = {
    # event type: the phase it belongs to, its place in the group of one pspReference
    "AUTHORIZATION_REQUEST": ("authorization", "request"),
    "AUTHORIZATION_SUCCESS": ("authorization", "success"),
    "AUTHORIZATION_FAILURE": ("authorization", "failure"),
    "AUTHORIZATION_ADJUSTMENT": ("authorization", "correction"),
    "CHARGE_REQUEST": ("charge", "request"),
    "CHARGE_SUCCESS": ("charge", "success"),
    "CHARGE_FAILURE": ("charge", "failure"),
    "CHARGE_BACK": ("charge", "correction"),
    "REFUND_REQUEST": ("refund", "request"),
    "REFUND_SUCCESS": ("refund", "success"),
    "REFUND_FAILURE": ("refund", "failure"),
    "REFUND_REVERSE": ("refund", "correction"),
    "CANCEL_REQUEST": ("cancel", "request"),
    "CANCEL_SUCCESS": ("cancel", "success"),
    "CANCEL_FAILURE": ("cancel", "failure"),
}

CORRECTIONS: dict[str, tuple[tuple[str, int], ...]] = {
    "CHARGE_BACK": (("charged", -1),),
    "REFUND_REVERSE": (("charged", +1), ("refunded", -1)),
}

MANUAL: dict[str, tuple[str, int]] = {
    # events without pspReference are simply added, nothing leaves anywhere
    "AUTHORIZATION_SUCCESS": ("authorized", +1),
    "CHARGE_SUCCESS": ("charged", +1),
    "CHARGE_BACK": ("charged", -1),
    "REFUND_SUCCESS": ("refunded", +1),
    "REFUND_REVERSE": ("charged", +1),
    "CANCEL_SUCCESS": ("canceled", +1),
}

NEVER_REPEATED = frozenset({"AUTHORIZATION_ACTION_REQUIRED", "CHARGE_ACTION_REQUIRED", "INFO"})
FINAL_IN_SESSION = frozenset(
    f"{phase}_{outcome}" for phase in ("AUTHORIZATION", "CHARGE") for outcome in ("SUCCESS", "FAILURE", "REQUEST")
)
MONEY_SEEN = frozenset(
    f"{phase}_{outcome}" for phase in ("AUTHORIZATION", "CHARGE") for outcome in ("SUCCESS", "REQUEST")
)
FAILURES = frozenset(f"{phase.upper()}_FAILURE" for phase in PHASES)
AMOUNT_OPTIONAL = FAILURES | {"REFUND_REVERSE", "CHARGE_BACK", "INFO"}

AMOUNT_TAKEN_FROM: dict[str, tuple[str, ...]] = {
    # report without amount: the newest event of these types with the same reference, of any transaction (contract §7.1)
    "AUTHORIZATION_FAILURE": ("AUTHORIZATION_SUCCESS", "AUTHORIZATION_REQUEST"),
    "CHARGE_FAILURE": (
        "CHARGE_SUCCESS",
        "CHARGE_REQUEST",
        "AUTHORIZATION_SUCCESS",
        "AUTHORIZATION_REQUEST",
        "AUTHORIZATION_FAILURE",
    ),
    "REFUND_FAILURE": ("REFUND_SUCCESS", "REFUND_REQUEST", "CHARGE_SUCCESS", "CHARGE_REQUEST", "CHARGE_FAILURE"),
    "CANCEL_FAILURE": (
        "CANCEL_SUCCESS",
        "CANCEL_REQUEST",
        "AUTHORIZATION_SUCCESS",
        "AUTHORIZATION_REQUEST",
        "AUTHORIZATION_FAILURE",
    ),
    "REFUND_REVERSE": ("REFUND_SUCCESS",),
    "CHARGE_BACK": ("CHARGE_SUCCESS",),
}


def failure_of(event_type: str) -> str:
    """The failure that belongs to an event; INFO and ACTION_REQUIRED have none and stay."""
    place = PLACES.get(event_type)
    return f"{place[0].upper()}_FAILURE" if place else event_type


@dataclass
class Amounts:
    """The eight sums of a transaction, in major units; ``charged`` may be negative, as in Saleor."""

    authorized: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    canceled: Decimal = Decimal(0)
    authorize_pending: Decimal = Decimal(0)
    charge_pending: Decimal = Decimal(0)
    refund_pending: Decimal = Decimal(0)
    cancel_pending: Decimal = Decimal(0)

    def add(self, name: str, value: Decimal) -> None:
        setattr(self, name, getattr(self, name) + value)

    def nonzero(self) -> dict[str, Decimal]:
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name)}


@dataclass(eq=False, kw_only=True)
class TransactionEvent(Node):
    """``include_in_calculations`` is what Saleor calls it: requests count once answered, its own failures never."""

    type: str
    amount_value: Decimal
    currency: str
    created_at: datetime
    reference: str | None = None
    message: str = ""
    external_url: str = ""
    idempotency_key: str | None = None
    created_by: App | User | None = None
    include_in_calculations: bool = True
    granted_refund: OrderGrantedRefund | None = None

    @property
    def amount(self) -> Money:
        return Money(self.amount_value, self.currency)

    @property
    def psp_reference(self) -> str:
        return self.reference or ""


@dataclass(eq=False, kw_only=True)
class TransactionItem(NodeWithMetadata):
    """Belongs to a checkout until the order is made, then to the order; keeps id and token."""

    currency: str
    created_at: datetime
    modified_at: datetime
    app: App | None = None
    app_identifier: str | None = None
    user: User | None = None
    checkout: Checkout | None = None
    order: Order | None = None
    idempotency_key: str | None = None
    name: str = ""
    message: str = ""
    psp_reference: str = ""
    external_url: str = ""
    reason: str | None = None
    actions: list[str] = field(default_factory=list)
    amounts: Amounts = field(default_factory=Amounts)
    recorded: list[TransactionEvent] = field(default_factory=list)
    payment_method_details: PaymentMethodDetails | None = None
    last_refund_success: bool = True

    @property
    def token(self) -> str:
        return self.pk

    @property
    def source(self) -> Checkout | Order:
        source = self.order or self.checkout
        if source is None:
            raise LookupError("The transaction has neither checkout nor order.")
        return source

    @property
    def events(self) -> list[TransactionEvent]:
        """Newest first by ``createdAt``, as the API lists them."""
        return sorted(self.recorded, key=lambda event: (event.created_at, int(event.pk)), reverse=True)

    @property
    def created_by(self) -> App | User | None:
        return self.app or self.user

    def recalculate(self) -> None:
        self.amounts = recalculate(self.recorded)

    def set_actions(self, actions: Iterable[str] | None) -> None:
        """``None`` leaves them; a list replaces them, without repetitions and in no promised order."""
        if actions is not None:
            self.actions = sorted(set(actions))

    def record(self, event: TransactionEvent) -> TransactionEvent:
        self.recorded.append(event)
        return event

    @property
    def covered(self) -> Decimal:
        """How much of the total no longer has to be asked for (contract §6.1)."""
        amounts = self.amounts
        return max(amounts.authorized, amounts.charged) + amounts.authorize_pending + amounts.charge_pending

    def __getattr__(self, name: str) -> Money:
        """``authorized_amount`` … ``cancel_pending_amount``: the sums as the API names them."""
        stem = name.removesuffix("_amount")
        if stem != name and stem in Amounts.__dataclass_fields__:
            return Money(getattr(self.amounts, stem), self.currency)
        raise AttributeError(name)


def recalculate(events: Iterable[TransactionEvent]) -> Amounts:
    """All eight sums from the counted events: by phase and pspReference, the newest of each type."""
    counted = sorted((event for event in events if event.include_in_calculations), key=lambda event: event.created_at)
    groups: dict[tuple[str, str], dict[str, TransactionEvent]] = {}
    amounts = Amounts()
    for event in _since_newest_adjustment(counted):
        if event.type not in PLACES:
            continue
        phase, place = PLACES[event.type]
        if event.reference:
            groups.setdefault((phase, event.reference), {})[place] = event
        else:
            _add_manual(amounts, event)
    for name, phase_sums in PHASES.items():
        for (phase, _), group in groups.items():
            if phase == name:
                _add_group(amounts, phase_sums, group)
    amounts.authorized = max(amounts.authorized, Decimal(0))
    amounts.authorize_pending = max(amounts.authorize_pending, Decimal(0))
    return amounts


def _since_newest_adjustment(events: list[TransactionEvent]) -> list[TransactionEvent]:
    """Authorization events older than the newest adjustment are as if they had never been."""
    adjusted = [at for at, event in enumerate(events) if event.type == "AUTHORIZATION_ADJUSTMENT"]
    if not adjusted:
        return events
    return [
        event
        for at, event in enumerate(events)
        if at >= adjusted[-1] or PLACES.get(event.type, ("", ""))[0] != "authorization"
    ]


def _add_manual(amounts: Amounts, event: TransactionEvent) -> None:
    if event.type == "AUTHORIZATION_ADJUSTMENT":
        amounts.authorized = event.amount_value
    elif event.type in MANUAL:
        name, sign = MANUAL[event.type]
        amounts.add(name, sign * event.amount_value)


def _add_group(amounts: Amounts, phase: Phase, group: dict[str, TransactionEvent]) -> None:
    correction, request = group.get("correction"), group.get("request")
    success, failure = group.get("success"), group.get("failure")
    if correction is not None:
        _correct(amounts, correction)
    if request and not success and not failure:
        _move(amounts, phase.pending, phase.source, request.amount_value)
    if success and (failure is None or success.created_at > failure.created_at):
        _move(amounts, phase.amount, phase.source, success.amount_value)


def _correct(amounts: Amounts, event: TransactionEvent) -> None:
    if event.type == "AUTHORIZATION_ADJUSTMENT":
        amounts.authorized = event.amount_value
    for name, sign in CORRECTIONS.get(event.type, ()):
        amounts.add(name, sign * event.amount_value)


def _move(amounts: Amounts, target: str, source: str | None, value: Decimal) -> None:
    amounts.add(target, value)
    if source:
        amounts.add(source, -value)


class Repetition(NamedTuple):
    """Outcome of ``find_repetition``: the event already there, or why the new one is refused (at most one is set)."""

    existing: TransactionEvent | None = None
    code: str | None = None
    field: str = ""
    message: str = ""


def find_repetition(
    transaction: TransactionItem, event_type: str, reference: str | None, amount: Decimal
) -> Repetition:
    """Is it there already, or does it contradict what is there?

    Same reference and type: a repetition if the amount is the same, else refused. A null reference counts as a value,
    so two failures without one collide; an empty string is never compared (observed, exp1). Only one
    AUTHORIZATION_SUCCESS may exist, whatever its reference (contract §5).
    """
    if event_type in NEVER_REPEATED:
        return Repetition()
    same_type = [event for event in transaction.recorded if event.type == event_type]
    existing = next((event for event in same_type if event.reference == reference and reference != ""), None)
    if existing is not None and existing.amount_value != amount:
        return Repetition(code="INCORRECT_DETAILS", field="pspReference", message=DIFFERENT_AMOUNT)
    if existing is not None:
        return Repetition(existing)
    if same_type and event_type == "AUTHORIZATION_SUCCESS":
        return Repetition(code="ALREADY_EXISTS", field="type", message=SECOND_AUTHORIZATION)
    return Repetition()


def new_idempotency_key() -> str:
    return str(uuid.uuid4())
