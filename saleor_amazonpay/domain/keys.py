"""Derived names: the same facts always give the same key, so that a repeat is recognised as one (DESIGN §4 rule 1)."""

from __future__ import annotations

import base64
import hashlib

_SEPARATOR = "\x1f"  # cannot occur in an id, so ("a", "bc") and ("ab", "c") differ


def _digest(parts: tuple[object, ...]) -> str:
    text = _SEPARATOR.join(str(part) for part in parts)
    return base64.b32hexencode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=").lower()


def idempotency_key(*parts: object) -> str:
    """32 characters of [0-9a-v], 160 bits: fits ``x-amz-pay-idempotency-key`` (amazon-pay-cv2.md §3.2)."""
    return _digest(parts)[:32]


def reference(kind: str, *parts: object) -> str:
    """A pspReference of our own, e.g. ``refund-…``, for facts that have no Amazon id when they are first told."""
    return f"{kind}-{_digest((kind, *parts))[:26]}"
