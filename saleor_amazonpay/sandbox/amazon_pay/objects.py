"""What the simulated Amazon remembers. States and reasons are Amazon's words; sums are exact ``Money``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from saleor_amazonpay.domain.money import Currency, Money, total
from saleor_amazonpay.domain.states import (
    ChargePermissionState,
    ChargePermissionType,
    ChargeState,
    CheckoutSessionState,
    PaymentIntent,
    RefundState,
)
from saleor_amazonpay.sandbox.amazon_pay.buyers import Address, Buyer, Card
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner

Document = dict[str, Any]

OPEN_CHARGES = frozenset(
    {ChargeState.AUTHORIZATION_INITIATED, ChargeState.AUTHORIZED, ChargeState.CAPTURE_INITIATED},
)


@dataclass(slots=True, kw_only=True)
class CheckoutSession:
    """``document`` holds what the merchant set, in the shape of the answer; the rest is Amazon's side.

    ``is_approved``: the buyer has pressed the last button on Amazon's page. It is not shown in the API: a session
    reads Open before and after (§4.2).
    """

    session_id: str
    owner: Owner
    document: Document
    scopes: frozenset[str] | None
    created: datetime
    expires: datetime
    updated: datetime
    product_type: str | None = None
    language: str = "en"
    state: CheckoutSessionState = CheckoutSessionState.OPEN
    reason: str | None = None
    buyer: Buyer | None = None
    card: Card | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    is_approved: bool = False
    permission_id: str | None = None
    charge_id: str | None = None

    @property
    def payment(self) -> Document:
        details: Document = self.document["paymentDetails"]
        return details

    @property
    def urls(self) -> Document:
        details: Document = self.document["webCheckoutDetails"]
        return details

    @property
    def permission_type(self) -> str:
        return str(self.document["chargePermissionType"])

    @property
    def is_set_up_only(self) -> bool:
        metadata = self.document["paymentMethodOnFileMetadata"] or {}
        return self.permission_type == ChargePermissionType.PAYMENT_METHOD_ON_FILE and bool(metadata.get("setupOnly"))

    @property
    def is_apb(self) -> bool:
        return bool(self.urls["checkoutMode"] == "ProcessOrder")

    @property
    def intent(self) -> PaymentIntent | None:
        return PaymentIntent(self.payment["paymentIntent"]) if self.payment["paymentIntent"] else None


@dataclass(slots=True, kw_only=True)
class ChargePermission:
    """``limit``: for the order (OneTime) or for each calendar month; ``reasons`` only while not Chargeable.

    ``is_cv1``: an Order Reference or Billing Agreement of the old API.
    """

    permission_id: str
    owner: Owner
    permission_type: ChargePermissionType
    limit: Money
    buyer: Buyer
    card: Card
    document: Document
    scopes: frozenset[str] | None
    created: datetime
    updated: datetime
    expires: datetime | None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    state: ChargePermissionState = ChargePermissionState.CHARGEABLE
    reasons: tuple[str, ...] = ()
    closed: datetime | None = None
    is_cv1: bool = False
    charges: list[Charge] = field(default_factory=list)

    @property
    def currency(self) -> Currency:
        return self.limit.currency

    @property
    def is_one_time(self) -> bool:
        return self.permission_type == ChargePermissionType.ONE_TIME

    @property
    def open_charges(self) -> list[Charge]:
        return [charge for charge in self.charges if charge.state in OPEN_CHARGES]

    @property
    def captured(self) -> Money:
        return total((charge.captured for charge in self.charges), self.currency)


@dataclass(slots=True, kw_only=True)
class Charge:
    charge_id: str
    permission: ChargePermission
    amount: Money
    document: Document
    created: datetime
    updated: datetime
    expires: datetime
    state: ChargeState
    captured: Money
    reason: str | None = None
    authorized: datetime | None = None
    capturing: Money | None = None
    captures_at_once: bool = False  # once the buyer has confirmed it
    refunds: list[Refund] = field(default_factory=list)

    @property
    def owner(self) -> Owner:
        return self.permission.owner

    @property
    def held(self) -> Money:
        """What it takes of the permission's balance: the rest of a partial capture is released (§4.4)."""
        if self.state == ChargeState.CAPTURE_INITIATED and self.capturing is not None:
            return self.capturing
        return self.amount if self.state in OPEN_CHARGES else self.captured

    @property
    def refunded(self) -> Money:
        return self._refunds(RefundState.REFUNDED)

    @property
    def claimed(self) -> Money:
        """Refunded or being refunded."""
        return self._refunds(RefundState.REFUNDED, RefundState.REFUND_INITIATED)

    def _refunds(self, *states: RefundState) -> Money:
        return total((refund.amount for refund in self.refunds if refund.state in states), self.amount.currency)


@dataclass(slots=True, kw_only=True)
class Refund:
    refund_id: str
    charge: Charge
    amount: Money
    created: datetime
    updated: datetime
    soft_descriptor: str | None = None
    state: RefundState = RefundState.REFUND_INITIATED
    reason: str | None = None

    @property
    def owner(self) -> Owner:
        return self.charge.owner


@dataclass(slots=True, kw_only=True)
class Dispute:
    """``is_claim``: an A-to-z claim, answered within 7 days instead of 11 (§3.13)."""

    dispute_id: str
    charge: Charge
    amount: Money
    filing_reason: str
    created: datetime
    updated: datetime
    deadline: datetime
    state: str = "ActionRequired"
    reason: str | None = "MerchantResponseRequired"
    resolution: str | None = None
    is_claim: bool = False
    evidences: list[Document] = field(default_factory=list)

    @property
    def owner(self) -> Owner:
        return self.charge.owner
