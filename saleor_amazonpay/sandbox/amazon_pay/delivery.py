"""``deliverySpecifications``: what they may say, and which addresses of the book they leave. Source: §5.6.

The sandbox checks restrictions, type and the form of country codes. An address fits a restriction of its country that
names states or postal codes if it is in one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from saleor_amazonpay.sandbox.amazon_pay import fields
from saleor_amazonpay.sandbox.amazon_pay.buyers import Address
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_PO_BOX: Final = re.compile(
    r"\bp\.? ?o\.? ?box\b|\bpostfach\b|\bbo[iî]te postale\b|\bapartado\b|\bcasella postale\b", re.IGNORECASE
)
_PACKSTATION: Final = re.compile(r"\b(packstation|postfiliale|paketbox)\b", re.IGNORECASE)
_SPECIAL: Final[Mapping[str, tuple[re.Pattern[str], frozenset[str]]]] = {
    "RestrictPOBoxes": (_PO_BOX, frozenset({"US", "CA", "GB", "FR", "DE", "ES", "PT", "IT", "AU"})),
    "RestrictPackstations": (_PACKSTATION, frozenset({"DE"})),
}
_AREAS: Final = Fields(
    {
        "statesOrRegions": fields.list_of(fields.text(50)),
        "zipCodes": fields.list_of(fields.text(20)),
        "except": fields.anything,
    }
)


def _restrictions(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ApiProblem("InvalidParameterValue", f"The value of {name} is not an object.")
    for country in value:
        if not _COUNTRY.fullmatch(str(country)):
            raise ApiProblem("InvalidParameterValue", f"The value of {name} has {country!r}, which is no country code.")
    return {country: _AREAS(areas, f"{name}.{country}") for country, areas in value.items()}


SPECIFICATIONS: Final = Fields(
    {
        "specialRestrictions": fields.list_of(fields.one_of(*_SPECIAL)),
        "addressRestrictions": Fields(
            {"type": fields.one_of("Allowed", "NotAllowed"), "restrictions": _restrictions},
            required=("type", "restrictions"),
        ),
    }
)


def is_deliverable(specifications: Mapping[str, Any] | None, address: Address) -> bool:
    """Whether the buyer may choose the address."""
    if not specifications:
        return True
    text = " ".join(filter(None, (address["addressLine1"], address["addressLine2"], address["addressLine3"])))
    for name in specifications.get("specialRestrictions", ()):
        pattern, countries = _SPECIAL[name]
        if address["countryCode"] in countries and pattern.search(text):
            return False
    restrictions = specifications.get("addressRestrictions")
    if restrictions is None:
        return True
    areas = restrictions["restrictions"].get(address["countryCode"])
    is_named = areas is not None and _is_in(areas, address)
    return is_named if restrictions["type"] == "Allowed" else not is_named


def _is_in(areas: Mapping[str, Any], address: Address) -> bool:
    states, zip_codes = areas.get("statesOrRegions"), areas.get("zipCodes")
    if not states and not zip_codes:
        return True
    code = (address["postalCode"] or "").replace("-", "").upper()
    in_state = (address["stateOrRegion"] or "") in (states or ())
    return in_state or any(fnmatchcase(code, pattern.replace("-", "").upper()) for pattern in zip_codes or ())
