"""What a check says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from saleor_amazonpay.messages import Message


class Level(IntEnum):
    """``LOOK`` is for what only a person can check, in the shop itself."""

    WELL = 0
    LOOK = 1
    WARNING = 2
    FAULT = 3

    @property
    def word(self) -> str:
        """For machines."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """``check`` is its stable name; ``about`` what was looked at (the app, an account); ``todo`` the next step."""

    check: str
    level: Level
    said: Message
    todo: Message | None = None
    about: str = ""


def worst(findings: Iterable[Finding]) -> Level:
    """WELL when there is nothing."""
    return max((finding.level for finding in findings), default=Level.WELL)
