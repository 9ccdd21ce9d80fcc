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


@pytest.fixture
async def hasty_shop(sqlite_url):
    """A shop whose app gives a webhook half a second, so that a silent Amazon is soon given up."""
    async with open_shop(sqlite_url, answer_budget_seconds=0.5) as shop:
        yield shop
