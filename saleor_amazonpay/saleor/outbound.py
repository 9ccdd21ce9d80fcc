"""Guards requests whose address a stranger chose (an unsigned registration, a URL in a form) against reaching inside.

``check_public_url`` resolves the host and refuses when *any* of its addresses is not public. A second resolution at
connect time could answer differently (DNS rebinding), so ``PublicOnlyTransport`` connects to the address it has
checked, while the ``Host`` header, TLS server name and certificate check stay the host's.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx2

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.messages import Message

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → the addresses as text; raises OSError where there are none."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
_PORTS = {"https": 443, "http": 80}
_MAX_PORT = 65535
_LOCAL = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class UrlProhibited(AppError):
    """The URL is not one we may call; the message says why."""

    status = 403
    code = "URL_PROHIBITED"


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    scheme: str
    host: str
    port: int
    addresses: tuple[IPAddress, ...]


async def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's answer."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def check_public_url(
    url: str, resolver: Resolver = system_resolver, *, allow_local_network: bool = False
) -> CheckedUrl:
    """The parts of an https URL, all of whose addresses are public.

    With ``allow_local_network`` (development), loopback and private addresses are allowed too, and plain http to them.

    Raises:
        UrlProhibited: anything else, also where the host does not resolve.
    """
    scheme, host, port = _parts(url)
    addresses = await _addresses(host, port, resolver)
    if not all(_is_allowed(address, allow_local_network) for address in addresses):
        raise UrlProhibited(Message("The URL leads to an address that is not public."))
    if scheme == "http" and not (allow_local_network and all(_is_local(address) for address in addresses)):
        raise UrlProhibited(Message("The URL must be https."))
    return CheckedUrl(scheme, host, port, addresses)


def _parts(url: str) -> tuple[str, str, int]:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise UrlProhibited(Message("This is not a URL.")) from error
    if parsed.scheme not in _PORTS:
        raise UrlProhibited(Message("The URL must be https."))
    if parsed.userinfo:
        raise UrlProhibited(Message("The URL must not hold a user name or password."))
    host = parsed.raw_host.decode("ascii")
    port = _PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not 0 < port <= _MAX_PORT or not _is_host(host):
        raise UrlProhibited(Message("The URL has no usable host."))
    return parsed.scheme, host, port


def _is_host(host: str) -> bool:
    """An address in its usual form, or a name; not the octal, hexadecimal or single-number spellings of an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(_HOST.fullmatch(host)) and not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2])
    return True


async def _addresses(host: str, port: int, resolver: Resolver) -> tuple[IPAddress, ...]:
    try:
        return (ipaddress.ip_address(host),)
    except ValueError:
        pass
    try:
        found = tuple(ipaddress.ip_address(text) for text in await resolver(host, port))
    except (OSError, ValueError) as error:
        raise UrlProhibited(Message("The URL's host cannot be found.")) from error
    if not found:
        raise UrlProhibited(Message("The URL's host cannot be found."))
    return found


def _inner(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _is_local(address: IPAddress) -> bool:
    inner = _inner(address)
    return any(inner in network for network in _LOCAL if network.version == inner.version)


def _is_allowed(address: IPAddress, allow_local_network: bool) -> bool:  # noqa: FBT001 - an own helper
    if _is_local(address):
        return allow_local_network
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


class PublicOnlyTransport(httpx2.AsyncBaseTransport):
    """Checks every request as ``check_public_url`` does and connects to the address that was checked."""

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        resolver: Resolver = system_resolver,
        *,
        allow_local_network: bool = False,
    ) -> None:
        self._inner = inner
        self._resolver = resolver
        self._allow_local_network = allow_local_network

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            checked = await check_public_url(
                str(request.url), self._resolver, allow_local_network=self._allow_local_network
            )
        except UrlProhibited as error:
            raise httpx2.UnsupportedProtocol(error.public_message) from error
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=str(checked.addresses[0])),
            headers=request.headers,  # the Host header is already there, and stays the name's
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": checked.host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._inner.aclose()
