"""What can go wrong between Saleor and us, beyond the shared tree in ``saleor_amazonpay.errors``.

SignatureRejected
└─ KeyMayHaveChanged         unknown kid or failed check: worth one look at Saleor's current keys
InvalidPayload
├─ EmptyBody                 Saleor's re-send after a 5xx: signed, and empty
└─ StalePayload              issued too long ago
   └─ FuturePayload          issued later than now: a clock is wrong
ConfigurationError
└─ PayloadErrors             Saleor could not resolve the subscription for our app
AppError
├─ DataErrors                the storefront's ``data``, one entry per wrong field
├─ RegistrationRefused       answered to Saleor's POST of the token
└─ TokenRejected             the Dashboard's JWT
SaleorRefused
└─ SaleorTokenRevoked        the app was removed, deactivated, or lacks the permission
"""

from __future__ import annotations

from collections.abc import Sequence

from saleor_amazonpay.errors import ConfigurationError, InvalidPayload, SaleorRefused, SignatureRejected


class KeyMayHaveChanged(SignatureRejected):
    """Well-formed, but not signed with a key we hold."""


class EmptyBody(InvalidPayload):
    """Saleor repeats a request answered 5xx with an empty body; it decides nothing.

    Source: saleor-observed.md, Action webhooks.
    """

    code = "EMPTY_BODY"


class StalePayload(InvalidPayload):
    code = "STALE_PAYLOAD"


class FuturePayload(StalePayload):
    """Issued later than now: one of the two clocks is wrong."""


class PayloadErrors(ConfigurationError):
    """Fields came as null because the app may not read them; ``messages`` are Saleor's (saleor-contract.md §4.3)."""

    code = "PAYLOAD_ERRORS"

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__(
            "Saleor could not read everything this app needs; check the app's permissions in the Dashboard."
        )
        self.messages = tuple(messages)


class SaleorTokenRevoked(SaleorRefused):
    """The app's token no longer works, or no longer suffices, in that Saleor."""

    code = "SALEOR_TOKEN_REVOKED"
