"""One authenticated API call, as the operations see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from saleor_amazonpay.sandbox.amazon_pay.merchants import Merchant, Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """``body`` is the parsed JSON ({} when none was sent); ``simulation`` a checked simulation code."""

    owner: Owner
    merchant: Merchant
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    simulation: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)
