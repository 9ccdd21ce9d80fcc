"""``saleor-amazonpay webhooks``: this app's webhooks in each Saleor, compared with this version's manifest."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
import typer

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers import own_webhooks
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.settings import load_settings
from saleor_amazonpay.storage import installations as installation_rows

app = typer.Typer(pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def webhooks(
    repair: Annotated[bool, typer.Option("--repair", help="Make them right; without it nothing is changed.")] = False,
    tenant: Annotated[str | None, typer.Option(metavar="URL", help="Only this Saleor's API URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the webhooks Saleor has with this version's manifest, and repair them with --repair.

    `serve` does this by itself within minutes of an upgrade. Exits 1 if anything is, or stays, different.
    """
    from saleor_amazonpay.observability.logging import configure

    settings = load_settings()
    configure(log_format="console", log_level="WARNING")
    looked = asyncio.run(_look_at_all(settings, tenant, repair=repair))
    if as_json:
        typer.echo(msgspec.json.encode(looked).decode())
    else:
        typer.echo("\n".join(map(_told, looked)) or "No Saleor has installed the app.")
    raise typer.Exit(
        1 if any(one["error"] or one["permissions"] or (one["differs"] and not repair) for one in looked) else 0
    )


async def _look_at_all(settings: Any, tenant: str | None, *, repair: bool) -> list[dict[str, Any]]:
    from saleor_amazonpay.app import services_for

    async with services_for(settings) as services:
        known = await services.database.read(lambda session: installation_rows.all_(session, services.secrets))
        chosen = [one for one in known if one.is_active and tenant in {None, one.api_url}]
        if tenant is not None and not chosen:
            typer.echo(f"No Saleor of the address {tenant} has installed the app.", err=True)
            raise typer.Exit(1)
        return [await _look_at(services, one, repair=repair) for one in chosen]


async def _look_at(services: Services, installation: Any, *, repair: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tenant": installation.api_url,
        "differs": [],
        "permissions": [],
        "extensions": [],
        "repaired": False,
        "error": None,
    }
    try:
        look = own_webhooks.repair if repair else own_webhooks.compare
        found = await look(services, installation)
    except AppError as absence:
        return {**told, "error": absence.public_message or absence.code}
    differs = [str(one) for one in found.differences]
    return {
        **told,
        "differs": differs,
        "permissions": list(found.missing_permissions),
        "extensions": list(found.missing_extensions),
        "repaired": repair and bool(differs),
    }


def _told(one: dict[str, Any]) -> str:
    lines = [one["tenant"]]
    if one["error"]:
        return f"{one['tenant']}\n  cannot be asked: {one['error']}"
    done = "repaired" if one["repaired"] else "differs"
    lines += [f"  {done}: {difference}" for difference in one["differs"]]
    lines += [f"  the merchant has to grant {permission}" for permission in one["permissions"]]
    lines += [f"  only installing the app again adds {mount}" for mount in one["extensions"]]
    return "\n".join(lines) if len(lines) > 1 else f"{one['tenant']}\n  as the manifest says"
