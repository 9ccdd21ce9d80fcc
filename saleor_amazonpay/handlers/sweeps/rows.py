"""How every sweep goes over its rows: one at a time, each on its own, within a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater

log = structlog.get_logger(__name__)

ROWS = 25  # looked at in one run
RUN_SECONDS = 60.0
ROW_SECONDS = 15.0  # of CV2 work for one row, below the claim's lease

T = TypeVar("T")


async def each(services: Services, sweep: str, rows: Sequence[T], look: Callable[[T], Awaitable[None]]) -> None:
    """Look at every row; what goes wrong with one is logged and the next has its turn."""
    run, done, failed = Deadline(services.clock, RUN_SECONDS), 0, 0
    for row in rows:
        if run.is_over:
            break
        try:
            await look(row)
        except (AppError, RetryLater) as absence:
            failed += 1
            log.info("sweep_row_later", sweep=sweep, row=str(row), reason=str(absence) or type(absence).__name__)
        except Exception:
            failed += 1
            log.exception("sweep_row_failed", sweep=sweep, row=str(row))
        else:
            done += 1
    services.metrics.swept(sweep, done=done, failed=failed)


def row_deadline(services: Services) -> Deadline:
    return Deadline(services.clock, min(ROW_SECONDS, services.settings.claim_seconds / 2))


def later(since: datetime, now: datetime, *, first: timedelta, longest: timedelta) -> datetime:
    """The next look of something that began at ``since``: after as long again, within bounds."""
    return now + min(longest, max(first, now - since))
