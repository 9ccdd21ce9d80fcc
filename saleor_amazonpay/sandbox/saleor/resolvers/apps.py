"""Apps, their installation, webhooks and problems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from graphql import GraphQLResolveInfo
from saleor_amazonpay.sandbox.saleor import installation as installing
from saleor_amazonpay.sandbox.saleor import schema
from saleor_amazonpay.sandbox.saleor.apps import MAX_PROBLEMS, App, AppInstallation, AppProblem, Webhook, WebhookEvent
from saleor_amazonpay.sandbox.saleor.resolvers.registry import (
    MutationError,
    connection,
    field,
    found,
    mutation,
    query,
)
from saleor_amazonpay.sandbox.saleor.schema import STAFF_OR_APP, Context, PermissionDenied
from saleor_amazonpay.sandbox.saleor.store import find

_MANAGE = "MANAGE_APPS"
_OWN_OR_MANAGE = (_MANAGE, "AUTHENTICATED_APP")


@query("app", *STAFF_OR_APP)
def app(context: Context, id: str | None = None) -> App | None:  # noqa: A002 - Saleor's argument
    if context.app is not None and id in (None, context.app.id):
        return context.app
    context.require(_MANAGE)
    return find(_present(context), id)


@query("apps", _MANAGE)
def apps(context: Context, first: int | None = None, after: str | None = None) -> dict[str, Any]:
    return connection(_present(context), first, after)


def _present(context: Context) -> list[App]:
    return [each for each in context.shop.store.apps if not each.is_removed]


@query("appsInstallations", _MANAGE)
def apps_installations(context: Context) -> list[AppInstallation]:
    return context.shop.store.installations


@mutation("appInstall", _MANAGE)
def app_install(context: Context, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Answers at once; manifest and registration are a task's work."""
    shop = context.shop
    permissions = frozenset(input.get("permissions") or ())
    if beyond := sorted(permissions - context.permissions):
        raise MutationError(
            "permissions",
            "OUT_OF_SCOPE_PERMISSION",
            "You can't add permission that you don't have.",
            permissions=beyond,
        )
    pending = shop.new_installation(input["app_name"], input["manifest_url"])
    shop.webhooks.spawn(shop.carry_out_installation(pending, permissions, bool(input["activate_after_installation"])))
    return {"app_installation": pending}


@mutation("appDelete", _MANAGE)
def app_delete(context: Context, id: str) -> dict[str, Any]:  # noqa: A002
    gone = found(find(_present(context), id), "id", id)
    context.shop.delete_app(gone, context.requestor)
    return {"app": gone}


@mutation("appActivate", _MANAGE)
def app_activate(context: Context, id: str) -> dict[str, Any]:  # noqa: A002
    return _set_active(context, id, active=True)


@mutation("appDeactivate", _MANAGE)
def app_deactivate(context: Context, id: str) -> dict[str, Any]:  # noqa: A002
    return _set_active(context, id, active=False)


def _set_active(context: Context, global_id: str, *, active: bool) -> dict[str, Any]:
    changed = found(find(_present(context), global_id), "id", global_id)
    context.shop.set_active(changed, active, context.requestor)
    return {"app": changed}


@mutation("appTokenVerify")
def app_token_verify(context: Context, token: str) -> dict[str, Any]:
    return {"valid": context.shop.store.app_by_token(token) is not None}


@field("App", "tokens")
def app_tokens(app: App, _info: GraphQLResolveInfo[Any]) -> list[dict[str, Any]]:
    """Only the last four characters are ever shown again."""
    return [{"id": app.id, "name": "Default token", "auth_token": app.token[-4:]}] if app.token else []


@field("App", "problems")
def app_problems(app: App, info: GraphQLResolveInfo[Any], limit: int | None = None) -> list[AppProblem]:
    if info.context.app not in (None, app):
        raise PermissionDenied(_MANAGE)
    return app.problems[:limit]


@mutation("appProblemCreate", "AUTHENTICATED_APP")
def app_problem_create(context: Context, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """The same key within the aggregation period counts up instead of making a second problem (contract §9)."""
    owner: App = context.app  # type: ignore[assignment] # the permission says there is one
    _check_problem(input)
    now = context.shop.clock.now()
    period = timedelta(minutes=60 if input.get("aggregation_period") is None else input["aggregation_period"])
    known = next((each for each in owner.problems if each.key == input["key"]), None)
    if known is not None and now - known.updated_at <= period:
        known.count, known.updated_at, known.message = known.count + 1, now, input["message"]
        known.critical_threshold = input.get("critical_threshold") or known.critical_threshold
        return {"app_problem": known}
    problem = AppProblem(
        pk=context.shop.store.next_pk("AppProblem"),
        key=input["key"],
        message=input["message"],
        created_at=now,
        updated_at=now,
        critical_threshold=input.get("critical_threshold"),
    )
    owner.all_problems = [*owner.all_problems, problem][-MAX_PROBLEMS:]
    return {"app_problem": problem}


def _check_problem(given: dict[str, Any]) -> None:
    for name, shortest, longest in (("message", 3, 2048), ("key", 3, 128)):
        if not shortest <= len(given[name].strip()) <= longest:
            raise MutationError(name, "INVALID", f"String should have {shortest} to {longest} characters.")


@mutation("appProblemDismiss", *_OWN_OR_MANAGE)
def app_problem_dismiss(context: Context, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    chosen = input.get("by_app")
    if not chosen or context.app is None:
        raise MutationError("byApp", "REQUIRED", "Must provide one of: byApp.")
    ids, keys = chosen.get("ids") or (), chosen.get("keys") or ()
    for problem in context.app.all_problems:
        problem.dismissed = problem.dismissed or problem.id in ids or problem.key in keys
    return {}


# --- webhooks


@query("webhook", *_OWN_OR_MANAGE)
def webhook(context: Context, id: str) -> Webhook | None:  # noqa: A002 - Saleor's argument
    return find(_webhooks_of(context), id)


def _webhooks_of(context: Context) -> list[Webhook]:
    return context.app.webhooks if context.app else context.shop.store.webhooks


@field("Webhook", "syncEvents")
def sync_events(webhook: Webhook, _info: GraphQLResolveInfo[Any]) -> list[WebhookEvent]:
    return _events(webhook, "WebhookEventTypeSyncEnum")


@field("Webhook", "asyncEvents")
def async_events(webhook: Webhook, _info: GraphQLResolveInfo[Any]) -> list[WebhookEvent]:
    return _events(webhook, "WebhookEventTypeAsyncEnum")


def _events(webhook: Webhook, enum: str) -> list[WebhookEvent]:
    return [WebhookEvent(each) for each in sorted(webhook.events & installing.enum_values(enum))]


@field("Webhook", "customHeaders")
def custom_headers(webhook: Webhook, _info: GraphQLResolveInfo[Any]) -> str:
    """A ``JSONString``: a string of JSON, made by the scalar."""
    return webhook.custom_headers  # type: ignore[return-value]


_GIVEN = {
    "name": "name",
    "target_url": "targetUrl",
    "query": "query",
    "sync_events": "syncEvents",
    "async_events": "asyncEvents",
    "is_active": "isActive",
    "identifier": "identifier",
    "custom_headers": "customHeaders",
}


@mutation("webhookCreate", *_OWN_OR_MANAGE)
def webhook_create(context: Context, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    owner = context.app or found(find(_present(context), input.get("app")), "app", input.get("app"))
    given = {_GIVEN[name]: value for name, value in input.items() if name in _GIVEN}
    for name in ("targetUrl", "query"):
        if not given.get(name):
            raise MutationError(name, "REQUIRED", "This field cannot be blank.")
    _check_query(given["query"])
    given.setdefault("name", "")
    created = installing.new_webhook(context.shop, owner, given)
    owner.webhooks.append(created)
    return {"webhook": created}


def _check_query(text: str) -> None:
    try:
        schema.parse_subscription(text)
    except schema.InvalidSubscription as invalid:
        raise MutationError("query", "GRAPHQL_ERROR", str(invalid)) from invalid


@mutation("webhookUpdate", *_OWN_OR_MANAGE)
def webhook_update(
    context: Context,
    input: dict[str, Any],  # noqa: A002
    id: str | None = None,  # noqa: A002
    identifier: str | None = None,
) -> dict[str, Any]:
    changed = _chosen(context, id, identifier)
    if text := input.get("query"):
        _check_query(text)
        changed.subscription_query, changed.document = text, schema.parse_subscription(text)
    for name in ("name", "target_url", "is_active", "identifier"):
        if input.get(name) is not None:
            setattr(changed, name, input[name])
    if input.get("custom_headers") is not None:
        changed.custom_headers = _headers(input["custom_headers"])
    _change_events(changed, input)
    return {"webhook": changed}


def _headers(given: Any) -> dict[str, str]:
    return json.loads(given) if isinstance(given, str) else dict(given)


def _change_events(webhook: Webhook, given: dict[str, Any]) -> None:
    kept: frozenset[str] = webhook.events
    for name, enum in (("sync_events", "WebhookEventTypeSyncEnum"), ("async_events", "WebhookEventTypeAsyncEnum")):
        chosen: Sequence[str] | None = given.get(name)
        if chosen is not None:
            kept = (kept - installing.enum_values(enum)) | frozenset(chosen)
    webhook.events = kept


@mutation("webhookDelete", *_OWN_OR_MANAGE)
def webhook_delete(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    identifier: str | None = None,
) -> dict[str, Any]:
    gone = _chosen(context, id, identifier)
    gone.app.webhooks.remove(gone)
    return {"webhook": gone}


def _chosen(context: Context, global_id: str | None, identifier: str | None) -> Webhook:
    known = _webhooks_of(context)
    if identifier:
        return found(next((each for each in known if each.identifier == identifier), None), "identifier", identifier)
    return found(find(known, global_id), "id", global_id)
