"""Who was connected before the app stopped listening is answered, whether it was accepted or not; and in one piece."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from uvicorn.server import ServerState

from saleor_amazonpay import bodies, serving
from saleor_amazonpay.sandbox.serving import free_port

_REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture
async def server():
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("heard"))])
    config = serving.config(app, "127.0.0.1", free_port())
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


class Wire:
    """A transport that remembers each write: each is a system call."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = asyncio.Event()

    def write(self, data: bytes) -> None:
        assert not self.closed.is_set()
        self.writes.append(data)

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def get_extra_info(self, name: str, default=None):
        return ("127.0.0.1", 50_000) if name == "peername" else default

    def pause_reading(self) -> None: ...

    resume_reading = pause_reading


class TestAnswersInOnePiece:
    @pytest.fixture
    async def wire(self):
        async def slowly():
            yield "first"
            await asyncio.sleep(0)
            yield "second"

        async def breaks_off(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            raise RuntimeError("the head is out")

        async def echo(request):
            return PlainTextResponse(await request.body())

        @contextmanager
        def waiting():
            self.waited = True
            yield

        async def read(request):
            try:
                return PlainTextResponse(await bodies.read(request, 8, waiting=waiting))
            except (bodies.BodyTooLarge, bodies.BodyTooSlow) as refusal:
                return PlainTextResponse(refusal.code, refusal.status)

        app = Starlette(
            routes=[
                Route("/", lambda request: PlainTextResponse("heard")),
                Route("/nothing", lambda request: PlainTextResponse(status_code=204)),
                Route("/slowly", lambda request: StreamingResponse(slowly())),
                Route("/echo", echo, methods=["POST"]),
                Route("/read", read, methods=["POST"]),
                Mount("/breaks-off", breaks_off),
            ]
        )
        config = serving.config(app, "127.0.0.1", 0)
        config.load()
        wire = Wire()
        self.protocol = config.http_protocol_class(config=config, server_state=ServerState(), app_state={})
        self.protocol.connection_made(wire)
        return wire

    async def ask(self, head: str, *more: bytes) -> None:
        self.protocol.data_received(f"{head} HTTP/1.1\r\nHost: shop\r\n".encode() + b"".join(more) + b"\r\n")
        await self.answered()

    async def answered(self) -> None:
        async with asyncio.timeout(2):
            while not self.protocol.cycle.response_complete and not self.protocol.transport.is_closing():  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def test_head_and_body_are_one_write(self, wire):
        await self.ask("GET /")
        await self.ask("GET /")
        first, second = wire.writes
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        assert first.endswith(b"\r\n\r\nheard")
        assert second.endswith(b"heard")

    @pytest.mark.parametrize("head", ["HEAD /", "GET /nothing"])
    async def test_an_answer_without_a_body_leaves_all_the_same(self, wire, head):
        await self.ask(head)
        assert [write.endswith(b"\r\n\r\n") for write in wire.writes] == [True]

    async def test_a_stream_leaves_in_its_parts(self, wire):
        await self.ask("GET /slowly")
        first, second, *_ = wire.writes
        assert b"200 OK" in first
        assert b"first" in first
        assert b"second" in second

    async def test_who_asks_whether_to_send_the_body_is_told_at_once(self, wire):
        self.protocol.data_received(
            b"POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        async with asyncio.timeout(2):
            while not wire.writes:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        self.protocol.data_received(b"body")
        await self.answered()
        assert wire.writes[-1].endswith(b"body")

    @pytest.mark.parametrize(
        ("parts", "answer", "waited"),
        [
            ([b"POST /read HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody"], b"body", False),
            ([b"POST /read HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbo", b"dy"], b"body", True),
            ([b"POST /read HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n"], b"\r\n\r\n", False),
            ([b"POST /read HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nlong body"], b"BODY_TOO_LARGE", False),
            ([b"POST /read HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nlong"], b"BODY_TOO_LARGE", False),
            (
                [
                    b"POST /read HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n",
                    b"4\r\nbody\r\n",
                    b"0\r\n\r\n",
                ],
                b"body",
                True,
            ),
            (
                [
                    b"POST /read HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
                    b"6\r\nsecond\r\n",
                ],
                b"BODY_TOO_LARGE",
                True,
            ),
            ([b"POST /read HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbo"], b"BODY_TOO_SLOW", True),
        ],
        ids=["whole", "in two", "none", "too large", "announced", "in chunks", "chunks too large", "never"],
    )
    async def test_only_a_body_that_is_not_there_is_waited_for(self, wire, monkeypatch, parts, answer, waited):
        monkeypatch.setattr(bodies, "SLOWEST_SECONDS", 0.1)
        self.waited = False
        for part in parts:
            self.protocol.data_received(part)
            await asyncio.sleep(0.01)
        await self.answered()
        assert wire.writes[0].endswith(answer)
        assert self.waited is waited

    async def test_of_two_requests_in_one_piece_each_is_whole_by_itself(self, wire):
        """The head of the second comes with the first one's end; its body does not."""
        self.waited = False
        head = b"POST /read HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\n"
        self.protocol.data_received(head + b"this" + head + b"th")
        async with asyncio.timeout(2):
            while not self.waited:  # noqa: ASYNC110
                await asyncio.sleep(0)
        self.protocol.data_received(b"at")
        await self.answered()
        assert [write[-4:] for write in wire.writes] == [b"this", b"that"]

    async def test_a_proxy_on_this_machine_tells_how_it_was_asked(self, wire):
        await self.ask("GET /echo/", b"X-Forwarded-Proto: https\r\n")
        assert b"location: https://shop/echo" in wire.writes[0]

    async def test_an_answer_that_breaks_off_is_seen_to(self, wire):
        await self.ask("GET /breaks-off/")
        assert wire.writes[0].startswith(b"HTTP/1.1 200")
        assert wire.is_closing()
