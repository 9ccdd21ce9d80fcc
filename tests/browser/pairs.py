"""Few rows in which every two values of different parameters still meet: the pairwise selection of a product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product


def pairwise(parameters: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Greedy: the row that brings most pairs not yet met comes next. The same every time."""
    rows = list(product(*parameters.values()))
    places = list(combinations(range(len(parameters)), 2))
    unmet = {(a, b, row[a], row[b]) for row in rows for a, b in places}
    chosen = []
    while unmet:
        best = max(rows, key=lambda row: sum((a, b, row[a], row[b]) in unmet for a, b in places))
        unmet -= {(a, b, best[a], best[b]) for a, b in places}
        chosen.append(best)
    return chosen
