from __future__ import annotations

import pytest

from tests.journeys.shop import open_shop


@pytest.fixture
async def shop(sqlite_url):
    """A shop on SQLite."""
    async with open_shop(sqlite_url) as shop:
        yield shop


@pytest.fixture
async def any_shop(database_url):
    """A shop on SQLite, then on PostgreSQL."""
    async with open_shop(database_url) as shop:
        yield shop
