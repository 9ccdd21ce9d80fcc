"""Exact money: integer minor units and a currency, never a float, never rounded.

Source of the rules: DESIGN §4 rule 7; amazon-pay-cv2.md §4.7 (currencies Amazon Pay takes, JPY has no decimals).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Self

_MAX_MINOR = 10**15  # beyond any shop's total; keeps sums inside a 64-bit column


class Currency(StrEnum):
    """The presentment currencies Amazon Pay takes; ``exponent`` is the number of decimals."""

    AUD = "AUD"
    CHF = "CHF"
    DKK = "DKK"
    EUR = "EUR"
    GBP = "GBP"
    HKD = "HKD"
    JPY = "JPY"
    NOK = "NOK"
    NZD = "NZD"
    SEK = "SEK"
    USD = "USD"
    ZAR = "ZAR"

    @property
    def exponent(self) -> int:
        return 0 if self is Currency.JPY else 2


class MoneyError(ValueError):
    """The value is no amount of that currency; the message says why and can be shown to a person."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (yen, cents). Adds and compares only like to like."""

    minor: int
    currency: Currency

    @classmethod
    def zero(cls, currency: Currency) -> Self:
        return cls(0, currency)

    @classmethod
    def parse(cls, amount: Decimal | int | str, currency: str) -> Self:
        """An exact amount from its decimal form.

        Raises:
            MoneyError: unknown currency, not a number, or more decimals than the currency has
                (``10.005 EUR`` and ``1.5 JPY`` are errors, never rounded).
        """
        try:
            known = Currency(currency)
        except ValueError:
            raise MoneyError(f"Amazon Pay does not take the currency {currency!r}.") from None
        if isinstance(amount, float):  # a type error by annotation; JSON makes it happen all the same
            raise MoneyError("A binary float is not an exact amount.")
        try:
            value = Decimal(amount)
        except (InvalidOperation, ValueError, TypeError):
            raise MoneyError(f"{amount!r} is not an amount.") from None
        if not value.is_finite():
            raise MoneyError(f"{amount!r} is not an amount.")
        if value.adjusted() > 15:  # noqa: PLR2004 - the digits of _MAX_MINOR, checked before scaling huge exponents
            raise MoneyError("The amount is too large.")
        scaled = value.scaleb(known.exponent)
        minor = int(scaled)
        if minor != scaled:
            raise MoneyError(f"{value} has more decimals than {known} allows ({known.exponent}).")
        if abs(minor) > _MAX_MINOR:
            raise MoneyError("The amount is too large.")
        return cls(minor, known)

    @property
    def amount(self) -> str:
        """Amazon's and Saleor's string form: ``"1200"`` (JPY), ``"12.00"`` (USD)."""
        exponent = self.currency.exponent
        if not exponent:
            return str(self.minor)
        sign = "-" if self.minor < 0 else ""
        whole, part = divmod(abs(self.minor), 10**exponent)
        return f"{sign}{whole}.{part:0{exponent}d}"

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.minor).scaleb(-self.currency.exponent)

    @property
    def is_positive(self) -> bool:
        return self.minor > 0

    def _same(self, other: Money) -> int:
        if other.currency is not self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} cannot be combined.")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def total(amounts: Iterable[Money], currency: Currency) -> Money:
    """The sum, zero of ``currency`` for nothing."""
    return sum(amounts, Money.zero(currency))
