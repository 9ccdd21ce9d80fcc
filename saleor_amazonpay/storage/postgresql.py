"""PostgreSQL: blocking psycopg connections in as many threads, READ COMMITTED.

A work is synchronous, so its connection is too; the event loop only waits for the thread.
"""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg import IsolationLevel
from psycopg_pool import ConnectionPool, PoolTimeout

from saleor_amazonpay.storage.engine import Database, DialectName, Session, StorageUnavailable, Work, call_back, perform

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

ATTEMPTS = 3  # of one work, when the database asks for another
POOL_TIMEOUT = 10.0  # seconds to wait for a connection
SESSION_SETTINGS = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}
_AGAIN = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


def conninfo(url: str) -> str:
    """What libpq understands: ``postgresql://…`` without SQLAlchemy's driver name."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    return f"postgresql://{rest}"


def configure(connection: Connection) -> None:
    for setting, value in SESSION_SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
    connection.commit()


class PostgresqlDatabase(Database):
    dialect: ClassVar[DialectName] = "postgresql"

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.conninfo = conninfo(url)
        self._size = pool_size

    async def open(self) -> None:
        self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="postgresql")
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self.conninfo,
            min_size=1,
            max_size=self._size,
            timeout=POOL_TIMEOUT,
            configure=configure,
            open=False,
            kwargs={"application_name": "saleor-amazonpay"},
        )
        try:
            await asyncio.to_thread(self._pool.open, wait=True, timeout=POOL_TIMEOUT)
        except PoolTimeout as error:
            await self.close()
            raise StorageUnavailable("PostgreSQL cannot be reached.") from error

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._pool.close)

    async def run(self, work: Work[T]) -> T:
        return await self._submit(work, read_only=False)

    async def read(self, work: Work[T]) -> T:
        return await self._submit(work, read_only=True)

    async def _submit(self, work: Work[T], *, read_only: bool) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._persist, work, read_only, loop)

    def _persist(self, work: Work[T], read_only: bool, loop: asyncio.AbstractEventLoop) -> T:  # noqa: FBT001
        for attempt in range(1, ATTEMPTS + 1):
            try:
                result, session = self._transact(work, read_only=read_only)
            except (*_AGAIN, _ConnectionLost) as error:
                if attempt == ATTEMPTS:
                    raise StorageUnavailable("The database did not take the change; nothing was kept.") from error
                time.sleep(random.uniform(0.005, 0.05) * attempt)  # noqa: S311
            else:
                break
        if session.callbacks:
            loop.call_soon_threadsafe(call_back, session.callbacks)
        return result

    def _transact(self, work: Work[T], *, read_only: bool) -> tuple[T, Session]:
        connection = self._take()
        try:
            session = Session("postgresql", connection, (psycopg.errors.UniqueViolation,))
            connection.read_only = read_only
            connection.isolation_level = IsolationLevel.REPEATABLE_READ if read_only else None
            result = _run(work, session)
            _commit(connection)
        except BaseException:
            if not connection.closed:
                connection.rollback()
            raise
        finally:
            self._pool.putconn(connection)
        return result, session

    def _take(self) -> Connection:
        try:
            return self._pool.getconn()
        except PoolTimeout as error:
            raise StorageUnavailable("No connection to PostgreSQL is free.") from error


class _ConnectionLost(Exception):
    """Broken off before COMMIT was sent: nothing was kept, the work may run again."""


def _run(work: Work[T], session: Session) -> T:
    try:
        return perform(work, session)
    except psycopg.OperationalError as error:
        if session.connection.closed:
            raise _ConnectionLost from error
        raise


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except psycopg.OperationalError as error:
        if connection.closed:
            raise StorageUnavailable("The connection broke at COMMIT; whether it happened is unknown.") from error
        raise
