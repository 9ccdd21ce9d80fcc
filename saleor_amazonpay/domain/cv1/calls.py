"""Every call of CV1 with what replaces it in CV2 and in Saleor, or the reason why nothing does.

Source: amazon-pay-cv2.md §12 (both documents' tables), §13.2 (the list of CV1's calls).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saleor_amazonpay.messages import marked


@dataclass(frozen=True, slots=True)
class Cv1Call:
    """``cv2`` is None where there is no equivalent; ``advice`` then is the reason the documents give.

    ``saleor`` says what a merchant does for it once the order is adopted.
    """

    name: str
    cv2: str | None
    advice: str
    saleor: str = ""


_SAME_ID = marked("The Order Reference's id is the Charge Permission's id.")
_REWRITTEN = marked("The 21st character of AmazonAuthorizationId is written C instead of A.")
_LOOK_UP = marked("Look its id up: here, or with saleor-amazonpay cv1 explain ID.")
_AT_CHECKOUT = marked("It belonged to CV1's checkout; new orders are made with CV2 only.")

CALLS: Final[Sequence[Cv1Call]] = (
    Cv1Call(
        "Authorize",
        "Create Charge",
        marked("AmazonOrderReferenceId is the chargePermissionId; the Order Reference must be Open."),
        marked("Charge more than is held: a charge request makes a new Charge on the Order Reference."),
    ),
    Cv1Call(
        "AuthorizeOnBillingAgreement",
        "Create Charge",
        marked("The agreement must be Open."),
        marked("Charge the agreement."),
    ),
    Cv1Call(
        "CancelOrderReference",
        "Close Charge Permission",
        marked("cancelPendingCharges is true."),
        marked("Cancel everything."),
    ),
    Cv1Call(
        "CloseOrderReference",
        "Close Charge Permission",
        marked("cancelPendingCharges is false."),
        marked("Cancel exactly what is not held: open authorizations stay."),
    ),
    Cv1Call(
        "CloseBillingAgreement",
        "Close Charge Permission",
        marked("cancelPendingCharges is false."),
        marked("Close it."),
    ),
    Cv1Call(
        "Capture",
        "Capture Charge",
        _REWRITTEN,
        marked("Charge."),
    ),
    Cv1Call(
        "CloseAuthorization",
        "Cancel Charge",
        _REWRITTEN,
        marked("Cancel the rest of a charged order."),
    ),
    Cv1Call(
        "GetAuthorizationDetails",
        "Get Charge",
        _REWRITTEN,
        _LOOK_UP,
    ),
    Cv1Call(
        "GetCaptureDetails",
        "Get Charge",
        marked("AmazonCaptureId has its C already."),
        _LOOK_UP,
    ),
    Cv1Call(
        "GetOrderReferenceDetails",
        "Get Charge Permission",
        _SAME_ID,
        _LOOK_UP,
    ),
    Cv1Call(
        "GetRefundDetails",
        "Get Refund",
        marked("AmazonRefundId stays as it is."),
        _LOOK_UP,
    ),
    Cv1Call(
        "Refund",
        "Create Refund",
        marked("AmazonCaptureId is the chargeId; it must be Completed."),
        marked("Refund."),
    ),
    Cv1Call(
        "GetBillingAgreementDetails",
        "Get Charge Permission",
        marked("The id stays as it is."),
        marked("Read the agreement."),
    ),
    Cv1Call(
        "SetBillingAgreementDetails",
        "Update Charge Permission",
        marked("The id stays as it is."),
        marked("Update it."),
    ),
    Cv1Call(
        "CreateOrderReferenceForId",
        None,
        marked("Use Create Charge with the agreement's id."),
    ),
    Cv1Call(
        "ValidateBillingAgreement",
        None,
        marked("Amazon validates an agreement when it is made; remove the call."),
    ),
    Cv1Call(
        "SetOrderReferenceDetails",
        None,
        _AT_CHECKOUT,
    ),
    Cv1Call(
        "ConfirmOrderReference",
        None,
        _AT_CHECKOUT,
    ),
    Cv1Call(
        "ConfirmBillingAgreement",
        None,
        _AT_CHECKOUT,
    ),
)

_BY_NAME: Final[Mapping[str, Cv1Call]] = {call.name.lower(): call for call in CALLS}


def find_call(name: str) -> Cv1Call | None:
    """By its name, however it is capitalised."""
    return _BY_NAME.get(name.strip().lower())
