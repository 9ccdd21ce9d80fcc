"""Token buckets per merchant and operation. Source: amazon-pay-cv2.md §7.1 (newer figures; JP taken as US)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem

QUOTAS: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "live": {
        "create_checkout_session": (40, 16),
        "get_checkout_session": (40, 8),
        "update_checkout_session": (20, 8),
        "complete_checkout_session": (20, 4),
        "get_charge_permission": (20, 4),
        "update_charge_permission": (10, 2),
        "close_charge_permission": (10, 2),
        "create_charge": (10, 4),
        "get_charge": (20, 4),
        "capture_charge": (20, 4),
        "cancel_charge": (10, 2),
        "create_refund": (10, 4),
        "get_refund": (20, 4),
        "create_delivery_tracker": (10, 1),
        "get_authorization_token": (5, 1),
        "create_merchant_account": (10, 1),
    },
    "sandbox": {
        "create_checkout_session": (5, 1),
        "get_checkout_session": (10, 1),
        "update_checkout_session": (5, 1),
        "complete_checkout_session": (2, 1),
        "get_charge_permission": (10, 1),
        "update_charge_permission": (5, 1),
        "close_charge_permission": (2, 1),
        "create_charge": (2, 1),
        "get_charge": (5, 1),
        "capture_charge": (2, 1),
        "cancel_charge": (2, 1),
        "create_refund": (2, 1),
        "get_refund": (5, 1),
        "create_delivery_tracker": (1, 1),
        "create_merchant_account": (1, 1),
    },
}
"""Bucket size and tokens restored per second; what is not listed is not throttled."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: datetime


class Throttle:
    def __init__(self) -> None:
        self._buckets: dict[tuple[Owner, str], _Bucket] = {}

    def take(self, owner: Owner, operation: str, now: datetime) -> None:
        quota = QUOTAS[owner.environment].get(operation)
        if quota is None:
            return
        size, restored = quota
        bucket = self._buckets.setdefault((owner, operation), _Bucket(size, now))
        bucket.tokens = min(size, bucket.tokens + restored * (now - bucket.filled).total_seconds())
        bucket.filled = now
        if bucket.tokens < 1:
            raise ApiProblem("TooManyRequests", "The request is throttled.")
        bucket.tokens -= 1
