"""Routes of a part of the app that is imported when somebody first asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from starlette.routing import BaseRoute, Match, Router
from starlette.types import Receive, Scope, Send


class LateRoutes(BaseRoute):
    """Everything at and below ``prefix``; ``load`` gives the routes, whose paths begin with it."""

    def __init__(self, prefix: str, load: Callable[[], Sequence[BaseRoute]]) -> None:
        self._prefix = prefix
        self._load = load

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_below = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._prefix}/")
        return (Match.FULL if is_below else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router.app(scope, receive, send)

    @cached_property
    def _router(self) -> Router:
        return Router(self._load())
