"""Scripts, styles and fonts of the page; their address holds a hash of them all, so browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from saleor_amazonpay.dashboard import headers

_FOLDER: Final = Path(__file__).parent / "static"
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every file that is served, by its path below ``static/``."""
    files = [path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _MEDIA_TYPES]
    return {path.relative_to(_FOLDER).as_posix(): Asset(path.read_bytes(), _MEDIA_TYPES[path.suffix]) for path in files}


@cache
def version() -> str:
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.body + b"\0")
    return digest.hexdigest()[:16]


async def serve(request: Request) -> Response:
    """Of another version (a replica that was or was not upgraded yet): what we have, kept by nobody."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404, headers=headers.policy())
    answer = headers.policy()
    if request.path_params["version"] == version():
        answer["Cache-Control"] = "public, max-age=31536000, immutable"
    return Response(asset.body, media_type=asset.media_type, headers=answer)
