"""Amazon's buckets as all replicas have drawn on them.

A bucket is one moment, ``full_at``: the time at which it would be full again. What it holds now follows from that, and
drawing on it moves the moment on. Source: docs/decisions/0010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from saleor_amazonpay.amazonpay.quotas import Quota
from saleor_amazonpay.storage.engine import Session, Statement, insert_ignore, upsert
from saleor_amazonpay.storage.tables import rate_limits
from saleor_amazonpay.storage.times import from_micros, to_micros

_DEEPEST_DEBT = 2.0  # buckets: what storefront calls overdraw is forgotten beyond that


@dataclass(frozen=True, slots=True)
class Lease:
    """``granted`` requests may be sent; where that is none, ``wait`` seconds and ask again."""

    granted: int
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class _Bucket:
    full_at: datetime
    paused_until: datetime


_NEW = Statement(insert_ignore(rate_limits))
_LOCKED = Statement(
    select(rate_limits)
    .where(rate_limits.c.seller == bindparam("the_seller"), rate_limits.c.operation == bindparam("the_operation"))
    .with_for_update()
)
_SAVE = Statement(
    upsert(rate_limits, index_elements=["seller", "operation"], update_columns=["full_at", "paused_until"])
)


def lease(
    session: Session, seller: str, operation: str, quota: Quota, *, spent: float, keep: float, most: int, now: datetime
) -> Lease:
    """Draw up to ``most``, leaving ``keep`` in the bucket, once ``spent`` is taken out of it."""
    bucket = _draw(session, seller, operation, quota, spent, now)
    if bucket.paused_until > now:
        _save(session, seller, operation, bucket)
        return Lease(0, (bucket.paused_until - now).total_seconds())
    held = quota.size - (bucket.full_at - now).total_seconds() * quota.per_second
    granted = min(most, math.floor(held - keep + 1e-9))
    if granted < 1:
        _save(session, seller, operation, bucket)
        return Lease(0, max(0.0, (keep + 1 - held) / quota.per_second))
    full_at = bucket.full_at + timedelta(seconds=granted / quota.per_second)
    _save(session, seller, operation, _Bucket(full_at, bucket.paused_until))
    return Lease(granted)


def take(
    session: Session, seller: str, operation: str, quota: Quota, *, spent: float, paused_until: datetime, now: datetime
) -> None:
    """Take out what was sent without asking; a later ``paused_until`` holds everybody's background calls."""
    bucket = _draw(session, seller, operation, quota, spent, now)
    _save(session, seller, operation, _Bucket(bucket.full_at, max(bucket.paused_until, paused_until)))


def _draw(session: Session, seller: str, operation: str, quota: Quota, spent: float, now: datetime) -> _Bucket:
    key = {"the_seller": seller, "the_operation": operation}
    row = session.one(_LOCKED, key)
    if row is None:
        full = {"seller": seller, "operation": operation, "full_at": to_micros(now), "paused_until": 0}
        session.execute(_NEW, full)
        row = session.one(_LOCKED, key)
    known = from_micros(row.full_at) if row else now
    deepest = now + timedelta(seconds=_DEEPEST_DEBT * quota.size / quota.per_second)
    full_at = min(deepest, max(known, now) + timedelta(seconds=spent / quota.per_second))
    return _Bucket(full_at, from_micros(row.paused_until if row else 0))


def _save(session: Session, seller: str, operation: str, bucket: _Bucket) -> None:
    session.execute(
        _SAVE,
        {
            "seller": seller,
            "operation": operation,
            "full_at": to_micros(bucket.full_at),
            "paused_until": to_micros(bucket.paused_until),
        },
    )
