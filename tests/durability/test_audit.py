"""The comparison of the three books itself: it finds what is wrong, on the payment where it is wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import update

from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import charges
from tests.durability import audit
from tests.journeys.agreements import agreed, cart, pay_stored
from tests.journeys.helpers import settle
from tests.journeys.shop import open_shop


@pytest.fixture
async def shop(sqlite_url):
    async with open_shop(sqlite_url) as opened:
        yield opened


async def compared(shop):
    return await audit.differences(shop.amazon, shop.saleor, shop.running.services.database)


class TestPaymentsOfOneAgreement:
    """Three orders on one permission, each with a charge of its own."""

    async def paid(self, shop):
        made = await agreed(shop)
        second, third = [(await pay_stored(shop, cart(shop).id, made.id)).transaction_id for _ in range(2)]
        await settle(shop)
        return second, third

    async def test_agreeing_books_have_no_difference(self, shop):
        await self.paid(shop)
        assert await compared(shop) == []

    async def test_an_amount_that_is_wrong_in_saleor_is_found_at_its_payment(self, shop):
        second, _third = await self.paid(shop)
        item = next(each for each in shop.saleor.store.transactions if each.id == second)
        item.amounts.charged += Decimal(1)
        [found] = await compared(shop)
        assert (found.transaction, found.what, found.saleor - found.amazon) == (second, "charged", 1)

    async def test_a_charge_whose_row_says_something_else_is_found(self, shop):
        await self.paid(shop)
        wrong = Statement(update(charges).values(state="Declined"))
        await shop.running.services.database.run(lambda session: session.execute(wrong))
        assert len({found.transaction for found in await compared(shop)}) == 3
