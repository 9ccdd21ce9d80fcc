"""The operations of the API, by subject. Importing this package fills ``QUERIES`` and ``MUTATIONS``."""

from __future__ import annotations

from saleor_amazonpay.sandbox.saleor.resolvers import (
    accounts,
    apps,
    checkouts,
    metadata,
    orders,
    stored_methods,
    transactions,
)
from saleor_amazonpay.sandbox.saleor.resolvers.registry import MUTATIONS, QUERIES

__all__ = [
    "MUTATIONS",
    "QUERIES",
    "accounts",
    "apps",
    "checkouts",
    "metadata",
    "orders",
    "stored_methods",
    "transactions",
]
