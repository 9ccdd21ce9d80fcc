"""A transaction is a synchronous function.

It cannot await, so no transaction is ever held open across a call to Amazon or Saleor (DESIGN §4 rule 1)::

    def book(session: Session) -> str:
        session.execute(INSERT_OPERATION, {...})
        return session.scalar(NEXT_REFERENCE, {...})

    reference = await database.run(book)

``run`` commits what the function did, or nothing of it when it raises, and returns what it returned. A function may be
run again from the start (PostgreSQL: serialization failure, deadlock, a lost connection), so it changes nothing but
the database; what has to follow a commit is handed to ``session.on_commit``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self, TypeVar

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.storage.statements import (
    CompiledStatement,
    DialectName,
    Parameters,
    Row,
    Statement,
    insert_ignore,
    upsert,
)

__all__ = [
    "Database",
    "DialectName",
    "Row",
    "Session",
    "Statement",
    "StorageError",
    "StorageUnavailable",
    "UniqueViolation",
    "insert_ignore",
    "upsert",
]

T = TypeVar("T")
logger = logging.getLogger(__name__)


class StorageError(AppError):
    """The database did not do it; nothing of the transaction was kept."""

    code = "STORAGE_ERROR"


class UniqueViolation(StorageError):
    """A row with that key is there already; ``detail`` says which, in the driver's words."""

    code = "UNIQUE_VIOLATION"

    def __init__(self, detail: str = "") -> None:
        super().__init__()
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class StorageUnavailable(StorageError):
    """The database cannot be reached, is locked by another process, or broke off; try again later."""

    status = 503
    code = "STORAGE_UNAVAILABLE"


class Session:
    """The inside of one transaction; worthless after it.

    One cursor does for all its statements, each answer being read whole before the next: with psycopg, making one costs
    a third of a statement.
    """

    __slots__ = ("_cursor", "_violations", "callbacks", "connection", "dialect")

    def __init__(self, dialect: DialectName, connection: Any, violations: tuple[type[Exception], ...]) -> None:
        self.dialect = dialect
        self.connection = connection
        self._cursor = connection.cursor()
        self.callbacks: list[Callable[[], None]] = []
        self._violations = violations

    def execute(self, statement: Statement, params: Parameters | None = None) -> int:
        """How many rows were written."""
        cursor = self._run(statement.on(self.dialect), params)
        if cursor.description is not None:
            cursor.fetchall()  # a RETURNING statement has only happened once it was read to its end
        return int(cursor.rowcount)

    def one(self, statement: Statement, params: Parameters | None = None) -> Row | None:
        form = statement.on(self.dialect)
        cursor = self._run(form, params)
        found = cursor.fetchone()
        if found is None:
            return None
        cursor.fetchall()
        return (form.row or form.rows_like(cursor.description))(found)

    def all(self, statement: Statement, params: Parameters | None = None) -> list[Row]:
        form = statement.on(self.dialect)
        cursor = self._run(form, params)
        return [*map(form.row or form.rows_like(cursor.description), cursor.fetchall())]

    def scalar(self, statement: Statement, params: Parameters | None = None) -> Any:
        """The first column of the first row, or ``None``."""
        cursor = self._run(statement.on(self.dialect), params)
        found = cursor.fetchone()
        if found is None:
            return None
        cursor.fetchall()
        return found[0]

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` in the event loop of whoever ran the transaction, once it is committed."""
        self.callbacks.append(callback)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo only this block when it raises; needed to go on after a ``UniqueViolation`` on PostgreSQL."""
        self.connection.execute("SAVEPOINT block")
        waiting = len(self.callbacks)
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK TO block")
            self.connection.execute("RELEASE block")
            del self.callbacks[waiting:]
            raise
        self.connection.execute("RELEASE block")

    def _run(self, form: CompiledStatement, params: Parameters | None) -> Any:
        sql, values = form.bind(params)
        try:
            return self._cursor.execute(sql, values)
        except self._violations as error:
            if is_unique_violation(error):
                raise UniqueViolation(str(error)) from error
            raise


Work = Callable[[Session], T]


class Database(ABC):
    """Where everything is kept. ``open`` before use; ``close`` waits for what is under way."""

    dialect: ClassVar[DialectName]

    @staticmethod
    def connect(url: str, *, pool_size: int = 8) -> Database:
        """The database behind ``sqlite:///path`` or ``postgresql://…``; nothing is opened yet.

        ``pool_size`` bounds the connections to PostgreSQL.
        """
        if url.startswith("sqlite:"):
            from saleor_amazonpay.storage.sqlite import SqliteDatabase

            return SqliteDatabase(url)
        from saleor_amazonpay.storage.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(url, pool_size=pool_size)

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def run(self, work: Work[T]) -> T:
        """Run ``work`` in a write transaction of its own; when this returns, it is on the disk."""

    @abstractmethod
    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on one consistent snapshot; it may not write."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def is_unique_violation(error: BaseException) -> bool:
    """SQLite: extended result codes SQLITE_CONSTRAINT_PRIMARYKEY and _UNIQUE; PostgreSQL: SQLSTATE 23505."""
    return getattr(error, "sqlstate", None) == "23505" or getattr(error, "sqlite_errorcode", 0) in {1555, 2067}


def perform(work: Work[T], session: Session) -> T:
    try:
        return work(session)
    except StopIteration as error:  # no future can carry it, and its caller would wait for ever
        raise RuntimeError("A transaction raised StopIteration") from error


def call_back(callbacks: Iterable[Callable[[], None]]) -> None:
    """What follows a commit; the commit stands whatever becomes of it."""
    for callback in callbacks:
        try:
            callback()
        except Exception:
            logger.exception("A callback after a commit failed")
