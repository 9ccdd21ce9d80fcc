"""The tables in which Amazon's states become Saleor's events, and the rule that states only move forward.

Sources: amazon-pay-cv2.md §4.2-4.5 (state machines, reason codes), saleor-contract.md §13, DESIGN §6.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from saleor_amazonpay.domain.states import (
    ActionType,
    ChargePermissionState,
    ChargeState,
    RefundState,
)
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.messages import marked

CHARGE_TRANSITIONS: Mapping[str, frozenset[str]] = {
    ChargeState.AUTHORIZATION_INITIATED: frozenset(
        {
            ChargeState.AUTHORIZED,
            ChargeState.CAPTURE_INITIATED,
            ChargeState.CAPTURED,
            ChargeState.DECLINED,
            ChargeState.CANCELED,
        }
    ),
    ChargeState.AUTHORIZED: frozenset(
        {ChargeState.CAPTURE_INITIATED, ChargeState.CAPTURED, ChargeState.CANCELED, ChargeState.DECLINED}
    ),
    ChargeState.CAPTURE_INITIATED: frozenset({ChargeState.CAPTURED, ChargeState.DECLINED, ChargeState.CANCELED}),
    ChargeState.CAPTURED: frozenset(),
    ChargeState.CANCELED: frozenset(),
    ChargeState.DECLINED: frozenset(),
}

REFUND_TRANSITIONS: Mapping[str, frozenset[str]] = {
    RefundState.REFUND_INITIATED: frozenset({RefundState.REFUNDED, RefundState.DECLINED}),
    RefundState.REFUNDED: frozenset(),
    RefundState.DECLINED: frozenset(),
}

CHARGE_PERMISSION_TRANSITIONS: Mapping[str, frozenset[str]] = {
    ChargePermissionState.CHARGEABLE: frozenset({ChargePermissionState.NON_CHARGEABLE, ChargePermissionState.CLOSED}),
    ChargePermissionState.NON_CHARGEABLE: frozenset({ChargePermissionState.CHARGEABLE, ChargePermissionState.CLOSED}),
    ChargePermissionState.CLOSED: frozenset(),
}


class Advance(Enum):
    CHANGED = auto()
    UNCHANGED = auto()
    STALE = auto()  # late or repeated news, which is normal


def advance(machine: Mapping[str, frozenset[str]], current: str | None, observed: str) -> Advance:
    """What an observation means. A state this table does not know counts as news: Amazon may add states."""
    if current == observed:
        return Advance.UNCHANGED
    if current is None or current not in machine or observed not in machine:
        return Advance.CHANGED
    return Advance.CHANGED if observed in machine[current] else Advance.STALE


# A charge made by completing a checkout session -> the answer to transactionProcess. *_REQUEST only where Amazon itself
# answered pending, since Saleor counts it as paid (DESIGN §4 rule 5).
CHARGE_TO_SESSION_RESULT: Mapping[str, Event] = {
    ChargeState.AUTHORIZATION_INITIATED: Event.AUTHORIZATION_REQUEST,
    ChargeState.AUTHORIZED: Event.AUTHORIZATION_SUCCESS,
    ChargeState.CAPTURE_INITIATED: Event.CHARGE_REQUEST,
    ChargeState.CAPTURED: Event.CHARGE_SUCCESS,
}

# The state in which a requested capture ended -> the answer to a charge request.
CHARGE_TO_CAPTURE_RESULT: Mapping[str, Event] = {
    ChargeState.CAPTURED: Event.CHARGE_SUCCESS,
    ChargeState.CANCELED: Event.CHARGE_FAILURE,
    ChargeState.DECLINED: Event.CHARGE_FAILURE,
}

SESSION_FAILURE: Mapping[str, Event] = {
    ActionType.AUTHORIZATION: Event.AUTHORIZATION_FAILURE,
    ActionType.CHARGE: Event.CHARGE_FAILURE,
}

SESSION_ACTION_REQUIRED: Mapping[str, Event] = {
    ActionType.AUTHORIZATION: Event.AUTHORIZATION_ACTION_REQUIRED,
    ActionType.CHARGE: Event.CHARGE_ACTION_REQUIRED,
}

# Why a session, charge or refund ended badly, for the person who reads it.
REASON_MESSAGES: Mapping[str, str] = {
    "BuyerCanceled": marked("The buyer cancelled the payment at Amazon Pay."),
    "AmazonCanceled": marked("Amazon cancelled the payment."),
    "Declined": marked("Amazon Pay declined the payment; the buyer can choose another payment method."),
    "Expired": marked("The Amazon Pay checkout session expired before the buyer finished."),
    "ExpiredUnused": marked("The authorization expired before it was captured."),
    "MerchantCanceled": marked("The authorization was cancelled by the merchant."),
    "ChargePermissionCanceled": marked("The authorization ended because its charge permission was closed."),
    "SoftDeclined": marked(
        "Amazon Pay declined the charge for now; it may succeed later or with another payment method."
    ),
    "HardDeclined": marked("Amazon Pay declined the charge; the buyer has to choose another payment method."),
    "AmazonRejected": marked(
        "Amazon Pay rejected it for a reason of its own; do not repeat it, settle it another way."
    ),
    "ProcessingFailure": marked("Amazon Pay could not process it because of an error of its own; try again."),
    "TransactionTimedOut": marked("Amazon Pay did not decide in time; try again."),
}


def reason_message(reason_code: str | None, otherwise: str) -> str:
    return REASON_MESSAGES.get(reason_code or "", otherwise)
