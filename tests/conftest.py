from __future__ import annotations

import pytest

pytest_plugins = ["tests.plugins.haste", "tests.plugins.databases", "tests.plugins.tables"]


@pytest.fixture
def anyio_backend():
    return "asyncio"
