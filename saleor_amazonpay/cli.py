"""``saleor-amazonpay``: the commands an operator types. Each imports what it needs, so that starting stays quick."""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from saleor_amazonpay import __version__
from saleor_amazonpay.settings import Settings, SettingsError, load_settings

# Groups of commands, imported when they are asked for: name -> (module, help).
_GROUPS: Mapping[str, tuple[str, str]] = {
    "reports": ("saleor_amazonpay.cli_reports", "Settlement reports: fetched, matched, differences, CSV."),
    "accounts": ("saleor_amazonpay.cli_accounts", "Amazon Pay accounts, and which channel uses which."),
    "jobs": ("saleor_amazonpay.cli_jobs", "Background jobs: what waits, what was given up, trying that again."),
    "doctor": ("saleor_amazonpay.cli_doctor", "Whether everything works, and what to do where it does not."),
    "webhooks": (
        "saleor_amazonpay.cli_webhooks",
        "This app's webhooks in each Saleor: compare with the manifest, repair.",
    ),
    "cv1": ("saleor_amazonpay.cli_cv1", "Orders made with CV1, Amazon Pay's old API."),
}


class LazyGroup(TyperGroup):
    """Knows the names of its groups; the code behind one is loaded when it is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _GROUPS:
            return super().get_command(ctx, cmd_name)
        module, help_ = _GROUPS[cmd_name]
        group = typer.main.get_command(importlib.import_module(module).app)
        group.name, group.help = cmd_name, help_
        return group


_KEYS_FOLDER = Path("data/sandbox")

app = typer.Typer(
    cls=LazyGroup,
    name="saleor-amazonpay",
    help="Saleor payment app for Amazon Pay Checkout v2.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """The console script: a wrong setting ends with its name and what it should be, not with a stack trace."""
    try:
        app()
    except SettingsError as wrong:
        sys.stderr.write(f"{wrong.public_message}\n")
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Saleor payment app for Amazon Pay Checkout v2."""
    del version


@app.command()
def serve() -> None:
    """Run the app, with its worker unless WORKER=off.

    On SQLite the database is brought up to date first; on PostgreSQL run `saleor-amazonpay migrate` before.
    """
    settings = _settings_with_logging()
    _ready_database(settings)
    from saleor_amazonpay import serving
    from saleor_amazonpay.app import create_app

    running = create_app(settings)
    serving.serve(running, settings.host, settings.port)


@app.command()
def work() -> None:
    """Run a worker alone, beside replicas of `serve` with WORKER=off; PostgreSQL only."""
    settings = _settings_with_logging()
    if settings.database_url.startswith("sqlite:"):
        _fail("A SQLite file belongs to one process: `serve` runs its worker. Use PostgreSQL for a worker of its own.")
    _ready_database(settings)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    from saleor_amazonpay.app import application

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with application(settings) as running:
        await running.jobs.start()
        await stop.wait()
        await running.jobs.stop(grace=20.0)


@app.command()
def migrate() -> None:
    """Bring the database up to date; safe to repeat, and with several replicas at once."""
    from saleor_amazonpay.storage import migrate as migrations

    applied = migrations.upgrade(_settings_with_logging().database_url)
    typer.echo("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")]) -> None:
    """Copy the SQLite database into a file, while the app goes on. PostgreSQL has its own tools.

    To restore: stop the app, put the file in the database's place (without its -wal and -shm files), start it with the
    SECRET_KEY of then.
    """
    from saleor_amazonpay.errors import AppError
    from saleor_amazonpay.storage.backup import backup as copied

    try:
        size = copied(_settings_with_logging().database_url, target)
    except (AppError, OSError) as fault:
        _fail(getattr(fault, "public_message", "") or str(fault))
    else:
        typer.echo(f"{target}: {size / 1_000_000:.1f} MB")


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Seal every stored secret anew with SECRET_KEY; the former one stands in PREVIOUS_SECRET_KEYS meanwhile.

    Works beside running replicas and can be repeated; afterwards PREVIOUS_SECRET_KEYS may be emptied.
    """
    from saleor_amazonpay.errors import AppError

    try:
        done = asyncio.run(_rotate(_settings_with_logging()))
    except AppError as fault:
        _fail(str(fault) or fault.public_message)
    else:
        typer.echo(f"{done} secrets sealed anew." if done else "Every secret is sealed with the current key.")


async def _rotate(settings: Settings) -> int:
    from saleor_amazonpay.app import services_for
    from saleor_amazonpay.storage.rotation import rotate

    async with services_for(settings) as services:
        return await rotate(services.database, services.secrets)


@app.command("export-schema")
def export_schema() -> None:
    """Write the app's own GraphQL schema to graphql/app/schema.graphql (development)."""
    from saleor_amazonpay.resources import root
    from saleor_amazonpay.schema.endpoint import export_schema as exported

    target = root() / "graphql" / "app" / "schema.graphql"
    target.write_text(exported(), encoding="utf-8")
    typer.echo(f"wrote {target}")


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit after the purchases; non-zero if any fell short.")] = False,
    port_base: Annotated[int, typer.Option(help="Shop, app, Saleor and Amazon Pay take four ports from here.")] = 8400,
    storefront_port: Annotated[int | None, typer.Option(help="The shop's port, where it is another.")] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text.")] = False,
) -> None:
    """Buy, capture, refund and cancel against a simulated Amazon Pay and Saleor, then keep a shop open.

    Nothing outside this machine is asked, and nothing is kept. With --once any free ports are taken.
    """
    from saleor_amazonpay.sandbox.commands import run_demo
    from saleor_amazonpay.sandbox.world import Ports

    ports = Ports.from_base(0 if once else port_base, storefront_port)
    raise typer.Exit(run_demo(once=once, ports=ports, color=not no_color))


@app.command()
def sandbox(
    port_base: Annotated[
        int, typer.Option(help="Saleor and Amazon Pay take the third and fourth port from here.")
    ] = 8400,
    keys: Annotated[Path, typer.Option(help="The folder the merchants' private key is written to.")] = _KEYS_FOLDER,
    install: Annotated[str | None, typer.Option(help="A manifest URL: the app is installed in the Saleor.")] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text.")] = False,
) -> None:
    """Run the Amazon Pay simulator and the Saleor stand-in alone, to develop against."""
    from saleor_amazonpay.sandbox.commands import run_sandbox
    from saleor_amazonpay.sandbox.world import Ports

    ports = Ports.from_base(port_base)
    raise typer.Exit(run_sandbox(ports=ports, keys=keys, install=install, color=not no_color))


@contextmanager
def _without(*modules: str) -> Iterator[None]:
    """What is imported inside finds them not installed, where they are not imported already."""
    hidden = [module for module in modules if module not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for module in hidden:
            del sys.modules[module]


def _settings_with_logging() -> Settings:
    # structlog takes them along, for a console that nobody is shown and threads we do not have: 4 MB and 60 ms.
    with _without("rich", "greenlet"):
        from saleor_amazonpay.observability.logging import configure

    settings = load_settings()
    configure(log_format=settings.log_format, log_level=settings.log_level)
    return settings


def _ready_database(settings: Settings) -> None:
    from saleor_amazonpay.storage import revisions

    if settings.database_url.startswith("sqlite:") and revisions.is_current(settings.database_url):
        return
    from saleor_amazonpay.storage import migrate as migrations

    if settings.database_url.startswith("sqlite:"):
        migrations.upgrade(settings.database_url)
    elif migrations.pending(settings.database_url):
        _fail("The database is not up to date: run `saleor-amazonpay migrate` first.")


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
