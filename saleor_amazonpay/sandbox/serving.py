"""Runs an ASGI app on a loopback port inside the running event loop: tests, demo and `sandbox` all serve this way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

import uvicorn

from saleor_amazonpay.serving import HttpProtocol

ASGIApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]

TRANSPORT_EXTENSION: Final = "saleor_amazonpay.transport"
"""Key in ``scope["extensions"]``: the connection's asyncio transport, so that an app can break it on purpose."""

_DRAIN_SECONDS: Final = 0.5


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on at this moment; prefer ``port=0`` where the number may be learnt later."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def listening(
    app: ASGIApp, *, port: int = 0, host: str = "127.0.0.1", tls: tuple[str, str] | None = None
) -> AsyncIterator[str]:
    """Serves ``app`` until the block ends; yields its base URL without a slash at the end.

    Args:
        app: any ASGI application; its lifespan is run.
        port: 0 takes a free one.
        host: the address listened on.
        tls: paths of a certificate and its private key (PEM); ``https`` then.

    Raises:
        RuntimeError: the app's lifespan refused to start.
        OSError: the port is taken.
    """
    listener = _listener(host, port)
    server = _Server(_config(app, tls))
    task = asyncio.create_task(server.run_on(listener))
    try:
        await _started(server, task)
        scheme = "https" if tls else "http"
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
    finally:
        server.stop.set()
        with contextlib.suppress(SystemExit):
            await task
        listener.close()


def _listener(host: str, port: int) -> socket.socket:
    """Listening before uvicorn is: a client that connects too early waits in the backlog, and is never refused.

    The protocol is named because asyncio sets TCP_NODELAY only where it is; without, every answer takes 40 ms longer.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(256)
    return listener


def _config(app: ASGIApp, tls: tuple[str, str] | None) -> uvicorn.Config:
    certfile, keyfile = tls or (None, None)
    return uvicorn.Config(
        _ending_quietly(app),
        http=_Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=30,
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
    )


def _ending_quietly(app: ASGIApp) -> ASGIApp:
    """Being cut off at the end is no error worth a log line."""

    async def run(scope: Any, receive: Any, send: Any) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return run


async def _started(server: _Server, task: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if not server.ready.is_set():
        raise RuntimeError("The application refused to start.")


class _Protocol(HttpProtocol):
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT_EXTENSION: self.transport}  # type: ignore[dict-item]


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, polling and its tenths of a second at the end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    async def run_on(self, listener: socket.socket) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        with contextlib.suppress(SystemExit):  # how uvicorn says that the lifespan failed
            await self.startup(sockets=[listener])
        if not self.started:
            return
        self.ready.set()
        await self.stop.wait()
        await self._close()

    async def _close(self) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._finish(_DRAIN_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # connection_lost is called in the next turn
        for task in self.server_state.tasks:  # a request that hangs on purpose
            task.cancel()
        await self._finish(_DRAIN_SECONDS)
        await self.lifespan.shutdown()

    async def _finish(self, seconds: float) -> None:
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=seconds)
