"""Ids in Amazon's shapes, the same for the same seed. Source: amazon-pay-cv2.md §1.4."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Container, Mapping
from typing import Final

_LETTER: Final[Mapping[tuple[str, bool], str]] = {
    ("live", False): "P",
    ("sandbox", False): "S",
    ("live", True): "B",
    ("sandbox", True): "C",
}
_MARKET: Final[Mapping[str, str]] = {"na": "01", "eu": "02", "jp": "03"}
_ALPHANUMERICS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_TRIES: Final = 1000


class Identifiers:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def text(self, length: int) -> str:
        return "".join(self._random.choices(_ALPHANUMERICS, k=length))

    def permission(self, region: str, environment: str, *, lasting: bool, taken: Container[str]) -> str:
        """``lasting``: Recurring and stored payment methods have letters of their own (confidence C/D)."""
        prefix = f"{_LETTER[environment, lasting]}{_MARKET[region]}"
        return self._fresh(lambda: f"{prefix}-{self._digits(7)}-{self._digits(7)}", taken)

    def child(self, permission_id: str, letter: str, taken: Container[str]) -> str:
        """``letter``: C charge, R refund, B dispute."""
        return self._fresh(lambda: f"{permission_id}-{letter}{self._digits(6)}", taken)

    def _digits(self, count: int) -> str:
        return f"{self._random.randrange(10**count):0{count}d}"

    def _fresh(self, made: Callable[[], str], taken: Container[str]) -> str:
        for _ in range(_TRIES):
            candidate = made()
            if candidate not in taken:
                return candidate
        raise RuntimeError("No id is left.")
