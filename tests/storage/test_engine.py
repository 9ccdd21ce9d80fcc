from __future__ import annotations

import asyncio
import importlib
import pkgutil
import sqlite3
import threading
import time
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, bindparam, delete, func, insert, select, update

from saleor_amazonpay import storage
from saleor_amazonpay.storage import sqlite
from saleor_amazonpay.storage.engine import (
    Database,
    Statement,
    StorageUnavailable,
    UniqueViolation,
    insert_ignore,
    upsert,
)

things = Table("things", MetaData(), Column("id", Text, primary_key=True), Column("n", BigInteger, nullable=False))

INSERT = Statement(insert(things))
GET = Statement(select(things).where(things.c.id == bindparam("thing")))
ALL = Statement(select(things).order_by(things.c.id))
COUNT = Statement(select(func.count()).select_from(things))
LOCK = Statement(select(things.c.n).where(things.c.id == bindparam("thing")).with_for_update())
SET = Statement(update(things).where(things.c.id == bindparam("thing")).values(n=bindparam("to")))


@pytest.fixture
async def database(empty_database_url):
    async with Database.connect(empty_database_url) as database:
        await database.run(create)
        yield database


@pytest.fixture
async def sqlite_database(empty_sqlite_url):
    async with Database.connect(empty_sqlite_url) as database:
        await database.run(create)
        yield database


@pytest.fixture
async def postgresql_database(empty_postgresql_url):
    async with Database.connect(empty_postgresql_url) as database:
        await database.run(create)
        yield database


def create(session):
    session.connection.execute("CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL)")


def adding(name, n=1):
    return lambda session: session.execute(INSERT, {"id": name, "n": n})


async def ids(database):
    return [row.id for row in await database.read(lambda session: session.all(ALL))]


class TestRun:
    async def test_it_commits_and_returns_what_the_work_returned(self, database):
        assert await database.run(adding("a")) == 1
        assert await ids(database) == ["a"]

    async def test_a_work_that_raises_leaves_nothing_and_its_error_reaches_the_caller(self, database):
        error = LookupError("mine")

        def work(session):
            adding("a")(session)
            raise error

        with pytest.raises(LookupError) as caught:
            await database.run(work)
        assert caught.value is error
        assert await ids(database) == []

    async def test_an_error_asyncio_cannot_carry_still_reaches_the_caller(self, database):
        def work(_session):
            raise StopIteration

        with pytest.raises(RuntimeError):
            await asyncio.wait_for(database.run(work), 5)

    async def test_many_at_once_lose_no_update(self, database):
        await database.run(adding("a", 0))

        def increment(session):
            session.execute(SET, {"thing": "a", "to": session.scalar(LOCK, {"thing": "a"}) + 1})

        await asyncio.gather(*(database.run(increment) for _ in range(40)))
        assert (await database.read(lambda session: session.one(GET, {"thing": "a"}))).n == 40

    async def test_a_closed_database_says_so(self, empty_sqlite_url):
        database = Database.connect(empty_sqlite_url)
        with pytest.raises(StorageUnavailable):
            await database.run(adding("a"))

    def test_it_can_be_opened_again_in_another_event_loop(self, empty_database_url):
        database = Database.connect(empty_database_url)

        async def use(work):
            async with database:
                return await database.run(work)

        asyncio.run(use(create))
        assert asyncio.run(use(adding("a"))) == 1

    def test_an_unknown_url_is_refused(self):
        with pytest.raises(ValueError, match="DATABASE_URL"):
            Database.connect("mysql://localhost/x")

    def test_a_database_in_memory_is_refused(self):
        with pytest.raises(ValueError, match="must name a file"):
            Database.connect("sqlite:///:memory:")


class TestRead:
    async def test_it_may_not_write(self, database):
        with pytest.raises((sqlite3.OperationalError, psycopg.errors.ReadOnlySqlTransaction)):
            await database.read(adding("a"))

    async def test_it_sees_one_moment(self, database):
        await database.run(adding("a"))
        first_seen, changed = threading.Event(), threading.Event()

        def work(session):
            before = session.scalar(COUNT)
            first_seen.set()
            assert changed.wait(10)
            return before, session.scalar(COUNT)

        reading = asyncio.create_task(database.read(work))
        await asyncio.to_thread(first_seen.wait, 10)
        await database.run(adding("b"))
        changed.set()
        assert await reading == (1, 1)


class TestUniqueViolation:
    async def test_it_is_the_same_on_both(self, database):
        await database.run(adding("a"))
        with pytest.raises(UniqueViolation):
            await database.run(adding("a"))

    async def test_other_violations_are_not(self, database):
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.NotNullViolation)):
            await database.run(adding("a", None))

    async def test_within_a_savepoint_the_transaction_goes_on(self, database):
        def work(session):
            adding("a")(session)
            with suppress(UniqueViolation), session.savepoint():
                adding("b")(session)
                adding("a")(session)
            adding("c")(session)

        await database.run(work)
        assert await ids(database) == ["a", "c"]


class TestOnCommit:
    async def test_it_is_called_in_the_event_loop_once_the_rows_are_there(self, database):
        seen = []

        def work(session):
            adding("a")(session)
            session.on_commit(lambda: seen.append(threading.get_ident()))
            assert seen == []

        await database.run(work)
        assert seen == [threading.get_ident()]

    async def test_not_after_a_rollback(self, database):
        seen = []

        def work(session):
            session.on_commit(lambda: seen.append(1))
            raise LookupError

        with pytest.raises(LookupError):
            await database.run(work)
        await asyncio.sleep(0)
        assert seen == []

    async def test_not_for_a_savepoint_that_was_undone(self, database):
        seen = []

        def work(session):
            session.on_commit(lambda: seen.append("kept"))
            with suppress(LookupError), session.savepoint():
                session.on_commit(lambda: seen.append("undone"))
                raise LookupError

        await database.run(work)
        assert seen == ["kept"]

    async def test_one_that_fails_harms_neither_the_caller_nor_the_others(self, database, caplog):
        seen = []

        def work(session):
            session.on_commit(lambda: 1 / 0)
            session.on_commit(lambda: seen.append(1))
            return "done"

        assert await database.run(work) == "done"
        assert seen == [1]
        assert "ZeroDivisionError" in caplog.text


class TestStatements:
    async def test_rows_have_the_names_of_their_columns(self, database):
        await database.run(adding("a", 7))
        row = await database.read(lambda session: session.one(GET, {"thing": "a"}))
        assert (row.id, row.n, row[1], tuple(row)) == ("a", 7, 7, ("a", 7))
        assert row._asdict() == {"id": "a", "n": 7}

    async def test_nothing_found_is_none_and_an_empty_list(self, database):
        def work(session):
            return session.one(GET, {"thing": "x"}), session.scalar(GET, {"thing": "x"}), session.all(ALL)

        assert await database.read(work) == (None, None, [])

    async def test_a_list_parameter_is_as_long_as_its_list(self, database):
        several = Statement(select(things.c.id).where(things.c.id.in_(bindparam("ids", expanding=True))))
        for name in "abc":
            await database.run(adding(name))

        def found(*names):
            return lambda session: sorted(row.id for row in session.all(several, {"ids": names}))

        assert await database.read(found("a", "c")) == ["a", "c"]
        assert await database.read(found("b")) == ["b"]
        assert await database.read(found()) == []

    async def test_literals_in_the_statement_need_no_parameters(self, database):
        chosen = Statement(
            select(things.c.id).where(things.c.id.in_(["a", "b"]), things.c.n == 1, things.c.n < bindparam("top"))
        )
        for name in "abc":
            await database.run(adding(name))
        found = await database.read(lambda session: session.all(chosen, {"top": 2}))
        assert sorted(row.id for row in found) == ["a", "b"]

    async def test_insert_ignore_says_whether_it_was_new(self, database):
        statement = Statement(insert_ignore(things))
        assert await database.run(lambda session: session.execute(statement, {"id": "a", "n": 1})) == 1
        assert await database.run(lambda session: session.execute(statement, {"id": "a", "n": 2})) == 0

    async def test_upsert_changes_only_the_columns_named(self, database):
        statement = Statement(upsert(things, index_elements=["id"], update_columns=["n"]))
        for n in (1, 2):
            await database.run(lambda session, n=n: session.execute(statement, {"id": "a", "n": n}))
        assert (await database.read(lambda session: session.one(GET, {"thing": "a"}))).n == 2

    async def test_returning_gives_rows_and_writes(self, database):
        statement = Statement(update(things).values(n=things.c.n + 1).returning(things.c.n))
        await database.run(adding("a", 1))
        assert await database.run(lambda session: session.scalar(statement)) == 2
        assert await database.run(lambda session: session.one(statement).n) == 3
        assert await database.run(lambda session: session.execute(statement)) == 1
        assert await database.run(lambda session: session.all(statement)[0].n) == 5

    async def test_execute_counts_the_rows_written(self, database):
        for name in "abc":
            await database.run(adding(name))
        gone = Statement(delete(things).where(things.c.id != "a"))
        assert await database.run(lambda session: session.execute(gone)) == 2

    def test_every_statement_of_the_repositories_compiles_for_both(self):
        modules = [
            importlib.import_module(f"{storage.__name__}.{found.name}")
            for found in pkgutil.iter_modules(storage.__path__)
        ]
        statements = [value for module in modules for value in vars(module).values() if isinstance(value, Statement)]
        assert statements
        assert all(statement.on(dialect).sql for statement in statements for dialect in ("sqlite", "postgresql"))


TURNS_UNTIL_HANDED_OVER = 3  # one in which the works are submitted, and two


class Blocked:
    """Keeps SQLite's writer busy, so that what is submitted meanwhile forms one group; notes its statements."""

    def __init__(self):
        self.began, self.may_end = threading.Event(), threading.Event()
        self.statements = []

    def __call__(self, session):
        self.began.set()
        assert self.may_end.wait(10)
        session.connection.set_trace_callback(self.statements.append)

    async def hold(self, database):
        blocking = asyncio.ensure_future(database.run(self))
        await asyncio.to_thread(self.began.wait, 10)
        return blocking

    async def release_with(self, database, works):
        blocking = await self.hold(database)
        waiting = [asyncio.ensure_future(database.run(work)) for work in works]
        for _ in range(TURNS_UNTIL_HANDED_OVER):
            await asyncio.sleep(0)
        self.may_end.set()
        await blocking
        return await asyncio.gather(*waiting, return_exceptions=True)


class TestGroupedCommits:
    async def test_what_waits_shares_one_commit(self, sqlite_database):
        blocked = Blocked()
        assert await blocked.release_with(sqlite_database, [adding(f"{n:02}") for n in range(20)]) == [1] * 20
        assert blocked.statements.count("COMMIT") == 2  # the blocking one's, and one for twenty
        assert len(await ids(sqlite_database)) == 20

    async def test_what_two_turns_of_the_loop_submit_shares_one_commit(self, sqlite_database):
        blocked = Blocked()
        blocking = await blocked.hold(sqlite_database)
        first = asyncio.ensure_future(sqlite_database.run(adding("a")))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(sqlite_database.run(adding("b")))
        await asyncio.sleep(0)
        blocked.may_end.set()
        time.sleep(0.05)  # noqa: ASYNC251 - the loop stands still: what is handed over by now commits without the rest
        assert await asyncio.gather(blocking, first, second) == [None, 1, 1]
        assert blocked.statements.count("COMMIT") == 2

    async def test_a_work_that_fails_is_undone_alone(self, sqlite_database):
        def fails(session):
            adding("half")(session)
            raise LookupError("mine")

        seen = []

        def fails_after_promising(session):
            session.on_commit(lambda: seen.append(1))
            adding("a")(session)

        works = [adding("a"), fails, adding("b"), fails_after_promising, adding("c")]
        results = await Blocked().release_with(sqlite_database, works)
        assert [type(result) for result in results] == [int, LookupError, int, UniqueViolation, int]
        assert await ids(sqlite_database) == ["a", "b", "c"]
        assert seen == []

    async def test_a_group_is_bounded(self, sqlite_database):
        blocked = Blocked()
        works = [adding(f"{n:03}") for n in range(sqlite.GROUP_LIMIT + 1)]
        await blocked.release_with(sqlite_database, works)
        assert blocked.statements.count("COMMIT") == 3
        assert len(await ids(sqlite_database)) == sqlite.GROUP_LIMIT + 1

    async def test_who_loses_the_transaction_learns_it_and_the_others_lose_nothing(self, sqlite_database):
        def loses_it(session):
            adding("half")(session)
            session.connection.execute("ROLLBACK")  # what SQLite does by itself when the disk is full

        results = await Blocked().release_with(sqlite_database, [adding("a"), loses_it, adding("b")])
        assert [type(result) for result in results] == [int, StorageUnavailable, int]
        assert await ids(sqlite_database) == ["a", "b"]
        assert await sqlite_database.run(adding("c")) == 1

    async def test_a_work_of_a_group_is_done_again_from_the_start(self, sqlite_database):
        def fails(_session):
            raise LookupError

        seen = []

        def promises(session):
            session.on_commit(lambda: seen.append("promised"))
            return adding("a")(session)

        results = await Blocked().release_with(sqlite_database, [promises, fails])
        assert [type(result) for result in results] == [int, LookupError]
        assert seen == ["promised"]

    async def test_a_caller_that_went_away_before_its_turn_changes_nothing(self, sqlite_database):
        blocked = Blocked()
        blocking = await blocked.hold(sqlite_database)
        gone = asyncio.ensure_future(sqlite_database.run(adding("a")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        blocked.may_end.set()
        await blocking
        assert await ids(sqlite_database) == []

    async def test_close_waits_for_what_was_submitted(self, empty_sqlite_url):
        database = Database.connect(empty_sqlite_url)
        async with database:
            await database.run(create)
            last = asyncio.ensure_future(database.run(adding("a")))
            await asyncio.sleep(0)
        assert await last == 1


class TestSqlite:
    async def test_a_commit_is_on_the_disk_before_it_is_reported(self, sqlite_database):
        def pragmas(session):
            names = ("journal_mode", "synchronous", "foreign_keys")
            return [session.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

        assert await sqlite_database.run(pragmas) == ["wal", 2, 1]

    async def test_a_database_locked_by_another_process_is_unavailable_and_then_available(
        self, empty_sqlite_url, monkeypatch
    ):
        monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 20)
        async with Database.connect(empty_sqlite_url) as database:
            await database.run(create)
            other = sqlite.connect(database.path)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable):
                await database.run(adding("a"))
            other.execute("ROLLBACK")
            other.close()
            assert await database.run(adding("a")) == 1


class TestPostgresql:
    @pytest.mark.parametrize("error", [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected])
    async def test_a_work_the_database_asks_for_again_runs_again_from_the_start(self, postgresql_database, error):
        attempts = []

        def work(session):
            attempts.append(adding("a")(session))
            if len(attempts) < 3:
                raise error

        await postgresql_database.run(work)
        assert len(attempts) == 3
        assert await ids(postgresql_database) == ["a"]

    async def test_but_not_for_ever(self, postgresql_database):
        attempts = []

        def work(_session):
            attempts.append(1)
            raise psycopg.errors.SerializationFailure

        with pytest.raises(StorageUnavailable):
            await postgresql_database.run(work)
        assert len(attempts) == 3

    async def test_two_that_really_deadlock_both_succeed(self, postgresql_database):
        for name in "ab":
            await postgresql_database.run(adding(name, 0))
        both_hold_one = threading.Barrier(2)

        def taking(first, second):
            attempts = []

            def work(session):
                attempts.append(1)
                session.execute(SET, {"thing": first, "to": 1})
                if len(attempts) == 1:
                    both_hold_one.wait(10)
                session.execute(SET, {"thing": second, "to": 1})

            return work

        await asyncio.gather(postgresql_database.run(taking("a", "b")), postgresql_database.run(taking("b", "a")))

    async def test_a_connection_that_broke_is_replaced(self, postgresql_database, postgresql_cluster):
        attempts = []

        def work(session):
            attempts.append(session.connection.info.backend_pid)
            if len(attempts) == 1:
                postgresql_cluster.execute(f"SELECT pg_terminate_backend({attempts[0]}, 5000)")
            return adding("a")(session)

        assert await postgresql_database.run(work) == 1
        assert len(set(attempts)) == 2
        assert await ids(postgresql_database) == ["a"]

    async def test_idle_connections_that_broke_are_replaced(self, postgresql_database, postgresql_cluster):
        pid = await postgresql_database.read(lambda session: session.connection.info.backend_pid)
        postgresql_cluster.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        assert await postgresql_database.run(adding("a")) == 1

    async def test_a_server_that_is_not_there_is_unavailable(self, monkeypatch):
        monkeypatch.setattr("saleor_amazonpay.storage.postgresql.POOL_TIMEOUT", 0.3)
        with pytest.raises(StorageUnavailable):
            await Database.connect("postgresql://postgres@127.0.0.1:1/x").open()

    async def test_a_driver_name_in_the_url_is_left_out(self, empty_postgresql_url):
        async with Database.connect(empty_postgresql_url.replace("postgresql:", "postgresql+psycopg:")) as database:
            await database.run(create)
