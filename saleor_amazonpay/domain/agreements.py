"""What a buyer's standing consent allows: when it can be charged, how much of the month is left, when it lapses.

Source: amazon-pay-cv2.md §4.3 (states and reasons), §4.9 (monthly limits), §6 (recurring).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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

    def __str__(self) -> str:
        if self.unit is FrequencyUnit.VARIABLE:
            return "variable"
        unit = self.unit.lower()
        return f"every {unit}" if self.value == 1 else f"every {self.value} {unit}s"


def is_standing(charge_permission_type: str | None) -> bool:
    return charge_permission_type in STANDING_TYPES
