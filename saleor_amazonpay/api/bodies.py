"""Reading request bodies with a limit, so that nobody can fill the memory."""

from __future__ import annotations

from starlette.requests import Request

from saleor_amazonpay.errors import RequestRejected


class BodyTooLarge(RequestRejected):
    status = 413
    code = "BODY_TOO_LARGE"


async def read(request: Request, limit: int) -> bytes:
    """The raw body.

    Raises:
        BodyTooLarge: more than ``limit`` bytes were announced or came.
    """
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
