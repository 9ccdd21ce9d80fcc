"""Which Saleor app an opaque token speaks for: asked of the stored tenant, never of whoever sends the token.

A merchant's scheduler has such a token from Saleor; ``{ app { id permissions } }`` at that Saleor proves it. What was
proven is believed for a minute. Source: saleor-contract.md §2.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from saleor_amazonpay.clock import Clock
from saleor_amazonpay.errors import SaleorRefused, SaleorUnavailable
from saleor_amazonpay.saleor.client import SaleorClient

KEPT: Final = timedelta(seconds=60)
_MOST_KEPT: Final = 1000
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class AppCaller:
    app_id: str
    permissions: frozenset[str]


def is_opaque(token: str) -> bool:
    """Saleor's app tokens are no JWTs."""
    return bool(token) and token.count(".") != _DOTS_OF_A_JWT and len(token) <= _LONGEST


_DOTS_OF_A_JWT = 2


class AppTokens:
    """Kept by a hash: the token itself is nowhere."""

    def __init__(self, saleor: SaleorClient, clock: Clock) -> None:
        self._saleor = saleor
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[datetime, AppCaller | None]] = {}

    async def caller(self, api_url: str, token: str) -> AppCaller | None:
        """None: no active app of that Saleor has this token.

        Raises:
            SaleorUnavailable: it cannot be proven now.
        """
        key = api_url, hashlib.sha256(token.encode()).hexdigest()
        kept = self._kept.get(key)
        if kept is not None and self._clock.now() < kept[0]:
            return kept[1]
        found = await self._asked(api_url, token)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = self._clock.now() + KEPT, found
        return found

    async def _asked(self, api_url: str, token: str) -> AppCaller | None:
        try:
            answer = await self._saleor.execute("queries/app_permissions", api_url=api_url, token=token)
        except SaleorRefused:
            return None
        app = answer.get("app")
        if not app:
            return None
        try:
            return AppCaller(str(app["id"]), frozenset(str(each["code"]) for each in app["permissions"] or ()))
        except (KeyError, TypeError) as error:
            raise SaleorUnavailable("What answered is no Saleor.") from error
