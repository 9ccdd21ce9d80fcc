"""An open flood: so many requests a second, whether those before them are answered or not.

Nothing is awaited for a single request: each is some bytes made before the clock starts, written to a connection that
is free, and ended by the callback that sees its answer. So one core offers several times what the other can answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from benchmarks.payloads import Webhook
from benchmarks.sender import Volley, is_whole

TICK = 0.005
PATIENCE = 30.0  # seconds for the last answers


class Flood:
    """``connections`` are kept open, as by a proxy; a request for which none is free waits, and its time counts."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._count = connections
        self._free: deque[_Lane] = deque()
        self._due: deque[tuple[float, bytes]] = deque()
        self._unanswered = 0
        self._is_over = asyncio.Event()
        self.volley = Volley()
        self.by_status: dict[int, list[float]] = {}

    async def open(self) -> None:
        for _ in range(self._count):
            await self._connect()

    async def pour(self, webhooks: Sequence[Webhook], per_second: float) -> Volley:
        """The volley's seconds are those in which all was offered."""
        started, offered = time.perf_counter(), 0
        self._unanswered = len(webhooks)
        while offered < len(webhooks):
            now = time.perf_counter()
            wanted = min(len(webhooks), int((now - started) * per_second))
            self._due.extend((now, webhook.request) for webhook in webhooks[offered:wanted])
            offered = wanted
            self._send_due()
            await asyncio.sleep(TICK)
        self.volley.seconds = time.perf_counter() - started
        async with asyncio.timeout(PATIENCE):
            await self._is_over.wait()
        return self.volley

    def close(self) -> None:
        for lane in self._free:
            lane.close()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, lane = await loop.create_connection(lambda: _Lane(self), "127.0.0.1", self._port)
        self._free.append(lane)

    def _send_due(self) -> None:
        while self._due and self._free:
            self._free.pop().send(*self._due.popleft())

    def answered(self, lane: _Lane, status: int, seconds: float) -> None:
        """``status`` 0: the connection broke instead."""
        self.volley.latencies.append(seconds * 1000)
        self.volley.statuses[status] += 1
        self.by_status.setdefault(status, []).append(seconds * 1000)
        self._unanswered -= 1
        if status:
            self._free.append(lane)
            self._send_due()
        if not self._unanswered:
            self._is_over.set()


class _Lane(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self._since: float | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, due_at: float, request: bytes) -> None:
        self._since, self._received = due_at, b""
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and self._since is not None and is_whole(head.lower(), body):
            self._end(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why is not asked
        if self._since is not None:
            self._end(0)

    def _end(self, status: int) -> None:
        since, self._since = self._since or 0.0, None
        self._flood.answered(self, status, time.perf_counter() - since)

    def close(self) -> None:
        self._transport.close()
