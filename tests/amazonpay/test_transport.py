"""The real engine against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from aiohttp import web

from saleor_amazonpay.amazonpay import NoAnswer, NotSent, requests
from saleor_amazonpay.amazonpay.transport import MAX_BODY_BYTES
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.errors import AmazonPayUnavailable, AmazonPayUnresolved

CHARGE = "S03-1234567-1234567-C000001"
CAPTURE = requests.capture_charge(CHARGE, Money.parse("1200", "JPY"), idempotency_key="0123456789abcdef")
CANCEL = requests.cancel_charge(CHARGE, "売り切れ")
GET = requests.get_charge(CHARGE)
CAPTURED = json.dumps({"chargeId": CHARGE, "statusDetails": {"state": "Captured"}})


async def reset(request: web.Request) -> web.Response:
    request.transport.abort()
    return web.Response()


async def half_an_answer(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"chargeId":')
    request.transport.abort()
    return response


@pytest.fixture
def silent(server):
    async def handler(request: web.Request) -> web.Response:
        await server.finished.wait()
        return web.Response()

    return handler


@pytest.fixture
def refused_url():
    """A loopback port nobody listens on: bound, so that nobody else takes it, and not listening."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def client(make_client, server, wire):
    return make_client(wire, api_url=server.url)


class TestOverTheWire:
    async def test_a_busy_server_gets_the_same_key_and_bytes_under_a_new_date(self, client, server, clock):
        server.answers((503, ""), (200, CAPTURED))
        clock.elapsed = 0.9
        answer = await client.execute(CAPTURE)
        first, second = server.received
        assert answer.value.state == "Captured"
        assert first.body == second.body == CAPTURE.body
        assert first.headers["x-amz-pay-idempotency-key"] == second.headers["x-amz-pay-idempotency-key"]
        assert first.headers["x-amz-pay-date"] != second.headers["x-amz-pay-date"]
        assert first.headers["authorization"] != second.headers["authorization"]

    async def test_a_delete_carries_its_body(self, client, server):
        server.answers((200, CAPTURED))
        await client.execute(CANCEL)
        (received,) = server.received
        assert (received.method, received.body) == (
            "DELETE",
            '{"cancellationReason":"売り切れ"}'.encode(),
        )

    async def test_path_and_query_arrive_as_they_were_signed(self, client, server):
        server.answers((200, '{"buyerId":"b"}'))
        await client.execute(requests.get_buyer("a/b+c=%7E|日"))
        server.answers((200, "{}"))
        await client.execute(requests.get_reports(report_types=["A B", "C+D"]))
        assert [received.target for received in server.received] == [
            "/v2/buyers/a%2Fb%2Bc%3D%257E%7C%E6%97%A5",
            "/v2/reports?reportTypes=A%20B%2CC%2BD",
        ]

    async def test_one_connection_serves_many_calls(self, client, server):
        ports = set()

        async def handler(request: web.Request) -> web.Response:
            ports.add(request.transport.get_extra_info("peername")[1])
            return web.Response(text=CAPTURED)

        server.handlers = [handler]
        for _ in range(3):
            await client.execute(GET)
        assert len(ports) == 1

    async def test_a_body_is_not_asked_to_be_packed(self, client, server):
        server.answers((200, CAPTURED))
        await client.execute(GET)
        assert server.received[0].headers["accept-encoding"] == "identity"
        assert server.received[0].headers["content-type"] == "application/json"


class TestSentWithoutAnswer:
    @pytest.mark.parametrize(
        ("request_", "kind"),
        [(CAPTURE, AmazonPayUnresolved), (CANCEL, AmazonPayUnresolved), (GET, AmazonPayUnavailable)],
    )
    @pytest.mark.parametrize("fault", [reset, half_an_answer])
    async def test_a_reset_leaves_money_unresolved(self, client, server, request_, kind, fault):
        server.handlers = [fault]
        with pytest.raises((AmazonPayUnresolved, AmazonPayUnavailable)) as raised:
            await client.execute(request_, retries=False)
        assert raised.type is kind
        assert isinstance(raised.value.__cause__, NoAnswer)
        assert server.received

    async def test_a_reset_is_tried_again_with_the_same_bytes(self, client, server):
        server.answers((200, CAPTURED))
        server.handlers.insert(0, reset)
        assert (await client.execute(CAPTURE)).value.state == "Captured"
        assert {(received.body, received.headers["x-amz-pay-idempotency-key"]) for received in server.received} == {
            (CAPTURE.body, "0123456789abcdef")
        }

    async def test_a_silent_server_leaves_money_unresolved_when_the_budget_ends(self, client, server, silent):
        server.handlers = [silent]
        with pytest.raises(AmazonPayUnresolved) as raised:
            await client.execute(CAPTURE, budget=0.2, retries=False)
        assert isinstance(raised.value.__cause__, NoAnswer)
        assert len(server.received) == 1

    async def test_a_slow_body_counts_too(self, client, server):
        async def dripping(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b'{"chargeId":')
            await server.finished.wait()
            return response

        server.handlers = [dripping]
        with pytest.raises(AmazonPayUnresolved):
            await client.execute(CAPTURE, budget=0.2, retries=False)

    async def test_what_is_no_http_is_no_answer(self, make_client, wire):
        async def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
            await writer.drain()
            writer.close()

        listener = await asyncio.start_server(rude, "127.0.0.1", 0)
        async with listener:
            url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
            with pytest.raises(AmazonPayUnresolved):
                await make_client(wire, api_url=url).execute(CAPTURE, retries=False)


class TestNotSent:
    @pytest.mark.parametrize("request_", [CAPTURE, GET])
    async def test_a_refused_connection_is_harmless(self, make_client, wire, refused_url, request_):
        with pytest.raises(AmazonPayUnavailable) as raised:
            await make_client(wire, api_url=refused_url).execute(request_, retries=False)
        assert isinstance(raised.value.__cause__, NotSent)

    async def test_so_is_a_server_that_speaks_no_tls(self, make_client, wire, server):
        server.answers((200, CAPTURED))
        url = server.url.replace("http:", "https:")
        with pytest.raises(AmazonPayUnavailable):
            await make_client(wire, api_url=url).execute(CAPTURE, retries=False)
        assert server.received == []

    async def test_and_a_place_that_is_no_url(self, make_client, wire):
        with pytest.raises(AmazonPayUnavailable):
            await make_client(wire, api_url="http://").execute(CAPTURE, retries=False)

    async def test_proxies_of_the_environment_are_not_used(self, client, server, refused_url, monkeypatch):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, refused_url)
        server.answers((200, CAPTURED))
        assert (await client.execute(GET)).status == 200


class TestStrangeAnswers:
    async def test_a_redirect_is_not_followed(self, client, server):
        async def away(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": server.url + "/elsewhere"})

        server.handlers = [away]
        with pytest.raises(AmazonPayUnresolved) as raised:
            await client.execute(CAPTURE)
        assert raised.value.http_status == 307
        assert len(server.received) == 1

    @pytest.mark.parametrize("text", ["", "<html>busy</html>", "null", "[1]", '{"chargeId":'])
    async def test_a_nonsense_body_leaves_money_unresolved(self, client, server, text):
        server.answers((200, text))
        with pytest.raises(AmazonPayUnresolved) as raised:
            await client.execute(CAPTURE)
        assert (raised.value.http_status, raised.value.request_id) == (200, "request-1")

    async def test_a_huge_body_is_cut_and_not_read_to_its_end(self, client, wire, server):
        written = 0

        async def flood(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = web.StreamResponse()
            await response.prepare(request)
            chunk = b" " * 65536
            try:
                for _ in range(1600):
                    await response.write(chunk)
                    written += len(chunk)
            except ConnectionError:
                pass
            return response

        server.handlers = [flood]
        answer = await wire.send("GET", server.url + "/", {}, b"", 5.0)
        assert len(answer.body) == MAX_BODY_BYTES
        with pytest.raises(AmazonPayUnresolved):
            await client.execute(CAPTURE, retries=False)
        assert written < 2 * 1600 * 65536

    async def test_cookies_are_not_kept(self, make_client, wire, server):
        async def baker(request: web.Request) -> web.Response:
            return web.Response(text=CAPTURED, headers={"Set-Cookie": "session=1; Path=/"})

        server.handlers = [baker]
        # A name, since cookie jars take nothing from bare addresses.
        client = make_client(wire, api_url=server.url.replace("127.0.0.1", "localhost"))
        await client.execute(GET)
        await client.execute(GET)
        assert "cookie" not in server.received[1].headers


@pytest.mark.parametrize("budget", [0.5, 7.3, 60.0])
async def test_a_budget_is_not_rounded_and_connecting_ends_first(wire, budget):
    limits = wire._limits(budget)
    assert limits.total == budget < limits.ceil_threshold
    assert limits.connect < budget


class TestClose:
    async def test_ends_the_session_and_may_be_called_twice(self, client, wire, server):
        server.answers((200, CAPTURED))
        await client.execute(GET)
        session = wire._session
        await wire.close()
        await wire.close()
        assert session.closed
        assert (await client.execute(GET)).status == 200
