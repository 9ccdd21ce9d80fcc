"""The Dashboard's side of AppBridge: a staff user's browser page with the app in its frame.

What it sends, when, and what it takes from the frame is what Saleor's Dashboard does (``AppFrame``, ``useAppActions``,
``appActionsHandler``, ``useTokenRefresh`` of saleor-dashboard 3.23; saleor-contract.md §3); the rest is a plain page.
``/dashboard/extensions/app/<app id>/<path>?<context>`` opens the app at that path; what stands behind ``?`` (an
``orderId``, say) goes on to the frame, as it does for an extension. In the page ``window.dashboard`` can be told to
change theme and language and to renew or spoil the token, and has every action the frame sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn

_FOLDER: Final = Path(__file__).parent
_FILES: Final = ("dashboard.css", "dashboard.js")


def routes(shop: SaleorStandIn) -> list[Route]:
    async def page(_request: Request) -> Response:
        return FileResponse(_FOLDER / "dashboard.html")

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        return FileResponse(_FOLDER / name) if name in _FILES else Response(status_code=404)

    async def session(request: Request) -> Response:
        """What the Dashboard learns from Saleor's API: the app, and a fresh token for its page."""
        installed = next((each for each in shop.store.apps if each.id == request.query_params["app"]), None)
        if installed is None or installed.is_removed:
            return Response(status_code=404)
        token = shop.make_dashboard_token(shop.superuser, installed, **shop.dashboard_claims)
        return JSONResponse(
            {
                "token": token,
                "appUrl": installed.app_url,
                "name": installed.name,
                "saleorApiUrl": shop.api_url,
                "saleorVersion": shop.version,
            },
            headers={"Cache-Control": "no-store"},
        )

    return [
        Route("/dashboard/session", session),
        Route("/dashboard/files/{name}", file),
        Route("/dashboard/{path:path}", page),
    ]
