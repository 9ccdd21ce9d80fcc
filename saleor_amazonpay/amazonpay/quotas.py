"""Amazon's token buckets, per seller and operation.

Source: amazon-pay-cv2.md §7.1 (published for the US; the other regions are like it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from saleor_amazonpay.amazonpay.regions import Environment


@dataclass(frozen=True, slots=True)
class Quota:
    """A bucket holds ``size`` requests and gets ``per_second`` back."""

    size: float
    per_second: float

    def times(self, factor: float) -> Quota:
        return Quota(self.size * factor, self.per_second * factor)


def _table(**quotas: tuple[int, int]) -> Mapping[str, Quota]:
    return {operation: Quota(*numbers) for operation, numbers in quotas.items()}


QUOTAS: Final[Mapping[Environment, Mapping[str, Quota]]] = {
    Environment.LIVE: _table(
        create_checkout_session=(40, 16),
        get_checkout_session=(40, 8),
        update_checkout_session=(20, 8),
        complete_checkout_session=(20, 4),
        get_charge_permission=(20, 4),
        update_charge_permission=(10, 2),
        close_charge_permission=(10, 2),
        create_charge=(10, 4),
        get_charge=(20, 4),
        capture_charge=(20, 4),
        cancel_charge=(10, 2),
        create_refund=(10, 4),
        get_refund=(20, 4),
        delivery_trackers=(10, 1),
        get_authorization_token=(5, 1),
    ),
    Environment.SANDBOX: _table(
        create_checkout_session=(5, 1),
        get_checkout_session=(10, 1),
        update_checkout_session=(5, 1),
        complete_checkout_session=(2, 1),
        get_charge_permission=(10, 1),
        update_charge_permission=(5, 1),
        close_charge_permission=(2, 1),
        create_charge=(2, 1),
        get_charge=(5, 1),
        capture_charge=(2, 1),
        cancel_charge=(2, 1),
        create_refund=(2, 1),
        get_refund=(5, 1),
        delivery_trackers=(1, 1),
    ),
}
"""What is missing has no published quota."""
