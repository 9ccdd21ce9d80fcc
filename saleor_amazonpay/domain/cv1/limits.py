"""How long and how far CV1 objects go. Source: amazon-pay-cv2.md §13.2, §4.5, §4.9; §14 rows 6 and 7."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from saleor_amazonpay.domain.money import Currency, Money

ORDER_REFERENCE_LIFE: Final = timedelta(days=180)
AUTHORIZATION_LIFE: Final = timedelta(days=30)

_PERCENT: Final = 15
_CAP: Final[Mapping[Currency, str]] = {Currency.JPY: "8400"}
_OTHER_CAP: Final = "75"  # USD, EUR and GBP alike; what the documents do not name is taken as these


def over_amount_limit(order: Money) -> Money:
    """The most that CV1 authorized, and that CV1 and CV2 refund, on an amount: 15 % more, or the region's cap if less.

    10,000 JPY -> 11,500 JPY; 60,000 JPY -> 68,400 JPY. CV2 itself charges nothing beyond the order (§4.7).
    """
    cap = Money.parse(_CAP.get(order.currency, _OTHER_CAP), order.currency)
    return order + min(Money(order.minor * _PERCENT // 100, order.currency), cap)
