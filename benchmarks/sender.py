"""Fires prepared requests at a server, so many in flight, and times each from first byte out to last byte in."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from benchmarks.payloads import Webhook


@dataclass(slots=True)
class Volley:
    """What came of some requests; latencies in milliseconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str | None = None
    statuses: Counter[int] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def fire(
    port: int,
    webhooks: Sequence[Webhook],
    *,
    in_flight: int,
    keep_alive: bool,
    per_second: float = math.inf,
) -> Volley:
    """Send each once. Without ``keep_alive`` every request has a connection of its own, as Saleor does it.

    ``per_second`` holds back what would come sooner.
    """
    volley, started = Volley(), time.perf_counter()
    waiting = ((started + number / per_second, webhook) for number, webhook in enumerate(webhooks))
    with _wide_awake() if in_flight == 1 else nullcontext():
        await asyncio.gather(*(_worker(port, waiting, volley, keep_alive=keep_alive) for _ in range(in_flight)))
    volley.seconds = time.perf_counter() - started
    return volley


@contextmanager
def _wide_awake() -> Iterator[None]:
    """The loop, which is Amazon's too, turns without sleeping: the waking of its core is not the server's time."""
    loop, is_over = asyncio.get_running_loop(), False

    def turn() -> None:
        if not is_over:
            loop.call_soon(turn)

    turn()
    try:
        yield
    finally:
        is_over = True


async def get(port: int, path: str) -> tuple[int, bytes]:
    """One GET on a connection of its own: status and body."""
    connection = await _connect(port)
    answer = await connection.exchange(f"GET {path} HTTP/1.1\r\nHost: app.bench.local\r\n\r\n".encode())
    connection.close()
    return answer


async def _worker(port: int, waiting: Iterator[tuple[float, Webhook]], volley: Volley, *, keep_alive: bool) -> None:
    connection: _Connection | None = None
    for due, webhook in waiting:
        started = time.perf_counter()
        if started < due:
            await asyncio.sleep(due - started)
            started = time.perf_counter()
        try:
            connection = connection or await _connect(port)
            status, body = await connection.exchange(webhook.request)
        except OSError as error:
            status, body, connection = 0, repr(error).encode(), None
        volley.latencies.append((time.perf_counter() - started) * 1000)
        volley.statuses[status] += 1
        if status != 200 or webhook.expected not in body:
            volley.errors += 1
            volley.first_error = volley.first_error or f"{status} {body[:300].decode(errors='replace')}"
        if connection is not None and not keep_alive:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()


async def _connect(port: int) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    return connection


class _Connection(asyncio.Protocol):
    """HTTP/1.1, one exchange at a time; knows both ways a body's end is told."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def exchange(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            raise ConnectionResetError("the server closed the connection")
        self._transport.write(request)  # type: ignore[attr-defined]
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and self._answer is not None and not self._answer.done() and is_whole(head.lower(), body):
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(str(exc or "the server closed the connection")))

    def close(self) -> None:
        self._transport.close()


def is_whole(head: bytes, body: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length or 0)
