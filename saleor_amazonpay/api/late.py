"""Routes of a part of the app that is imported when somebody first asks for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute, Match, Router
from starlette.types import Receive, Scope, Send


class LateRoutes(BaseRoute):
    """Everything at and below ``prefix``; ``load`` gives the routes, whose paths begin with it.

    ``load`` runs beside the event loop: it takes most of a second on a small machine, in which webhooks go on.
    """

    def __init__(self, prefix: str, load: Callable[[], Sequence[BaseRoute]]) -> None:
        self._prefix = prefix
        self._load = load
        self._loading = threading.Lock()
        self._router: Router | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_below = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._prefix}/")
        return (Match.FULL if is_below else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        router = self._router
        if router is None:
            router = await asyncio.to_thread(self._loaded)
        await router.app(scope, receive, send)

    def _loaded(self) -> Router:
        """Once, however many ask for it meanwhile."""
        with self._loading:
            if self._router is None:
                self._router = Router(self._load())
            return self._router
