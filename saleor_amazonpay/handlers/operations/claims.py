"""An operation in the hands of one actor, and what that actor saw of it at Amazon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from saleor_amazonpay.domain.states import OperationState
from saleor_amazonpay.handlers import mirror
from saleor_amazonpay.handlers.chronicle import Sending
from saleor_amazonpay.storage.operations import Call, Operation
from saleor_amazonpay.storage.payments import Payment

UNFINISHED = frozenset({OperationState.WAITING, OperationState.RUNNING})


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operation this actor may work on: whoever holds the ``fence`` alone may write its outcome."""

    payment: Payment
    operation: Operation
    calls: Sequence[Call]
    fence: int
    is_resumed: bool = True  # some call may have been sent before, by us or by a process that died
    first_readings: Sequence[mirror.Reading] = ()  # of a round without calls: what the plan will depend on

    @property
    def current(self) -> list[Call]:
        """The calls of the present round."""
        return [call for call in self.calls if call.attempt == self.operation.attempt]

    @property
    def unanswered(self) -> list[Call]:
        return [call for call in self.current if not call.is_answered]

    def calls_as_of(self, seen: Sequence[Call]) -> list[Call]:
        """The present round's calls with what was seen of them just now."""
        news = {call.position: call for call in seen}
        return [news.get(call.position, call) for call in self.current]


@dataclass(slots=True)
class Observations:
    """What Amazon said in one round: answers to calls, and objects read back."""

    calls: list[Call] = field(default_factory=list)
    objects: list[mirror.AmazonObject] = field(default_factory=list)
    is_complete: bool = True  # False: some call has no answer yet
    sendings: list[Sending] = field(default_factory=list)  # for the timeline
