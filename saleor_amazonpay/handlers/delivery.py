"""Where goods may go, told to Amazon beforehand: the buyer's address book then shows what the shop cannot reach.

The channel's shipping zones say which countries; the account's restrictions narrow them, to states or postal codes of
a country too. Saleor's zones know countries only. Source: amazon-pay-cv2.md §5.6; DESIGN §5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.storage.accounts import AccountOptions, DeliveryRestriction


class NothingDeliverable(ConfigurationError):
    """Shipping zones and restrictions have no country in common: no address a buyer could choose would do."""

    code = "NOTHING_DELIVERABLE"


def specifications(options: AccountOptions, countries: Sequence[str] | None) -> Mapping[str, Any] | None:
    """``deliverySpecifications`` of a button; None where nothing is restricted.

    ``countries`` are those of the channel's shipping zones. None: the Saleor did not say (installed before it was
    asked), and empty: the channel has no zone, perhaps only collection points; then only the account restricts.

    Raises:
        NothingDeliverable: the account's restrictions leave none of the channel's countries.
    """
    special = [
        name
        for name, is_restricted in (
            ("RestrictPOBoxes", options.restrict_po_boxes),
            ("RestrictPackstations", options.restrict_packstations),
        )
        if is_restricted
    ]
    allowed = _allowed(options.restrictions, countries)
    told: dict[str, Any] = {"specialRestrictions": special} if special else {}
    if allowed:
        told["addressRestrictions"] = {"type": "Allowed", "restrictions": allowed}
    return told or None


def _allowed(restrictions: Sequence[DeliveryRestriction], countries: Sequence[str] | None) -> dict[str, Any]:
    """By country, in alphabetical order: the same zones always make the same signed payload."""
    narrowed = {each.country_code: _areas(each) for each in restrictions}
    if not countries:
        return dict(sorted(narrowed.items()))
    reached = sorted(set(countries) & narrowed.keys() if narrowed else set(countries))
    if not reached:
        named = ", ".join(sorted(narrowed))
        raise NothingDeliverable(f"This channel ships to no country the Amazon Pay account allows ({named}).")
    return {country: narrowed.get(country, {}) for country in reached}


def _areas(restriction: DeliveryRestriction) -> dict[str, list[str]]:
    """Empty for the whole country."""
    areas = {"statesOrRegions": list(restriction.states_or_regions), "zipCodes": list(restriction.zip_codes)}
    return {name: values for name, values in areas.items() if values}
