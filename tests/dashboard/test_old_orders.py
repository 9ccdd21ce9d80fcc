"""The look-up of old ids, and adopting an order from it."""

from __future__ import annotations

import pytest

from saleor_amazonpay.domain.money import Money
from tests.handlers.merchant import MERCHANT_ID


@pytest.fixture
async def cv1(merchant):
    """The merchant's old objects, in Japan; the channel has the account."""
    made = await merchant.create()
    await merchant.assign("default-jp", made.id)
    return merchant.amazon.cv1


def yen(amount):
    return Money.parse(amount, "JPY")


class TestLookUp:
    async def test_says_what_an_id_is_and_offers_to_adopt_it(self, dashboard, cv1):
        authorization = cv1.authorize(cv1.order_reference(MERCHANT_ID, yen(3500), seller_order_id="OLD-7"))
        page = (await dashboard.get(f"/old-orders?id={authorization}")).text
        for said in ("Authorization (CV1), Charge (CV2)", "Authorized", "Not adopted", "Adopt its order"):
            assert said in page
        assert f"{authorization[:20]}C{authorization[21:]}" in page

    async def test_explains_a_call(self, dashboard):
        page = (await dashboard.get("/old-orders?id=validatebillingagreement")).text
        assert "Nothing replaces it" in page
        assert "remove the call" in page

    async def test_an_id_that_is_none_says_why_and_is_shown_as_text(self, dashboard):
        page = (await dashboard.get("/old-orders?id=%3Cscript%3E")).text
        assert "&lt;script&gt;" in page
        assert "has 8 characters" in page

    async def test_in_japanese(self, dashboard, cv1):
        reference = cv1.order_reference(MERCHANT_ID, yen(3500))
        page = (await dashboard.get(f"/old-orders?id={reference}", language="ja")).text
        assert "旧 API の注文" in page
        assert "請求できます。" in page


class TestAdopt:
    async def test_its_order_is_managed_from_then_on(self, dashboard, cv1, merchant):
        reference = cv1.order_reference(MERCHANT_ID, yen(3500))
        authorization = cv1.authorize(reference)
        order = merchant.saleor.create_order()
        answer = await dashboard.post(
            "/old-orders", {"id": authorization, "order": order.number, "more": f"{reference}\n"}
        )
        assert answer.status_code == 204
        assert f"Order {order.number} can be managed" in answer.headers["hx-trigger"]
        assert len(order.transactions) == 1
        page = (await dashboard.get(f"/old-orders?id={reference}")).text
        assert "Managed from Saleor" in page
        assert "Adopt its order" not in page

    async def test_what_is_wrong_is_said_and_what_was_entered_stays(self, dashboard, cv1):
        reference = cv1.order_reference(MERCHANT_ID, yen(3500))
        answer = await dashboard.post("/old-orders", {"id": reference, "order": "77", "more": "nonsense"})
        assert answer.status_code == 422
        assert "Saleor has no order &#39;77&#39;" in answer.text
        assert "has 8 characters" in answer.text
        assert 'value="77"' in answer.text
