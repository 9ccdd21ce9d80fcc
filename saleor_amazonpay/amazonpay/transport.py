"""The seam to the network: one request out, one raw answer in.

Two failures, because they mean opposite things for money: ``NotSent`` (Amazon never saw the request) and
``NoAnswer`` (it may have, and may have done it).
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

import aiohttp
from yarl import URL

MAX_BODY_BYTES: Final = 1024 * 1024
_CONNECT_SHARE: Final = 0.9  # connecting ends before the whole does, so that the two time-outs can be told apart


class RawAnswer(NamedTuple):
    """``headers`` are looked up in any case; ``body`` is cut at 1 MiB, which no answer of Amazon Pay reaches."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No answer was received."""


class NotSent(TransportError):
    """The request never left: no connection, no name, no TLS."""


class NoAnswer(TransportError):
    """The request left, in whole or in part, and no complete answer came back in time."""


class Transport(Protocol):
    """What the client needs; ``timeout`` is in seconds and covers everything from connecting to the last byte.

    Raises:
        NotSent: nothing has reached Amazon.
        NoAnswer: something may have.
    """

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - passed on to the engine, which tells connect and read apart
    ) -> RawAnswer: ...


class AiohttpTransport:
    """One long-lived session of aiohttp, shared by all accounts. Follows no redirect, reads no proxy variables.

    The session is opened by the first request, in its event loop; ``close`` ends it.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        connections: int = 100,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str = "saleor-amazonpay",
    ) -> None:
        self._connect_timeout = connect_timeout
        self._connections = connections
        self._ssl_context = ssl_context
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - see Transport
    ) -> RawAnswer:
        # ``encoded``: the path is signed as it stands, so nothing may quote it again.
        request = self._opened().request(
            method,
            URL(url, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
            timeout=self._limits(timeout),
        )
        try:
            async with request as response:
                return RawAnswer(response.status, response.headers, await _capped(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotSent(type(error).__name__) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from error

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _limits(self, timeout: float) -> aiohttp.ClientTimeout:
        connect = min(self._connect_timeout, timeout * _CONNECT_SHARE)
        # Above ``ceil_threshold`` aiohttp rounds up to whole seconds; a budget is meant exactly.
        return aiohttp.ClientTimeout(total=timeout, connect=connect, ceil_threshold=3600)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    ssl=self._ssl_context or True,
                    ttl_dns_cache=60,
                    keepalive_timeout=20,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
                trust_env=False,
            )
        return self._session


async def _capped(response: aiohttp.ClientResponse) -> bytes:
    """The body up to the cap; what is left unread closes the connection instead of filling memory."""
    chunks: list[bytes] = []
    size = 0
    while size < MAX_BODY_BYTES:
        chunk = await response.content.readany()
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)[:MAX_BODY_BYTES]
