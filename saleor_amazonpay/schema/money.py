"""Money in the app's own GraphQL, in the form of Saleor's own ``Money``, but exact: the amount is a decimal text."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from saleor_amazonpay.domain.money import Money as Amount


@strawberry.type(description="An exact amount in major units.")
class Money:
    amount: Decimal
    currency: str

    @staticmethod
    def of(amount: Amount) -> Money:
        return Money(amount=amount.decimal, currency=amount.currency.value)
