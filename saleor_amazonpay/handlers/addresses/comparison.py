"""Whether goods go where Amazon's guarantee reaches: the checkout's address against the session's.

Source: amazonpay-plugins.md §P check 5 (the address shipped to equals Amazon's).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from saleor_amazonpay.amazonpay import Address as AmazonAddress
from saleor_amazonpay.handlers.addresses import japan, rules
from saleor_amazonpay.handlers.addresses.japan_postal_codes import places_at
from saleor_amazonpay.handlers.addresses.saleor_form import converted_only, to_saleor
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
    if saleor_address is not None and amazon_address is not None and _is_copied(saleor_address, amazon_address):
        return ()
    converted = converted_only(amazon_address)
    if saleor_address is None or converted is None:
        return () if saleor_address is None and converted is None else ("country",)
    saleor, (amazon, _) = _as_input(saleor_address), converted
    return _differences(saleor, amazon) and _differences(saleor, _completed(saleor, amazon_address))


def _is_copied(saleor: SaleorAddress, amazon: AmazonAddress) -> bool:
    """The shop took over every character it was given, as a good one does: there is nothing to convert and fold.

    Sufficient, not necessary. It keeps a third of a millisecond off the way of most payments.
    """
    lines = [line for line in (amazon.address_line1, amazon.address_line2, amazon.address_line3) if line]
    return (
        (saleor.street_address1, saleor.street_address2) == ("".join(lines[:1]), " ".join(lines[1:]))
        and (saleor.postal_code, saleor.country.code) == (amazon.postal_code, amazon.country_code)
        and (saleor.country_area, saleor.city) == (amazon.state_or_region or "", amazon.city or _only_city_at(saleor))
        and (amazon.name or "").replace(" ", "")
        in {saleor.first_name + saleor.last_name, saleor.last_name + saleor.first_name}
        and not (saleor.company_name or saleor.city_area or amazon.district or amazon.county)
    )


def _only_city_at(saleor: SaleorAddress) -> str:
    """Amazon.co.jp leaves the city out; the postal code has it where it is of one municipality of that prefecture."""
    places = places_at(saleor.postal_code.replace("-", "")) if saleor.country.code == "JP" else ()
    return places[0].city if len(places) == 1 and places[0].prefecture == saleor.country_area else ""


def _completed(saleor: Mapping[str, str], amazon_address: AmazonAddress | None) -> Mapping[str, Any]:
    """Amazon's address with what it left open taken from the shop's; asked only when something differs without."""
    judged = to_saleor(amazon_address)
    return (judged.address or {}) | {field: saleor[field] for field in _asked_for(judged.missing)}


def _differences(saleor: Mapping[str, Any], amazon: Mapping[str, Any]) -> tuple[str, ...]:
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
