"""A copy of the SQLite file while the app goes on: SQLite's own online backup, checked before it counts."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.storage.sqlite import database_path

_PAGES_AT_ONCE = 1024  # 4 MB; between two steps the app may write


class BackupRefused(AppError):
    """The message says what to do instead."""

    code = "BACKUP_REFUSED"


def backup(url: str, target: Path) -> int:
    """Write a whole and consistent copy to ``target``; its size in bytes.

    Secrets in it are sealed as in the original: it is worth nothing without ``SECRET_KEY``.

    Raises:
        BackupRefused: not SQLite, nothing there to copy, or ``target`` exists.
    """
    if not url.startswith("sqlite:"):
        raise BackupRefused("On PostgreSQL use pg_dump, or what you use for your other databases.")
    source = database_path(url)
    if not source.exists():
        raise BackupRefused(f"There is no database at {source}.")
    if target.exists():
        raise BackupRefused(f"{target} exists; a backup never overwrites anything.")
    unfinished = target.with_name(f"{target.name}.part")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(unfinished)) as copy:
        live.backup(copy, pages=_PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
        if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise BackupRefused(f"The copy is damaged, and so may be {source}.")
    _made_durable(unfinished, target)
    return target.stat().st_size


def _made_durable(unfinished: Path, target: Path) -> None:
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.rename(target)
