"""Whether goods go where Amazon's guarantee reaches: the checkout's address against the session's.

Source: amazonpay-plugins.md §P check 5 (the address shipped to equals Amazon's).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from saleor_amazonpay.amazonpay import Address as AmazonAddress
from saleor_amazonpay.handlers.addresses import japan, rules
from saleor_amazonpay.handlers.addresses.saleor_form import to_saleor
from saleor_amazonpay.handlers.addresses.text import folded
from saleor_amazonpay.saleor.events import Address as SaleorAddress

_LINES: Final = ("streetAddress1", "streetAddress2", "companyName")
_PLACE: Final = ("city", "cityArea", *_LINES)


def same_place(saleor_address: SaleorAddress | None, amazon_address: AmazonAddress | None) -> tuple[str, ...]:
    """Names of the ``AddressInput`` fields that differ; empty when a parcel goes to the same door and person.

    Width, case, accents, hyphens, 丁目, the order of lines and of names, and where the city stands do not matter; the
    phone does not either. An address that is missing on one side differs as a whole: ``("country",)``. What Amazon's
    left open (``missing``) the buyer was asked for in the shop, so it cannot differ.
    """
    converted = to_saleor(amazon_address)
    amazon = converted.address
    if saleor_address is None or amazon is None:
        return () if saleor_address is None and amazon is None else ("country",)
    saleor = _as_input(saleor_address)
    amazon = amazon | {field: saleor[field] for field in _asked_for(converted.missing)}
    checks = {
        "lastName": not _person(saleor).isdisjoint(_person(amazon)),
        **_place_checks(saleor, amazon),
        "postalCode": folded(saleor["postalCode"]).replace("-", "") == folded(amazon["postalCode"]).replace("-", ""),
        "country": saleor["country"] == amazon["country"],
        "countryArea": _area(saleor) == _area(amazon),
    }
    return tuple(field for field, is_same in checks.items() if not is_same)


def _asked_for(missing: tuple[str, ...]) -> set[str]:
    """Names are missing only together; a country is never left to the shop."""
    names = {"firstName", "lastName"} if "lastName" in missing else set()
    return names | set(missing) - {"country", "phone"}


def _as_input(address: SaleorAddress) -> dict[str, str]:
    return {
        "firstName": address.first_name,
        "lastName": address.last_name,
        "companyName": address.company_name,
        "streetAddress1": address.street_address1,
        "streetAddress2": address.street_address2,
        "city": address.city,
        "cityArea": address.city_area,
        "postalCode": address.postal_code,
        "country": address.country.code.upper(),
        "countryArea": address.country_area,
    }


def _person(address: Mapping[str, Any]) -> set[str]:
    """The name in both orders, undivided: 一郎 鈴木 and 鈴木一郎 have one in common."""
    first, last = folded(address["firstName"]), folded(address["lastName"])
    return {first + last, last + first}


def _place_checks(saleor: Mapping[str, Any], amazon: Mapping[str, Any]) -> dict[str, bool]:
    """Japanese lines compare joined, since city, street and building flow into each other; others line by line."""
    is_same_text = folded("".join(saleor[it] for it in _PLACE)) == folded("".join(amazon[it] for it in _PLACE))
    if saleor["country"] == "JP":
        return {"streetAddress1": is_same_text}
    return {
        "streetAddress1": is_same_text or _line_set(saleor) == _line_set(amazon),
        "city": is_same_text or folded(saleor["city"]) == folded(amazon["city"]),
    }


def _line_set(address: Mapping[str, Any]) -> list[str]:
    return sorted(folded(address[field]) for field in _LINES if address[field])


def _area(address: Mapping[str, Any]) -> str:
    """State or province; ``""`` in countries where Saleor drops it."""
    country, area = address["country"], address["countryArea"]
    if not rules.needs_area(country):
        return ""
    named = japan.prefecture_named(area) if country == "JP" else rules.area_named(country, area)
    return named or folded(area)
