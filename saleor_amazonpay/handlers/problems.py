"""App Problems: what the merchant has to repair, shown in Saleor's Dashboard and taken back once it is repaired.

A problem has a key that names it within its tenant, ``<kind>-<what>``; it is shown once however often it is raised.
Showing and taking back are jobs, so that whoever finds a problem never waits for Saleor and never fails because of it.
Source: saleor-contract.md §9 (since 3.22; older ones have the log and the Dashboard page only).
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from saleor_amazonpay.errors import AppError, ConfigurationError, SignatureRejected, UnknownInstallation
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.errors import FuturePayload, PayloadErrors, SaleorTokenRevoked
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.problems import CURED, RAISED, SHOWN, Problem

log = structlog.get_logger(__name__)

DELIVER_PROBLEM = "deliver_problem"

FIRST_CHECK = timedelta(minutes=5)
_SHOWN_AGAIN_AFTER = timedelta(days=1)  # a merchant may have dismissed it without repairing anything
_LONGEST_KEY = 128
_CRITICAL_AT_ONCE = 1


def key_of(kind: str, what: str = "") -> str:
    """``<kind>-<what>``, within Saleor's 128 characters."""
    return f"{kind}-{what}"[:_LONGEST_KEY] if what else kind


async def raise_problem(
    services: Services, api_url: str, key: str, sentence: Message, *, critical: bool = False
) -> None:
    """Have the merchant told ``sentence``; nothing is written while the same is shown already. Never raises."""
    try:
        known = await services.database.read(lambda session: problem_rows.get(session, api_url, key))
        if _is_news(services, known, sentence):
            await services.database.run(
                lambda session: raise_in(session, services, api_url, key, sentence, critical=critical)
            )
    except Exception:
        log.exception("problem_not_raised", tenant=api_url, key=key)


def raise_in(
    session: Session, services: Services, api_url: str, key: str, sentence: Message, *, critical: bool = False
) -> None:
    """The same within a transaction that has to be written anyway."""
    known = problem_rows.get(session, api_url, key)
    if not _is_news(services, known, sentence):
        return
    now = services.clock.now()
    log.warning("problem", tenant=api_url, key=key, message=str(sentence))
    services.metrics.problem(key.partition("-")[0])
    problem_rows.save(session, Problem(api_url, key, sentence, critical, RAISED, now, now + FIRST_CHECK))
    _defer(session, services, api_url, key)


def _is_news(services: Services, known: Problem | None, sentence: Message) -> bool:
    if known is None or known.state == CURED or known.message != str(sentence):
        return True
    return services.clock.now() - known.raised_at >= _SHOWN_AGAIN_AFTER


async def channel_unusable(services: Services, api_url: str, slug: str, wrong: ConfigurationError) -> None:
    """A buyer of this channel was refused because Amazon Pay is not set up for it."""
    sentence = Message(
        "{fault} Buyers of the channel {channel} cannot pay with Amazon Pay.", fault=wrong.sentence, channel=slug
    )
    await raise_problem(services, api_url, key_of("channel", slug), sentence)


async def refused_event(services: Services, api_url: str, event_name: str, refusal: AppError) -> None:
    """A webhook of this tenant was refused for a reason that only people can cure."""
    if isinstance(refusal, PayloadErrors):
        sentence = Message(
            "{fault} The event {event} came without: {missing}",
            fault=refusal.sentence,
            event=event_name,
            missing=tuple(refusal.messages[:3]),
        )
        await raise_problem(services, api_url, key_of("payload", event_name), sentence, critical=True)
    elif isinstance(refusal, FuturePayload):
        sentence = Message(
            "Saleor's clock is ahead of the Amazon Pay app's, which says {now}. Set both by a time server.",
            now=f"{services.clock.now():%Y-%m-%d %H:%M:%S} UTC",
        )
        await raise_problem(services, api_url, "clock", sentence, critical=True)
    elif isinstance(refusal, SignatureRejected) and services.refused_signatures.count(api_url):
        sentence = Message(
            "Many requests in the name of this Saleor came with a wrong signature. Either someone is guessing, or a "
            "proxy between Saleor and the Amazon Pay app changes the bodies of requests."
        )
        await raise_problem(services, api_url, "signatures", sentence)


async def cure(services: Services, api_url: str, key: str) -> None:
    """Have the problem taken back, if there is one. Never raises."""
    try:
        known = await services.database.read(lambda session: problem_rows.get(session, api_url, key))
        if known is not None and known.state != CURED:
            await services.database.run(lambda session: cure_in(session, services, api_url, key))
    except Exception:
        log.exception("problem_not_cured", tenant=api_url, key=key)


def cure_in(session: Session, services: Services, api_url: str, key: str) -> None:
    known = problem_rows.get(session, api_url, key)
    if known is not None and known.state != CURED and problem_rows.move(session, known, CURED):
        _defer(session, services, api_url, key)


def _defer(session: Session, services: Services, api_url: str, key: str) -> None:
    services.jobs.defer(session, DELIVER_PROBLEM, key=f"{api_url} {key}", args={"api_url": api_url, "key": key})


async def deliver(services: Services, api_url: str, key: str) -> None:
    """Show, or take back, what Saleor does not know yet.

    Raises:
        SaleorUnavailable, SaleorRefused: the job tries again.
    """
    problem = await services.database.read(lambda session: problem_rows.get(session, api_url, key))
    if problem is None or problem.state == SHOWN:
        return
    try:
        token = (await services.directory.tenant(api_url)).installation.token
        await (_show if problem.state == RAISED else _dismiss)(services, token, problem)
    except (SaleorTokenRevoked, UnknownInstallation) as gone:
        log.info("problem_not_shown", tenant=api_url, key=key, reason=gone.code)


async def _show(services: Services, token: str, problem: Problem) -> None:
    threshold = _CRITICAL_AT_ONCE if problem.critical else None
    await services.saleor.create_problem(
        problem.api_url, token, key=problem.key, message=problem.message, critical_threshold=threshold
    )
    await services.database.run(lambda session: problem_rows.move(session, problem, SHOWN))


async def _dismiss(services: Services, token: str, problem: Problem) -> None:
    await services.saleor.dismiss_problem(problem.api_url, token, key=problem.key)
    await services.database.run(lambda session: problem_rows.forget(session, problem))
