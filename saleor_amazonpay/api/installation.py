"""What Saleor asks when the app is installed: the manifest, the logo, and where to bring the token.

Source: saleor-contract.md §1-2.
"""

from __future__ import annotations

from importlib.resources import files

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saleor_amazonpay import __version__, bodies
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers import installing
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.saleor.manifest import build_manifest
from saleor_amazonpay.saleor.registration import SUCCESS, parse_auth_token

MAX_REGISTRATION_BYTES = 16_384
_FAULT = "The app could not be registered because of an internal fault; its operator finds it in the log."

log = structlog.get_logger(__name__)


async def manifest(request: Request) -> Response:
    """``GET /api/manifest``, with the queries that the asking Saleor understands."""
    settings = request.app.state.services.settings
    return JSONResponse(
        build_manifest(
            app_id=settings.manifest_app_id,
            version=__version__,
            api_base_url=settings.app_api_base_url,
            iframe_base_url=settings.app_iframe_base_url,
            schema_version=request.headers.get("saleor-schema-version"),
            bills_schedules=settings.billing_schedules,
        ),
        headers={"Vary": "Saleor-Schema-Version"},
    )


async def register(request: Request) -> Response:
    """``POST /api/register``. Saleor shows ``error.message`` to the merchant and removes the app again."""
    services: Services = request.app.state.services
    api_url = request.headers.get("saleor-api-url", "")
    try:
        body = await bodies.read(request, MAX_REGISTRATION_BYTES)
        await installing.register(
            services,
            api_url_header=api_url,
            auth_token=parse_auth_token(body),
            schema_version=request.headers.get("saleor-schema-version"),
        )
    except AppError as refusal:
        log.warning("registration_refused", tenant=api_url[:255], code=refusal.code, reason=refusal.public_message)
        return _refusal(refusal.status, refusal.code, refusal.public_message)
    except Exception:
        log.exception("registration_fault", tenant=api_url[:255])
        return _refusal(500, "REGISTER_HANDLER_HOOK_ERROR", _FAULT)
    return JSONResponse(SUCCESS)


def _refusal(status: int, code: str, message: str) -> Response:
    return JSONResponse({"success": False, "error": {"code": code, "message": message}}, status)


async def logo(_: Request) -> Response:
    """Saleor fetches it after the installation and keeps its own copy."""
    return Response(
        files("saleor_amazonpay").joinpath("dashboard", "static", "logo.png").read_bytes(),
        media_type="image/png",
        headers={"Cache-Control": "public, max-age=86400"},
    )


routes = [
    Route("/api/manifest", manifest),
    Route("/api/register", register, methods=["POST"]),
    Route("/static/logo.png", logo),
]
