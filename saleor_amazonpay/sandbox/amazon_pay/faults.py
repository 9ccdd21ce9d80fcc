"""Faults on request: the network and Amazon's front door misbehave, with the work done or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ANY_OPERATION: Final = "*"

NONSENSE: Final = b"<html><body>It's not you, it's us.</body></html>"


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the next ``times`` calls of ``operation`` (a name of ``api.OPERATIONS``, or ``"*"``).

    Attributes:
        status: answered instead of doing the work (502 and 504 with a gateway's HTML page); with ``work_done`` the
            work is done first.
        reason_code: a business failure with the status it has; kept by the idempotency store like a real one.
        timeout_before: no answer, nothing done. The connection hangs ``hold_seconds`` and is then dropped.
        timeout_after: the same with the work done.
        reset_before: the connection is reset, nothing done.
        reset_after: the same with the work done.
        nonsense: a 200 whose body is no JSON; the work is done.
        delay: seconds of real time before anything else; alone, the call is merely slow.
    """

    operation: str
    times: int = 1
    status: int | None = None
    reason_code: str | None = None
    timeout_before: bool = False
    timeout_after: bool = False
    reset_before: bool = False
    reset_after: bool = False
    nonsense: bool = False
    work_done: bool = False
    delay: float = 0.0
    hold_seconds: float = 30.0

    @property
    def breaks_before(self) -> bool:
        return self.timeout_before or self.reset_before

    @property
    def breaks_after(self) -> bool:
        return self.timeout_after or self.reset_after

    @property
    def hang_seconds(self) -> float:
        """A reset comes at once."""
        return self.hold_seconds if self.timeout_before or self.timeout_after else 0.0


class Faults:
    """In the order they were added; the first that fits a call is used."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def take(self, operation: str) -> Fault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.operation in {operation, ANY_OPERATION}:
                fault.times -= 1
                return fault
        return None

    def __iter__(self) -> Iterator[Fault]:
        """Those still to come."""
        return iter([fault for fault in self._faults if fault.times > 0])
