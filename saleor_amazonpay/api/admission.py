"""Who is let in first when more webhooks come than one process can answer.

Everything shares one event loop, so a crowd that is let in at once makes everybody wait for the slowest. Here each turn
of the loop admits a few: charge, refund and cancel requests before session events, and within each kind one tenant
after the other, so that a tenant's flood makes only itself wait. What waits costs no more than its open connection: its
body is not read yet.

A session event whose lane is already late by ``patience`` is refused at once (503, ``Retry-After``): the storefront
asks again, nothing was begun. Requests that move money wait however long it takes, and are never refused
(DESIGN §4 rule 6). Tenants we do not know share one lane; they are about to be refused by their signatures anyway.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from saleor_amazonpay.clock import Clock
from saleor_amazonpay.errors import RequestRejected

ADMITTED_PER_TURN = 4
"""Measured: more let a flood fill the loop, fewer leave it idle between turns."""

PATIENCE_SECONDS = 1.0
"""Of the 18 that Saleor waits; the budget of a webhook is 12 (DESIGN §4 rule 5)."""


class Overloaded(RequestRejected):
    """Refused before anything was read; the same request may be sent again."""

    status = 503
    code = "OVERLOADED"


@dataclass(slots=True)
class _Waiting:
    since: float
    turn: asyncio.Future[None]


@dataclass(slots=True)
class _Lanes:
    """First come, first served within a tenant; the tenants take turns."""

    by_tenant: dict[str, deque[_Waiting]] = field(default_factory=dict)

    def age(self, tenant: str, moment: float) -> float:
        """For how long the first of the lane has been waiting, in seconds."""
        lane = self.by_tenant.get(tenant)
        return moment - lane[0].since if lane else 0.0

    def add(self, tenant: str, waiting: _Waiting) -> None:
        self.by_tenant.setdefault(tenant, deque()).append(waiting)

    def next(self) -> _Waiting | None:
        """The first of the lane whose turn it is; that lane then goes to the end."""
        while self.by_tenant:
            tenant, lane = next(iter(self.by_tenant.items()))
            del self.by_tenant[tenant]
            waiting = lane.popleft()
            if lane:
                self.by_tenant[tenant] = lane
            if not waiting.turn.done():  # else its connection is gone
                return waiting
        return None


class Admission:
    """One a process; only used from its event loop."""

    def __init__(self, clock: Clock, *, per_turn: int = ADMITTED_PER_TURN, patience: float = PATIENCE_SECONDS) -> None:
        self._clock = clock
        self._per_turn = per_turn
        self._patience = patience
        self._money, self._sessions = _Lanes(), _Lanes()
        self._admitted = 0
        self._turn_is_planned = False

    async def enter(self, tenant: str, *, moves_money: bool) -> None:
        """Return when it is this request's turn.

        Raises:
            Overloaded: a session event that would wait for too long; nothing was done.
        """
        lanes = self._money if moves_money else self._sessions
        if self._admitted < self._per_turn and not (self._money.by_tenant or lanes.by_tenant):
            self._count_in()
            return
        moment = self._clock.monotonic()
        if not moves_money and lanes.age(tenant, moment) > self._patience:
            raise Overloaded("More requests come than can be answered now; ask again in a second.")
        waiting = _Waiting(moment, asyncio.get_running_loop().create_future())
        lanes.add(tenant, waiting)
        self._plan_turn()
        await waiting.turn

    def _count_in(self) -> None:
        self._admitted += 1
        self._plan_turn()

    def _plan_turn(self) -> None:
        if not self._turn_is_planned:
            self._turn_is_planned = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn_is_planned = False
        self._admitted = 0
        while self._admitted < self._per_turn and (waiting := self._money.next() or self._sessions.next()):
            waiting.turn.set_result(None)
            self._count_in()
