"""The exception tree; internal detail lives in ``__cause__`` and logs, never in ``public_message``.

    AppError(public_message)
    ├─ RequestRejected                 the sender's fault, answered with ``status``
    │  ├─ InvalidPayload        400
    │  ├─ UnknownInstallation   401    looks the same as a bad signature from outside
    │  ├─ SignatureRejected     401
    │  └─ WrongRecipient        403
    ├─ ConfigurationError              the merchant must act; becomes an App Problem
    │  ├─ ChannelNotConfigured
    │  ├─ AccountLocked             re-installed by a Saleor with another key: enter the private key again
    │  └─ KeyUnusable
    ├─ AmazonPayError(reason_code, http_status, request_id)     see amazonpay/errors.py
    │  ├─ AmazonPayRejected            final
    │  ├─ AmazonPayUnavailable         nothing happened, retry
    │  └─ AmazonPayUnresolved          sent, no answer: same key and the very bytes again
    ├─ SaleorError
    │  ├─ SaleorUnavailable            retry
    │  └─ SaleorRefused(errors)        final for this request
    └─ ConflictError
       ├─ ClaimTaken                   another actor works on the payment
       └─ ClaimLost                    our lease ran out; whoever has it now decides

Source: DESIGN §4 rule 3, aesthetics.md §3.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from saleor_amazonpay.messages import Message


class AppError(Exception):
    """Root of everything we raise. ``public_message`` may be shown to the person who asked.

    ``sentence`` is the same, translatable where it was given as a ``Message``.
    """

    status = 500
    code = "INTERNAL_ERROR"

    def __init__(self, public_message: str | Message = "") -> None:
        super().__init__(str(public_message))
        self.public_message = str(public_message)
        self.sentence = public_message


class RequestRejected(AppError):
    """The request itself is refused; nothing was done."""

    status = 400
    code = "BAD_REQUEST"


class InvalidPayload(RequestRejected):
    code = "INVALID_PAYLOAD"


class UnknownInstallation(RequestRejected):
    status = 401
    code = "NOT_REGISTERED"


class SignatureRejected(RequestRejected):
    status = 401
    code = "SIGNATURE_VERIFICATION_FAILED"


class WrongRecipient(RequestRejected):
    status = 403
    code = "WRONG_RECIPIENT"


class ConfigurationError(AppError):
    """Only the merchant can cure it; ``public_message`` says how."""

    status = 409
    code = "CONFIGURATION_ERROR"


class ChannelNotConfigured(ConfigurationError):
    code = "CHANNEL_NOT_CONFIGURED"


class AccountLocked(ConfigurationError):
    """Host names are recycled: whoever re-installs with another key has to show the private key (DESIGN §6 case 17)."""

    code = "ACCOUNT_LOCKED"


class KeyUnusable(ConfigurationError):
    code = "KEY_UNUSABLE"


class AmazonPayError(AppError):
    """Amazon Pay did not do what was asked. Branch on the class and ``reason_code``, never on ``http_status``."""

    status = 502
    code = "AMAZON_PAY_ERROR"

    def __init__(
        self,
        public_message: str | Message = "",
        *,
        reason_code: str = "",
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(public_message)
        self.reason_code = reason_code
        self.http_status = http_status
        self.request_id = request_id


class AmazonPayRejected(AmazonPayError):
    """Amazon decided: no. Sending it again changes nothing."""

    code = "AMAZON_PAY_REJECTED"


class AmazonPayUnavailable(AmazonPayError):
    """Nothing happened (throttled, connection refused); the same request may be sent later."""

    status = 503
    code = "AMAZON_PAY_UNAVAILABLE"


class AmazonPayUnresolved(AmazonPayError):
    """Sent, no usable answer: the outcome is unknown until the same key and bytes are sent again."""

    status = 504
    code = "AMAZON_PAY_UNRESOLVED"


class SaleorError(AppError):
    status = 502
    code = "SALEOR_ERROR"


class SaleorUnavailable(SaleorError):
    """Not reached, 5xx, or nonsense: ask again later."""

    code = "SALEOR_UNAVAILABLE"


class SaleorRefused(SaleorError):
    """Saleor understood and refused; ``errors`` are its own, ``codes`` their codes."""

    code = "SALEOR_REFUSED"

    def __init__(self, public_message: str, errors: Sequence[dict[str, object]] = ()) -> None:
        super().__init__(public_message)
        self.errors = tuple(errors)
        self.codes = frozenset(str(error.get("code", "")) for error in errors)


class ConflictError(AppError):
    status = 409
    code = "CONFLICT"


class ClaimTaken(ConflictError):
    code = "CLAIM_TAKEN"


class ClaimLost(ConflictError):
    code = "CLAIM_LOST"
