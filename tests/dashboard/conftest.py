"""The merchant's page asked for as the browser asks: with the Dashboard's token, the tenant and the language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.handlers.merchant import Merchant, open_merchant, request


@dataclass
class Dashboard:
    """``get`` and ``post`` take paths below ``/dashboard``."""

    merchant: Merchant

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self._ask("GET", path, **options)

    async def post(self, path: str, form: dict[str, Any] | None = None, **options: Any) -> httpx2.Response:
        return await self._ask("POST", path, data=form or {}, **options)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        api_url: str | None = None,
        language: str = "en",
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> httpx2.Response:
        sent = {
            "HX-Request": "true",
            "Accept-Language": language,
            "Saleor-Api-Url": self.merchant.tenant if api_url is None else api_url,
        }
        sent |= {} if token == "" else {"Authorization": f"Bearer {token or self.merchant.token()}"}
        url = f"{self.merchant.url}/dashboard{'' if path == '/' else path}"
        return await request(method, url, headers=sent | (headers or {}), **content)


@pytest.fixture
async def merchant(sqlite_url):
    async with open_merchant(sqlite_url) as merchant:
        yield merchant


@pytest.fixture
def dashboard(merchant):
    return Dashboard(merchant)
