from __future__ import annotations

import pytest

from tests.handlers.merchant import open_merchant


@pytest.fixture
async def merchant(database_url):
    """A merchant on SQLite, then on PostgreSQL."""
    async with open_merchant(database_url) as merchant:
        yield merchant


@pytest.fixture
async def merchant_on_sqlite(sqlite_url):
    """For what has nothing to do with the database."""
    async with open_merchant(sqlite_url) as merchant:
        yield merchant
