"""Every call of CV1 with what replaces it in CV2 and in Saleor, or the reason why nothing does.

Source: amazon-pay-cv2.md §12 (both documents' tables), §13.2 (the list of CV1's calls).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cv1Call:
    """``cv2`` is None where there is no equivalent; ``advice`` then is the reason the documents give.

    ``saleor`` says what a merchant does for it once the order is adopted.
    """

    name: str
    cv2: str | None
    advice: str
    saleor: str = ""


_SAME_ID = "The Order Reference's id is the Charge Permission's id."
_REWRITTEN = "The 21st character of AmazonAuthorizationId is written C instead of A."
_AT_CHECKOUT = "It belonged to CV1's checkout; new orders are made with CV2 only."

CALLS: Final[Sequence[Cv1Call]] = (
    Cv1Call(
        "Authorize",
        "Create Charge",
        "AmazonOrderReferenceId is the chargePermissionId; the Order Reference must be Open.",
        "Charge more than is held: a charge request makes a new Charge on the Order Reference.",
    ),
    Cv1Call("AuthorizeOnBillingAgreement", "Create Charge", "The agreement must be Open.", "Charge the agreement."),
    Cv1Call("CancelOrderReference", "Close Charge Permission", "cancelPendingCharges is true.", "Cancel everything."),
    Cv1Call(
        "CloseOrderReference",
        "Close Charge Permission",
        "cancelPendingCharges is false.",
        "Cancel exactly what is not held: open authorizations stay.",
    ),
    Cv1Call("CloseBillingAgreement", "Close Charge Permission", "cancelPendingCharges is false.", "Close it."),
    Cv1Call("Capture", "Capture Charge", _REWRITTEN, "Charge."),
    Cv1Call("CloseAuthorization", "Cancel Charge", _REWRITTEN, "Cancel the rest of a charged order."),
    Cv1Call("GetAuthorizationDetails", "Get Charge", _REWRITTEN, "saleor-amazonpay cv1 explain ID"),
    Cv1Call("GetCaptureDetails", "Get Charge", "AmazonCaptureId has its C already.", "saleor-amazonpay cv1 explain ID"),
    Cv1Call("GetOrderReferenceDetails", "Get Charge Permission", _SAME_ID, "saleor-amazonpay cv1 explain ID"),
    Cv1Call("GetRefundDetails", "Get Refund", "AmazonRefundId stays as it is.", "saleor-amazonpay cv1 explain ID"),
    Cv1Call("Refund", "Create Refund", "AmazonCaptureId is the chargeId; it must be Completed.", "Refund."),
    Cv1Call("GetBillingAgreementDetails", "Get Charge Permission", "The id stays as it is.", "Read the agreement."),
    Cv1Call("SetBillingAgreementDetails", "Update Charge Permission", "The id stays as it is.", "Update it."),
    Cv1Call("CreateOrderReferenceForId", None, "Use Create Charge with the agreement's id."),
    Cv1Call(
        "ValidateBillingAgreement",
        None,
        "Amazon validates an agreement when it is made; remove the call.",
    ),
    Cv1Call("SetOrderReferenceDetails", None, _AT_CHECKOUT),
    Cv1Call("ConfirmOrderReference", None, _AT_CHECKOUT),
    Cv1Call("ConfirmBillingAgreement", None, _AT_CHECKOUT),
)

_BY_NAME: Final[Mapping[str, Cv1Call]] = {call.name.lower(): call for call in CALLS}


def find_call(name: str) -> Cv1Call | None:
    """By its name, however it is capitalised."""
    return _BY_NAME.get(name.strip().lower())
