"""The server that ends without dropping anybody, so that a replica can be replaced while shops sell.

A balancer learns that a replica has gone by a refused connection, and asks the next one. uvicorn, told to stop, resets
two kinds of callers who were not refused: those the kernel had connected and nobody had accepted yet, and those who
were accepted and had not sent their request. To Saleor either is a payment app that did not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import socket
import sys
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from saleor_amazonpay.bodies import IS_WHOLE

_GRACEFUL_SECONDS = 20  # for requests under way: longer than Saleor waits for an answer
_M_ARENA_MAX = -8  # malloc.h
_NOT_STARTED = 3  # uvicorn's own exit status of an app that did not start
_FIRST_REQUEST_SECONDS = 2.0  # what a connected caller is given to say what it wants
_LOOK_SECONDS = 0.02


def serve(app: Starlette, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then end in order; the process ends with 3 when the app could not be started."""
    server = Server(config(app, host, port))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(_NOT_STARTED)


def config(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """How ``app`` is served. Proxies' headers are read among its middlewares, so that webhooks pass them by."""
    made = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=HttpProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=made.forwarded_allow_ips)
    return made


def _settle_down() -> None:
    """Everything is loaded, and stays.

    Python's own pace of looking for cycles takes a twentieth of a webhook's time, for nothing. What importing has left
    behind goes back to the system; more heaps than one would be one for each thread of the database (3 MB together).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim"):  # glibc; others have no such habits
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.malloc_trim(0)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, whose answers leave in one piece: each write is a system call that wakes the reader."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._whole = _Whole(transport)
        super().connection_made(cast("asyncio.Transport", self._whole))

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.scope[IS_WHOLE] = True  # type: ignore[literal-required]

    def on_response_complete(self) -> None:
        self._whole.flush()  # an answer to HEAD has no body
        super().on_response_complete()


class _Whole:
    """A transport that keeps the head of an answer until its body is written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):  # 100 Continue cannot wait
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Server(uvicorn.Server):
    """uvicorn's server, which hears out whoever was connected before it stopped listening."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _settle_down()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, take in who waits in the kernel's queue, hear first requests, then end as uvicorn does."""
        await self._take_in(list(self._last_callers()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_REQUEST_SECONDS):
                while self._somebody_has_not_spoken():  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)

    def _last_callers(self) -> Iterator[socket.socket]:
        """Who was connected until now. Nothing is awaited between the last look and the end of listening."""
        for server in self.servers:
            ours = [socket.fromfd(each.fileno(), each.family, each.type) for each in server.sockets]
            server.close()
            for listener in ours:
                with listener:
                    yield from _queue(listener)

    async def _take_in(self, callers: list[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for caller in callers:
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, caller)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _somebody_has_not_spoken(self) -> bool:
        return any(getattr(connection, "cycle", True) is None for connection in self.server_state.connections)


def _queue(listener: socket.socket) -> Iterator[socket.socket]:
    listener.setblocking(False)
    while True:
        try:
            caller, _ = listener.accept()
        except BlockingIOError:
            return
        except ConnectionAbortedError:  # it has hung up in the queue; the next one may not have
            continue
        caller.setblocking(False)
        yield caller
