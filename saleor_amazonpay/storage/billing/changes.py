"""Setting some columns of one row, the statement made once for each set of columns."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Table, bindparam, update

from saleor_amazonpay.storage.engine import Session, Statement


class Changes:
    """``to_cell`` turns a field's value into what its column holds; columns not named in ``allowed`` never change."""

    def __init__(self, table: Table, allowed: Collection[str], to_cell: Callable[[Any], Any]) -> None:
        self._table = table
        self._allowed = frozenset(allowed)
        self._to_cell = to_cell
        self._statements: dict[tuple[str, ...], Statement] = {}

    def __call__(self, session: Session, row_id: str, values: dict[str, Any]) -> None:
        names = tuple(sorted(values))
        if not self._allowed.issuperset(names):
            raise AttributeError(f"{self._table.name} cannot set {sorted(set(names) - self._allowed)}")
        statement = self._statements.get(names)
        if statement is None:
            assignments: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
            statement = Statement(
                update(self._table).where(self._table.c.id == bindparam("row_id")).values(assignments)
            )
            self._statements[names] = statement
        cells = {f"new_{name}": self._to_cell(value) for name, value in values.items()}
        session.execute(statement, {"row_id": row_id, **cells})
