"""The storefront kit, for shops that import it from the app instead of copying it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent.parent / "storefront"
_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".ts": "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    etag: str
    media_type: str


@cache
def _file(name: str) -> _File:
    body = (_FOLDER / name).read_bytes()
    return _File(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', _MEDIA_TYPES[Path(name).suffix])


async def kit(request: Request) -> Response:
    """Any shop may import it. A day in caches, then asked for again: an upgrade of the app reaches every shop."""
    file = _file(Path(request.url.path).name)
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "public, max-age=86400, stale-while-revalidate=604800",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": file.etag,
        "X-Content-Type-Options": "nosniff",
    }
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


routes = [
    Route("/storefront/amazon-pay.js", kit),
    Route("/storefront/amazon-pay.d.ts", kit),
]
