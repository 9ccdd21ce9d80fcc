"""What a buyer's standing consent allows: when it can be charged, how much of the month is left, when it lapses.

Source: amazon-pay-cv2.md §4.3 (states and reasons), §4.9 (monthly limits), §6 (recurring).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import ChargePermissionType, FrequencyUnit

STANDING_TYPES: Final = frozenset({ChargePermissionType.RECURRING, ChargePermissionType.PAYMENT_METHOD_ON_FILE})
"""Permissions that outlive the purchase they were given with, and that several payments share."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often the buyer was told to expect a charge: ``value`` units apart. Variable has the value 0."""

    unit: FrequencyUnit
    value: int

    def __post_init__(self) -> None:
        if (self.unit is FrequencyUnit.VARIABLE) != (self.value == 0) or self.value < 0:
            raise ValueError(f"{self.value} is no frequency value for {self.unit}")


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What the buyer is asked to agree to beside a purchase, or instead of one.

    ``frequency`` is there for a Recurring permission only; ``amount`` is what each period costs, None where it varies.
    """

    charge_permission_type: ChargePermissionType
    frequency: Frequency | None = None
    amount: Money | None = None


def is_standing(charge_permission_type: str | None) -> bool:
    return charge_permission_type in STANDING_TYPES


def monthly_limit(charge_permission_type: str, currency: Currency) -> Money:
    """What Amazon lets one permission be charged in a calendar month, unless it says otherwise (§4.9)."""
    whole = _MONTHLY[ChargePermissionType(charge_permission_type)][currency]
    return Money(whole * 10**currency.exponent, currency)


_NORDIC: Final = (Currency.DKK, Currency.HKD, Currency.NOK, Currency.SEK, Currency.ZAR)
_MONTHLY: Final[Mapping[ChargePermissionType, Mapping[Currency, int]]] = {
    ChargePermissionType.RECURRING: {
        **dict.fromkeys(Currency, 1_000),
        **dict.fromkeys(_NORDIC, 10_000),
        Currency.JPY: 100_000,
    },
    ChargePermissionType.PAYMENT_METHOD_ON_FILE: {
        **dict.fromkeys(Currency, 15_000),
        **dict.fromkeys(_NORDIC, 150_000),
        Currency.JPY: 2_000_000,
    },
}
