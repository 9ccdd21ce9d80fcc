"""States and reasons in Amazon's own words (amazon-pay-cv2.md §4).

Answers keep them as text, so that a word Amazon adds tomorrow is only unknown, not an error. A member equals its
text: ``charge.state == ChargeState.CAPTURED``. ``known`` turns text into a member where there is one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from saleor_amazonpay.domain.states import (
    ChargePermissionState,
    ChargeState,
    CheckoutSessionState,
    RefundState,
)

__all__ = [
    "ChargePermissionState",
    "ChargeState",
    "CheckoutSessionState",
    "DisputeResolution",
    "DisputeState",
    "ReasonCode",
    "RefundState",
    "known",
]

_Word = TypeVar("_Word", bound=StrEnum)


class DisputeState(StrEnum):
    UNDER_REVIEW = "UnderReview"
    ACTION_REQUIRED = "ActionRequired"
    RESOLVED = "Resolved"
    CLOSED = "Closed"


class DisputeResolution(StrEnum):
    BUYER_WON = "BuyerWon"
    MERCHANT_WON = "MerchantWon"
    NO_FAULT = "NoFault"


class ReasonCode(StrEnum):
    """Why an object is in its state, and why a call was refused (§4.0, §7)."""

    AMAZON_CANCELED = "AmazonCanceled"
    AMAZON_CLOSED = "AmazonClosed"
    AMAZON_REJECTED = "AmazonRejected"
    AMOUNT_MISMATCH = "AmountMismatch"
    AMOUNT_NOT_SET = "AmountNotSet"
    BILLING_ADDRESS_DELETED = "BillingAddressDeleted"
    BUYER_CANCELED = "BuyerCanceled"
    BUYER_CLOSED = "BuyerClosed"
    CHARGE_IN_PROGRESS = "ChargeInProgress"
    CHARGE_PERMISSION_CANCELED = "ChargePermissionCanceled"
    CHARGE_PERMISSION_NOT_MODIFIABLE = "ChargePermissionNotModifiable"
    CHECKOUT_SESSION_CANCELED = "CheckoutSessionCanceled"
    CURRENCY_MISMATCH = "CurrencyMismatch"
    DECLINED = "Declined"
    DUPLICATE_IDEMPOTENCY_KEY = "DuplicateIdempotencyKey"
    EXPIRED = "Expired"
    EXPIRED_UNUSED = "ExpiredUnused"
    HARD_DECLINED = "HardDeclined"
    INTERNAL_SERVER_ERROR = "InternalServerError"
    INVALID_ACCOUNT_STATUS = "InvalidAccountStatus"
    INVALID_API_VERSION = "InvalidAPIVersion"
    INVALID_AUTHENTICATION = "InvalidAuthentication"
    INVALID_AUTHORIZATION_TOKEN = "InvalidAuthorizationToken"  # noqa: S105 - a reason code
    INVALID_CHARGE_PERMISSION_STATUS = "InvalidChargePermissionStatus"
    INVALID_CHARGE_STATUS = "InvalidChargeStatus"
    INVALID_CHECKOUT_SESSION_STATUS = "InvalidCheckoutSessionStatus"
    INVALID_HEADER_VALUE = "InvalidHeaderValue"
    INVALID_PARAMETER_COMBINATION = "InvalidParameterCombination"
    INVALID_PARAMETER_VALUE = "InvalidParameterValue"
    INVALID_REQUEST = "InvalidRequest"
    INVALID_REQUEST_FORMAT = "InvalidRequestFormat"
    INVALID_REQUEST_SIGNATURE = "InvalidRequestSignature"
    INVALID_SANDBOX_SIMULATION_SPECIFIED = "InvalidSandboxSimulationSpecified"
    MERCHANT_CANCELED = "MerchantCanceled"
    MERCHANT_CLOSED = "MerchantClosed"
    MFA_FAILED = "MFAFailed"
    MFA_NOT_COMPLETED = "MFANotCompleted"
    MISSING_HEADER = "MissingHeader"
    MISSING_HEADER_VALUE = "MissingHeaderValue"
    MISSING_PARAMETER_VALUE = "MissingParameterValue"
    PAYMENT_METHOD_DELETED = "PaymentMethodDeleted"
    PAYMENT_METHOD_EXPIRED = "PaymentMethodExpired"
    PAYMENT_METHOD_INVALID = "PaymentMethodInvalid"
    PAYMENT_METHOD_NOT_ALLOWED = "PaymentMethodNotAllowed"
    PAYMENT_METHOD_NOT_SET = "PaymentMethodNotSet"
    PERIODIC_AMOUNT_EXCEEDED = "PeriodicAmountExceeded"
    PROCESSING_FAILURE = "ProcessingFailure"
    REQUEST_NOT_SUPPORTED = "RequestNotSupported"
    REQUEST_THROTTLED = "RequestThrottled"
    REQUEST_TIMEOUT = "RequestTimeout"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    SOFT_DECLINED = "SoftDeclined"
    TLS_VERSION_NOT_SUPPORTED = "TLSVersionNotSupported"
    TOO_MANY_REQUESTS = "TooManyRequests"
    TRANSACTION_AMOUNT_EXCEEDED = "TransactionAmountExceeded"
    TRANSACTION_COUNT_EXCEEDED = "TransactionCountExceeded"
    TRANSACTION_TIMED_OUT = "TransactionTimedOut"
    UNAUTHORIZED_ACCESS = "UnauthorizedAccess"
    UNRECOGNIZED_FIELD = "UnrecognizedField"
    UNSUPPORTED_OPERATION = "UnsupportedOperation"


def known(words: type[_Word], text: str | None) -> _Word | None:
    """The member spelled ``text``, or ``None`` for a word we do not know (yet)."""
    return next((word for word in words if word == text), None)
