from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from saleor_amazonpay.storage import migrate, revisions
from saleor_amazonpay.storage.sqlite import database_path


def execute(url, sql):
    with closing(sqlite3.connect(database_path(url))) as connection, connection:
        connection.execute(sql)


class TestNewest:
    def test_is_the_last_one_alembic_knows(self):
        assert revisions.newest() == migrate._revisions()[-1]


class TestIsCurrent:
    def test_a_file_with_every_migration(self, sqlite_url):
        assert revisions.is_current(sqlite_url)

    def test_no_file_and_none_is_made(self, empty_sqlite_url):
        assert not revisions.is_current(empty_sqlite_url)
        assert not database_path(empty_sqlite_url).exists()

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE alembic_version SET version_num = '0001'",
            "DELETE FROM alembic_version",
            "DROP TABLE alembic_version",
        ],
    )
    def test_any_other_file(self, sqlite_url, sql):
        execute(sqlite_url, sql)
        assert not revisions.is_current(sqlite_url)

    def test_something_that_is_no_database(self, empty_sqlite_url):
        database_path(empty_sqlite_url).parent.mkdir(exist_ok=True)
        database_path(empty_sqlite_url).write_bytes(b"not a database" * 100)
        assert not revisions.is_current(empty_sqlite_url)

    def test_asking_imports_neither_alembic_nor_what_postgresql_needs(self, sqlite_url):
        code = (
            "import sys; from saleor_amazonpay.storage import revisions;"
            f"assert revisions.is_current({sqlite_url!r});"
            "print(sorted({'alembic', 'procrastinate', 'psycopg'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"
