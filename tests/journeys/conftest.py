from __future__ import annotations

import pytest

from tests.journeys.helpers import PATIENCE
from tests.journeys.shop import open_shop


@pytest.fixture
async def shop(sqlite_url):
    """A shop on SQLite."""
    async with open_shop(sqlite_url, answer_budget_seconds=PATIENCE) as shop:
        yield shop


@pytest.fixture
async def any_shop(database_url):
    """A shop on SQLite, then on PostgreSQL."""
    async with open_shop(database_url, answer_budget_seconds=PATIENCE) as shop:
        yield shop
