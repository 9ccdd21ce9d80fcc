"""Installed apps, their webhooks and the problems they show to the merchant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from graphql import DocumentNode
from saleor_amazonpay.sandbox.saleor.catalogue import Permission
from saleor_amazonpay.sandbox.saleor.nodes import Node, NodeWithMetadata

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    event_type: str

    @property
    def name(self) -> str:
        return self.event_type.replace("_", " ").capitalize()


@dataclass(eq=False, kw_only=True)
class Webhook(Node):
    app: App
    name: str
    target_url: str
    subscription_query: str
    document: DocumentNode
    events: frozenset[str]
    is_active: bool = True
    identifier: str | None = None
    custom_headers: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False, kw_only=True)
class AppProblem(Node):
    key: str
    message: str
    created_at: datetime
    updated_at: datetime
    critical_threshold: int | None = None
    count: int = 1
    dismissed: bool = False

    @property
    def is_critical(self) -> bool:
        return self.critical_threshold is not None and self.count >= self.critical_threshold


@dataclass(eq=False, kw_only=True)
class App(NodeWithMetadata):
    """``token`` is the bearer token given to the app; empty once it has been revoked."""

    identifier: str
    name: str
    version: str
    manifest_url: str
    granted: frozenset[str]
    token: str
    created: datetime
    is_active: bool = True
    is_removed: bool = False
    app_url: str | None = None
    audience: str | None = None
    author: str | None = None
    about_app: str | None = None
    data_privacy_url: str | None = None
    homepage_url: str | None = None
    support_url: str | None = None
    extensions: list[dict[str, object]] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)
    all_problems: list[AppProblem] = field(default_factory=list)
    type: str = "THIRDPARTY"

    @property
    def permissions(self) -> list[Permission]:
        return [Permission(code) for code in sorted(self.granted)]

    @property
    def usable(self) -> bool:
        return self.is_active and not self.is_removed

    @property
    def problems(self) -> list[AppProblem]:
        """Those not dismissed, newest first."""
        return [problem for problem in reversed(self.all_problems) if not problem.dismissed]

    def webhook_for(self, event: str) -> Webhook | None:
        """The first active one that subscribes to the event: Saleor asks no second (contract §1)."""
        return next((each for each in self.webhooks if each.is_active and event in each.events), None)


@dataclass(eq=False, kw_only=True)
class AppInstallation(Node):
    app_name: str
    manifest_url: str
    created_at: datetime
    updated_at: datetime
    status: str = "PENDING"
    message: str | None = None
