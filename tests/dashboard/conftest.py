"""The merchant's page asked for as the browser asks: with the Dashboard's token, the tenant and the language."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete

from saleor_amazonpay.storage import tables
from saleor_amazonpay.storage.engine import Statement
from tests.handlers.merchant import KEY_ID, MERCHANT_ID, PUBLIC_KEY, STORE_ID, Merchant, open_merchant, request

MADE = [table for table in reversed(tables.metadata.sorted_tables) if table is not tables.installations]


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


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def world(sqlite_template, tmp_path_factory):
    """One merchant for a module: opening one takes longer than most tests."""
    path = tmp_path_factory.mktemp("dashboard") / "app.db"
    shutil.copyfile(sqlite_template, path)
    async with open_merchant(f"sqlite:///{path}") as merchant:
        yield merchant


@pytest.fixture
async def merchant(world):
    """The merchant with nothing set up: what a test made is gone after it."""
    yield world

    def forget(session):
        for table in MADE:
            session.execute(Statement(delete(table)))

    await world.services.database.run(forget)
    world.services.directory.forget(world.tenant)
    world.amazon.register_merchant(MERCHANT_ID, STORE_ID, KEY_ID, PUBLIC_KEY, "jp", "sandbox")


@pytest.fixture
def dashboard(merchant):
    return Dashboard(merchant)
