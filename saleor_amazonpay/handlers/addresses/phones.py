"""Phone numbers in the international form that Saleor keeps, and in the national one that Amazon's forms show."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from saleor_amazonpay.handlers.addresses.text import clean


class _Plan(NamedTuple):
    """``trunk`` is dialled at home and left out abroad; lengths are of the number without it."""

    country_code: str
    trunk: str
    shortest: int
    longest: int


_PLANS: Final = {
    "JP": _Plan("81", "0", 9, 10),
    "US": _Plan("1", "1", 10, 10),
    "GB": _Plan("44", "0", 9, 10),
    "DE": _Plan("49", "0", 5, 13),
    "FR": _Plan("33", "0", 9, 9),
    "IT": _Plan("39", "", 6, 11),
    "ES": _Plan("34", "", 9, 9),
}
_LONGEST_ABROAD: Final = 15  # E.164
_SHORTEST_ABROAD: Final = 7
_HOME_ZERO = re.compile(r"\(0\)")
_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015\u2212\u30fc\uff08\uff09\uff0b]")
_EXTENSION = re.compile(r"\s*(?:ext\.?|x|内線)\s*([0-9]{1,7})$", re.IGNORECASE)
_DIGITS = re.compile(r"\+?[0-9]+")


def international(text: str | None, country: str) -> str | None:
    """``+81312345678`` for ``03-1234-5678``; ``""`` for nothing; None for what cannot be a number of that country.

    Numbers of countries without a plan here stay as typed. An extension stays behind the number.
    """
    typed = clean(text).replace("\uff0b", "+")
    if not typed or country not in _PLANS:
        return typed
    extension = _EXTENSION.search(typed)
    number = _e164(typed[: extension.start()] if extension else typed, _PLANS[country])
    return f"{number} ext. {extension.group(1)}" if number and extension else number


def national(text: str | None, country: str) -> str:
    """``0312345678`` for ``+81312345678``; numbers of other countries keep their ``+``."""
    number = _EXTENSION.sub("", international(text, country) or "")
    plan = _PLANS.get(country)
    if plan is None or not number.startswith(f"+{plan.country_code}"):
        return number
    home = number.removeprefix(f"+{plan.country_code}")
    return f"{plan.trunk}{home}" if plan.trunk == "0" else home


def _e164(typed: str, plan: _Plan) -> str | None:
    digits = _PUNCTUATION.sub("", _HOME_ZERO.sub("", typed))
    if not _DIGITS.fullmatch(digits):
        return None
    if digits.startswith("00") and plan.country_code not in {"1", "81"}:
        digits = f"+{digits[2:]}"
    if digits.startswith("+") and not digits.startswith(f"+{plan.country_code}"):
        return digits if _SHORTEST_ABROAD <= len(digits) - 1 <= _LONGEST_ABROAD else None
    home = _without_prefixes(digits, plan)
    return f"+{plan.country_code}{home}" if plan.shortest <= len(home) <= plan.longest else None


def _without_prefixes(digits: str, plan: _Plan) -> str:
    """No country code, no trunk prefix. A number without either is taken as it is, as Saleor's phone library does."""
    if digits.startswith("+"):
        digits = digits.removeprefix(f"+{plan.country_code}")
    elif plan.trunk == "0" and digits.startswith(plan.country_code) and len(digits) > plan.longest:
        digits = digits.removeprefix(plan.country_code)
    return digits.removeprefix(plan.trunk) if plan.trunk else digits
