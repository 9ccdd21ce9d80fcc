"""What would cost every test some time and proves nothing by being done again.

| what | instead |
|---|---|
| files of tests, databases above all, are written to a disk | they are in memory where there is room |
| every HTTP client reads the certificates of the system | they are read once in a process |
| a worker waits while another has a long test to end | what takes longest comes first |
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path

import httpcore2
import pytest

_MEMORY = Path("/dev/shm")
_ROOM = 6 * 1024**3
_LONGEST = {
    "test_billing_years.py",
    "test_chaos.py",
    "test_cv1_bulk.py",
    "test_demo.py",
    "test_no_secret_gets_out.py",
    "test_rolling_upgrade.py",
}


def _has_room(folder: Path) -> bool:
    """Programs are started from there too (a wheel's own environment), which some systems forbid."""
    return (
        folder.is_dir()
        and os.access(folder, os.W_OK)
        and not os.statvfs(folder).f_flag & os.ST_NOEXEC
        and shutil.disk_usage(folder).free > _ROOM
    )


if "TMPDIR" not in os.environ and _has_room(_MEMORY):
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None  # found anew

httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in _LONGEST)
