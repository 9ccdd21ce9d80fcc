"""SQLite: one writer that commits for everyone waiting, and readers beside it.

The cost of a durable commit is the ``fsync`` (``synchronous=FULL``: a payment must outlive a power cut). So whatever
has queued up while the last one ran shares the next one. Where a work of such a group fails, which is rare, all is
undone and each is done again in a transaction of its own: cheaper than a savepoint around every one of them.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar, TypeVar

from sqlalchemy.engine import make_url

from saleor_amazonpay.storage.engine import Database, DialectName, Session, StorageUnavailable, Work, call_back, perform

T = TypeVar("T")

GROUP_LIMIT = 64  # works that share one commit
READERS = 2
CHECKPOINT_PAGES = 4000  # 16 MB of log before it is copied into the database: a webhook in 300 waits 5 ms for it
READERS_CACHE = -512  # KiB each: with every commit of the writer a reader forgets its pages anyway
BUSY_TIMEOUT = 5000  # milliseconds to wait for another process (a `migrate` or `rotate-keys` beside `serve`)
_TRY_AGAIN = 10  # milliseconds


def database_path(url: str) -> Path:
    """The file behind ``sqlite:///relative`` or ``sqlite:////absolute``."""
    database = make_url(url).database
    if not database or database == ":memory:":
        raise ValueError("DATABASE_URL must name a file, e.g. sqlite:///./data/saleor-amazonpay.db")
    return Path(database)


def keep_a_log(connection: sqlite3.Connection) -> None:
    """WAL from here on. Who turns an empty database to it at the same moment as another is refused at once."""
    for _ in range(BUSY_TIMEOUT // _TRY_AGAIN):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(_TRY_AGAIN / 1000)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def connect(path: Path, *, writable: bool = True) -> sqlite3.Connection:
    """A connection with our settings; it may be handed from thread to thread."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=512, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    keep_a_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute("PRAGMA temp_store = MEMORY")  # else a statement of many rows keeps its undo in a file
    connection.execute("PRAGMA foreign_keys = ON")
    if not writable:
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = {READERS_CACHE}")
    return connection


@dataclass(slots=True, eq=False)
class _Submission:
    work: Work[Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    def attempt(self, connection: sqlite3.Connection) -> None:
        """Run the work in the open transaction, as if for the first time; what it raises belongs to its caller."""
        session = Session("sqlite", connection, (sqlite3.IntegrityError,))
        self.error = None
        try:
            self.result = perform(self.work, session)
        except BaseException as error:  # noqa: BLE001  # whatever it is
            self.error = error
        self.callbacks = session.callbacks

    def settle(self) -> None:
        if self.error is None:
            call_back(self.callbacks)
        if self.future.done():  # the caller was cancelled; what is committed stays committed
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class _Lane:
    """Threads with a connection each, fed from one queue; several works may share a transaction."""

    def __init__(self, name: str, *, begin: str, threads: int, group_limit: int) -> None:
        self._name = name
        self._begin = begin
        self._size = threads
        self._group_limit = group_limit
        self._queue: SimpleQueue[_Submission | None] = SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Submission]] = {}
        self._threads: list[threading.Thread] = []

    def open(self, connect_one: Callable[[], sqlite3.Connection]) -> None:
        for number in range(self._size):
            name = f"sqlite-{self._name}-{number}"
            thread = threading.Thread(target=self._serve, args=(connect_one(),), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Return when everything submitted before has been done."""
        for loop in list(self._gathered):
            self._hand_over(loop)
        for _ in self._threads:
            self._queue.put(None)
        while self._threads:
            self._threads.pop().join()

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._threads:
            raise StorageUnavailable("The database is not open.")
        waiting = self._gathered.setdefault(loop, [])
        waiting.append(_Submission(work, future, loop))
        if len(waiting) == 1:
            loop.call_soon(loop.call_soon, self._hand_over, loop)
        return future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """All that two turns of the loop have submitted: waking a thread for each would cost more than the works do.

        One turn answers what is there and the next takes in what comes of it. Handed over after the first, half as
        many would share a commit, which costs a tenth of a webhook; a loop with nothing to do turns in microseconds.
        """
        for submission in self._gathered.pop(loop, ()):
            self._queue.put(submission)

    def _serve(self, connection: sqlite3.Connection) -> None:
        for group in self._groups():
            self._transact(connection, group)
            _hand_back(group)
        connection.close()

    def _groups(self) -> Iterator[list[_Submission]]:
        """One work, and with it whatever else waits; cancelled ones are left out."""
        items: list[_Submission | None] = []
        while None not in items:
            items = [self._queue.get()]
            # Only the lane with one thread groups, so what qsize() counts cannot be taken away meanwhile.
            items += [self._queue.get() for _ in range(min(self._queue.qsize(), self._group_limit - 1))]
            group = [item for item in items if item is not None and not item.future.cancelled()]
            if group:
                yield group

    def _transact(self, connection: sqlite3.Connection, group: list[_Submission]) -> None:
        if not self._transact_together(connection, group) and len(group) > 1:
            for item in group:
                self._transact_together(connection, [item])

    def _transact_together(self, connection: sqlite3.Connection, group: list[_Submission]) -> bool:
        """Whether all of them are committed; otherwise none is."""
        try:
            connection.execute(self._begin)
            for item in group:
                item.attempt(connection)
                if item.error is not None:
                    break
                if not connection.in_transaction:  # some faults of the disk end it by themselves
                    item.error = _unavailable()
                    break
            else:
                connection.execute("COMMIT")
                return True
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:  # locked, disk full, input/output error: the whole transaction is gone
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for item in group:
                item.error = item.error or _unavailable(error)
        return False


def _unavailable(cause: sqlite3.Error | None = None) -> StorageUnavailable:
    error = StorageUnavailable("The database did not take the change; nothing was kept.")
    error.__cause__ = cause
    return error


def _hand_back(group: list[_Submission]) -> None:
    for loop in {item.loop for item in group}:
        # The loop may be closed by now: then nobody waits any more, and the commit stands.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, [item for item in group if item.loop is loop])


def _settle(group: list[_Submission]) -> None:
    for item in group:
        item.settle()


class SqliteDatabase(Database):
    dialect: ClassVar[DialectName] = "sqlite"

    def __init__(self, url: str) -> None:
        self.path = database_path(url)
        self._writer = _Lane("writer", begin="BEGIN IMMEDIATE", threads=1, group_limit=GROUP_LIMIT)
        self._readers = _Lane("reader", begin="BEGIN", threads=READERS, group_limit=1)

    async def open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(self._writer.open, lambda: connect(self.path))
        await asyncio.to_thread(self._readers.open, lambda: connect(self.path, writable=False))

    async def close(self) -> None:
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.close)

    async def run(self, work: Work[T]) -> T:
        return await self._writer.submit(work)

    async def read(self, work: Work[T]) -> T:
        return await self._readers.submit(work)
