"""Where a payment is shown at Amazon: Seller Central finds it by its charge permission."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from saleor_amazonpay.amazonpay import Region

_PAGE: Final = "/external-payments/pmd/payment-details"


def seller_central(region: str, charge_permission_id: str | None) -> str | None:
    """The payment's page; the account's sandbox payments show once Seller Central is switched to its sandbox view."""
    if not charge_permission_id:
        return None
    return f"{Region(region).seller_central_url}{_PAGE}?{urlencode({'orderReferenceId': charge_permission_id})}"
