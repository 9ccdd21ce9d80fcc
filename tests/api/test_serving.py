"""Who was connected before the app stopped listening is answered, whether it was accepted or not."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from saleor_amazonpay import serving
from saleor_amazonpay.sandbox.serving import free_port

_REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture
async def server():
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("heard"))])
    config = uvicorn.Config(app, host="127.0.0.1", port=free_port(), log_config=None)
    running = serving.Server(config)
    config.load()
    running.lifespan = config.lifespan_class(config)
    await running.startup()
    yield running
    for listening in running.servers:
        listening.close()


def connect(server) -> socket.socket:
    """Connected by the kernel alone: the loop that would accept it does not run meanwhile."""
    caller = socket.create_connection(("127.0.0.1", server.config.port), timeout=5)
    caller.setblocking(False)
    return caller


async def accepted(server) -> None:
    async with asyncio.timeout(5):
        while not server.server_state.connections:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)


async def ask(caller: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(caller, _REQUEST)
    answer = b""
    async with asyncio.timeout(5):
        while not answer.endswith(b"heard") and (part := await loop.sock_recv(caller, 65536)):
            answer += part
    return answer


async def test_a_caller_in_the_kernels_queue_is_answered(server):
    with connect(server) as caller:
        ending = asyncio.create_task(server.shutdown())
        assert (await ask(caller)).startswith(b"HTTP/1.1 200")
        await ending


async def test_a_caller_who_has_not_spoken_yet_is_heard(server):
    with connect(server) as caller:
        await accepted(server)
        ending = asyncio.create_task(server.shutdown())
        await asyncio.sleep(0.2)  # long after it has stopped listening
        assert (await ask(caller)).startswith(b"HTTP/1.1 200")
        await ending


async def test_a_caller_who_never_speaks_holds_nobody_up(server, monkeypatch):
    monkeypatch.setattr(serving, "_FIRST_REQUEST_SECONDS", 0.1)
    with connect(server) as caller:
        await accepted(server)
        async with asyncio.timeout(2):
            await server.shutdown()
        assert caller.recv(1) == b""


async def test_afterwards_nobody_is_connected(server):
    await server.shutdown()
    with pytest.raises(ConnectionRefusedError):
        connect(server)
