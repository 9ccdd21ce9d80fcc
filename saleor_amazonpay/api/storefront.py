"""What a shop's pages load and ask: the kit, a button before there is a checkout, sign-in with Amazon.

Answers carry no cookie and take none, so a browser may be told anything by a page of an allowed origin; which origins
those are is the account's matter, so a preflight, which names no account, is answered for every origin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from saleor_amazonpay import bodies
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.storefront import express, sign_in
from saleor_amazonpay.saleor import storefront_requests as parse
from saleor_amazonpay.saleor.shapes import DataErrors

log = structlog.get_logger(__name__)

_MAX_BODY = 16_384
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


# --- Questions

Answer = Callable[[Services, Request, str | None, Deadline], Awaitable[dict[str, Any]]]


async def _button(services: Services, request: Request, origin: str | None, _: Deadline) -> dict[str, Any]:
    asked = parse.parse_button(request.query_params)
    return {"amazonPay": await express.configuration(services, asked, origin)}


async def _sign_in(services: Services, request: Request, origin: str | None, _: Deadline) -> dict[str, Any]:
    asked = parse.parse_sign_in(await bodies.read(request, _MAX_BODY))
    return {"amazonPay": await sign_in.begin(services, asked, origin)}


async def _exchange(services: Services, request: Request, origin: str | None, deadline: Deadline) -> dict[str, Any]:
    asked = parse.parse_exchange(await bodies.read(request, _MAX_BODY))
    return await sign_in.exchange(services, asked, origin, _customer_token(request), deadline)


async def _unlink(services: Services, request: Request, origin: str | None, _: Deadline) -> dict[str, Any]:
    asked = parse.parse_unlink(await bodies.read(request, _MAX_BODY))
    return {"unlinked": await sign_in.unlink(services, asked, origin, _customer_token(request))}


def _customer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _asked(path: str, method: str, answer: Answer, *, cached: str = "no-store") -> Route:
    """A route that answers JSON with ``errors``, to pages of an allowed origin and to servers."""

    async def endpoint(request: Request) -> Response:
        origin = request.headers.get("origin")
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_preflight(origin, method))
        services: Services = request.app.state.services
        deadline = Deadline(services.clock, services.settings.answer_budget_seconds)
        try:
            told, status = {**await answer(services, request, origin, deadline), "errors": []}, 200
        except AppError as refusal:
            told, status = _refusal(refusal), refusal.status
            log.info("storefront_refused", path=path, code=refusal.code, origin=(origin or "")[:255])
        headers = {"Vary": "Origin", "Cache-Control": cached if status == _OK else "no-store"}
        headers |= {"Access-Control-Allow-Origin": origin} if origin else {}
        return Response(msgspec.json.encode(told), status, headers=headers, media_type="application/json")

    return Route(path, endpoint, methods=[method, "OPTIONS"])


_OK = 200


def _refusal(refusal: AppError) -> dict[str, Any]:
    """What was refused may be read by any page: it says nothing but what the page itself sent."""
    if isinstance(refusal, DataErrors):
        return {"errors": refusal.as_json()}
    return {"errors": [{"code": refusal.code, "message": refusal.public_message}]}


def _preflight(origin: str | None, method: str) -> Mapping[str, str]:
    return {
        "Access-Control-Allow-Origin": origin or "*",
        "Access-Control-Allow-Methods": method,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "86400",
        "Vary": "Origin",
    }


routes = [
    Route("/storefront/amazon-pay.js", kit),
    Route("/storefront/amazon-pay.d.ts", kit),
    _asked("/storefront/button", "GET", _button, cached="private, max-age=60"),
    _asked("/storefront/sign-in", "POST", _sign_in),
    _asked("/storefront/sign-in/exchange", "POST", _exchange),
    _asked("/storefront/sign-in/unlink", "POST", _unlink),
]
