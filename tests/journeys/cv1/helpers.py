"""A shop that has moved from CV1: its old orders at Amazon, imported into Saleor, not yet adopted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2

from saleor_amazonpay.domain.money import Money
from tests.journeys.helpers import settle
from tests.journeys.shop import Shop

MERCHANT = "AJPMERCHANT0001"[:14]
ADOPT = """
mutation($input: Cv1AdoptInput!) {
  cv1Adopt(input: $input) {
    outcomes { id result reason message transactionId orderNumber cv2State agreementId }
    errors { field code message }
  }
}"""


def yen(amount: int) -> Money:
    return Money.parse(amount, "JPY")


@dataclass
class OldOrder:
    """An order of 3,500 JPY in Saleor and its Order Reference at Amazon."""

    shop: Shop
    order_id: str
    reference: str
    transaction: str = ""

    async def adopt(self, *ids: str, **more: Any) -> dict[str, dict[str, Any]]:
        """The outcomes by id; the order becomes ``transaction``."""
        outcomes = await adopt(self.shop, ids or (self.reference,), order=self.order_id, **more)
        self.transaction = next((each["transactionId"] for each in outcomes.values() if each["transactionId"]), "")
        await settle(self.shop)
        return outcomes

    @property
    def amounts(self) -> dict[str, Decimal]:
        return self.shop.amounts(self.transaction)

    async def charge(self, amount: int | None = None) -> None:
        await self._ask("CHARGE", amount)

    async def refund(self, amount: int | None = None) -> None:
        await self._ask("REFUND", amount)

    async def cancel(self, amount: int | None = None) -> None:
        await self._ask("CANCEL", amount)

    async def _ask(self, kind: str, amount: int | None) -> None:
        given = None if amount is None else Decimal(amount)
        await self.shop.saleor.staff.request_action(self.transaction, kind, given)
        await settle(self.shop, self.transaction)


def old_order(shop: Shop, state: str = "Open", amount: int = 3500) -> OldOrder:
    order = shop.saleor.create_order()
    return OldOrder(shop, order.id, shop.amazon.cv1.order_reference(MERCHANT, yen(amount), state))


async def graphql(shop: Shop, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """As staff from the Dashboard."""
    token = shop.saleor.make_dashboard_token(shop.saleor.superuser, shop.app)
    headers = {"Authorization": f"Bearer {token}", "Saleor-Api-Url": shop.saleor.api_url}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(
            f"{shop.app_url}/graphql", json={"query": query, "variables": variables}, headers=headers
        )
    document = answer.json()
    assert "errors" not in document, document
    return document["data"]


async def adopt(shop: Shop, ids: Any, **given: Any) -> dict[str, dict[str, Any]]:
    data = await graphql(shop, ADOPT, {"input": {"ids": list(ids), **given}})
    assert not data["cv1Adopt"]["errors"], data
    return {each["id"]: each for each in data["cv1Adopt"]["outcomes"]}
