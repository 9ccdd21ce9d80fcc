"""Where jobs wait: ``jobs`` on SQLite; on PostgreSQL Procrastinate has tables of its own, and no place for an error."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from saleor_amazonpay.storage.tables import metadata

_WAITING = text("state = 'waiting' AND key IS NOT NULL")

jobs_table = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task", Text, nullable=False),
    Column("key", Text),
    Column("args", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting | running | dead
    Column("priority", Integer, nullable=False),
    Column("run_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_token", Text),  # the fence: only who holds it may settle the job
    Column("leased_until", BigInteger),
    Column("last_error", Text),
    Column("created_at", BigInteger, nullable=False),
    # At most one waiting per (task, key), and at most one running: the same key never runs beside itself.
    Index("uq_jobs_waiting", "task", "key", unique=True, sqlite_where=_WAITING),
    Index("uq_jobs_running", "task", "key", unique=True, sqlite_where=text("state = 'running' AND key IS NOT NULL")),
    Index("ix_jobs_due", "state", "run_at"),
    info={"dialect": "sqlite"},
)

job_errors = Table(
    "job_errors",
    metadata,
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("error", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    info={"dialect": "postgresql"},
)
