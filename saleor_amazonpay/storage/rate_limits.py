"""Amazon's buckets as all replicas have drawn on them.

A bucket is one moment, ``full_at``: the time at which it would be full again. What it holds now follows from that, and
drawing on it moves the moment on. Nobody waits for a bucket that another replica has in hand, or is making: who meets
one comes back later. Source: docs/decisions/0010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, Text, bindparam, func, literal, select

from saleor_amazonpay.amazonpay.quotas import Quota
from saleor_amazonpay.storage.engine import DialectName, Session, Statement, insert_ignore, upsert
from saleor_amazonpay.storage.tables import rate_limits
from saleor_amazonpay.storage.times import from_micros, to_micros

_DEEPEST_DEBT = 2.0  # buckets: what storefront calls overdraw is forgotten beyond that
_IN_HAND_SECONDS = 0.05  # for as long another replica may have a bucket in hand


@dataclass(frozen=True, slots=True)
class Lease:
    """``granted`` requests may be sent; where that is none, ``wait`` seconds and ask again.

    ``counted`` is how many of those told as spent were taken out of the bucket.
    """

    granted: int
    wait: float = 0.0
    counted: float = 0.0


@dataclass(frozen=True, slots=True)
class _Bucket:
    full_at: datetime
    paused_until: datetime


_NEW = Statement(insert_ignore(rate_limits))
_BY_KEY = select(rate_limits).where(
    rate_limits.c.seller == bindparam("the_seller"), rate_limits.c.operation == bindparam("the_operation")
)
_SEEN = Statement(_BY_KEY)
_IN_HAND = Statement(_BY_KEY.with_for_update(skip_locked=True))


def _turn_to_make(dialect: DialectName) -> Select[tuple[bool]]:
    """Of two who insert the same key PostgreSQL lets one wait; SQLite has one writer anyway."""
    if dialect == "sqlite":
        return select(literal(value=True))
    key = func.concat_ws("/", bindparam("the_seller", type_=Text), bindparam("the_operation", type_=Text))
    return select(func.pg_try_advisory_xact_lock(func.hashtextextended(key, 0)))


_MAY_MAKE = Statement(_turn_to_make)
_SAVE = Statement(
    upsert(rate_limits, index_elements=["seller", "operation"], update_columns=["full_at", "paused_until"])
)


def lease(
    session: Session, seller: str, operation: str, quota: Quota, *, spent: float, keep: float, most: int, now: datetime
) -> Lease:
    """Draw up to ``most``, leaving ``keep`` in the bucket, once ``spent`` is taken out of it."""
    bucket = _draw(session, seller, operation, quota, spent, now)
    if bucket is None:
        return Lease(0, _IN_HAND_SECONDS)
    if bucket.paused_until > now:
        _save(session, seller, operation, bucket)
        return Lease(0, (bucket.paused_until - now).total_seconds(), spent)
    held = quota.size - (bucket.full_at - now).total_seconds() * quota.per_second
    granted = min(most, math.floor(held - keep + 1e-9))
    if granted < 1:
        _save(session, seller, operation, bucket)
        return Lease(0, max(0.0, (keep + 1 - held) / quota.per_second), spent)
    full_at = bucket.full_at + timedelta(seconds=granted / quota.per_second)
    _save(session, seller, operation, _Bucket(full_at, bucket.paused_until))
    return Lease(granted, counted=spent)


def take(
    session: Session, seller: str, operation: str, quota: Quota, *, spent: float, paused_until: datetime, now: datetime
) -> bool:
    """Take out what was sent without asking; a later ``paused_until`` holds everybody's background calls.

    False where another replica has the bucket in hand: nothing was taken.
    """
    bucket = _draw(session, seller, operation, quota, spent, now)
    if bucket is None:
        return False
    _save(session, seller, operation, _Bucket(bucket.full_at, max(bucket.paused_until, paused_until)))
    return True


def _draw(session: Session, seller: str, operation: str, quota: Quota, spent: float, now: datetime) -> _Bucket | None:
    key = {"the_seller": seller, "the_operation": operation}
    row = session.one(_IN_HAND, key)
    if row is None and session.one(_SEEN, key) is None and session.scalar(_MAY_MAKE, key):
        full = {"seller": seller, "operation": operation, "full_at": to_micros(now), "paused_until": 0}
        session.execute(_NEW, full)
        row = session.one(_IN_HAND, key)
    if row is None:
        return None
    deepest = now + timedelta(seconds=_DEEPEST_DEBT * quota.size / quota.per_second)
    full_at = min(deepest, max(from_micros(row.full_at), now) + timedelta(seconds=spent / quota.per_second))
    return _Bucket(full_at, from_micros(row.paused_until))


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
