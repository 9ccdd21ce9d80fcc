"""The first answer to the Dashboard's iframe: everything but data. It needs no token, for there is none yet."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from saleor_amazonpay.dashboard import assets, headers
from saleor_amazonpay.dashboard.pages import PREFIX
from saleor_amazonpay.dashboard.rendering import render
from saleor_amazonpay.dashboard.translations import choose
from saleor_amazonpay.settings import Settings

_THEMES: Final = ("light", "dark")
# The address bar is AppBridge's business and nothing of a page is kept; htmx neither evaluates nor styles anything.
_HTMX: Final = json.dumps(
    {
        "historyEnabled": False,
        "historyCacheSize": 0,
        "allowEval": False,
        "attributesToSettle": [],
        "allowScriptTags": False,
        "includeIndicatorStyles": False,
        "selfRequestsOnly": True,
        "scrollIntoViewOnBoost": False,
        "defaultSettleDelay": 0,  # else a form that is shown is not htmx's yet, and who is quick sends it into the void
        "timeout": 40_000,
        "responseHandling": [{"code": "204", "swap": False}, {"code": ".*", "swap": True}],
    }
)


def base_path(settings: Settings) -> str:
    """Where ``/dashboard`` is for the browser: a proxy may serve the app below a path of its own."""
    return urlsplit(settings.app_iframe_base_url).path.rstrip("/") + PREFIX


async def shell(request: Request) -> Response:
    settings: Settings = request.app.state.services.settings
    theme = request.query_params.get("theme", "")
    html = render(
        "shell.html",
        choose(request.headers.get("accept-language", "")),
        theme=theme if theme in _THEMES else _THEMES[0],
        base=base_path(settings),
        assets=f"{base_path(settings)}/static/{assets.version()}",
        htmx_config=_HTMX,
    )
    ancestors = headers.ancestors(settings, request.query_params.get("saleorApiUrl", ""))
    return HTMLResponse(html, headers=headers.policy(ancestors) | {"Vary": "HX-Request, Accept-Language"})
