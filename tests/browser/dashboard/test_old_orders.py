"""Looking an old id up and adopting its order, as the merchant does it."""

from __future__ import annotations

import pytest

from saleor_amazonpay.domain.money import Money
from tests.browser.dashboard.conftest import PHONE
from tests.handlers.merchant import MERCHANT_ID

pytestmark = pytest.mark.browser


async def test_an_order_is_looked_up_and_adopted(open_dashboard, merchant):
    made = await merchant.create()
    await merchant.assign("default-jp", made.id)
    reference = merchant.amazon.cv1.order_reference(MERCHANT_ID, Money.parse(3500, "JPY"), seller_order_id="OLD-7")
    authorization = merchant.amazon.cv1.authorize(reference)
    order = merchant.saleor.create_order()
    opened = await open_dashboard("/old-orders")
    await opened.title("Old orders")
    await opened.picture("old-orders")
    await opened.app.get_by_label("Amazon Pay id").fill(authorization)
    await opened.click("Look up")
    await opened.app.get_by_text("Not adopted", exact=True).wait_for()
    await opened.picture("old-orders-found")
    await opened.app.get_by_label("Order in Saleor").fill("#77")
    await opened.click("Adopt")
    await opened.app.get_by_text("Saleor has no order").wait_for()
    await opened.app.get_by_label("Order in Saleor").fill(order.number)
    await opened.app.get_by_label("Its other ids").fill(reference)
    await opened.click("Adopt")
    await opened.app.get_by_text("Managed from Saleor", exact=True).wait_for()
    assert len(order.transactions) == 1
    phone = await open_dashboard("/old-orders", language="ja", theme="dark", viewport=PHONE)
    await phone.title("旧 API の注文")
    await phone.app.get_by_label("Amazon Pay の ID").fill(authorization)
    await phone.click("照会")
    await phone.app.get_by_text("Saleor で管理中", exact=True).wait_for()
    await phone.picture("old-orders-ja-phone")
