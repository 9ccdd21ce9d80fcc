"""Amazon's address form to Saleor's ``AddressInput``; what cannot be derived is listed, never guessed.

Source: amazon-pay-cv2.md §11.3 (fields, what is missing on Amazon.co.jp).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from saleor_amazonpay.amazonpay import Address
from saleor_amazonpay.handlers.addresses import japan, names, phones, rules
from saleor_amazonpay.handlers.addresses.text import clean, folded

LENGTHS: Final = {
    "firstName": 256,
    "lastName": 256,
    "companyName": 256,
    "streetAddress1": 256,
    "streetAddress2": 256,
    "city": 256,
    "cityArea": 128,
    "postalCode": 20,
    "country": 2,
    "countryArea": 128,
    "phone": 128,
}
"""Saleor's columns, in the order of ``AddressInput``. A longer value is not cut but asked for again."""

_TAG = re.compile(r"<\s*[a-z/!?]", re.IGNORECASE)
_COMPANY_JP = re.compile(
    "^(株式会社|有限会社|合同会社|合資会社|㈱|㈲|\\(株\\)|\uff08株\uff09)|(株式会社|有限会社|合同会社|㈱|㈲|\\(株\\)|\uff08株\uff09)$"
)
_COMPANY_FORMS: Final[Mapping[str, frozenset[str]]] = {
    "JP": frozenset({"ltd", "inc", "kk", "llc", "gk"}),
    "US": frozenset({"inc", "incorporated", "llc", "llp", "corp", "corporation", "ltd"}),
    "GB": frozenset({"ltd", "limited", "plc", "llp", "cic"}),
    "DE": frozenset({"ag", "gbr", "gmbh", "kg", "kgaa", "mbh", "ohg", "ug"}),
    "FR": frozenset({"sarl", "sas", "sasu", "eurl"}),
    "IT": frozenset({"srl", "srls", "spa", "snc"}),
    "ES": frozenset({"sl", "slu", "slp"}),
}
"""Legal forms that end a company's name and cannot be a province, a state or a word of an address there."""
_STREET_DE = re.compile(
    r"(stra(ß|ss)e|str\.?|weg|platz|allee|gasse|ring|damm|ufer|chaussee|markt|berg)\s*\d+\s*[a-z]?([-/]\s*\d+\s*[a-z]?)?$"
    r"|^(packstation|postfiliale|paketbox|paketshop|postfach)\s*\d[\d\s]*$",
    re.IGNORECASE,
)
_COUNTRY_ALIASES: Final = {"UK": "GB"}
_WITH_COUNTIES: Final = frozenset({"GB", "IE"})
_POSTAL_CODE_PREFIX = re.compile(r"^(〒|(DE?|FR?|IT?|ES?|JP)(?=[-\s]?\d))[-\s]?")
_POSTAL_CODE_GAP = re.compile(r"[\s\u2010-\u2015\u2212\u30fc-]")
_FIVE_DIGITS = (re.compile(r"(\d{5})"), r"\1")
_NO_SHAPE = (re.compile(r"(?!)"), "")
_POSTAL_CODE_SHAPES: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    **dict.fromkeys(("DE", "FR", "IT", "ES"), _FIVE_DIGITS),
    "JP": (re.compile(r"(\d{3})(\d{4})"), r"\1-\2"),
    "US": (re.compile(r"(\d{5})(\d{4})"), r"\1-\2"),
    "GB": (re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2})"), r"\1 \2"),
}


@dataclass(frozen=True, slots=True)
class SaleorAddress:
    """``address`` is an ``AddressInput`` or None; ``missing`` names its fields the buyer still has to give.

    A field can be filled and missing: it is there, but Saleor would refuse it or it contradicts the rest.
    """

    address: dict[str, Any] | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parts:
    """An address on its way, cleaned; ``doubtful`` are names of ``AddressInput``."""

    country: str
    lines: tuple[str, ...]
    city: str
    city_area: str
    area: str
    postal_code: str
    company: str = ""
    doubtful: frozenset[str] = frozenset()


def to_saleor(address: Address | None) -> SaleorAddress:
    """None for no address and for an empty one: buyers who pay with a gift card alone have no billing address."""
    converted = converted_only(address)
    return SaleorAddress(None) if converted is None else _judged(*converted)


def converted_only(address: Address | None) -> tuple[dict[str, str], frozenset[str]] | None:
    """The fields and which of them are doubtful, not judged by Saleor's rules: those take as long as the rest."""
    if address is None or not _says_anything(address):
        return None
    parts = _of_country(_cleaned(address))
    first, last = names.divided(address.name, parts.country)
    phone = phones.international(address.phone_number, parts.country)
    converted = {
        "firstName": first,
        "lastName": last,
        "companyName": parts.company,
        "streetAddress1": parts.lines[0] if parts.lines else "",
        "streetAddress2": " ".join(parts.lines[1:]),
        "city": parts.city,
        "cityArea": parts.city_area,
        "postalCode": parts.postal_code,
        "country": parts.country,
        "countryArea": parts.area,
        "phone": phone or "",
    }
    return converted, parts.doubtful | ({"phone"} if phone is None else frozenset())


def _judged(converted: dict[str, str], doubtful: frozenset[str]) -> SaleorAddress:
    unusable = {name for name, limit in LENGTHS.items() if len(converted[name]) > limit or _TAG.search(converted[name])}
    usable = {name: "" if name in unusable else text for name, text in converted.items()}
    wrong = unusable | doubtful | rules.wrong_fields(usable).keys()
    if not usable["firstName"] and not usable["lastName"]:
        wrong |= {"lastName"}
    if usable["country"] == "JP" and not usable["city"]:
        wrong |= {"city"}
    return SaleorAddress(usable, tuple(name for name in LENGTHS if name in wrong))


def _says_anything(address: Address) -> bool:
    lines = (address.address_line1, address.address_line2, address.address_line3)
    return any(
        clean(text) for text in (address.name, *lines, address.city, address.postal_code, address.state_or_region)
    )


def _cleaned(address: Address) -> _Parts:
    country = clean(address.country_code).upper()
    country = _COUNTRY_ALIASES.get(country, country)
    lines = (clean(line) for line in (address.address_line1, address.address_line2, address.address_line3))
    return _Parts(
        country=country,
        lines=tuple(dict.fromkeys(line for line in lines if line)),
        city=clean(address.city),
        city_area=clean(address.district),
        area=clean(address.state_or_region) or (clean(address.county) if country in _WITH_COUNTIES else ""),
        postal_code=postal_code(clean(address.postal_code), country),
    )


def postal_code(typed: str, country: str) -> str:
    """``153-0064``, ``90210-1234``, ``SW1A 1AA``, ``10115``; what has another shape stays as typed."""
    code = typed.upper() if country == "GB" else _POSTAL_CODE_PREFIX.sub("", typed.upper())
    bare = _POSTAL_CODE_GAP.sub("", code)
    pattern, shape = _POSTAL_CODE_SHAPES.get(country, _NO_SHAPE)
    return pattern.sub(shape, bare) if pattern.fullmatch(bare) else code


def _of_country(parts: _Parts) -> _Parts:
    steps = _STEPS.get(parts.country, (_with_area,))
    for step in steps:
        parts = step(parts)
    return parts


def _located_in_japan(parts: _Parts) -> _Parts:
    code = parts.postal_code.replace("-", "")
    place = japan.locate(parts.area, parts.city, code, parts.lines)
    doubtful = parts.doubtful | ({"postalCode"} if place.is_postal_code_doubtful else set())
    return replace(parts, area=place.prefecture, city=place.city, lines=place.lines, doubtful=frozenset(doubtful))


def _with_area(parts: _Parts) -> _Parts:
    """State or province as Saleor keeps it; an unreadable one is read from the postal code where that is certain."""
    named = rules.area_named(parts.country, parts.area)
    return replace(parts, area=named or rules.area_at(parts.country, parts.postal_code) or parts.area)


def _with_street_first(parts: _Parts) -> _Parts:
    """Germans put company, floor or post number first and the street second; a certain street goes to the front."""
    street = next((line for line in parts.lines if _STREET_DE.search(line)), None)
    if street is None or street == parts.lines[0]:
        return parts
    return replace(parts, lines=(street, *(line for line in parts.lines if line != street)))


def _with_company(parts: _Parts) -> _Parts:
    """A line other than the first that is nothing but a company's name, told by its legal form."""
    company = next((line for line in parts.lines[1:] if _is_company(line, parts.country)), None)
    if company is None:
        return parts
    return replace(parts, company=company, lines=tuple(line for line in parts.lines if line != company))


def _is_company(line: str, country: str) -> bool:
    if any(char.isdigit() for char in line):
        return False
    words = line.split()
    form = folded(words[-1]) if len(words) > 1 else ""
    return bool(country == "JP" and _COMPANY_JP.search(line)) or form in _COMPANY_FORMS[country]


_STEPS: Final[Mapping[str, Sequence[Callable[[_Parts], _Parts]]]] = {
    "JP": (_located_in_japan, _with_company),
    "DE": (_with_area, _with_street_first, _with_company),
    **dict.fromkeys(("US", "GB", "FR", "IT", "ES"), (_with_area, _with_company)),
}
