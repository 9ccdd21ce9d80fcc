"""How often something is charged, in words: what buyers agree to and what billing schedules do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saleor_amazonpay.domain.recurrence import Unit
from saleor_amazonpay.messages import Message, marked

_EVERY: Final[Mapping[str, tuple[str, str]]] = {
    Unit.DAY: (marked("every day"), marked("every {count} days")),
    Unit.WEEK: (marked("every week"), marked("every {count} weeks")),
    Unit.MONTH: (marked("every month"), marked("every {count} months")),
    Unit.YEAR: (marked("every year"), marked("every {count} years")),
}


def every(count: int, unit: str) -> Message:
    """``unit``: as ``Unit`` has it, or Amazon's word for the same."""
    one, many = _EVERY[unit.lower()]
    return Message(one) if count == 1 else Message(many, count=count)
