"""What every object of the API has: a global id, perhaps metadata; and money as Saleor keeps it.

Class names are the GraphQL type names, attribute names the field names in snake case; the default resolver
(``schema.py``) relies on it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from decimal import Decimal

THREE_PLACES = Decimal("0.001")
"""Saleor's column for amounts is ``numeric(20, 3)``, whatever the currency."""


def exponent(currency: str) -> int:
    """The decimals of a currency; the shop sells in JPY (none) and in currencies with two."""
    return 0 if currency in {"JPY", "KRW"} else 2


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Rounded to the currency, half to even: Saleor rounds what it is asked for and what it shows (contract §11)."""
    return amount.quantize(Decimal(1).scaleb(-exponent(currency)))


def global_id(type_name: str, pk: object) -> str:
    return base64.b64encode(f"{type_name}:{pk}".encode()).decode()


def from_global_id(value: str) -> tuple[str, str]:
    """``("Checkout", "…")``, or two empty strings for what is no global id."""
    try:
        type_name, separator, pk = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return (type_name, pk) if separator else ("", "")


@dataclass(frozen=True, slots=True)
class Money:
    """A decimal amount. Unlike ``domain.money`` it may hold 3500.457 JPY, because Saleor may (observed, exp1)."""

    value: Decimal
    currency: str

    @property
    def amount(self) -> Decimal:
        return quantize(self.value, self.currency)

    @property
    def fractional_amount(self) -> int:
        return int(self.amount.scaleb(exponent(self.currency)))

    @property
    def fraction_digits(self) -> int:
        return exponent(self.currency)


@dataclass(frozen=True, slots=True)
class TaxedMoney:
    """Gross and net are the same: the stand-in's shop levies no tax."""

    gross: Money

    @property
    def currency(self) -> str:
        return self.gross.currency

    @property
    def net(self) -> Money:
        return self.gross

    @property
    def tax(self) -> Money:
        return Money(Decimal(0), self.currency)


def taxed(value: Decimal, currency: str) -> TaxedMoney:
    return TaxedMoney(Money(value, currency))


@dataclass(eq=False, kw_only=True)
class Node:
    pk: str

    @property
    def id(self) -> str:
        return global_id(type(self).__name__, self.pk)


@dataclass(eq=False, kw_only=True)
class NodeWithMetadata(Node):
    metadata: dict[str, str] = field(default_factory=dict)
    private_metadata: dict[str, str] = field(default_factory=dict)
