"""The app's manifest: ``manifest.json`` with the URLs of this deployment and the queries of the asking Saleor.

Saleor copies webhooks at installation only; later changes of a query need webhookUpdate. Source: saleor-contract.md §1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from saleor_amazonpay import resources
from saleor_amazonpay.saleor.documents import with_fragments
from saleor_amazonpay.saleor.renewal_orders import NEEDED_PERMISSIONS

_VERSIONED = re.compile(r"subscription-(\d+)\.(\d+)\.graphql")
_VERSION = re.compile(r"(\d+)\.(\d+)")


def parse_schema_version(text: str | None) -> tuple[int, int] | None:
    """``(3, 23)`` for ``"3.23"`` or ``"3.23.28"`` (the ``Saleor-Schema-Version`` header); None for anything else."""
    match = _VERSION.match(text or "")
    return (int(match[1]), int(match[2])) if match else None


def subscription(event: str, schema_version: str | None = None) -> str:
    """The event's query: the newest ``subscription-X.Y.graphql`` not newer than that Saleor, else the common one.

    ``event`` is the folder's name, e.g. ``transaction_initialize_session``; what several events select alike is a
    fragment in ``graphql/saleor/fragments``.
    """
    folder = resources.root() / "webhooks" / "saleor" / event
    asked = parse_schema_version(schema_version)
    matches = [match for path in folder.iterdir() if (match := _VERSIONED.fullmatch(path.name))]
    usable = [
        (version, match[0]) for match in matches if asked and (version := (int(match[1]), int(match[2]))) <= asked
    ]
    name = max(usable)[1] if usable else "subscription.graphql"
    return with_fragments(resources.text(f"webhooks/saleor/{event}/{name}"))


WEBHOOKS_PATH = "/api/webhooks/saleor/"


def webhook_path(event: str) -> str:
    """Where this app receives the event, e.g. ``/api/webhooks/saleor/transaction-initialize-session``."""
    return WEBHOOKS_PATH + event.lower().replace("_", "-")


def build_manifest(
    *,
    app_id: str,
    version: str,
    api_base_url: str,
    iframe_base_url: str,
    schema_version: str | None = None,
    bills_schedules: bool = False,
) -> dict[str, Any]:
    """The manifest for the Saleor that asks; ``schema_version`` is its ``Saleor-Schema-Version`` header.

    ``bills_schedules`` asks for what making orders in a customer's name needs, which no other shop should be asked for.
    ``audience`` is ``app_id``: the Dashboard's tokens carry it as ``aud`` and ``dashboard_token`` demands it.
    """
    manifest: dict[str, Any] = json.loads(resources.text("manifest.json"))
    api, iframe = api_base_url.rstrip("/"), iframe_base_url.rstrip("/")
    events, asynchronous = manifest.pop("events"), manifest.pop("asyncEvents")
    page = f"{iframe}/dashboard"
    logo = manifest.pop("brand")["logo"]["default"]
    schedules = NEEDED_PERMISSIONS if bills_schedules else ()
    return {
        **manifest,
        "permissions": [*manifest["permissions"], *schedules],
        "id": app_id,
        "version": version,
        "audience": app_id,
        "appUrl": page,
        "tokenTargetUrl": f"{api}/api/register",
        "brand": {"logo": {"default": f"{api}{logo}"}},
        "extensions": [_extension(each, page) for each in manifest["extensions"] if _has(each, schema_version)],
        "webhooks": [
            *(_webhook(event, "syncEvents", api, schema_version) for event in events),
            *(_webhook(event, "asyncEvents", api, schema_version) for event in asynchronous),
        ],
    }


def _has(extension: Mapping[str, Any], schema_version: str | None) -> bool:
    """Whether that Saleor's Dashboard has the place; one that does not say its version may be too old for it."""
    since, asked = parse_schema_version(extension["since"]), parse_schema_version(schema_version)
    return since is not None and asked is not None and asked >= since


def _extension(extension: Mapping[str, Any], page: str) -> dict[str, Any]:
    return {**{name: value for name, value in extension.items() if name != "since"}, "url": page + extension["url"]}


def _webhook(event: str, kind: str, api: str, schema_version: str | None) -> dict[str, Any]:
    return {
        "name": event,
        "targetUrl": api + webhook_path(event),
        "query": subscription(event.lower(), schema_version),
        kind: [event],
        "isActive": True,
    }
