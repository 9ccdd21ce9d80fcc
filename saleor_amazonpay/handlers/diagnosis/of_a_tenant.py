"""One Saleor and its accounts: whether they can be reached, believe us, and are set up to take payments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from saleor_amazonpay.errors import AppError, SaleorError
from saleor_amazonpay.handlers import accounts as account_rules
from saleor_amazonpay.handlers import own_webhooks
from saleor_amazonpay.handlers.account_fields import AccountErrors
from saleor_amazonpay.handlers.accounts import AccountView, ChannelView
from saleor_amazonpay.handlers.diagnosis.check_list import check_list
from saleor_amazonpay.handlers.diagnosis.findings import Finding, Level
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.manifest import parse_schema_version
from saleor_amazonpay.saleor.signature import KeySet
from saleor_amazonpay.storage import drift
from saleor_amazonpay.storage import notifications as notification_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.installations import Installation

OLDEST_SALEOR = (3, 21)
SKEW = timedelta(seconds=120)
"""``issuedAt`` may be ten minutes old and Amazon's allowance is unknown (§2.6): be warned long before."""
QUIET = timedelta(days=2)


async def of_tenant(services: Services, installation: Installation, *, tries_keys: bool) -> list[Finding]:
    """Findings about one Saleor; never raises.

    ``tries_keys`` asks Amazon with each account's keys, which takes up to ten seconds for one that does not answer.
    """
    findings = [finding async for finding in _of_saleor(services, installation)]
    findings += await _of_facts(services, installation)
    try:
        accounts = await account_rules.accounts(services, installation.api_url)
    except AppError as fault:
        findings.append(Finding("accounts", Level.FAULT, Message("{fault}", fault=fault.sentence)))
        return findings
    channels = await _channels(services, installation)
    findings += _of_channels(accounts, channels)
    for account in accounts:
        if account.state != "archived":
            findings += [
                finding async for finding in _of_account(services, installation, account, tries_keys=tries_keys)
            ]
    return [*findings, *check_list(services, accounts)]


async def _of_saleor(services: Services, installation: Installation) -> AsyncIterator[Finding]:
    if not installation.is_active:
        said = Message("Saleor refused the app's token: the app was removed or deactivated there.")
        yield Finding("saleor", Level.FAULT, said, Message("Activate it in Saleor's Dashboard, or install it again."))
        return
    try:
        report = await own_webhooks.compare(services, installation)
    except SaleorError as absence:
        todo = Message("Is that its public address, and does it answer from this machine?")
        yield Finding("saleor", Level.FAULT, Message("Saleor cannot be asked: {fault}", fault=absence.sentence), todo)
        return
    yield Finding("saleor", Level.WELL, Message("Saleor answers and accepts the app's token."))
    for finding in (*_of_version(installation), *_of_webhooks(report), _of_extensions(services, report)):
        yield finding
    yield await _of_keys(services, installation)
    async for finding in _of_clock(services, installation):
        yield finding


def _of_version(installation: Installation) -> Iterator[Finding]:
    version = parse_schema_version(installation.saleor_version)
    if version is not None and version < OLDEST_SALEOR:
        said = Message("Saleor {version} is older than the app supports.", version=installation.saleor_version)
        yield Finding("saleor_version", Level.FAULT, said, Message("Upgrade Saleor to 3.21 or later."))
    elif installation.saleor_version:
        yield Finding(
            "saleor_version", Level.WELL, Message("Saleor is {version}.", version=installation.saleor_version)
        )


def _of_webhooks(report: own_webhooks.Report) -> Iterator[Finding]:
    if report.missing_permissions:
        said = Message("The app lacks the permission {names}.", names=", ".join(report.missing_permissions))
        todo = Message("Grant it on the app's page in Saleor's Dashboard, or install the app again.")
        yield Finding("permissions", Level.FAULT, said, todo)
    else:
        yield Finding("permissions", Level.WELL, Message("The app has every permission it asks for."))
    if report.differences:
        listed = tuple(map(str, report.differences))
        said = Message("Saleor's webhooks are not those of this version: {listed}.", listed=listed)
        yield Finding("webhooks", Level.FAULT, said, Message("Run `saleor-amazonpay webhooks --repair`."))
    else:
        yield Finding("webhooks", Level.WELL, Message("Saleor's webhooks are those of this version."))


def _of_extensions(services: Services, report: own_webhooks.Report) -> Finding:
    if report.missing_extensions:
        said = own_webhooks.only_by_installing(services, report.missing_extensions)
        return Finding("extensions", Level.WARNING, said)
    return Finding("extensions", Level.WELL, Message("Saleor shows everything of this version of the app."))


async def _of_keys(services: Services, installation: Installation) -> Finding:
    try:
        shown = KeySet.from_jwks(await services.saleor.fetch_jwks(installation.api_url))
    except (SaleorError, ValueError, RecursionError):
        said = Message("Saleor's public keys cannot be read.")
        return Finding("jwks", Level.FAULT, said, Message("Open /.well-known/jwks.json at Saleor's address."))
    if shown.source != KeySet.from_jwks(installation.jwks).source:
        said = Message("Saleor shows other keys than the app has; the next webhook brings the new ones.")
        return Finding("jwks", Level.LOOK, said)
    return Finding("jwks", Level.WELL, Message("Saleor's keys are those the app has."))


async def _of_clock(services: Services, installation: Installation) -> AsyncIterator[Finding]:
    try:
        theirs = await services.saleor.time_at(installation.api_url)
    except SaleorError:
        return
    if theirs is None:
        return
    skew = abs(services.clock.now() - theirs)
    if skew > SKEW:
        said = Message("This clock and Saleor's differ by {seconds} seconds.", seconds=round(skew.total_seconds()))
        yield Finding("clock", Level.FAULT, said, Message("Set both by a time server."))
    else:
        yield Finding("clock", Level.WELL, Message("This clock and Saleor's agree."))


async def _of_facts(services: Services, installation: Installation) -> list[Finding]:
    api_url = installation.api_url
    open_, differing = await services.database.read(
        lambda session: (problem_rows.of_tenant(session, api_url), drift.count(session, api_url))
    )
    findings = []
    if open_:
        told = Message(
            "Problems shown to the merchant: {count}, first of all: {first}", count=len(open_), first=open_[0].sentence
        )
        level = Level.FAULT if any(problem.critical for problem in open_) else Level.WARNING
        findings.append(Finding("problems", level, told, Message("Each says what helps, on the page of problems.")))
    if differing:
        said = Message("The amounts of {count} payments differ between Saleor and Amazon Pay.", count=differing)
        findings.append(Finding("drift", Level.FAULT, said, Message("The page of differences names them.")))
    return findings or [Finding("problems", Level.WELL, Message("There are no problems, and all amounts agree."))]


async def _channels(services: Services, installation: Installation) -> list[ChannelView] | None:
    try:
        return await account_rules.channels(services, installation.api_url)
    except AppError:  # Saleor is away, or refuses us: said above
        return None


def _of_channels(accounts: list[AccountView], channels: list[ChannelView] | None) -> Iterator[Finding]:
    if not accounts:
        todo = Message("Add an account on the app's page in the Dashboard, or by `saleor-amazonpay accounts create`.")
        yield Finding("accounts", Level.FAULT, Message("There is no Amazon Pay account yet."), todo)
        return
    used = [channel for channel in channels or () if channel.account_id]
    if channels is not None and not used:
        todo = Message("Give a channel its account.")
        yield Finding("channels", Level.FAULT, Message("No channel uses Amazon Pay."), todo)
    for channel in used:
        blockers = tuple(blocker.sentence for blocker in channel.blockers)
        if blockers:
            said = Message("The channel cannot take payments: {blockers}", blockers=blockers)
            yield Finding("channels", Level.FAULT, said, about=channel.slug)
        else:
            yield Finding("channels", Level.WELL, Message("The channel takes payments."), about=channel.slug)


async def _of_account(
    services: Services, installation: Installation, account: AccountView, *, tries_keys: bool
) -> AsyncIterator[Finding]:
    about = f"{account.name} ({account.environment})"
    if account.state == "locked":
        said = Message("The account is locked: Saleor was installed anew with other keys.")
        yield Finding("account", Level.FAULT, said, Message("Enter its private key again."), about)
        return
    if tries_keys:
        yield await _of_amazon(services, installation, account, about)
    if account.channels and not account.options.allowed_origins:
        said = Message("No address of a storefront is allowed, so no buyer can return.")
        yield Finding("origins", Level.FAULT, said, Message("Enter the storefront's origin in the account."), about)
    last = await services.database.read(lambda session: notification_rows.last_received(session, account.id))
    if account.channels and last is None:
        said = Message("No notification has come to this account's address.")
        todo = Message("Enter {url} in Seller Central.", url=account.notification_url)
        yield Finding("notifications", Level.WARNING, said, todo, about)
    elif last is not None and services.clock.now() - last > QUIET:
        said = Message("The last notification came on {day}.", day=f"{last:%Y-%m-%d}")
        yield Finding("notifications", Level.LOOK, said, Message("Right if nothing was paid since."), about)


async def _of_amazon(services: Services, installation: Installation, account: AccountView, about: str) -> Finding:
    try:
        await account_rules.test(services, installation.api_url, account.id)
    except AccountErrors as wrong:
        said = Message("Amazon Pay: {fault}", fault=tuple(error.sentence for error in wrong.errors))
        return Finding(
            "keys", Level.FAULT, said, Message("Correct it in the account; nothing is lost meanwhile."), about
        )
    except AppError as absence:
        return Finding(
            "keys",
            Level.WARNING,
            Message("The keys cannot be tried: {fault}", fault=absence.sentence),
            None,
            about,
        )
    return Finding("keys", Level.WELL, Message("Amazon Pay accepts the keys."), about=about)
