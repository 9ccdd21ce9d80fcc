"""A checkout's address as Amazon's ``addressDetails``, for the Additional Payment Button.

Source: amazon-pay-cv2.md §5.4 (required per region), §4.8 (lengths), §11.3 (Amazon.co.jp has no city field).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from saleor_amazonpay.amazonpay.payloads import AddressDetails
from saleor_amazonpay.handlers.addresses import japan, names, phones, rules
from saleor_amazonpay.handlers.addresses.saleor_form import postal_code
from saleor_amazonpay.handlers.addresses.text import clean, folded
from saleor_amazonpay.saleor.events import Address
from saleor_amazonpay.saleor.shapes import DataError

_LINES: Final = (("address_line1", 180), ("address_line2", 60), ("address_line3", 60))
_LINE_FIELDS: Final = ("streetAddress1", "streetAddress2", "companyName")
_LIMITS: Final = {
    "name": 50,
    "city": 50,
    "district_or_county": 50,
    "state_or_region": 50,
    "postal_code": 20,
    "phone_number": 20,
}
_SALEOR_NAMES: Final = {
    "name": "lastName",
    "address_line1": "streetAddress1",
    "city": "city",
    "district_or_county": "cityArea",
    "state_or_region": "countryArea",
    "postal_code": "postalCode",
    "country_code": "country",
    "phone_number": "phone",
}
_ALWAYS_REQUIRED: Final = ("name", "address_line1", "postal_code", "country_code", "phone_number")
_WITHOUT_STATE: Final = frozenset({"GB", "SG", "AE", "MX"})
"""Amazon refuses ``stateOrRegion`` there."""


@dataclass(frozen=True, slots=True)
class AmazonAddress:
    """``details``, or what stands in the way: fields of Saleor's address that the buyer has to fill or shorten."""

    details: AddressDetails | None
    errors: tuple[DataError, ...] = ()


def to_amazon(address: Address | None, path: str = "shippingAddress") -> AmazonAddress:
    """``path`` stands before the names of wrong fields. Nothing is cut: half an address is a lost parcel.

    A long second line goes on in the third, at a space. ``stateOrRegion`` is required where Saleor requires it too:
    in Germany and France neither Saleor nor the buyer has one, though Amazon's table says "EU".
    """
    if address is None:
        return AmazonAddress(None, (DataError(path, "REQUIRED", "Amazon Pay needs a delivery address."),))
    country = address.country.code.upper()
    fields = _fields(address, country)
    lines, long_lines = _lines(_street(address, country))
    missing = [name for name in _required(country) if not (fields | lines).get(name)]
    long = [_SALEOR_NAMES[name] for name, limit in _LIMITS.items() if len(fields.get(name, "")) > limit]
    errors = (*_missing(path, missing), *_too_long(path, [*long, *long_lines]))
    if errors:
        return AmazonAddress(None, errors)
    filled = {name: text for name, text in (fields | lines).items() if text}
    return AmazonAddress(AddressDetails(**filled))


def _fields(address: Address, country: str) -> dict[str, str]:
    area = clean(address.country_area)
    fields = {
        "name": names.joined(address.first_name, address.last_name, country),
        "postal_code": postal_code(clean(address.postal_code), country),
        "country_code": country,
        "phone_number": phones.national(address.phone, country),
    }
    if country not in _WITHOUT_STATE:
        fields["state_or_region"] = _state(area, country)
    if not _city_begins_line(address, country):
        fields |= {"city": clean(address.city), "district_or_county": clean(address.city_area)}
    return fields


def _state(area: str, country: str) -> str:
    named = japan.prefecture_named(area) if country == "JP" else rules.area_named(country, area)
    return named or area


def _required(country: str) -> Iterator[str]:
    yield from _ALWAYS_REQUIRED
    if country != "JP":
        yield "city"
    if country not in _WITHOUT_STATE and rules.needs_area(country):
        yield "state_or_region"


def _street(address: Address, country: str) -> tuple[str, str, str]:
    """Line, second line, company."""
    first = clean(address.street_address1)
    if first and _city_begins_line(address, country):
        place = clean(f"{address.city}{address.city_area}")
        first = first if folded(first).startswith(folded(place)) else f"{place}{first}"
    return first, clean(address.street_address2), clean(address.company_name)


def _city_begins_line(address: Address, country: str) -> bool:
    """On Amazon.co.jp, unless it is in Latin letters, where nothing would part it from the street."""
    return country == "JP" and bool(names.EAST_ASIAN.search(address.city))


def _lines(texts: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Amazon's lines in order without gaps, and the names of Saleor's fields that do not fit."""
    given = [(field, text) for field, text in zip(_LINE_FIELDS, texts, strict=True) if text]
    if [field for field, _ in given] == ["streetAddress1", "streetAddress2"]:
        field, text = given.pop()
        given += [(field, part) for part in _halves(text, _LINES[1][1])]
    lines = {name: text for (name, _), (_, text) in zip(_LINES, given, strict=False)}
    long = [field for (_, limit), (field, text) in zip(_LINES, given, strict=False) if len(text) > limit]
    return lines, long


def _halves(text: str, limit: int) -> list[str]:
    at = text.rfind(" ", 0, limit + 1)
    return [text] if len(text) <= limit or at < 1 else [text[:at], text[at + 1 :]]


def _missing(path: str, names_missing: Sequence[str]) -> Iterator[DataError]:
    for name in names_missing:
        field = _SALEOR_NAMES[name]
        yield DataError(f"{path}.{field}", "REQUIRED", f"Amazon Pay needs {field} of the delivery address.")


def _too_long(path: str, fields: Sequence[str]) -> Iterator[DataError]:
    for field in dict.fromkeys(fields):
        yield DataError(f"{path}.{field}", "INVALID", f"{field} of the delivery address is too long for Amazon Pay.")
