"""``saleor-amazonpay jobs …``: what waits in the background, what was given up, and letting it run again.

Works beside a running ``serve``, on SQLite too; its worker takes a retried job up within seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.jobs.queue import DeadJob, Depth
from saleor_amazonpay.settings import load_settings

T = TypeVar("T")
_MOST = 1000

app = typer.Typer(
    help="Background jobs: what waits, what was given up, trying that again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _Cannot(AppError):
    """The command makes no sense as it was typed."""


@app.command("list")
def list_(as_json: Json = False) -> None:
    """How much waits, and each job that was given up, with its last error. Exits 1 if there is any."""
    depth, dead = _run(_look)
    if as_json:
        _print_json({**msgspec.to_builtins(depth), "dead": [msgspec.to_builtins(job) for job in dead]})
    else:
        typer.echo("\n".join([_depth_text(depth), *map(_job_text, dead)]))
    raise typer.Exit(1 if dead else 0)


@app.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID", help="As `jobs list` shows it.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Each job that was given up.")] = False,
) -> None:
    """Let jobs that were given up run again, with all their attempts. Jobs are harmless to repeat."""
    if bool(ids) == every:
        _fail("Name the jobs by their ids, or all of them with --all; `saleor-amazonpay jobs list` shows them.")
    done = _run(lambda services: _retry(services, None if every else ids or []))
    for id_, is_found in done:
        typer.echo(f"{id_}: will run again" if is_found else f"{id_}: there is no job of this id that was given up")
    if not done:
        typer.echo("No job was given up.")
    raise typer.Exit(0 if all(is_found for _, is_found in done) else 1)


async def _look(services: Services) -> tuple[Depth, Sequence[DeadJob]]:
    return await services.jobs.depth(), await services.jobs.dead_jobs(_MOST)


async def _retry(services: Services, ids: Sequence[int] | None) -> list[tuple[int, bool]]:
    chosen = [job.id for job in await services.jobs.dead_jobs(_MOST)] if ids is None else ids
    return [(id_, await services.jobs.retry_dead(id_)) for id_ in chosen]


def _run(work: Callable[[Services], Awaitable[T]]) -> T:
    from saleor_amazonpay.observability.logging import configure

    settings = load_settings()
    configure(log_format="console", log_level="WARNING")
    try:
        return asyncio.run(_with_services(settings, work))
    except AppError as error:
        _fail(error.public_message or str(error))


async def _with_services(settings: Any, work: Callable[[Services], Awaitable[T]]) -> T:
    from saleor_amazonpay.app import services_for
    from saleor_amazonpay.storage import migrate

    if await asyncio.to_thread(migrate.pending, settings.database_url):
        raise _Cannot("The database is not up to date: run `saleor-amazonpay migrate` first.")
    async with services_for(settings) as services:
        return await work(services)


def _depth_text(depth: Depth) -> str:
    age = f", the oldest due for {depth.oldest_age:.0f} s" if depth.oldest_age else ""
    return f"{depth.waiting} waiting{age}; {depth.running} running; {depth.dead} given up"


def _job_text(job: DeadJob) -> str:
    args = " ".join(f"{name}={value}" for name, value in sorted(job.args.items()))
    return f"  {job.id}  {job.task} {args}\n      after {job.attempts} attempts: {job.last_error}"


def _print_json(document: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(document)).decode())


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
