"""States and names, in Amazon's and Saleor's own words; the two are joined only in transitions.py.

Sources: amazon-pay-cv2.md §4.0-4.6 (official constants), saleor-contract.md §5 (event types, actions).
"""

from __future__ import annotations

from enum import StrEnum

# --- Amazon Pay ---------------------------------------------------------------------------------------------------


class CheckoutSessionState(StrEnum):
    OPEN = "Open"
    COMPLETED = "Completed"
    CANCELED = "Canceled"


class ChargePermissionState(StrEnum):
    CHARGEABLE = "Chargeable"
    NON_CHARGEABLE = "NonChargeable"
    CLOSED = "Closed"


class ChargePermissionType(StrEnum):
    ONE_TIME = "OneTime"
    RECURRING = "Recurring"
    PAYMENT_METHOD_ON_FILE = "PaymentMethodOnFile"


class ChargeState(StrEnum):
    AUTHORIZATION_INITIATED = "AuthorizationInitiated"
    AUTHORIZED = "Authorized"
    CAPTURE_INITIATED = "CaptureInitiated"
    CAPTURED = "Captured"
    CANCELED = "Canceled"
    DECLINED = "Declined"


class RefundState(StrEnum):
    REFUND_INITIATED = "RefundInitiated"
    REFUNDED = "Refunded"
    DECLINED = "Declined"


class ChargeInitiator(StrEnum):
    """Who started a charge on a standing agreement (amazon-pay-cv2.md §6.2)."""

    CUSTOMER_UNSCHEDULED = "CITU"
    MERCHANT_UNSCHEDULED = "MITU"
    CUSTOMER_RECURRING = "CITR"
    MERCHANT_RECURRING = "MITR"


class ChargeChannel(StrEnum):
    """Where a charge on a standing agreement was started (amazon-pay-cv2.md §6.2)."""

    WEB = "Web"
    PHONE = "Phone"
    APP = "App"
    ALEXA = "Alexa"
    POINT_OF_SALE = "PointOfSale"
    FIRE_TV = "FireTv"
    OFFLINE = "Offline"
    AMAZON = "Amazon"


class FrequencyUnit(StrEnum):
    """How often a Recurring permission is charged, as the buyer was told (amazon-pay-cv2.md §6.1)."""

    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"
    YEAR = "Year"
    VARIABLE = "Variable"


class PaymentIntent(StrEnum):
    CONFIRM = "Confirm"
    AUTHORIZE = "Authorize"
    AUTHORIZE_WITH_CAPTURE = "AuthorizeWithCapture"


# --- Saleor -------------------------------------------------------------------------------------------------------


class ActionType(StrEnum):
    """What a session event asks for."""

    AUTHORIZATION = "AUTHORIZATION"
    CHARGE = "CHARGE"


class TransactionAction(StrEnum):
    """What Saleor's staff may be offered next."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"
    CANCEL = "CANCEL"


class TransactionEventType(StrEnum):
    AUTHORIZATION_SUCCESS = "AUTHORIZATION_SUCCESS"
    AUTHORIZATION_FAILURE = "AUTHORIZATION_FAILURE"
    AUTHORIZATION_REQUEST = "AUTHORIZATION_REQUEST"
    AUTHORIZATION_ADJUSTMENT = "AUTHORIZATION_ADJUSTMENT"
    AUTHORIZATION_ACTION_REQUIRED = "AUTHORIZATION_ACTION_REQUIRED"
    CHARGE_SUCCESS = "CHARGE_SUCCESS"
    CHARGE_FAILURE = "CHARGE_FAILURE"
    CHARGE_REQUEST = "CHARGE_REQUEST"
    CHARGE_ACTION_REQUIRED = "CHARGE_ACTION_REQUIRED"
    CHARGE_BACK = "CHARGE_BACK"
    REFUND_SUCCESS = "REFUND_SUCCESS"
    REFUND_FAILURE = "REFUND_FAILURE"
    REFUND_REQUEST = "REFUND_REQUEST"
    REFUND_REVERSE = "REFUND_REVERSE"
    CANCEL_SUCCESS = "CANCEL_SUCCESS"
    CANCEL_FAILURE = "CANCEL_FAILURE"
    CANCEL_REQUEST = "CANCEL_REQUEST"
    INFO = "INFO"


# --- Ours ---------------------------------------------------------------------------------------------------------


class PaymentState(StrEnum):
    """How far one Saleor transaction has come here."""

    INITIALIZED = "initialized"  # bound to a session; Update Checkout Session not yet confirmed
    AWAITING_BUYER = "awaiting_buyer"  # the buyer has somewhere to go; nothing is decided
    COMPLETING = "completing"  # a Complete intent exists: the binding is frozen (case 3)
    PENDING = "pending"  # Amazon answered, but the charge is still being decided
    ACTIVE = "active"  # authorized or charged
    FAILED = "failed"
    REPLACED = "replaced"  # a newer transaction took the session over


class PaymentStatus(StrEnum):
    """What a payment has come to, as its merchant sorts payments; found by payment_status.py."""

    AWAITING_BUYER = "awaiting_buyer"
    PROCESSING = "processing"  # Amazon, or an unanswered call, decides
    AUTHORIZED = "authorized"
    PARTIALLY_CAPTURED = "partially_captured"  # more can be captured
    CAPTURED = "captured"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    CANCELED = "canceled"  # nothing was captured and nothing can be any more
    FAILED = "failed"
    REPLACED = "replaced"


UNDECIDED_PAYMENTS = frozenset({PaymentState.INITIALIZED, PaymentState.AWAITING_BUYER})


class OperationKind(StrEnum):
    """What is to be done with a payment; a Saleor request, or our own decision (reauthorize)."""

    COMPLETE = "complete"
    CHARGE_AGREEMENT = "charge_agreement"  # begin a payment by charging a standing agreement, without a session
    CHARGE = "charge"
    REFUND = "refund"
    CANCEL = "cancel"
    REAUTHORIZE = "reauthorize"
    OVER_REFUND = (
        "over_refund"  # beyond what was captured, within Amazon's allowance; staff's, on our page only (case 7)
    )


REFUNDS = frozenset({OperationKind.REFUND, OperationKind.OVER_REFUND})


class StaffAction(StrEnum):
    """What staff can do with a payment on the app's own pages."""

    REREAD = "reread"
    RESEND = "resend"
    CHARGE = "charge"
    REFUND = "refund"
    CANCEL = "cancel"
    REAUTHORIZE = "reauthorize"
    OVER_REFUND = "over_refund"


SESSION_OPERATIONS = frozenset({OperationKind.COMPLETE, OperationKind.CHARGE_AGREEMENT})
"""Whose outcome answers a session event: they begin a payment, everything else happens to one."""


class OperationState(StrEnum):
    WAITING = "waiting"  # accepted, not planned: another operation has the payment
    RUNNING = "running"  # its calls are committed; some outcome is unknown
    PENDING = "pending"  # every call is answered; Amazon decides later
    SETTLED = "settled"


class CallState(StrEnum):
    COMMITTED = "committed"
    UNRESOLVED = "unresolved"  # sent, no answer: the same key and bytes again
    DONE = "done"
    REJECTED = "rejected"


class AfterPartialCapture(StrEnum):
    KEEP = "keep"  # the unused balance stays chargeable, nothing is held
    REAUTHORIZE = "reauthorize"  # a new charge holds the rest at once
