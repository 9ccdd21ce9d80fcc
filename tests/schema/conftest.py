from __future__ import annotations

import pytest

from tests.handlers.merchant import open_merchant


@pytest.fixture
async def merchant(sqlite_url):
    async with open_merchant(sqlite_url) as merchant:
        yield merchant
