"""What commands about one tenant share: finding the tenant, doing the work, printing the outcome or what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.account_fields import AccountErrors, FieldError
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.settings import Settings, load_settings
from saleor_amazonpay.storage import installations as installation_rows

T = TypeVar("T")
BY = "command"  # who changed it, in the log


class Cannot(AppError):
    """The command makes no sense as it was typed."""


Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="URL", help="Saleor's API URL. May be left out where only one is installed."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, errors too.")]
Reference = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id or name.")]


def run(work: Callable[[Services, str], Awaitable[T]], tenant: str | None, *, as_json: bool) -> T:
    """Do ``work`` for the tenant, or end the command with what is wrong."""
    settings = _settings()
    try:
        return asyncio.run(_with_services(settings, tenant, work))
    except AccountErrors as refused:
        errors = errors_json(refused.errors)
    except AppError as error:
        errors = [{"field": None, "code": error.code, "message": error.public_message}]
    if as_json:
        print_json({"errors": errors})
    else:
        typer.echo("\n".join(map(_error_text, errors)), err=True)
    raise typer.Exit(1)


def _settings() -> Settings:
    from saleor_amazonpay.observability.logging import configure

    settings = load_settings()
    configure(log_format="console", log_level="WARNING")
    return settings


async def _with_services(settings: Settings, tenant: str | None, work: Callable[[Services, str], Awaitable[T]]) -> T:
    from saleor_amazonpay.app import services_for
    from saleor_amazonpay.storage import migrate

    if await asyncio.to_thread(migrate.pending, settings.database_url):
        raise Cannot("The database is not up to date: run `saleor-amazonpay migrate` first.")
    async with services_for(settings) as services:
        return await work(services, await _tenant(services, tenant))


async def _tenant(services: Services, asked: str | None) -> str:
    installed = await services.database.read(lambda session: installation_rows.all_(session, services.secrets))
    known = [each.api_url for each in installed]
    if asked in known or (asked is None and len(known) == 1):
        return asked or known[0]
    if not known:
        raise Cannot("No Saleor has installed the app yet: install it from the Dashboard, under Extensions.")
    fault = f"{asked} has not installed the app" if asked else "Several have installed the app"
    raise Cannot(f"{fault}. Name one with --tenant: {', '.join(known)}")


async def id_of_account(services: Services, tenant: str, reference: str) -> str:
    """The id of the account of that id or name; the reference itself where none has it."""
    found = await rules.accounts(services, tenant)
    named = [view.id for view in found if reference == view.name]
    if len(named) > 1:
        raise Cannot(f"Several accounts are called {reference!r}; name one by its id: {', '.join(named)}")
    return named[0] if named else reference


def _error_text(error: Mapping[str, Any]) -> str:
    return f"{error['field']}: {error['message']}" if error["field"] else str(error["message"])


def done(text: str, document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        typer.echo(text)


def print_json(document: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(document)).decode())


def errors_json(errors: Sequence[FieldError]) -> list[dict[str, Any]]:
    return [{"field": each.field, "code": each.code, "message": each.message} for each in errors]
