from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from saleor_amazonpay.jobs import table  # noqa: F401  # adds its tables to the metadata
from saleor_amazonpay.storage import migrate
from saleor_amazonpay.storage.sqlite import keep_a_log
from saleor_amazonpay.storage.tables import complete


def differences(url):
    def belongs_here(thing, name, kind, *_):
        if kind != "table":
            return True
        return thing.info.get("dialect", dialect) == dialect and not name.startswith("procrastinate_")

    with migrate._connection(url) as connection:
        dialect = connection.dialect.name
        context = MigrationContext.configure(connection, opts={"include_object": belongs_here, "compare_type": True})
        return compare_metadata(context, complete())


TRIGGER = "procrastinate_jobs_notify_queue_job_inserted_v1"


def trigger(connection):
    """The one that tells workers of a new job, as PostgreSQL writes it."""
    query = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s"
    return connection.execute(query, (TRIGGER,)).fetchone()[0]


class TestUpgrade:
    def test_makes_an_empty_database_equal_to_the_tables(self, empty_database_url):
        migrate.upgrade(empty_database_url)
        assert differences(empty_database_url) == [], "python -m tests.draft_revision writes what is missing"

    def test_tells_what_it_applied_and_then_nothing_is_pending(self, empty_database_url):
        promised = migrate.pending(empty_database_url)
        ours = [name for name in promised if "/" not in name]
        assert promised[: len(ours)] == ours == sorted(ours)
        assert migrate.upgrade(empty_database_url) == promised
        assert migrate.pending(empty_database_url) == []
        assert migrate.current(empty_database_url) == ours[-1]

    def test_again_changes_nothing(self, database_url):
        assert migrate.upgrade(database_url) == []

    def test_by_several_replicas_at_once_happens_once(self, empty_database_url):
        applied = []
        threads = [
            threading.Thread(target=lambda: applied.append(migrate.upgrade(empty_database_url))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(applied) == 3
        assert differences(empty_database_url) == [], "python -m tests.draft_revision writes what is missing"


class TestLogOfSqlite:
    def test_who_comes_while_another_turns_to_it_waits(self, tmp_path):
        """SQLite's own waiting (busy_timeout) does not cover this change."""
        path = tmp_path / "new.db"
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN EXCLUSIVE")
            release = threading.Timer(0.1, other.execute, ("ROLLBACK",))
            release.start()
            with closing(sqlite3.connect(path, timeout=0)) as late:
                keep_a_log(late)
                assert late.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            release.join()

    def test_another_fault_is_told_at_once(self, tmp_path):
        path = tmp_path / "no.db"
        path.write_bytes(b"not a database, but long enough to be looked at" * 100)
        with closing(sqlite3.connect(path)) as broken, pytest.raises(sqlite3.DatabaseError):
            keep_a_log(broken)


class TestBeforeUpgrade:
    def test_asking_creates_no_file(self, empty_sqlite_url, tmp_path):
        assert migrate.current(empty_sqlite_url) is None
        assert migrate.pending(empty_sqlite_url)[:2] == ["0001", "0002"]
        assert list(tmp_path.iterdir()) == []


class TestProcrastinate:
    def test_an_older_schema_gets_only_the_newer_migrations(self, empty_postgresql_url):
        names = migrate._migrations_of_procrastinate()
        older, newer = [name for name in names if name < "03.04"], [name for name in names if name >= "03.04"]
        with psycopg.connect(empty_postgresql_url) as connection:
            connection.execute("CREATE TABLE procrastinate_migrations (name TEXT PRIMARY KEY)")
            for name in older:
                connection.execute((migrate.migrations_path / name).read_bytes())
                connection.execute("INSERT INTO procrastinate_migrations (name) VALUES (%s)", (name,))
                connection.commit()
        assert [name for name in migrate.upgrade(empty_postgresql_url) if "/" in name] == [
            f"procrastinate/{name}" for name in newer
        ]
        with psycopg.connect(empty_postgresql_url) as connection:
            assert connection.execute("SELECT to_regproc('procrastinate_retry_job_v2') IS NOT NULL").fetchone() == (
                True,
            )
            assert "clock_timestamp()" in trigger(connection)
        assert migrate.pending(empty_postgresql_url) == []

    def test_what_it_puts_back_of_ours_is_changed_again(self, empty_postgresql_url):
        migrate.upgrade(empty_postgresql_url)
        with psycopg.connect(empty_postgresql_url) as connection:
            ours = trigger(connection)
            newest = max(path.name for path in migrate.migrations_path.glob("*.sql"))
            connection.execute("DELETE FROM procrastinate_migrations WHERE name = %s", (newest,))
            connection.execute(f"DROP TRIGGER {TRIGGER} ON procrastinate_jobs")
            connection.execute(
                f"CREATE TRIGGER {TRIGGER} AFTER INSERT ON procrastinate_jobs FOR EACH ROW"
                " EXECUTE FUNCTION procrastinate_notify_queue_job_inserted_v1()"
            )
        migrate.upgrade(empty_postgresql_url)
        with psycopg.connect(empty_postgresql_url) as connection:
            assert trigger(connection) == ours

    def test_tables_of_another_program_are_left_alone(self, empty_postgresql_url):
        with psycopg.connect(empty_postgresql_url) as connection:
            connection.execute("CREATE TABLE procrastinate_jobs (id INT)")
        with pytest.raises(migrate.ForeignSchema):
            migrate.upgrade(empty_postgresql_url)
