"""The errors Amazon answers: a reason code, its HTTP status, a message nobody may parse.

Source: amazon-pay-cv2.md §7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATUS_OF: Final[Mapping[str, int]] = {
    "InvalidHeaderValue": 400,
    "MissingHeader": 400,
    "MissingHeaderValue": 400,
    "InvalidRequest": 400,
    "InvalidRequestFormat": 400,
    "InvalidParameterValue": 400,
    "MissingParameterValue": 400,
    "InvalidParameterCombination": 400,
    "UnrecognizedField": 400,
    "CurrencyMismatch": 400,
    "InvalidAPIVersion": 400,
    "InvalidSandboxSimulationSpecified": 400,
    "DuplicateIdempotencyKey": 400,
    "TransactionAmountExceeded": 400,
    "PeriodicAmountExceeded": 400,
    "UnauthorizedAccess": 401,
    "InvalidAuthentication": 403,
    "InvalidRequestSignature": 403,
    "InvalidAuthorizationToken": 403,
    "InvalidAccountStatus": 403,
    "ResourceNotFound": 404,
    "UnsupportedOperation": 405,
    "RequestNotSupported": 405,
    "RequestTimeout": 408,
    "AmountMismatch": 409,
    "InvalidCheckoutSessionStatus": 422,
    "CheckoutSessionCanceled": 422,
    "InvalidChargePermissionStatus": 422,
    "ChargePermissionNotModifiable": 422,
    "InvalidChargeStatus": 422,
    "TransactionCountExceeded": 422,
    "SoftDeclined": 422,
    "HardDeclined": 422,
    "PaymentMethodNotAllowed": 422,
    "MFANotCompleted": 422,
    "AmazonRejected": 422,
    "TransactionTimedOut": 422,
    "TLSVersionNotSupported": 426,
    "TooManyRequests": 429,
    "RequestThrottled": 429,
    "InternalServerError": 500,
    "ProcessingFailure": 500,
    "ServiceUnavailable": 503,
}


class ApiProblem(Exception):
    """Ends an operation; nothing of it was done unless the operation says otherwise."""

    def __init__(self, reason_code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(f"{reason_code}: {message}")
        self.reason_code = reason_code
        self.message = message
        self.status = STATUS_OF[reason_code] if status is None else status

    @property
    def body(self) -> dict[str, str]:
        return {"reasonCode": self.reason_code, "message": self.message}
