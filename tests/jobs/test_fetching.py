"""What a look for a due job touches on PostgreSQL: not the thousands that wait for their time."""

from __future__ import annotations

import psycopg
import pytest

WAITING = 5000
_WAIT = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, scheduled_at, priority)
SELECT 'note', 'note', 'note:' || i, 'note:' || i, now() + interval '1 hour', -(i %% 30) FROM generate_series(1, %s) i
"""
_DUE = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, scheduled_at)
VALUES ('note', 'note', 'note:due', 'note:due', now())
"""
_FETCH = "SELECT lock FROM procrastinate_fetch_job_v2(ARRAY['note']::varchar[], %s)"
_TOUCHED = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'procrastinate_jobs'"


@pytest.fixture
def connection(postgresql_url):
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(_WAIT, (WAITING,))
        connection.execute("ANALYZE procrastinate_jobs")
        connection.commit()
        yield connection


def touched(connection):
    """Rows read so far; what counts is the difference, inside one transaction."""
    return connection.execute(_TOUCHED).fetchone()[0]


def fetch(connection):
    """The lock of the job that was fetched, and how many rows it took."""
    worker = connection.execute("SELECT worker_id FROM procrastinate_register_worker_v1()").fetchone()
    before = touched(connection)
    [lock] = connection.execute(_FETCH, worker).fetchone()
    return lock, touched(connection) - before


def test_nothing_due_touches_nothing(connection):
    lock, rows = fetch(connection)
    assert lock is None
    assert rows < 10


def test_the_due_one_is_found_among_those_that_wait(connection):
    connection.execute(_DUE)
    connection.commit()
    lock, rows = fetch(connection)
    assert lock == "note:due"
    assert 0 < rows < 10
