"""Who is let in first when more webhooks come than one process can answer.

Everything shares one event loop, so a crowd that is let in at once makes everybody wait for the slowest. Here so many
webhooks are worked on at once as keep the processor and the database busy; who waits for somebody else meanwhile
(Amazon, Saleor, a lease, its own body) makes room for the next. Charge, refund and cancel requests go before session
events. Within each kind the tenants take turns, and every second and third turn goes to whoever waits with the fewest:
a flood mostly makes itself wait. All who are in share the loop, so a tenant has few places while a smaller one is
about.

A session event that would wait for longer than ``patience``, by the length of its lane and the pace of the last turns,
or whose lane is already late by that much, is refused at once (503, ``Retry-After``): the storefront asks again,
nothing was begun. Requests that move money are never refused (DESIGN §4 rule 6), and never wait for longer than
``longest``, whatever holds the others up. Tenants we do not know share one lane; they are about to be refused by their
signatures anyway.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from saleor_amazonpay.amazonpay import RawAnswer, Transport
from saleor_amazonpay.clock import Clock
from saleor_amazonpay.errors import RequestRejected

AT_ONCE = 16
"""Fewer leave the database without company for its commits, more let a flood fill the loop."""

BESIDE_A_SMALLER_ONE = 3
"""Places of a tenant while one with less to do is about."""

LINGER_SECONDS = 0.1
"""So long after its last answer a tenant is about still: answers come in waves, those of one commit together, and
between two waves a flood would take every place."""

PATIENCE_SECONDS = 1.0
"""Of the 18 that Saleor waits; the budget of a webhook is 12 (DESIGN §4 rule 5)."""

LONGEST_SECONDS = 3.0

_LANES_COMPARED = 16
_PACE_OVER = 32  # turns


class Overloaded(RequestRejected):
    """Refused before anything was read; the same request may be sent again."""

    status = 503
    code = "OVERLOADED"


@dataclass(slots=True)
class _Place:
    """A webhook's place among those worked on. Tasks it starts share it, and may outlive it."""

    tenant: str
    is_taken: bool = True
    is_proven: bool = False
    is_over: bool = False


_place: ContextVar[_Place | None] = ContextVar("place", default=None)


@dataclass(slots=True)
class _Waiting:
    tenant: str
    since: float
    turn: asyncio.Future[None]


@dataclass(slots=True)
class _Lanes:
    """First come, first served within a tenant."""

    by_tenant: dict[str, deque[_Waiting]] = field(default_factory=dict)
    turns: int = 0
    pace: float = 0.0  # seconds from turn to turn while somebody waits
    last_turn: float | None = None

    def length(self, tenant: str) -> int:
        return len(self.by_tenant.get(tenant, ()))

    def is_late(self, tenant: str, moment: float, patience: float) -> bool:
        """Whether one more of ``tenant`` would wait for too long, or the first of the lane already does."""
        lane = self.by_tenant.get(tenant)
        if not lane:
            return False
        return max(moment - lane[0].since, len(lane) * len(self.by_tenant) * self.pace) > patience

    def add(self, waiting: _Waiting) -> None:
        self.by_tenant.setdefault(waiting.tenant, deque()).append(waiting)

    def give_up(self, waiting: _Waiting) -> None:
        """Its connection is gone, or it has waited for too long."""
        lane = self.by_tenant.get(waiting.tenant)
        if lane and waiting in lane:
            lane.remove(waiting)
            if not lane:
                del self.by_tenant[waiting.tenant]

    def next(self, may_enter: Callable[[str], bool], moment: float) -> _Waiting | None:
        """The first of the lane whose turn it is; that lane then goes to the end."""
        lanes = [tenant for tenant in islice(self.by_tenant, _LANES_COMPARED) if may_enter(tenant)]
        if not lanes:
            return None
        self.turns += 1
        tenant = lanes[0] if self.turns % 3 == 0 else min(lanes, key=self.length)
        lane = self.by_tenant.pop(tenant)
        waiting = lane.popleft()
        if lane:
            self.by_tenant[tenant] = lane
        self._measure(moment)
        return waiting

    def _measure(self, moment: float) -> None:
        if self.last_turn is not None:
            self.pace += (moment - self.last_turn - self.pace) / _PACE_OVER
        self.last_turn = moment if self.by_tenant else None


class Admission:
    """One a process; only used from its event loop."""

    def __init__(
        self,
        clock: Clock,
        *,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE_SECONDS,
        longest: float = LONGEST_SECONDS,
    ) -> None:
        self._clock = clock
        self._at_once = at_once
        self._patience = patience
        self._longest = longest
        self._money, self._sessions = _Lanes(), _Lanes()
        self._inside: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()  # proven, and inside or outside for a moment
        self._left: dict[str, float] = {}  # when the last of a tenant's was answered, in that order
        self.busy = 0

    @property
    def waiting(self) -> int:
        """How many have not been let in yet."""
        lanes = [*self._money.by_tenant.values(), *self._sessions.by_tenant.values()]
        return sum(map(len, lanes))

    async def enter(self, tenant: str, *, moves_money: bool) -> None:
        """Return when it is this request's turn; ``leave`` gives the place back.

        Raises:
            Overloaded: a session event that would wait, or has waited, for too long; nothing was done.
        """
        lanes = self._money if moves_money else self._sessions
        nobody_waits = not (self._money.by_tenant or lanes.by_tenant)
        if nobody_waits and self.busy < self._at_once and self._may_enter(tenant):
            self._begin(tenant)
            return
        moment = self._clock.monotonic()
        if not moves_money and lanes.is_late(tenant, moment, self._patience):
            raise Overloaded(_ASK_AGAIN)
        waiting = _Waiting(tenant, moment, asyncio.get_running_loop().create_future())
        lanes.add(waiting)
        self._let_in()
        try:
            await asyncio.wait((waiting.turn,), timeout=self._longest)
        except asyncio.CancelledError:
            self._forget(lanes, waiting)
            self._let_in()
            raise
        self._forget(lanes, waiting)
        if not waiting.turn.done() and not moves_money:
            raise Overloaded(_ASK_AGAIN)
        self._begin(tenant)

    def _forget(self, lanes: _Lanes, waiting: _Waiting) -> None:
        """It waits no more; the place that was kept for it, if its turn had come, is free."""
        if waiting.turn.done():
            self._count(waiting.tenant, -1)
        else:
            lanes.give_up(waiting)

    def _begin(self, tenant: str) -> None:
        self._count(tenant, 1)
        _place.set(_Place(tenant))

    def proven(self) -> None:
        """The request is the tenant's indeed, who is about from here on: a name alone makes nobody room."""
        place = _place.get()
        if place is not None and not (place.is_proven or place.is_over):
            place.is_proven = True
            _add(self._begun, place.tenant, 1)

    def leave(self) -> None:
        """The request is answered. Harmless for one that never came in."""
        place = _place.get()
        if place is None or place.is_over:
            return
        place.is_over = True
        if place.is_proven:
            _add(self._begun, place.tenant, -1)
            self._left.pop(place.tenant, None)  # the latest is the last
            self._left[place.tenant] = self._clock.monotonic()
        if place.is_taken:
            place.is_taken = False
            self._count(place.tenant, -1)
        self._let_in()

    def outside(self) -> AbstractContextManager[None]:
        """Somebody else is waited for inside the block, so another may come in meanwhile; nobody waits to come back."""
        place = _place.get()
        return _Outside(self, place) if place is not None and place.is_taken else _ALREADY_OUTSIDE

    def make_room(self, place: _Place) -> None:
        """For a while; ``come_back`` ends it."""
        place.is_taken = False
        self._count(place.tenant, -1)
        self._let_in()

    def come_back(self, place: _Place) -> None:
        if not place.is_over:
            place.is_taken = True
            self._count(place.tenant, 1)

    def _count(self, tenant: str, change: int) -> None:
        self.busy += change
        _add(self._inside, tenant, change)

    def _let_in(self) -> None:
        while self.busy < self._at_once and (waiting := self._next()):
            self._count(waiting.tenant, 1)  # kept until the one who is called comes
            waiting.turn.set_result(None)

    def _next(self) -> _Waiting | None:
        if not (self._money.by_tenant or self._sessions.by_tenant):
            return None
        moment = self._clock.monotonic()
        return self._money.next(self._may_enter, moment) or self._sessions.next(self._may_enter, moment)

    def _may_enter(self, tenant: str) -> bool:
        """Whether ``tenant`` has few places, or nobody about has less to do."""
        if self._inside[tenant] < BESIDE_A_SMALLER_ONE:
            return True
        about = (*self._lingering(), *self._begun, *self._money.by_tenant, *self._sessions.by_tenant)
        return self._size(tenant) <= min(map(self._size, about[:_LANES_COMPARED]), default=0)

    def _lingering(self) -> Iterable[str]:
        since = self._clock.monotonic() - LINGER_SECONDS
        while self._left and self._left[first := next(iter(self._left))] < since:
            del self._left[first]
        return islice(self._left, _LANES_COMPARED)

    def _size(self, tenant: str) -> int:
        return self._begun[tenant] + self._money.length(tenant) + self._sessions.length(tenant)


def _add(counter: Counter[str], tenant: str, change: int) -> None:
    """Who has none is not kept."""
    counter[tenant] += change
    if not counter[tenant]:
        del counter[tenant]


class _Outside(AbstractContextManager[None]):
    def __init__(self, admission: Admission, place: _Place) -> None:
        self._admission = admission
        self._place = place

    def __enter__(self) -> None:
        self._admission.make_room(self._place)

    def __exit__(self, *_: object) -> None:
        self._admission.come_back(self._place)


_ALREADY_OUTSIDE: AbstractContextManager[None] = nullcontext()

_ASK_AGAIN = "More requests come than can be answered now; ask again in a second."


class OutsideClock:
    """Whoever sleeps makes room."""

    def __init__(self, clock: Clock, admission: Admission) -> None:
        self._clock = clock
        self._admission = admission
        self.now: Callable[[], datetime] = clock.now  # asked a dozen times by every webhook
        self.monotonic: Callable[[], float] = clock.monotonic

    async def sleep(self, seconds: float) -> None:
        with self._admission.outside():
            await self._clock.sleep(seconds)


class OutsideTransport:
    """Whoever waits for Amazon makes room."""

    def __init__(self, transport: Transport, admission: Admission) -> None:
        self._transport = transport
        self._admission = admission

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - passed on
    ) -> RawAnswer:
        with self._admission.outside():
            return await self._transport.send(method, url, headers, body, timeout)
