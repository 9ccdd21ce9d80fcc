"""Which shop asks, and whether the page that asks is one of its own."""

from __future__ import annotations

from dataclasses import dataclass

from saleor_amazonpay.errors import ConfigurationError, RequestRejected, UnknownInstallation
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.installations import Installation


class OriginNotAllowed(RequestRejected):
    """A page of that origin may not use the account; the merchant lists those that may (DESIGN §6 case 15)."""

    status = 403
    code = "ORIGIN_NOT_ALLOWED"


class UnknownShop(RequestRejected):
    """No such Saleor, or no account for its channel: the same answer, so that nobody learns who installed the app."""

    status = 404
    code = "UNKNOWN_SHOP"


@dataclass(frozen=True, slots=True)
class Shop:
    installation: Installation
    account: Account


async def of(services: Services, saleor_api_url: str, channel: str, origin: str | None) -> Shop:
    """The shop a request names; ``origin`` is the browser's header, None when a server asks.

    Raises:
        UnknownShop: the channel of that Saleor takes no Amazon Pay.
        OriginNotAllowed: the merchant has not allowed the asking page's origin.
    """
    try:
        tenant = await services.directory.tenant(saleor_api_url)
        account = await services.directory.account_for_channel(saleor_api_url, channel)
    except (UnknownInstallation, ConfigurationError) as absence:
        raise UnknownShop("Amazon Pay is not set up for this channel of this Saleor.") from absence
    if origin is not None and origin not in account.options.allowed_origins:
        raise OriginNotAllowed(f"{origin[:255]} is not among the allowed origins of this Amazon Pay account.")
    return Shop(tenant.installation, account)
