"""Whether a SQLite file is up to date, known without Alembic.

Almost every start finds nothing to do; importing the tools for it would cost 0.1 s and 20 MB for as long as we run.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.resources import files

from saleor_amazonpay.storage.sqlite import database_path


def newest() -> str:
    """The revision of this version: migrations are named by it, ``0002_jobs.py``."""
    folder = files("saleor_amazonpay.storage").joinpath("migrations", "versions")
    return max(path.name.partition("_")[0] for path in folder.iterdir() if path.name.endswith(".py"))


def is_current(url: str) -> bool:
    """True for a SQLite file that has every migration; any doubt is left to ``migrate.upgrade``."""
    path = database_path(url)
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return False
    return found == [(newest(),)]
