"""What can go wrong on the wire, in both directions, on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

WebhookFault = Literal["refused", "lost-request", "lost-answer", "duplicate"]
"""Saleor → app. ``lost-request``: Saleor times out, the app saw nothing. ``lost-answer``: the app did its work, Saleor
times out. ``duplicate``: the same bytes arrive twice. ``refused``: no connection."""

ApiFault = Literal["unavailable", "graphql-error", "lost-answer", "not-json", "slow"]
"""App → Saleor. ``unavailable``: 503. ``graphql-error``: 200 with top-level errors. ``lost-answer``: done, then 502.
``not-json``: 200 with HTML, as a proxy's error page. ``slow``: done after ``seconds``."""


@dataclass
class _Rule:
    kind: str
    name: str | None
    times: int
    seconds: float = 0.0


@dataclass
class Faults:
    """Rules are used up in the order they were given; ``name`` narrows to one event or one GraphQL field."""

    _webhook: list[_Rule] = field(default_factory=list)
    _api: list[_Rule] = field(default_factory=list)

    def webhook(self, kind: WebhookFault, event: str | None = None, *, times: int = 1) -> None:
        self._webhook.append(_Rule(kind, event, times))

    def api(self, kind: ApiFault, field_name: str | None = None, *, times: int = 1, seconds: float = 0.0) -> None:
        self._api.append(_Rule(kind, field_name, times, seconds))

    @contextmanager
    def during(self, kind: ApiFault, field_name: str | None = None) -> Iterator[None]:
        """Every call of the app fails so while the block runs: Saleor is down."""
        rule = _Rule(kind, field_name, 1_000_000)
        self._api.append(rule)
        try:
            yield
        finally:
            rule.times = 0

    def clear(self) -> None:
        self._webhook.clear()
        self._api.clear()

    def take_webhook(self, event: str) -> str | None:
        rule = _take(self._webhook, lambda name: name == event)
        return rule.kind if rule else None

    def take_api(self, document: str) -> tuple[str, float] | None:
        rule = _take(self._api, lambda name: name in document)
        return (rule.kind, rule.seconds) if rule else None


def _take(rules: list[_Rule], matches: Callable[[str], bool]) -> _Rule | None:
    for rule in rules:
        if rule.times > 0 and (rule.name is None or matches(rule.name)):
            rule.times -= 1
            return rule
    return None
