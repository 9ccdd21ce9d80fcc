from __future__ import annotations

import asyncio
import time

import httpx2
import pytest

from saleor_amazonpay.sandbox.serving import TRANSPORT_EXTENSION, free_port, listening


async def hello(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/hang":
        await asyncio.sleep(60)
    if scope["path"] == "/reset":
        scope["extensions"][TRANSPORT_EXTENSION].abort()
        await asyncio.sleep(0)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def refuses(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no"})


class TestListening:
    async def test_serves_until_the_block_ends(self):
        async with listening(hello) as url, httpx2.AsyncClient() as client:
            assert (await client.get(url)).text == "ok"
        async with httpx2.AsyncClient() as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(url)

    async def test_takes_the_port_it_is_given(self):
        port = free_port()
        async with listening(hello, port=port) as url:
            assert url == f"http://127.0.0.1:{port}"

    async def test_a_taken_port_is_an_error(self):
        async with listening(hello) as url:
            with pytest.raises(OSError):
                async with listening(hello, port=int(url.rsplit(":", 1)[1])):
                    pass

    async def test_an_app_that_refuses_to_start_is_an_error(self):
        with pytest.raises(RuntimeError, match="refused to start"):
            async with listening(refuses):
                pass

    async def test_stops_at_once_although_a_client_keeps_its_connection_open(self):
        async with httpx2.AsyncClient() as client:
            async with listening(hello) as url:
                await client.get(url)
                before = time.monotonic()
            assert time.monotonic() - before < 0.4

    async def test_cuts_off_a_request_that_hangs(self):
        async with httpx2.AsyncClient() as client:
            async with listening(hello) as url:
                hanging = asyncio.create_task(client.get(f"{url}/hang"))
                await client.get(url)
            with pytest.raises(httpx2.TransportError):
                await hanging

    async def test_an_app_can_break_its_connection(self):
        async with listening(hello) as url, httpx2.AsyncClient() as client:
            with pytest.raises(httpx2.TransportError):
                await client.get(f"{url}/reset")
            assert (await client.get(url)).status_code == 200
