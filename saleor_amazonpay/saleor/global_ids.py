"""Saleor's ids: the kind of an object and its key, in base64."""

from __future__ import annotations

import base64
import binascii


def is_id_of(text: str, *kinds: str) -> bool:
    """Whether ``text`` is an id of one of these kinds (``"Order"``); numbers and names are none."""
    try:
        kind, colon, _ = base64.b64decode(text, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return False
    return bool(colon) and kind in kinds
