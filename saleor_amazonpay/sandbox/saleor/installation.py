"""Installing an app: manifest, validation, registration (contract §1, §2; observed exp11)."""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import httpx2

from graphql import GraphQLEnumType
from saleor_amazonpay.sandbox.saleor import schema
from saleor_amazonpay.sandbox.saleor.apps import App, AppInstallation, Webhook
from saleor_amazonpay.sandbox.saleor.store import ALL_PERMISSIONS
from saleor_amazonpay.sandbox.saleor.transactions import GIFT_CARD_GATEWAY

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn

LONGEST_MESSAGE = 255
"""The column: a validation text longer than this leaves the installation pending for ever (observed)."""

NOT_REACHED = "Failed to connect to app. Try later or contact with app support."
_REQUIRED = ("id", "name", "version")
_LIMITS = {"id": 256, "name": 60, "version": 60, "author": 60, "audience": 256}
_HEADER_NAME = re.compile(r"(?i)^(X-.+|Authorization.*|BrokerProperties)$")
_MAX_HEADERS = 5
_TOKEN_ALPHABET = string.ascii_letters + string.digits
_CONDITION = re.compile(r"(>=|<=|>|<|=|\^|~)?\s*v?(\d+)(?:\.(\d+|x|\*))?(?:\.(\d+|x|\*))?(?:-\S+)?")


class InstallationFailed(Exception):
    """``str`` of it is the message the merchant reads."""


class InvalidManifest(Exception):
    """Texts by manifest field."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(", ".join(f"{name}: {texts}" for name, texts in errors.items()))


async def install(
    shop: SaleorStandIn, installation: AppInstallation, permissions: frozenset[str], *, active: bool
) -> App:
    """Fetch, validate, create, register; in every failure the app is gone again.

    Raises:
        InvalidManifest: the manifest is refused.
        InstallationFailed: the app could not be reached or refused the token.
    """
    manifest = await _fetch(shop, installation.manifest_url)
    validate(shop, manifest, permissions)
    app = _create(shop, installation, manifest, permissions, active=active)
    shop.store.apps.append(app)
    if target := manifest.get("tokenTargetUrl"):
        try:
            await _register(shop, target, app.token)
        except InstallationFailed:
            shop.store.apps.remove(app)
            raise
    return app


async def wanted_permissions(shop: SaleorStandIn, manifest_url: str) -> frozenset[str]:
    """What the Dashboard prefills: the manifest's own list, as far as it exists."""
    manifest = await _fetch(shop, manifest_url)
    return frozenset(manifest.get("permissions") or ()) & ALL_PERMISSIONS


async def _fetch(shop: SaleorStandIn, url: str) -> dict[str, Any]:
    headers = {**shop.webhooks.user_agent, "Saleor-Schema-Version": shop.schema_version}
    try:
        response = await shop.webhooks.client.get(url, headers=headers)
    except httpx2.HTTPError as error:
        raise InstallationFailed(NOT_REACHED) from error
    if not response.is_success:
        raise InstallationFailed(_internal_error(response.status_code))
    try:
        manifest = response.json()
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise InstallationFailed("Unknown error. Contact with app support.")
    return manifest


async def _register(shop: SaleorStandIn, url: str, token: str) -> None:
    """Not signed; any status below 400 is a success, a redirect too (contract §2)."""
    headers = {
        **shop.webhooks.user_agent,
        "Content-Type": "application/json",
        "X-Saleor-Domain": shop.domain,
        "Saleor-Domain": shop.domain,
        "Saleor-Api-Url": shop.api_url,
        "Saleor-Schema-Version": shop.schema_version,
    }
    body = json.dumps({"auth_token": token}).encode()
    try:
        response = await shop.webhooks.client.post(url, content=body, headers=headers)
    except httpx2.HTTPError as error:
        raise InstallationFailed(NOT_REACHED) from error
    if response.status_code >= 400:
        raise InstallationFailed(_refusal(response)[:LONGEST_MESSAGE])


def _refusal(response: httpx2.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return _internal_error(response.status_code)


def _internal_error(status: int) -> str:
    return f"App internal error ({status}). Try later or contact with app support."


def validate(shop: SaleorStandIn, manifest: Mapping[str, Any], granted: frozenset[str]) -> None:
    """Raises InvalidManifest with everything that is wrong, webhooks only when the rest is right."""
    errors: dict[str, list[str]] = {}
    for name, check in _CHECKS.items():
        errors.setdefault(name, []).extend(check(shop, manifest))
    errors = {name: texts for name, texts in errors.items() if texts}
    if not errors:
        found = {"extensions": list(_extensions(manifest, granted)), "webhooks": list(_webhooks(manifest))}
        errors = {name: texts for name, texts in found.items() if texts}
    if errors:
        raise InvalidManifest(errors)


def _required(_shop: SaleorStandIn, manifest: Mapping[str, Any]) -> list[str]:
    return [f"Field required: {name}." for name in _REQUIRED if not str(manifest.get(name) or "").strip()]


def _lengths(_shop: SaleorStandIn, manifest: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} has more than {limit} characters."
        for name, limit in _LIMITS.items()
        if len(str(manifest.get(name) or "")) > limit
    ]


def _unique(shop: SaleorStandIn, manifest: Mapping[str, Any]) -> list[str]:
    identifier = manifest.get("id")
    taken = identifier == GIFT_CARD_GATEWAY or any(
        app.identifier == identifier and not app.is_removed for app in shop.store.apps
    )
    return ["App with the same identifier is already installed."] if taken else []


def _permissions(_shop: SaleorStandIn, manifest: Mapping[str, Any]) -> list[str]:
    unknown = set(manifest.get("permissions") or ()) - ALL_PERMISSIONS
    return ["Given permissions don't exist."] if unknown else []


def _saleor_version(shop: SaleorStandIn, manifest: Mapping[str, Any]) -> list[str]:
    wanted = manifest.get("requiredSaleorVersion")
    if not wanted or satisfies(shop.version, str(wanted)):
        return []
    return [f"Saleor version {shop.version} is not supported by the app."]


_CHECKS: dict[str, Callable[[SaleorStandIn, Mapping[str, Any]], list[str]]] = {
    "manifest": _required,
    "lengths": _lengths,
    "identifier": _unique,
    "permissions": _permissions,
    "requiredSaleorVersion": _saleor_version,
}


def satisfies(version: str, wanted: str) -> bool:
    """An npm-style range: alternatives by ``||``, each a list of conditions that must all hold."""
    here = tuple(int(part) for part in version.split("."))
    return any(_all_hold(here, alternative) for alternative in wanted.split("||"))


def _all_hold(here: tuple[int, ...], alternative: str) -> bool:
    conditions = _CONDITION.findall(alternative)
    return all(_holds(here, operator, parts) for operator, *parts in conditions)


def _holds(here: tuple[int, ...], operator: str, parts: list[str]) -> bool:
    there = tuple(int(part) for part in parts if part.isdigit())
    padded = there + (0,) * (3 - len(there))
    if operator in {">=", "<=", ">", "<"}:
        return {">=": here >= padded, "<=": here <= padded, ">": here > padded, "<": here < padded}[operator]
    kept = {"^": 1, "~": 2}.get(operator, len(there))
    return here >= padded and here[:kept] == padded[:kept]


def _extensions(manifest: Mapping[str, Any], granted: frozenset[str]) -> list[str]:
    return [text for each in manifest.get("extensions") or () for text in _extension(each, manifest, granted)]


def _extension(extension: Mapping[str, Any], manifest: Mapping[str, Any], granted: frozenset[str]) -> list[str]:
    errors = [f"Field required: {name}." for name in ("label", "url", "mount") if not extension.get(name)]
    if str(extension.get("url", "")).startswith("/") and not manifest.get("appUrl"):
        errors.append("Incorrect relation between extension's target and URL fields.")
    asked = set(manifest.get("permissions") or ()) & granted
    if not set(extension.get("permissions") or ()) <= asked:
        errors.append("Extension permission must be listed in App's permissions.")
    return errors


def _webhooks(manifest: Mapping[str, Any]) -> list[str]:
    return [text for each in manifest.get("webhooks") or () for text in _webhook(each)]


def _webhook(webhook: Mapping[str, Any]) -> list[str]:
    missing = [f"Field required: {name}." for name in ("name", "targetUrl", "query") if not webhook.get(name)]
    if missing:
        return missing
    errors = _unknown_events(webhook) + _bad_headers(webhook.get("customHeaders") or {})
    try:
        schema.parse_subscription(str(webhook["query"]))
    except schema.InvalidSubscription as invalid:
        errors.append(f"Subscription query is not valid: {invalid}")
    return errors


def _unknown_events(webhook: Mapping[str, Any]) -> list[str]:
    return [
        f"Invalid {key}."
        for key, enum in (
            ("asyncEvents", "WebhookEventTypeAsyncEnum"),
            ("syncEvents", "WebhookEventTypeSyncEnum"),
        )
        if not set(webhook.get(key) or ()) <= enum_values(enum)
    ]


def enum_values(name: str) -> set[str]:
    enum = schema.schema().type_map[name]
    return set(enum.values) if isinstance(enum, GraphQLEnumType) else set()


def _bad_headers(headers: Mapping[str, str]) -> list[str]:
    if len(headers) > _MAX_HEADERS:
        return [f"Invalid custom headers: more than {_MAX_HEADERS}."]
    return [f"Invalid custom headers: {name}." for name in headers if not _HEADER_NAME.match(name)]


def new_token() -> str:
    return "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(30))


def new_webhook(shop: SaleorStandIn, app: App, given: Mapping[str, Any]) -> Webhook:
    """From the fields of a manifest's webhook, which were validated before."""
    document = schema.parse_subscription(given["query"])
    named = [*(given.get("syncEvents") or ()), *(given.get("asyncEvents") or ())]
    active = given.get("isActive")
    return Webhook(
        pk=shop.store.next_pk("Webhook"),
        app=app,
        name=given["name"],
        target_url=given["targetUrl"],
        subscription_query=given["query"],
        document=document,
        events=frozenset(named or schema.events_of(document)),
        is_active=True if active is None else bool(active),
        identifier=given.get("identifier"),
        custom_headers={name.lower(): value for name, value in (given.get("customHeaders") or {}).items()},
    )


def _create(
    shop: SaleorStandIn,
    installation: AppInstallation,
    manifest: Mapping[str, Any],
    permissions: frozenset[str],
    *,
    active: bool,
) -> App:
    app = App(
        pk=shop.store.next_pk("App"),
        identifier=manifest["id"],
        name=installation.app_name,
        version=manifest["version"],
        manifest_url=installation.manifest_url,
        granted=permissions,
        token=new_token(),
        created=shop.clock.now(),
        is_active=active,
        app_url=manifest.get("appUrl"),
        audience=manifest.get("audience"),
        author=manifest.get("author"),
        about_app=manifest.get("about"),
        data_privacy_url=manifest.get("dataPrivacyUrl"),
        homepage_url=manifest.get("homepageUrl"),
        support_url=manifest.get("supportUrl"),
        extensions=list(manifest.get("extensions") or ()),
    )
    app.webhooks = [new_webhook(shop, app, each) for each in manifest.get("webhooks") or ()]
    return app
