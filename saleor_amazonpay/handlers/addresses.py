"""Amazon's address form to Saleor's ``AddressInput``; what cannot be derived is listed, never guessed.

Source: amazon-pay-cv2.md §11.3 (fields, what is missing on Amazon.co.jp).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from saleor_amazonpay.amazonpay import Address

# What buyers type between digits: hyphens, dashes, the minus sign, the Japanese long-vowel mark.
_HYPHENS = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212, 0x30FC), "-")
_NAMES_FAMILY_FIRST = frozenset({"JP", "CN", "KR", "TW"})


@dataclass(frozen=True, slots=True)
class SaleorAddress:
    """``address`` is an ``AddressInput`` or None; ``missing`` names its fields the buyer still has to give."""

    address: dict[str, Any] | None
    missing: tuple[str, ...] = ()


def to_saleor(address: Address | None) -> SaleorAddress:
    if address is None:
        return SaleorAddress(None)
    country = (address.country_code or "").upper()
    first, last = _names(address.name or "", country)
    lines = [line for line in (address.address_line1, address.address_line2, address.address_line3) if line]
    converted = {
        "firstName": first,
        "lastName": last,
        "companyName": "",
        "streetAddress1": lines[0] if lines else "",
        "streetAddress2": " ".join(lines[1:]),
        "city": address.city or "",
        "cityArea": address.district or "",
        "postalCode": _ascii(address.postal_code),
        "country": country,
        "countryArea": address.state_or_region or "",
        "phone": _ascii(address.phone_number),
    }
    required = ("lastName", "streetAddress1", "city", "postalCode", "country")
    return SaleorAddress(converted, tuple(name for name in required if not converted[name]))


def _names(name: str, country: str) -> tuple[str, str]:
    """First and last name where the buyer divided them; an undivided name is the last name."""
    parts = unicodedata.normalize("NFKC", name).split()
    if len(parts) < 2:  # noqa: PLR2004 - two parts make a divided name
        return "", " ".join(parts)
    if country in _NAMES_FAMILY_FIRST and not name.isascii():
        return " ".join(parts[1:]), parts[0]
    return " ".join(parts[:-1]), parts[-1]


def _ascii(text: str | None) -> str:
    """Full-width digits and hyphens in their plain form."""
    plain = unicodedata.normalize("NFKC", text or "").strip()
    return plain.translate(_HYPHENS)
