"""Regions and environments of Amazon Pay: hosts, scripts, currencies, limits.

Source: amazon-pay-cv2.md §1.1-1.3 (hosts, paths, scripts), §4.5 and §4.7 (amounts), §5.2 (languages).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from saleor_amazonpay.domain.limits import over_refund_allowance
from saleor_amazonpay.domain.money import Currency, Money

API_VERSION: Final = "v2"


class Environment(StrEnum):
    SANDBOX = "sandbox"
    LIVE = "live"


class Region(StrEnum):
    """The value Amazon wants in ``x-amz-pay-region``."""

    NA = "na"
    EU = "eu"
    JP = "jp"

    @property
    def host(self) -> str:
        return _PLACES[self].host

    @property
    def script_url(self) -> str:
        return _PLACES[self].script_url

    @property
    def seller_central_url(self) -> str:
        return _PLACES[self].seller_central_url

    @property
    def ledger_currencies(self) -> tuple[Currency, ...]:
        """What Amazon can settle in; the first is the region's usual one."""
        return _PLACES[self].ledger_currencies

    @property
    def presentment_currencies(self) -> tuple[Currency, ...]:
        """What a buyer can be charged in; only the EU region takes others than its ledger's."""
        return _PLACES[self].presentment_currencies

    @property
    def languages(self) -> tuple[str, ...]:
        """Values of ``checkoutLanguage``; the first is the region's usual one."""
        return _PLACES[self].languages

    def largest_amount(self, currency: Currency) -> Money | None:
        """The largest single charge or refund; ``None`` where Amazon publishes no figure."""
        minor = _LARGEST_MINOR.get(currency)
        return None if minor is None else Money(minor, currency)

    def over_refund_limit(self, captured: Money) -> Money:
        """The largest sum of refunds of one charge: the capture plus 15 %, or plus the currency's cap if smaller.

        10,000 JPY may be refunded up to 11,500 JPY, 60,000 JPY up to 68,400 JPY. Without a published cap: the capture.
        """
        return captured + over_refund_allowance(captured)

    def buyer_agreement_url(self, charge_permission_id: str) -> str | None:
        """Where a buyer changes the payment method of an agreement (§6.3); not published for the EU."""
        base = _PLACES[self].agreement_url
        return base and f"{base}{charge_permission_id}"


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    script_url: str
    seller_central_url: str
    agreement_url: str | None
    ledger_currencies: tuple[Currency, ...]
    presentment_currencies: tuple[Currency, ...]
    languages: tuple[str, ...]


_PLACES: Final = {
    Region.NA: _Place(
        host="pay-api.amazon.com",
        script_url="https://static-na.payments-amazon.com/checkout.js",
        seller_central_url="https://sellercentral.amazon.com",
        agreement_url="https://payments.amazon.com/jr/your-account/ba/",
        ledger_currencies=(Currency.USD,),
        presentment_currencies=(Currency.USD,),
        languages=("en_US",),
    ),
    Region.EU: _Place(
        host="pay-api.amazon.eu",
        script_url="https://static-eu.payments-amazon.com/checkout.js",
        seller_central_url="https://sellercentral-europe.amazon.com",
        agreement_url=None,
        ledger_currencies=(Currency.EUR, Currency.GBP),
        presentment_currencies=tuple(Currency),
        languages=("en_GB", "de_DE", "fr_FR", "it_IT", "es_ES"),
    ),
    Region.JP: _Place(
        host="pay-api.amazon.jp",
        script_url="https://static-fe.payments-amazon.com/checkout.js",  # "fe", although the region is "jp"
        seller_central_url="https://sellercentral.amazon.co.jp",
        agreement_url="https://pay.amazon.com/jp/jr/your-account/ba/",
        ledger_currencies=(Currency.JPY,),
        presentment_currencies=(Currency.JPY,),
        languages=("ja_JP",),
    ),
}

_LARGEST_MINOR: Final = {
    Currency.USD: 150_000_00,
    Currency.GBP: 150_000_00,
    Currency.EUR: 150_000_00,
    Currency.JPY: 10_000_000,
}


def environment_of(public_key_id: str) -> Environment | None:
    """What the key id itself says: it begins with ``LIVE`` or ``SANDBOX``; ``None`` for an older key."""
    begin = public_key_id.upper()
    return next((env for env in Environment if begin.startswith(env.value.upper())), None)


def path_prefix(public_key_id: str, environment: Environment) -> str:
    """``"/v2"`` for a key that names its environment, else ``"/live/v2"`` or ``"/sandbox/v2"`` (§1.2)."""
    if environment_of(public_key_id) is not None:
        return f"/{API_VERSION}"
    return f"/{environment}/{API_VERSION}"
