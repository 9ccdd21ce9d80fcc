"""CV1's states and CV2's, both ways; one named choice where Amazon's documents disagree.

Source: amazon-pay-cv2.md §12, the tables of the FAQ (S3) and of the upgrade guide (S4), and its paragraph on what
Seller Central and reports show (FAQ QA-28).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from saleor_amazonpay.domain.cv1.identifiers import Cv1Kind
from saleor_amazonpay.domain.states import ChargePermissionState, ChargeState, RefundState
from saleor_amazonpay.messages import marked

FLOW: Final = "cv1"
"""The ``flow`` of a payment that was taken over from CV1."""


class OrderReferenceReading(StrEnum):
    """Which document is believed about an Order Reference read through Get Charge Permission."""

    UPGRADE_GUIDE = "upgrade-guide"
    FAQ = "faq"


MAX_AMOUNT_CAPTURED: Final = "MaxAmountCaptured"

AUTHORIZATION: Final[Mapping[str, ChargeState]] = {
    "Pending": ChargeState.AUTHORIZATION_INITIATED,
    "Open": ChargeState.AUTHORIZED,
    "Declined": ChargeState.DECLINED,
    "Closed": ChargeState.CANCELED,
}
"""Closed with the reason MaxAmountCaptured is the exception: ``authorization``."""

CAPTURE: Final[Mapping[str, ChargeState]] = {
    "Pending": ChargeState.CAPTURE_INITIATED,
    "Completed": ChargeState.CAPTURED,
    "Closed": ChargeState.CANCELED,  # refunded up to the limit (§13.2)
    "Declined": ChargeState.DECLINED,
}

REFUND: Final[Mapping[str, RefundState]] = {
    "Pending": RefundState.REFUND_INITIATED,
    "Completed": RefundState.REFUNDED,
    "Declined": RefundState.DECLINED,
}

BILLING_AGREEMENT: Final[Mapping[str, ChargePermissionState]] = {
    "Open": ChargePermissionState.CHARGEABLE,
    "Suspended": ChargePermissionState.NON_CHARGEABLE,
    "Closed": ChargePermissionState.CLOSED,
    "Canceled": ChargePermissionState.CLOSED,
}

ORDER_REFERENCE: Final[Mapping[OrderReferenceReading, Mapping[str, ChargePermissionState]]] = {
    OrderReferenceReading.UPGRADE_GUIDE: {
        "Open": ChargePermissionState.CHARGEABLE,  # before a successful capture; Closed after it
        "Suspended": ChargePermissionState.NON_CHARGEABLE,
        "Closed": ChargePermissionState.CLOSED,
        "Canceled": ChargePermissionState.CLOSED,
    },
    OrderReferenceReading.FAQ: {
        "Open": ChargePermissionState.NON_CHARGEABLE,
        "Suspended": ChargePermissionState.NON_CHARGEABLE,
        "Closed": ChargePermissionState.CLOSED,
        "Canceled": ChargePermissionState.CLOSED,
    },
}

CHARGED_ON: Final[frozenset[str]] = frozenset({ChargePermissionState.CHARGEABLE, ChargePermissionState.NON_CHARGEABLE})
"""States in which a charge on an Order Reference is tried: NonChargeable alone is no reason to refuse (§12)."""


def authorization(state: str, reason: str | None = None) -> ChargeState:
    """The charge a CV1 Authorization reads as."""
    if state == "Closed" and reason == MAX_AMOUNT_CAPTURED:
        return ChargeState.CAPTURED
    return AUTHORIZATION[state]


_CHARGE_WORDS: Final[Mapping[Cv1Kind, Mapping[str, str]]] = {
    Cv1Kind.AUTHORIZATION: {
        ChargeState.AUTHORIZATION_INITIATED: "Pending",
        ChargeState.AUTHORIZED: "Open",
        ChargeState.CAPTURE_INITIATED: "Open",
        ChargeState.CAPTURED: f"Closed ({MAX_AMOUNT_CAPTURED})",
        ChargeState.CANCELED: "Closed",
        ChargeState.DECLINED: "Declined",
    },
    Cv1Kind.CAPTURE: {
        ChargeState.CAPTURE_INITIATED: "Pending",
        ChargeState.CAPTURED: "Completed",
        ChargeState.CANCELED: "Closed",
        ChargeState.DECLINED: "Declined",
    },
}
_REFUND_WORDS: Final[Mapping[str, str]] = {cv2: cv1 for cv1, cv2 in REFUND.items()}
_PERMISSION_WORDS: Final[Mapping[str, str]] = {
    ChargePermissionState.CHARGEABLE: "Open",
    ChargePermissionState.NON_CHARGEABLE: "Suspended",
    ChargePermissionState.CLOSED: "Closed or Canceled",
}


def cv1_word(kind: Cv1Kind, cv2_state: str, reading: OrderReferenceReading) -> str:
    """What CV1, Seller Central and reports call a state of CV2; "" where the documents have no word."""
    if kind is Cv1Kind.ORDER_REFERENCE and cv2_state == ChargePermissionState.NON_CHARGEABLE:
        return "Suspended" if reading is OrderReferenceReading.UPGRADE_GUIDE else "Open or Suspended"
    words = {**_PERMISSION_WORDS, **_REFUND_WORDS, **_CHARGE_WORDS.get(kind, {})}
    return words.get(cv2_state, "")


SELLER_CENTRAL: Final[Sequence[tuple[str, str]]] = (
    ("Charge Permission Chargeable", "Order Reference / Billing Agreement Open"),
    ("Charge Permission NonChargeable", "Order Reference / Billing Agreement Suspended"),
    ("Charge Permission Closed", "Order Reference / Billing Agreement Canceled or Closed"),
    ("chargePermissionId", "AmazonOrderReferenceId / AmazonBillingAgreementId"),
    (marked("chargeId with its 21st character C written A"), "AmazonAuthorizationId"),
    ("chargeId", "AmazonTransactionId"),
    (marked("the charge's merchantReferenceId"), "SellerReferenceId"),
    (marked("the permission's merchantReferenceId"), "SellerOrderId"),
)
"""CV2's words with those of Seller Central and the settlement reports, which still speak CV1 (FAQ QA-28)."""
