from __future__ import annotations

import asyncio

import httpx2
import pytest

from saleor_amazonpay.saleor.outbound import PublicOnlyTransport, UrlProhibited, check_public_url

PUBLIC = "93.184.215.14"


def resolver(*addresses):
    async def resolve(host, port):
        if not addresses:
            raise OSError("no such host")
        return list(addresses)

    return resolve


class TestPublic:
    async def test_an_https_url_of_a_public_host_passes(self):
        checked = await check_public_url("https://shop.example:8443/graphql/", resolver(PUBLIC, "2606:2800:21f::1"))
        assert (checked.scheme, checked.host, checked.port) == ("https", "shop.example", 8443)
        assert [str(address) for address in checked.addresses] == [PUBLIC, "2606:2800:21f::1"]

    @pytest.mark.parametrize("host", ["cafe1.example", "db1.example", "1and1.example", "xn--eckwd4c7c.example"])
    async def test_names_that_look_a_little_like_numbers_are_names(self, host):
        assert (await check_public_url(f"https://{host}/", resolver(PUBLIC))).host == host


class TestInside:
    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
            *("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
            *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
            *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
        ],
    )
    async def test_an_address_inside_is_refused_as_literal_and_by_name(self, address):
        literal = f"[{address}]" if ":" in address else address
        for url, answers in ((f"https://{literal}/graphql/", ()), ("https://shop.example/graphql/", (address,))):
            with pytest.raises(UrlProhibited):
                await check_public_url(url, resolver(*answers))

    async def test_one_address_inside_is_enough(self):
        with pytest.raises(UrlProhibited):
            await check_public_url("https://shop.example/", resolver(PUBLIC, "127.0.0.1"))

    @pytest.mark.parametrize(
        "url",
        [
            *("http://shop.example/", "ftp://shop.example/", "//shop.example/", "shop.example", "", "https://"),
            *("https://user@shop.example/", "https://user:pw@shop.example/", "https://shop.example:0/"),
            *(
                "https://2130706433/",
                "https://0x7f000001/",
                "https://127.1/",
                "https://0177.0.0.1/",
                "https://shop.example./",
            ),
            *("https://shop.example:99999/", "https://[::1/", "https://shop example/", "https://[fe80::1%25eth0]/"),
        ],
    )
    async def test_anything_but_a_plain_https_url_is_refused(self, url):
        with pytest.raises(UrlProhibited):
            await check_public_url(url, resolver(PUBLIC))

    async def test_a_host_that_is_not_there_is_refused(self):
        with pytest.raises(UrlProhibited):
            await check_public_url("https://shop.example/", resolver())


class TestLocalNetwork:
    @pytest.mark.parametrize("url", ["http://localhost:8000/", "http://127.0.0.1:8000/", "https://[::1]/"])
    async def test_it_is_open_when_asked_for(self, url):
        await check_public_url(url, resolver("127.0.0.1", "::1"), allow_local_network=True)

    @pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])
    async def test_link_local_and_the_like_stay_closed(self, address):
        with pytest.raises(UrlProhibited):
            await check_public_url("http://shop.example/", resolver(address), allow_local_network=True)

    async def test_plain_http_to_the_public_stays_closed(self):
        with pytest.raises(UrlProhibited):
            await check_public_url("http://shop.example/", resolver(PUBLIC), allow_local_network=True)


class TestTransport:
    async def test_it_connects_to_the_address_it_checked_under_the_hosts_name(self):
        seen = []

        async def answer(request):
            seen.append(request)
            return httpx2.Response(200)

        transport = PublicOnlyTransport(httpx2.MockTransport(answer), resolver(PUBLIC))
        async with httpx2.AsyncClient(transport=transport) as http:
            await http.get("https://shop.example:8443/graphql/?a=b")
        (request,) = seen
        assert str(request.url) == f"https://{PUBLIC}:8443/graphql/?a=b"
        assert request.headers["host"] == "shop.example:8443"
        assert request.extensions["sni_hostname"] == "shop.example"

    async def test_it_reaches_a_real_server_by_the_pinned_address(self):
        async def serve(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            host = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"host:"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(host), host))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = PublicOnlyTransport(httpx2.AsyncHTTPTransport(), resolver("127.0.0.1"), allow_local_network=True)
        async with server, httpx2.AsyncClient(transport=transport) as http:
            response = await http.get(f"http://saleor.test:{port}/")
        assert response.text.lower() == f"host: saleor.test:{port}"

    async def test_a_url_inside_never_reaches_the_network(self):
        def answer(request):
            raise AssertionError("sent")

        transport = PublicOnlyTransport(httpx2.MockTransport(answer), resolver("10.0.0.1"))
        async with httpx2.AsyncClient(transport=transport) as http:
            with pytest.raises(httpx2.UnsupportedProtocol):
                await http.get("https://shop.example/")
