"""The merchant's page and the app's GraphQL of a journey's shop, asked as the Dashboard asks."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.journeys.shop import Shop


async def ask(shop: Shop, method: str, path: str, *, language: str = "en", **content: Any) -> httpx2.Response:
    """A page below ``/dashboard``, as the right user."""
    sent = {"HX-Request": "true", "Accept-Language": language, **_authorized(shop)}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.request(method, f"{shop.app_url}/dashboard{path}", headers=sent, **content)


async def graphql(shop: Shop, query: str, **variables: Any) -> Any:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        body = {"query": query, "variables": variables}
        answer = await client.post(f"{shop.app_url}/graphql", headers=_authorized(shop), json=body)
    document = answer.json()
    assert "errors" not in document, document
    return document["data"]


def _authorized(shop: Shop) -> dict[str, str]:
    token = shop.saleor.make_dashboard_token(shop.saleor.superuser, shop.app)
    return {"Saleor-Api-Url": shop.saleor.api_url, "Authorization": f"Bearer {token}"}
