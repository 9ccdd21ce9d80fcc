"""From an answer, or the lack of one, to the three failures that must never be blurred.

    rejected     Amazon decided: no                      AmazonPayRejected
    unavailable  nothing happened, send it later         AmazonPayUnavailable
    unresolved   it may have happened                    AmazonPayUnresolved

The reason code decides; the HTTP status only where there is no known code (DESIGN §4 rule 3). Codes and meanings:
amazon-pay-cv2.md §7. Amazon's own ``message`` is never shown: it is undocumented text that may quote the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

import msgspec

from saleor_amazonpay.amazonpay.states import ReasonCode
from saleor_amazonpay.errors import (
    AmazonPayError,
    AmazonPayRejected,
    AmazonPayUnavailable,
    AmazonPayUnresolved,
)
from saleor_amazonpay.messages import marked


class Failure(Enum):
    """``value`` is the exception raised for it."""

    REJECTED = AmazonPayRejected
    UNAVAILABLE = AmazonPayUnavailable
    UNRESOLVED = AmazonPayUnresolved


BY_REASON: Final[Mapping[str, Failure]] = {
    **dict.fromkeys(ReasonCode, Failure.REJECTED),
    ReasonCode.TOO_MANY_REQUESTS: Failure.UNAVAILABLE,
    ReasonCode.REQUEST_THROTTLED: Failure.UNAVAILABLE,
    ReasonCode.REQUEST_TIMEOUT: Failure.UNRESOLVED,
    ReasonCode.INTERNAL_SERVER_ERROR: Failure.UNRESOLVED,
    ReasonCode.PROCESSING_FAILURE: Failure.UNRESOLVED,
    ReasonCode.SERVICE_UNAVAILABLE: Failure.UNRESOLVED,
}
"""Every known code; one that is missing here is judged by its status."""

BY_STATUS: Final[Mapping[int, Failure]] = {
    HTTPStatus.REQUEST_TIMEOUT: Failure.UNRESOLVED,
    HTTPStatus.TOO_EARLY: Failure.UNAVAILABLE,
    HTTPStatus.TOO_MANY_REQUESTS: Failure.UNAVAILABLE,
}

RETRIED_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Tried again inside one call (§10); never a refusal."""

STATE_CONFLICTS: Final = frozenset(
    {
        ReasonCode.CHARGE_PERMISSION_NOT_MODIFIABLE,
        ReasonCode.CHECKOUT_SESSION_CANCELED,
        ReasonCode.INVALID_CHARGE_PERMISSION_STATUS,
        ReasonCode.INVALID_CHARGE_STATUS,
        ReasonCode.INVALID_CHECKOUT_SESSION_STATUS,
    }
)
"""The object is in no state for this. Our own earlier sending may have brought it there: read it back first."""

_AT_THE_DOOR: Final = frozenset(
    {
        ReasonCode.DUPLICATE_IDEMPOTENCY_KEY,
        ReasonCode.INVALID_ACCOUNT_STATUS,
        ReasonCode.INVALID_API_VERSION,
        ReasonCode.INVALID_AUTHENTICATION,
        ReasonCode.INVALID_AUTHORIZATION_TOKEN,
        ReasonCode.INVALID_HEADER_VALUE,
        ReasonCode.INVALID_REQUEST_SIGNATURE,
        ReasonCode.MISSING_HEADER,
        ReasonCode.MISSING_HEADER_VALUE,
        ReasonCode.TLS_VERSION_NOT_SUPPORTED,
        ReasonCode.UNAUTHORIZED_ACCESS,
    }
)
"""Refused before Amazon looked at the operation: such an answer to a replay says nothing about the first sending."""

_DOOR_STATUSES: Final = frozenset({401, 403, 426})
_ASK_SUPPORT: Final = marked("Amazon Pay could not read the request. Report this to the app's support.")
_CHECK_KEYS: Final = marked(
    "Amazon Pay does not accept the keys. Check public key ID, private key, region and environment."
)

MESSAGES: Final[Mapping[str, str]] = {
    ReasonCode.AMAZON_REJECTED: marked("Amazon rejected the payment. Ask the buyer for another payment method."),
    ReasonCode.AMOUNT_MISMATCH: marked("The amount differs from what the buyer agreed to. Start the checkout again."),
    ReasonCode.CHARGE_PERMISSION_NOT_MODIFIABLE: marked("The order at Amazon can no longer be changed."),
    ReasonCode.CHECKOUT_SESSION_CANCELED: marked("The checkout at Amazon was canceled. Start it again."),
    ReasonCode.CURRENCY_MISMATCH: marked("The currency differs from the one of the Amazon Pay order."),
    ReasonCode.DUPLICATE_IDEMPOTENCY_KEY: marked("Amazon Pay knows this request with other contents."),
    ReasonCode.HARD_DECLINED: marked(
        "The payment method was declined. Ask the buyer to change the payment method at Amazon, then charge again."
    ),
    ReasonCode.INTERNAL_SERVER_ERROR: marked("Amazon Pay has an internal error. The same request is sent again."),
    ReasonCode.INVALID_ACCOUNT_STATUS: marked("The Amazon Pay account is not active. See Seller Central."),
    ReasonCode.INVALID_API_VERSION: _ASK_SUPPORT,
    ReasonCode.INVALID_AUTHENTICATION: _CHECK_KEYS,
    ReasonCode.INVALID_AUTHORIZATION_TOKEN: marked("The token of the delegated account is not valid any more."),
    ReasonCode.INVALID_CHARGE_PERMISSION_STATUS: marked("The order at Amazon is in no state for this."),
    ReasonCode.INVALID_CHARGE_STATUS: marked("The payment at Amazon is in no state for this."),
    ReasonCode.INVALID_CHECKOUT_SESSION_STATUS: marked(
        "The checkout at Amazon is completed, canceled, or not finished."
    ),
    ReasonCode.INVALID_HEADER_VALUE: _ASK_SUPPORT,
    ReasonCode.INVALID_PARAMETER_COMBINATION: _ASK_SUPPORT,
    ReasonCode.INVALID_PARAMETER_VALUE: marked("Amazon Pay does not accept a value of the request."),
    ReasonCode.INVALID_REQUEST: _ASK_SUPPORT,
    ReasonCode.INVALID_REQUEST_FORMAT: _ASK_SUPPORT,
    ReasonCode.INVALID_REQUEST_SIGNATURE: _CHECK_KEYS,
    ReasonCode.INVALID_SANDBOX_SIMULATION_SPECIFIED: marked("The simulation code does not fit this request."),
    ReasonCode.MFA_NOT_COMPLETED: marked(
        "The buyer has not confirmed the payment with the bank. Ask the buyer to pay again."
    ),
    ReasonCode.MISSING_HEADER: _ASK_SUPPORT,
    ReasonCode.MISSING_HEADER_VALUE: _ASK_SUPPORT,
    ReasonCode.MISSING_PARAMETER_VALUE: _ASK_SUPPORT,
    ReasonCode.PAYMENT_METHOD_NOT_ALLOWED: marked(
        "The payment method is not allowed here. Ask the buyer to change the payment method at Amazon, then charge "
        "again."
    ),
    ReasonCode.PERIODIC_AMOUNT_EXCEEDED: marked("The agreement's limit for this month is used up. Charge next month."),
    ReasonCode.PROCESSING_FAILURE: marked("Amazon Pay could not process the request. The same request is sent again."),
    ReasonCode.REQUEST_NOT_SUPPORTED: marked("Amazon Pay does not support this request."),
    ReasonCode.REQUEST_THROTTLED: marked("Amazon Pay is receiving too many requests. Try again in a minute."),
    ReasonCode.REQUEST_TIMEOUT: marked("Amazon Pay did not answer in time. The same request is sent again."),
    ReasonCode.RESOURCE_NOT_FOUND: marked("Amazon Pay does not know this object for this account."),
    ReasonCode.SERVICE_UNAVAILABLE: marked("Amazon Pay is not available now. The same request is sent again."),
    ReasonCode.SOFT_DECLINED: marked("The payment was declined for the moment. Try later, then ask the buyer."),
    ReasonCode.TLS_VERSION_NOT_SUPPORTED: marked("This server's TLS is too old for Amazon Pay. TLS 1.2 is needed."),
    ReasonCode.TOO_MANY_REQUESTS: marked("Amazon Pay is receiving too many requests. Try again in a minute."),
    ReasonCode.TRANSACTION_AMOUNT_EXCEEDED: marked("The amount is above what Amazon Pay allows on this order."),
    ReasonCode.TRANSACTION_COUNT_EXCEEDED: marked("Amazon Pay allows no further payment or refund on this order."),
    ReasonCode.TRANSACTION_TIMED_OUT: marked("Amazon could not decide about the payment in time. Try again."),
    ReasonCode.UNAUTHORIZED_ACCESS: _CHECK_KEYS,
    ReasonCode.UNRECOGNIZED_FIELD: _ASK_SUPPORT,
    ReasonCode.UNSUPPORTED_OPERATION: marked("Amazon Pay does not support this request."),
}
"""What to tell a person, by reason code."""

_FALLBACKS: Final = {
    Failure.REJECTED: marked("Amazon Pay refused the request."),
    Failure.UNAVAILABLE: marked("Amazon Pay cannot be reached now. Try again later."),
    Failure.UNRESOLVED: marked("Amazon Pay has not confirmed the request. The same request is sent again."),
}


class Refusal(msgspec.Struct, frozen=True, rename="camel"):
    """The body of an answer that is no success."""

    reason_code: Any = None
    message: Any = None


def read_refusal(body: bytes) -> tuple[str, str]:
    """(reason code, Amazon's message for the log); empty where the body holds none."""
    try:
        refusal = msgspec.json.decode(body, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    code, message = refusal.reason_code, refusal.message
    is_code = isinstance(code, str) and re.fullmatch(r"[A-Za-z]{1,64}", code)
    return (code if is_code else ""), (message[:300] if isinstance(message, str) else "")


def classify(http_status: int | None, reason_code: str, *, moves_money: bool, is_replay: bool = False) -> Failure:
    """Which of the three it is; ``http_status`` is ``None`` for a request sent and not answered.

    A replay is a request whose earlier sending may have reached Amazon: what then only says that *this* sending did
    nothing leaves the outcome open.
    """
    failure = BY_REASON.get(reason_code) or _by_status(http_status)
    if is_replay and reason_code == ReasonCode.DUPLICATE_IDEMPOTENCY_KEY:
        return Failure.UNRESOLVED
    if not moves_money:
        return Failure.UNAVAILABLE if failure is Failure.UNRESOLVED else failure
    if is_replay and (failure is Failure.UNAVAILABLE or _at_the_door(http_status, reason_code)):
        return Failure.UNRESOLVED
    return failure


def as_error(
    failure: Failure, reason_code: str = "", http_status: int | None = None, request_id: str | None = None
) -> AmazonPayError:
    """The exception, with a message a person can act on."""
    message = MESSAGES.get(reason_code) or _FALLBACKS[failure]
    error: type[AmazonPayError] = failure.value
    return error(message, reason_code=reason_code, http_status=http_status, request_id=request_id)


def _by_status(status: int | None) -> Failure:
    is_refusal = status is not None and status // 100 == 4  # noqa: PLR2004 - 4xx
    return BY_STATUS.get(status or 0, Failure.REJECTED if is_refusal else Failure.UNRESOLVED)


def _at_the_door(status: int | None, reason_code: str) -> bool:
    return reason_code in _AT_THE_DOOR or (reason_code not in BY_REASON and status in _DOOR_STATUSES)
