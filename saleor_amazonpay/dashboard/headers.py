"""What the browser is told about every answer: who may frame it, what it may load, that nothing is kept."""

from __future__ import annotations

import re
from typing import Final

from saleor_amazonpay.settings import Settings

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)
_NOBODY: Final = "'none'"
# Nothing that could end a source or a directive of the policy.
_API_URL: Final = re.compile(r"(https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?)/graphql/")

COMMON: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def policy(ancestors: str = _NOBODY) -> dict[str, str]:
    return {**COMMON, "Content-Security-Policy": _POLICY.format(ancestors=ancestors)}


def ancestors(settings: Settings, api_url: str) -> str:
    """Who may frame the shell opened for ``api_url``: the Dashboard of that Saleor, wherever it is served.

    The shell asks for pages of this Saleor only, so a page of one tenant never appears in another's frame. Whether the
    Saleor has installed the app makes no difference here, so that nobody can find out.
    """
    match = _API_URL.fullmatch(api_url.lower())
    if match is None or not settings.allows_saleor(api_url):
        return _NOBODY
    if api_url.startswith("http:") and not settings.allow_local_network:
        return _NOBODY
    local = ("http://localhost:*", "http://127.0.0.1:*") if settings.allow_local_network else ()
    return " ".join(dict.fromkeys([match[1], *settings.dashboard_origins, *local]))
