"""What several harnesses share because making it takes longer than a test."""

from __future__ import annotations

from copy import copy

from saleor_amazonpay.sandbox.saleor.tokens import SigningKey

_SALEOR = SigningKey()


def saleor_key() -> SigningKey:
    """One key for all stand-ins, in an object of each's own: tests change what it says of itself."""
    return copy(_SALEOR)
