"""The app's webhooks in a Saleor, compared with the manifest of this version and repaired.

Saleor copies them at installation and never looks again: without this an upgraded app would go on receiving what the
version that was installed asked for. Source: saleor-contract.md §1 (webhooks are copied at install time), §9.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog

from saleor_amazonpay import __version__
from saleor_amazonpay.errors import SaleorRefused
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.saleor.client import raise_for_errors
from saleor_amazonpay.saleor.manifest import WEBHOOKS_PATH, build_manifest
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage.installations import Installation

log = structlog.get_logger(__name__)

Found = Mapping[str, Any]


class Repair(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Difference:
    """One webhook that is not as the manifest says. ``differs`` names its fields; ``wanted`` is what to make of it."""

    repair: Repair
    name: str
    differs: tuple[str, ...] = ()
    webhook_id: str | None = None
    wanted: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.repair} {self.name}" + (f" ({', '.join(self.differs)})" if self.differs else "")


@dataclass(frozen=True, slots=True)
class Report:
    """What differs in one Saleor, and which permissions the merchant has not granted.

    ``missing_extensions`` are the places in the Dashboard, as the manifest names them, where the app is not shown:
    Saleor has no mutation that adds an extension to an installed app, only installing it again does.
    """

    differences: tuple[Difference, ...]
    missing_permissions: tuple[str, ...]
    missing_extensions: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not self.differences and not self.missing_permissions


async def compare(services: Services, installation: Installation) -> Report:
    """Look without changing anything.

    Raises:
        SaleorUnavailable, SaleorTokenRevoked: Saleor cannot be asked.
    """
    identity = await services.saleor.app_identity(installation.api_url, installation.token)
    manifest = _manifest(services, identity.schema_version)
    missing = sorted(set(manifest["permissions"]) - identity.permissions)
    hidden = tuple(each["mount"] for each in manifest["extensions"] if each["url"] not in identity.extensions)
    found = tuple(differences(manifest["webhooks"], identity.webhooks, _ours(services)))
    return Report(found, tuple(missing), hidden)


async def repair(services: Services, installation: Installation) -> Report:
    """Make Saleor's webhooks those of the manifest; what was found is returned. Permissions only people can grant.

    Raises:
        SaleorUnavailable, SaleorRefused: some may have been repaired already; it is safe to repeat.
    """
    found = await compare(services, installation)
    for difference in found.differences:
        await _carry_out(services, installation, difference)
        log.info("webhook_repaired", tenant=installation.api_url, repair=str(difference))
    await _tell_of_permissions(services, installation, found.missing_permissions)
    await _tell_of_extensions(services, installation, found.missing_extensions)
    now, mark = services.clock.now(), manifest_mark(services)
    await services.database.run(
        lambda session: installation_rows.note_webhooks(
            session, installation.api_url, mark=mark, app_version=__version__, now=now
        )
    )
    return found


def differences(wanted: Sequence[Found], found: Sequence[Found], ours: str) -> Iterator[Difference]:
    """How to get from ``found`` to ``wanted``; foreign webhooks, whose target is not under ``ours``, are left alone."""
    left = [webhook for webhook in found if str(webhook["targetUrl"]).startswith(ours) or _handles(webhook, wanted)]
    for webhook in wanted:
        matching = [one for one in left if _events(one) & _events(webhook)]
        if not matching:
            yield Difference(Repair.CREATE, webhook["name"], wanted=webhook)
            continue
        kept = matching[0]
        left = [one for one in left if one is not kept]
        if differing := tuple(_differing(webhook, kept)):
            yield Difference(Repair.UPDATE, webhook["name"], differing, kept["id"], webhook)
    for surplus in left:  # of an older version, or a second one: Saleor asks the first only
        yield Difference(Repair.DELETE, str(surplus["name"]), webhook_id=surplus["id"])


def manifest_mark(services: Services) -> str:
    """Changes with whatever Saleor copies: version, addresses, queries, events, permissions."""
    told = [_manifest(services, version) for version in _VARIANTS]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


_VARIANTS = ("3.21", "3.22", "3.23", "3.24")


def _manifest(services: Services, schema_version: str | None) -> dict[str, Any]:
    settings = services.settings
    return build_manifest(
        app_id=settings.manifest_app_id,
        version=__version__,
        api_base_url=settings.app_api_base_url,
        iframe_base_url=settings.app_iframe_base_url,
        schema_version=schema_version,
        bills_schedules=settings.billing_schedules,
    )


def _ours(services: Services) -> str:
    return services.settings.app_api_base_url.rstrip("/") + WEBHOOKS_PATH


def _handles(webhook: Found, wanted: Sequence[Found]) -> bool:
    """One of ours from before the app moved to another address: its name is an event's, and so is what it sends."""
    return any(webhook["name"] == one["name"] and _events(webhook) & _events(one) for one in wanted)


def _events(webhook: Found) -> frozenset[str]:
    """Event names, as the manifest lists them or as Saleor answers them."""
    listed = [*(webhook.get("syncEvents") or ()), *(webhook.get("asyncEvents") or ())]
    return frozenset(str(event["eventType"] if isinstance(event, Mapping) else event) for event in listed)


def _differing(wanted: Found, found: Found) -> Iterator[str]:
    if found["targetUrl"] != wanted["targetUrl"]:
        yield "targetUrl"
    if str(found["subscriptionQuery"]).split() != str(wanted["query"]).split():
        yield "query"
    if _events(found) != _events(wanted):
        yield "events"
    if not found["isActive"]:
        yield "isActive"


async def _carry_out(services: Services, installation: Installation, difference: Difference) -> None:
    document, field = _MUTATIONS[difference.repair]
    variables: dict[str, Any] = {} if difference.webhook_id is None else {"id": difference.webhook_id}
    if difference.wanted is not None:
        variables["input"] = _input(difference.wanted)
    data = await services.saleor.execute(document, variables, api_url=installation.api_url, token=installation.token)
    payload = data.get(field)
    if not isinstance(payload, Mapping):
        raise SaleorRefused(f"Saleor did not answer {field}.")
    raise_for_errors(payload)


_MUTATIONS: Mapping[Repair, tuple[str, str]] = {
    Repair.CREATE: ("mutations/webhook_create", "webhookCreate"),
    Repair.UPDATE: ("mutations/webhook_update", "webhookUpdate"),
    Repair.DELETE: ("mutations/webhook_delete", "webhookDelete"),
}


def _input(wanted: Found) -> dict[str, Any]:
    return {
        "name": wanted["name"],
        "targetUrl": wanted["targetUrl"],
        "query": wanted["query"],
        "isActive": True,
        "syncEvents": list(wanted.get("syncEvents") or ()),
        "asyncEvents": list(wanted.get("asyncEvents") or ()),
    }


async def _tell_of_permissions(services: Services, installation: Installation, missing: Sequence[str]) -> None:
    if not missing:
        await problems.cure(services, installation.api_url, PERMISSIONS_PROBLEM)
        return
    sentence = Message(
        "The Amazon Pay app lacks the permission {names}, which this version needs. Grant it on the app's page in "
        "Saleor's Dashboard, or install the app again.",
        names=", ".join(missing),
    )
    await problems.raise_problem(services, installation.api_url, PERMISSIONS_PROBLEM, sentence, critical=True)


PERMISSIONS_PROBLEM = "permissions"


# --- what only installing again brings ----------------------------------------------------------------------------

EXTENSIONS = "extensions"
"""The problem's key; the overview shows it too."""

_PLACES: Mapping[str, str] = {
    "ORDER_DETAILS_WIDGETS": marked("the widget beside an order"),
    "CUSTOMER_DETAILS_WIDGETS": marked("the widget beside a customer"),
}
"""What is shown at a mount of the manifest."""


def only_by_installing(services: Services, missing: Sequence[str]) -> Message:
    """What the merchant does not see, why, what to do, and that it costs nothing (DESIGN §6 case 17)."""
    return Message(
        "Saleor does not show everything of this version of the app: {places}. It was installed before that existed, "
        "and Saleor adds it only when the app is installed: delete the app in Saleor's Dashboard, under Extensions, "
        "and install it again from {manifest}. Accounts, keys, channels, payments and agreements stay as they are.",
        places=tuple(Message(_PLACES[mount]) for mount in missing),
        manifest=f"{services.settings.app_api_base_url.rstrip('/')}/api/manifest",
    )


async def _tell_of_extensions(services: Services, installation: Installation, missing: Sequence[str]) -> None:
    if missing:
        sentence = only_by_installing(services, missing)
        await problems.raise_problem(services, installation.api_url, EXTENSIONS, sentence)
    else:
        await problems.cure(services, installation.api_url, EXTENSIONS)
