"""The button on a product page, where there is no checkout yet: it is made at the click (amazon-pay-cv2.md §5.3).

What the button may not show for is refused here as paymentGatewayInitialize would refuse it: a currency the account
does not take, and nothing to pay.
"""

from __future__ import annotations

from typing import Any

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.handlers import button
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.storefront import shops
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.saleor.storefront_requests import ButtonRequest


async def configuration(services: Services, asked: ButtonRequest, origin: str | None) -> dict[str, Any]:
    """``amazonPay`` as paymentGatewayInitialize gives it, without a signed payload; no CV2 call is made.

    Raises:
        UnknownShop, OriginNotAllowed: see ``shops.of``.
        DataErrors: the amount is none that this account could be paid.
    """
    shop = await shops.of(services, asked.saleor_api_url, asked.channel, origin)
    amount = _amount(asked)
    if amount is not None:
        try:
            button.payable(shop.account, amount)
        except MoneyError as wrong:
            raise DataErrors([DataError("request.amount", "INVALID", str(wrong))]) from wrong
    return button.appearance(
        services,
        shop.account,
        currency=amount.currency if amount else None,
        language=asked.language_code,
        product_type="PayAndShip" if asked.is_shipping_required else "PayOnly",
        placement=asked.placement or "Product",
    ) | {"estimatedOrderAmount": button.price(amount) if amount else None, "createCheckoutSessionConfig": None}


def _amount(asked: ButtonRequest) -> Money | None:
    if asked.amount is None and asked.currency is None:
        return None
    if asked.amount is None or asked.currency is None:
        missing = "amount" if asked.amount is None else "currency"
        raise DataErrors([DataError(f"request.{missing}", "REQUIRED", "Give both amount and currency, or none.")])
    try:
        return Money.parse(asked.amount, asked.currency)
    except MoneyError as wrong:
        raise DataErrors([DataError("request.amount", "INVALID", str(wrong))]) from wrong
