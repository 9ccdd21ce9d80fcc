"""What can be chosen about the simulated Amazon, above all where no document settles what the real one does.

Sources: amazon-pay-cv2.md §4.1, §4.7, §4.9, §14; each option names its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Region = Literal["na", "eu", "jp"]
Environment = Literal["live", "sandbox"]

HOSTS: Final[Mapping[str, str]] = {"na": "pay-api.amazon.com", "eu": "pay-api.amazon.eu", "jp": "pay-api.amazon.jp"}
LEDGER_CURRENCY: Final[Mapping[str, str]] = {"na": "USD", "eu": "EUR", "jp": "JPY"}
CURRENCIES: Final[Mapping[str, frozenset[str]]] = {
    "na": frozenset({"USD"}),
    "jp": frozenset({"JPY"}),
    "eu": frozenset({"AUD", "GBP", "DKK", "EUR", "HKD", "JPY", "NZD", "NOK", "ZAR", "SEK", "CHF", "USD"}),
}
UTC_OFFSET_HOURS: Final[Mapping[str, int]] = {"na": -8, "eu": 1, "jp": 9}
"""Where a calendar month begins. The real boundary is unknown (§14 row 22); standard local time without summer time."""

_THOUSANDS = dict.fromkeys(("AUD", "GBP", "EUR", "NZD", "CHF", "USD"), "1000")
_TEN_THOUSANDS = dict.fromkeys(("DKK", "HKD", "NOK", "ZAR", "SEK"), "10000")
RECURRING_LIMITS: Final[Mapping[str, str]] = {**_THOUSANDS, **_TEN_THOUSANDS, "JPY": "100000"}
ON_FILE_LIMITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("USD", "EUR", "GBP", "AUD", "CHF", "NZD"), "15000"),
    **dict.fromkeys(("DKK", "HKD", "NOK", "SEK", "ZAR"), "150000"),
    "JPY": "2000000",
}
LARGEST_AMOUNT: Final[Mapping[str, str]] = {"USD": "150000", "GBP": "150000", "EUR": "150000", "JPY": "10000000"}
OVER_REFUND_CAP: Final[Mapping[str, str]] = {"USD": "75", "GBP": "75", "EUR": "75", "JPY": "8400"}
OVERCHARGE_FLOOR: Final[Mapping[str, str]] = {"USD": "500", "GBP": "500", "EUR": "500", "JPY": "70000"}

MAX_OPEN_CHARGES: Final = 25
MAX_REFUNDS: Final = 10
SESSION_HOURS: Final = 24
AUTHORIZATION_DAYS: Final[Mapping[str, int]] = {"live": 30, "sandbox": 2}
SYNCHRONOUS_CAPTURE_DAYS: Final = 7
PERMISSION_DAYS: Final = 180
EXTENDED_PERMISSION_MONTHS: Final = 13
RECURRING_MONTHS: Final = 13
BUYER_DETAILS_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """All times are seconds of the simulator's clock.

    Attributes:
        refund_seconds: until a refund is decided; Amazon takes minutes to days.
        authorization_seconds: until cards 0701 and 4354 are decided (§9.2).
        capture_seconds: until a ``CaptureInitiated`` charge is captured.
        report_seconds: until a requested report is ready.
        clock_skew_seconds: how far ``x-amz-pay-date`` may be off; ``None`` does not look (no source, §2.6).
        throttle: the buckets of §7.1.
        canceled_session_status: status of ``CheckoutSessionCanceled`` on Complete, 422 or 400 (§14 row 4).
        charge_in_progress: a one-time permission whose balance is held by open charges reads ``NonChargeable`` with
            reason ``ChargeInProgress``, as §4.3 has it; ``False`` leaves it ``Chargeable`` with balance 0.
        idempotent_deletes: closing or cancelling once more answers 200 again, as §3.2 says of DELETE; ``False``
            answers 422, as the list of §7.2 could be read.
        decline_recovery: the hosted page lets the buyer take another card after a decline. ``None``: in live only,
            as Amazon's sandbox has no such page (§9.3).
        cv1_order_reference_states: what an Open Order Reference of CV1 reads as (§14 row 8): Chargeable, and Closed
            after a capture (``"upgrade-guide"``), or always NonChargeable (``"faq"``). It is charged either way.
        monthly_limits: per currency, in place of §4.9 for Recurring permissions.
        ipn_signature_version: ``"1"`` (SHA-1, what Amazon sends) or ``"2"``.
        ipn_retry_seconds: waits before an IPN answered 5xx, or not at all, is sent again (§8.5: sources disagree).
        tick_seconds: how often the served app looks whether something is due without being asked.
    """

    refund_seconds: float = 2.0
    authorization_seconds: float = 30.0
    capture_seconds: float = 30.0
    report_seconds: float = 2.0
    clock_skew_seconds: float | None = None
    throttle: bool = False
    canceled_session_status: int = 422
    charge_in_progress: bool = True
    idempotent_deletes: bool = True
    decline_recovery: bool | None = None
    cv1_order_reference_states: Literal["upgrade-guide", "faq"] = "upgrade-guide"
    monthly_limits: Mapping[str, str] = field(default_factory=lambda: RECURRING_LIMITS)
    ipn_signature_version: Literal["1", "2"] = "1"
    ipn_retry_seconds: tuple[float, ...] = (3600.0, 3600.0, 3600.0)
    tick_seconds: float = 0.2
