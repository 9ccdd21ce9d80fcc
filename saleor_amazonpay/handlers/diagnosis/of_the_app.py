"""The process, its settings, its database and its jobs; the same for every tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from saleor_amazonpay.handlers.diagnosis.findings import Finding, Level
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import drift, notifications

LATE_JOBS_SECONDS = 300.0
"""As the alert rule says: a job that has been due for longer finds no worker."""


async def of_the_app(services: Services) -> list[Finding]:
    """Findings about this installation of the app; never raises."""
    findings = list(_settings(services))
    for check in (_database, _migrations, _jobs, _queues_of_facts):
        findings += [finding async for finding in _safely(services, check)]
    return findings


Check = Callable[[Services], Awaitable[list[Finding]]]


async def _safely(services: Services, check: Check) -> AsyncIterator[Finding]:
    try:
        found = await check(services)
    except Exception as fault:  # noqa: BLE001 - what it is is the finding
        name = check.__name__.strip("_")
        todo = Message("Look at the log, and whether the database answers.")
        said = Message("This cannot be looked at now: {fault}", fault=type(fault).__name__)
        yield Finding(name, Level.FAULT, said, todo)
    else:
        for finding in found:
            yield finding


def _settings(services: Services) -> Iterator[Finding]:
    settings = services.settings
    if settings.allow_local_network:
        yield Finding(
            "settings",
            Level.WARNING,
            Message("ALLOW_LOCAL_NETWORK is on: Saleor and Amazon Pay may be plain HTTP on this machine."),
            Message("Unset ALLOW_LOCAL_NETWORK wherever real money moves."),
        )
    elif settings.allowed_domain_pattern is None:
        yield Finding(
            "settings",
            Level.WELL,
            Message("Any Saleor that proves itself may install the app."),
            Message("Set ALLOWED_DOMAIN_PATTERN if it is only for your own."),
        )
    else:
        yield Finding("settings", Level.WELL, Message("Only Saleors of ALLOWED_DOMAIN_PATTERN may install the app."))
    if settings.previous_secret_keys:
        yield Finding(
            "secret_key",
            Level.WARNING,
            Message("PREVIOUS_SECRET_KEYS still holds former keys."),
            Message("Run `saleor-amazonpay rotate-keys`, then empty PREVIOUS_SECRET_KEYS."),
        )


async def _database(services: Services) -> list[Finding]:
    kind = services.settings.database_url.partition(":")[0]
    await services.database.read(drift.count_all)
    return [Finding("database", Level.WELL, Message("The database ({kind}) answers.", kind=kind))]


async def _migrations(services: Services) -> list[Finding]:
    from saleor_amazonpay.storage import migrate  # Alembic's 25 MB are for whoever looks

    pending = await asyncio.to_thread(migrate.pending, services.settings.database_url)
    if pending:
        said = Message("The database is older than this version: {pending} is not applied.", pending=", ".join(pending))
        return [Finding("migrations", Level.FAULT, said, Message("Run `saleor-amazonpay migrate`."))]
    return [Finding("migrations", Level.WELL, Message("The database has every migration of this version."))]


async def _jobs(services: Services) -> list[Finding]:
    depth = await services.jobs.depth()
    findings = []
    if depth.dead:
        findings.append(
            Finding(
                "dead_jobs",
                Level.FAULT,
                Message("{count} background jobs were given up.", count=depth.dead),
                Message("`saleor-amazonpay jobs list` shows why; `jobs retry` lets them run again."),
            )
        )
    if depth.oldest_age > LATE_JOBS_SECONDS:
        findings.append(
            Finding(
                "jobs",
                Level.FAULT,
                Message("A background job has been due for {seconds} seconds.", seconds=round(depth.oldest_age)),
                Message("Is a worker running? `serve` has one unless WORKER=off; `saleor-amazonpay work` is one."),
            )
        )
    if not findings:
        findings.append(Finding("jobs", Level.WELL, Message("{count} background jobs wait.", count=depth.waiting)))
    return findings


async def _queues_of_facts(services: Services) -> list[Finding]:
    newest = await services.database.read(notifications.newest)
    if newest is None:
        said = Message("No notification of Amazon Pay has come yet.")
        todo = Message("Enter each account's notification URL in Seller Central; its page in the Dashboard shows it.")
        return [Finding("notifications", Level.LOOK, said, todo)]
    hours = (services.clock.now() - newest).total_seconds() / 3600
    return [
        Finding(
            "notifications",
            Level.WELL,
            Message("Amazon's last notification came {hours} hours ago.", hours=round(hours)),
        )
    ]
