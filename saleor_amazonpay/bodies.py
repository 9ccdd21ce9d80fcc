"""Reading request bodies with a limit, so that nobody can fill the memory."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from saleor_amazonpay.errors import RequestRejected


class BodyTooLarge(RequestRejected):
    status = 413
    code = "BODY_TOO_LARGE"


class BodyTooSlow(RequestRejected):
    status = 408
    code = "BODY_TOO_SLOW"


SLOWEST_SECONDS = 10.0
"""For the whole body; Saleor and Amazon send theirs at once."""


async def read(request: Request, limit: int) -> bytes:
    """The raw body.

    Raises:
        BodyTooLarge: more than ``limit`` bytes were announced or came.
        BodyTooSlow: it was not there after ``SLOWEST_SECONDS``.
    """
    try:
        async with asyncio.timeout(SLOWEST_SECONDS):
            return await _read(request, limit)
    except TimeoutError as late:
        raise BodyTooSlow(f"The body did not arrive within {SLOWEST_SECONDS:g} seconds.") from late


async def _read(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)
