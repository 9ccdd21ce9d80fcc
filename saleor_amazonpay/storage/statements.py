"""SQLAlchemy Core constructs, compiled once per dialect and run on the bare driver.

The compiler is worth having (both databases from one expression), the engine above it is not: on the webhook path it
costs more than the database (performance.md, "What each choice costs"). Columns are integers and text only
(tables.py), so there is nothing to convert on the way in or out.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from sqlalchemy import Table
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ClauseElement

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

DialectName = Literal["sqlite", "postgresql"]
Parameters = Mapping[str, Any]

# Two classes with the same ON CONFLICT methods and no common ancestor that has them.
MakeInsert = Callable[[Table], "postgresql.Insert"]


@cache
def _sqlite() -> tuple[Dialect, MakeInsert]:
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.dialects.sqlite.pysqlite import dialect

    by_place = dialect(paramstyle="qmark")  # the driver finds values by place twice as fast as by name
    return by_place, cast("MakeInsert", sqlite.insert)


@cache
def _postgresql() -> tuple[Dialect, MakeInsert]:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.dialects.postgresql.psycopg import dialect

    return dialect(), postgresql.insert  # type: ignore[no-untyped-call]


# Each is imported where it is used: the other database's dialect is 3 MB that nobody asks for.
_DIALECTS: Mapping[DialectName, Callable[[], tuple[Dialect, MakeInsert]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}


def _insert(dialect: DialectName, table: Table) -> postgresql.Insert:
    make = _DIALECTS[dialect]()[1]
    return make(table)


Build = Callable[[DialectName], Executable]


class Row(Protocol):
    """A named tuple whose fields are the statement's columns."""

    @property
    def _fields(self) -> tuple[str, ...]: ...
    def _asdict(self) -> dict[str, Any]: ...
    def __getattr__(self, name: str) -> Any: ...
    def __getitem__(self, index: int) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class Statement:
    """A construct, or a function from the dialect's name to one where the two need different constructs.

    An ``insert(table)`` without ``values()`` takes a parameter for every column except a key that counts itself;
    ``insert(table).values(a=bindparam("a"))`` names the columns. ``FOR UPDATE`` disappears on SQLite, where a write
    transaction has the database to itself. A list parameter is ``column.in_(bindparam("ids", expanding=True))``.
    """

    __slots__ = ("_build", "_forms")

    def __init__(self, construct: Executable | Build) -> None:
        self._build: Build = (lambda _dialect: construct) if isinstance(construct, Executable) else construct
        self._forms: dict[str, CompiledStatement] = {}

    def on(self, dialect: DialectName) -> CompiledStatement:
        form = self._forms.get(dialect)
        if form is None:
            form = self._forms[dialect] = CompiledStatement(_compile(self._build(dialect), dialect))
        return form

    def __repr__(self) -> str:
        return f"Statement({self.on('sqlite').sql!r})"


class CompiledStatement:
    """``sql`` and ``bind(params)`` are what the driver gets; ``row`` makes one of its tuples a ``Row``."""

    __slots__ = ("_compiled", "_literals", "_places", "row", "sql")

    def __init__(self, compiled: SQLCompiler) -> None:
        expands = any(bind.required for bind in compiled.post_compile_params)
        self._compiled = compiled if expands else None  # it is large, and has said everything where no list comes
        self._literals: Parameters = {
            name: bind.effective_value for bind, name in compiled.bind_names.items() if not bind.required
        }
        self.sql = str(compiled)
        if compiled.post_compile_params and self._compiled is None:  # lists known from the start
            whole = compiled.construct_expanded_state({**dict.fromkeys(compiled.bind_names.values()), **self._literals})
            names = {name for bind, name in compiled.bind_names.items() if bind.required}
            self.sql = whole.statement
            self._literals = {name: value for name, value in whole.parameters.items() if name not in names}
            self._places: Sequence[str] | None = whole.positiontup
        else:
            self._places = compiled.positiontup
        self.row: Callable[[Sequence[Any]], Row] | None = None

    def bind(self, params: Parameters | None) -> tuple[str, Parameters | Sequence[Any]]:
        values = {**self._literals, **params} if params else self._literals
        sql, places = self.sql, self._places
        if self._compiled is not None:
            expanded = self._compiled.construct_expanded_state(values)  # as many placeholders as the list is long
            sql, places, values = expanded.statement, expanded.positiontup, expanded.parameters
        return sql, values if places is None else [values[name] for name in places]

    def rows_like(self, description: Sequence[Sequence[Any]]) -> Callable[[Sequence[Any]], Row]:
        """The row maker, made from the first answer's column names and kept."""
        make: Callable[[Sequence[Any]], Row] = _row_class([column[0] for column in description])._make
        self.row = make
        return make


def _row_class(names: Sequence[str]) -> Any:
    return namedtuple("Row", names, rename=True)  # noqa: PYI024  # the names come at run time


def insert_ignore(table: Table) -> Build:
    """Insert a whole row unless a unique key has it already; ``Session.execute`` gives 1 or 0."""
    return lambda dialect: _insert(dialect, table).on_conflict_do_nothing()


def upsert(table: Table, *, index_elements: Sequence[str], update_columns: Sequence[str]) -> Build:
    """Insert a whole row, or give the row with the same ``index_elements`` the new values of ``update_columns``."""

    def build(dialect: DialectName) -> Executable:
        statement = _insert(dialect, table)
        return statement.on_conflict_do_update(
            index_elements=list(index_elements), set_={name: statement.excluded[name] for name in update_columns}
        )

    return build


def _compile(construct: Executable, dialect: DialectName) -> SQLCompiler:
    if not isinstance(construct, ClauseElement):
        raise TypeError(f"{construct!r} cannot be compiled")
    compiled = construct.compile(dialect=_DIALECTS[dialect]()[0], column_keys=_column_keys(construct))
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"{construct!r} is not a statement")
    return compiled


def _column_keys(construct: Executable) -> list[str] | None:
    if not isinstance(construct, Insert) or construct.select is not None:
        return None
    if construct._values or construct._multi_values:  # noqa: SLF001
        return None
    table = construct.table
    counting = getattr(table, "_autoincrement_column", None)
    return [column.key for column in table.columns if column is not counting]
