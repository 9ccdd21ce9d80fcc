"""Reading request bodies with a limit, so that nobody can fill the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from starlette.requests import ClientDisconnect, Request

from saleor_amazonpay.errors import RequestRejected


class BodyTooLarge(RequestRejected):
    status = 413
    code = "BODY_TOO_LARGE"


class BodyTooSlow(RequestRejected):
    status = 408
    code = "BODY_TOO_SLOW"


SLOWEST_SECONDS = 10.0
"""For the whole body; Saleor and Amazon send theirs at once."""


IS_WHOLE = "saleor_amazonpay.is_whole"
"""Set in the scope of a request whose body has come with its head, as most do: nobody waits for it."""


async def read(
    request: Request, limit: int, *, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
) -> bytes:
    """The raw body; ``waiting`` surrounds what time it takes to come.

    Raises:
        BodyTooLarge: more than ``limit`` bytes were announced or came.
        BodyTooSlow: it was not there after ``SLOWEST_SECONDS``.
    """
    if IS_WHOLE in request.scope:
        return await _read(request, limit)
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    try:
        with waiting():
            async with asyncio.timeout(SLOWEST_SECONDS):
                return await _read(request, limit)
    except TimeoutError as late:
        raise BodyTooSlow(f"The body did not arrive within {SLOWEST_SECONDS:g} seconds.") from late


async def _read(request: Request, limit: int) -> bytes:
    body, goes_on = bytearray(), True
    while goes_on:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        goes_on = message.get("more_body", False)
    return bytes(body)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {limit} bytes.")
