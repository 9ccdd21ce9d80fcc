"""The parts of a payment's timeline that no transaction carries: each sending to Amazon, each answer to Saleor.

What belongs to a fact is written in the fact's own transaction. The rest is collected here and written together a
moment later, so that it costs the webhook no commit of its own; a process that is killed loses a second of it, never
of the facts. Nobody waits for it and nothing fails because of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog

from saleor_amazonpay.amazonpay import Attempt
from saleor_amazonpay.clock import Clock
from saleor_amazonpay.observability.logging import name_in_log
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.engine import Database, Session
from saleor_amazonpay.storage.payments import Payment

log = structlog.get_logger(__name__)

_WRITE_SECONDS = 1.0
_MANY = 64  # entries; so many are written at once: a webhook that commits meanwhile waits half a millisecond for them
_MOST_KEPT = 10_000  # entries; more than this while the database is away are given up


class Sending(NamedTuple):
    """One request to Amazon and what came back, as the timeline shows it."""

    at: datetime
    detail: Mapping[str, Any]


_followed: ContextVar[list[Sending] | None] = ContextVar("followed", default=None)


class sendings:  # noqa: N801  # used as a word: ``with sendings() as seen:``
    """Everything sent to Amazon inside, in order; whoever asks for it writes it down."""

    def __init__(self) -> None:
        self._seen: list[Sending] = []

    def __enter__(self) -> list[Sending]:
        self._token = _followed.set(self._seen)
        return self._seen

    def __exit__(self, *_: object) -> None:
        _followed.reset(self._token)


def see(attempt: Attempt, now: datetime) -> None:
    """Told of every sending; kept where somebody follows."""
    followed = _followed.get()
    if followed is not None:
        followed.append(Sending(now, _detail(attempt)))


def _detail(attempt: Attempt) -> Mapping[str, Any]:
    told = {
        "operation": attempt.operation,
        "status": attempt.status,
        "error": attempt.error,
        "reason_code": attempt.reason_code or None,
        "message": attempt.message or None,
        "request_id": attempt.request_id,
        "attempt": attempt.number if attempt.number > 1 else None,
        "ms": round(attempt.seconds * 1000),
    }
    return {name: value for name, value in told.items() if value is not None}


def write_sendings(session: Session, payment_id: str, seen: Sequence[Sending]) -> None:
    """In the transaction of the fact they led to."""
    if seen:
        timeline.add_all(session, [timeline.NewEntry(payment_id, "call", each.at, each.detail) for each in seen])


def about(payment: Payment) -> None:
    """Name the payment in whatever this task logs from here on."""
    name_in_log(tenant=payment.api_url, transaction=payment.transaction_id, permission=payment.charge_permission_id)


class Chronicle:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kept: list[timeline.NewEntry] = []
        self._writing: asyncio.Task[None] | None = None
        self._in_hand: asyncio.Task[None] | None = None  # what is being written, to its end whatever is cancelled
        self._many = asyncio.Event()

    def note(self, payment_id: str, kind: str, **detail: Any) -> None:
        """Have it written; what is None is left out."""
        self._keep(payment_id, kind, self._clock.now(), {k: v for k, v in detail.items() if v is not None})

    @contextmanager
    def following(self, payment_id: str) -> Iterator[None]:
        """What is sent to Amazon inside is about this payment."""
        with sendings() as seen:
            try:
                yield
            finally:
                for sending in seen:
                    self._keep(payment_id, "call", sending.at, sending.detail)

    async def write(self) -> None:
        """Write what was collected, in parts: a webhook that commits beside it waits for one of them at most."""
        kept, self._kept = self._kept, []
        for start in range(0, len(kept), _MANY):
            part = kept[start : start + _MANY]
            try:
                await self._database.run(partial(timeline.add_all, entries=part))
            except Exception:
                log.exception("timeline_not_written", entries=len(part))

    async def close(self) -> None:
        """Before the database is closed."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._in_hand is not None:
            await self._in_hand
        await self.write()

    def _keep(self, payment_id: str, kind: str, at: datetime, detail: Mapping[str, Any]) -> None:
        if len(self._kept) >= _MOST_KEPT:
            log.warning("timeline_entry_lost", payment=payment_id, kind=kind)
            return
        self._kept.append(timeline.NewEntry(payment_id, kind, at, detail))
        if len(self._kept) == _MANY:
            self._many.set()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_later())

    async def _write_later(self) -> None:
        while self._kept:  # what is noted during the writing waits for the next
            with suppress(TimeoutError):
                async with asyncio.timeout(_WRITE_SECONDS):
                    await self._many.wait()
            self._many.clear()
            self._in_hand = asyncio.get_running_loop().create_task(self.write())
            await asyncio.shield(self._in_hand)
