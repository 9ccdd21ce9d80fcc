"""Derived names: the same facts always give the same key, so that a repeat is recognised as one (DESIGN §4 rule 1)."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

_SEPARATOR = "\x1f"  # cannot occur in an id, so ("a", "bc") and ("ab", "c") differ


def _digest(parts: tuple[object, ...]) -> str:
    return _digest_of(_SEPARATOR.join(map(str, parts)))


@lru_cache(maxsize=512)  # one payment's names are asked for again and again, within a moment
def _digest_of(text: str) -> str:
    """32 characters of [0-9a-v]: 160 bits, which is more than any name takes."""
    return base64.b32hexencode(hashlib.sha256(text.encode()).digest()[:20]).decode().lower()


def idempotency_key(*parts: object) -> str:
    """32 characters of [0-9a-v], 160 bits: fits ``x-amz-pay-idempotency-key`` (amazon-pay-cv2.md §3.2)."""
    return _digest(parts)


def reference(kind: str, *parts: object) -> str:
    """A pspReference of our own, e.g. ``refund-…``, for facts that have no Amazon id when they are first told."""
    return f"{kind}-{_digest((kind, *parts))[:26]}"
