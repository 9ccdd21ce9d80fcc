"""Bring a database up to this version: our tables by Alembic, and on PostgreSQL Procrastinate's own.

Replicas may all call ``upgrade`` at once: one does it, the others wait and find it done. Blocking; used by the command
line before the server starts. The only importer of Alembic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager, migrations_path
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from saleor_amazonpay.storage.engine import StorageError
from saleor_amazonpay.storage.postgresql import conninfo
from saleor_amazonpay.storage.sqlite import BUSY_TIMEOUT, database_path, keep_a_log

ADVISORY_LOCK = 0x53414D5A4E504159  # any constant, as long as every replica has the same

# NOTIFY has transactions commit one after the other, each waiting for the disk alone, and it wakes every worker. Almost
# every job of a webhook is for later, and those a worker finds by itself.
_NOTIFY_OF_DUE_JOBS = """
DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;
CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1
 AFTER INSERT ON procrastinate_jobs FOR EACH ROW
  WHEN (new.status = 'todo' AND new.scheduled_at <= clock_timestamp() + interval '1 second')
EXECUTE FUNCTION procrastinate_notify_queue_job_inserted_v1();
"""
# Procrastinate looks through all that wait for one that is due: with 100,000 of them, 180 ms of PostgreSQL for each.
_FIND_DUE_JOBS = """
CREATE INDEX IF NOT EXISTS saleor_amazonpay_jobs_due ON procrastinate_jobs (scheduled_at) WHERE status = 'todo';
CREATE INDEX IF NOT EXISTS saleor_amazonpay_jobs_lock ON procrastinate_jobs (lock) WHERE status IN ('todo', 'doing');
"""
_OURS = {"notify_of_due_jobs": _NOTIFY_OF_DUE_JOBS, "find_due_jobs": _FIND_DUE_JOBS}
"""Put on anew after whatever of Procrastinate's is applied, and kept among its names."""


class ForeignSchema(StorageError):
    code = "FOREIGN_SCHEMA"


def upgrade(url: str) -> list[str]:
    """Apply what is pending; the names of what was applied, in order."""
    with _locked(url) as connection:
        with connection.begin():
            missing = _pending(connection)
            command.upgrade(_config(connection), "head")
        if connection.dialect.name == "postgresql":
            _upgrade_procrastinate(connection)
    return missing


def current(url: str) -> str | None:
    """The newest revision of ours that is applied, or ``None``."""
    if not _exists(url):
        return None
    with _connection(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def pending(url: str) -> list[str]:
    """What ``upgrade`` would apply: revisions of ours, then Procrastinate's as ``procrastinate/<name>``."""
    if not _exists(url):
        return _revisions()
    with _connection(url) as connection:
        return _pending(connection)


def _pending(connection: Connection) -> list[str]:
    applied = MigrationContext.configure(connection).get_current_revision()
    revisions = _revisions()
    missing = revisions[revisions.index(applied) + 1 :] if applied else revisions
    if connection.dialect.name == "postgresql":
        missing += [f"procrastinate/{name}" for name in _missing_from_procrastinate(connection)]
    return missing


def _revisions() -> list[str]:
    scripts = ScriptDirectory.from_config(_config(None)).walk_revisions()
    return [script.revision for script in scripts][::-1]


def _config(connection: Connection | None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "saleor_amazonpay.storage:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _exists(url: str) -> bool:
    return not url.startswith("sqlite:") or database_path(url).exists()


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    engine = _sqlite_engine(url) if url.startswith("sqlite:") else _postgresql_engine(url)
    with engine.connect() as connection:
        yield connection


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    """A connection nobody else migrates beside; SQLite's lock is the transaction itself (BEGIN IMMEDIATE)."""
    with _connection(url) as connection:
        if connection.dialect.name == "sqlite":
            yield connection
            return
        connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
        connection.commit()
        yield connection  # the lock ends with the connection


def _sqlite_engine(url: str) -> Engine:
    path = database_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would commit around DDL
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        keep_a_log(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql_engine(url: str) -> Engine:
    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo(url)), poolclass=NullPool)


def _upgrade_procrastinate(connection: Connection) -> None:
    """Its ``schema.sql`` on an empty database, otherwise the migrations newer than what is there.

    Procrastinate keeps no record of its version (its documentation, "Migrations": apply the files in order), so we do.
    """
    missing = _missing_from_procrastinate(connection)
    fresh = connection.exec_driver_sql("SELECT to_regclass('procrastinate_jobs') IS NULL").scalar()
    if not fresh and missing == _migrations_of_procrastinate():
        raise ForeignSchema("This database holds another program's Procrastinate tables; give the app its own.")
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS procrastinate_migrations (name TEXT PRIMARY KEY)")
    connection.commit()
    theirs = [name for name in missing if name not in _OURS]
    if fresh:
        _apply(connection, SchemaManager.get_schema(), theirs)
    for name in () if fresh else theirs:
        _apply(connection, (migrations_path / name).read_text("utf-8"), [name])
    for name, script in _OURS.items() if missing else ():
        _apply(connection, script, [name])


def _apply(connection: Connection, script: str, names: Sequence[str]) -> None:
    # The bare driver: a script of many statements without parameters, in which % means %.
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with connection.begin():
        driver.execute(script.encode())
        for name in names:
            driver.execute("INSERT INTO procrastinate_migrations (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))


def _migrations_of_procrastinate() -> list[str]:
    return [*sorted(path.name for path in migrations_path.glob("*.sql")), *_OURS]


def _missing_from_procrastinate(connection: Connection) -> list[str]:
    applied: set[str] = set()
    if connection.exec_driver_sql("SELECT to_regclass('procrastinate_migrations')").scalar():
        applied = {row[0] for row in connection.exec_driver_sql("SELECT name FROM procrastinate_migrations")}
    return [name for name in _migrations_of_procrastinate() if name not in applied]
