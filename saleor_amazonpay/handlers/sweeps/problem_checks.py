"""Whether a problem that is shown is still there: each kind has its own way to tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from saleor_amazonpay.domain.disputes import is_over
from saleor_amazonpay.domain.states import ChargeState
from saleor_amazonpay.errors import ChannelNotConfigured
from saleor_amazonpay.handlers import account_check, problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, later
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.problems import Problem

SECONDS = 60.0
_LONGEST = timedelta(hours=6)
_QUIET_FOR = timedelta(days=1)
_NOTICE_FOR = timedelta(days=14)


async def run(services: Services) -> None:
    now = services.clock.now()
    found = await services.database.read(lambda session: problem_rows.to_check(session, now=now, limit=ROWS))
    await each(services, "problem_checks", found, lambda problem: _look(services, problem))


async def _look(services: Services, problem: Problem) -> None:
    now = services.clock.now()
    at = later(problem.raised_at, now, first=problems.FIRST_CHECK, longest=_LONGEST)
    await services.database.run(lambda session: problem_rows.check_later(session, problem, at))
    kind, _, what = problem.key.partition("-")
    is_over = _IS_OVER.get(kind)
    if is_over is not None and await is_over(services, problem, what):
        await problems.cure(services, problem.api_url, problem.key)


async def _channel_is_mapped(services: Services, problem: Problem, slug: str) -> bool:
    try:
        await services.directory.account_for_channel(problem.api_url, slug)
    except ChannelNotConfigured:
        return False
    return True


async def _keys_work(services: Services, problem: Problem, account_id: str) -> bool:
    """Tried at Amazon; what cannot be tried now stays as it is."""
    try:
        account = await services.directory.account(problem.api_url, account_id)
    except ChannelNotConfigured:
        return True  # the account is gone, and its keys with it
    if account.state != "active":
        return True
    return await account_check.fault_of(services, account) is None


async def _nothing_is_held(services: Services, _problem: Problem, payment_id: str) -> bool:
    rows = await services.database.read(lambda session: payment_rows.charge_rows(session, payment_id))
    return all(row.state != ChargeState.AUTHORIZED for row in rows)


async def _dispute_is_read(services: Services, problem: Problem, dispute_id: str) -> bool:
    """An open one stays; how it ended is shown for a while."""
    found = await services.database.read(lambda session: dispute_rows.get(session, problem.api_url, dispute_id))
    if found is not None and not is_over(found.state):
        return False
    return services.clock.now() - problem.raised_at >= _NOTICE_FOR


def _after(life: timedelta) -> Callable[[Services, Problem, str], Awaitable[bool]]:
    async def is_over(services: Services, problem: Problem, _what: str) -> bool:
        return services.clock.now() - problem.raised_at >= life

    return is_over


_IS_OVER: Mapping[str, Callable[[Services, Problem, str], Awaitable[bool]]] = {
    "channel": _channel_is_mapped,
    "keys": _keys_work,
    "authorization": _nothing_is_held,
    # Raised anew for as long as they happen; a quiet day ends them.
    "payload": _after(_QUIET_FOR + timedelta(hours=1)),
    "signatures": _after(_QUIET_FOR + timedelta(hours=1)),
    "clock": _after(_QUIET_FOR + timedelta(hours=1)),
    # Told once; someone reads them or not.
    "report": _after(_NOTICE_FOR),
    "refund": _after(_NOTICE_FOR),
    "surplus": _after(_NOTICE_FOR),
    "dispute": _dispute_is_read,
    "settlement": _after(_NOTICE_FOR),
    "tracker": _after(_NOTICE_FOR),
    "shipment": _after(_NOTICE_FOR),
}
"""Kinds that are missing here (drift, jobs, undelivered) are cured by the sweep that raises them."""
