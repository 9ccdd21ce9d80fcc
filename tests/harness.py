"""What several harnesses share, so that no test waits for what proves nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from unittest import mock

from saleor_amazonpay.amazonpay import client
from saleor_amazonpay.sandbox.saleor.tokens import SigningKey

_MOMENT = 0.01
_SALEOR = SigningKey()  # making one takes longer than a test


def saleor_key() -> SigningKey:
    """One key for all stand-ins, in an object of each's own: tests change what it says of itself."""
    return copy(_SALEOR)


@contextmanager
def amazon_asked_again_in_a_moment() -> Iterator[None]:
    """How long a merchant's app waits before it does has tests of its own (``tests/amazonpay/test_client.py``)."""
    with mock.patch.object(client, "_FIRST_WAIT", _MOMENT):
        yield
