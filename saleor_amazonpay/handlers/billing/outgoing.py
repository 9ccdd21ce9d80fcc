"""The merchant's own endpoint: told of every event, in order, signed, until it answers 2xx.

Signed as Standard Webhooks (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">``; the secret is ``whsec_`` and base64. The id
is the event's own, so a repeat can be told from another event.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from datetime import datetime, timedelta
from typing import Final

import httpx2
import structlog

from saleor_amazonpay.domain import keys
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.billing import events
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage.billing import events as event_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing import settings as settings_rows
from saleor_amazonpay.storage.billing.events import DEAD, DELIVERED, DUE, BillingEvent
from saleor_amazonpay.storage.billing.settings import BillingSettings
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - of every secret, and none by itself
MOST_ATTEMPTS: Final = 25  # about three days
_TIMEOUT: Final = 10.0
_MOST_IN_A_RUN: Final = 50
_LONGEST_WAIT: Final = timedelta(hours=6)
_MOST_BYTES: Final = 4096  # of an answer, which nobody reads


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(os.urandom(32)).decode()


def signature(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((message_id.encode(), str(int(at.timestamp())).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def deliver(services: Services, schedule_id: str) -> None:
    """Send what the schedule's endpoint was not told yet, the oldest first; one that fails holds up those after it."""
    for _ in range(_MOST_IN_A_RUN):
        found = await services.database.read(lambda session: _first(session, services, schedule_id))
        if found is None:
            return
        event, chosen = found
        error = await _send(services, event, chosen)
        if not await services.database.run(
            lambda session, event=event, error=error: _note(session, services, event, error)  # type: ignore[misc]
        ):
            return


def _first(session: Session, services: Services, schedule_id: str) -> tuple[BillingEvent, BillingSettings] | None:
    event = event_rows.first_due(session, schedule_id)
    return (event, settings_rows.get(session, event.api_url, services.secrets)) if event else None


async def _send(services: Services, event: BillingEvent, chosen: BillingSettings) -> str | None:
    """What went wrong, None for a 2xx; without an endpoint there is nobody to tell, which is no fault."""
    if chosen.webhook_url is None or chosen.webhook_secret is None:
        return None
    try:
        status = await post(services, chosen, message_id_of(event), body_of(event))
    except httpx2.HTTPError as error:
        return f"{type(error).__name__}: {error}"[:200]
    return None if httpx2.codes.is_success(status) else f"It answered {status}."


def message_id_of(event: BillingEvent) -> str:
    return keys.reference("event", event.api_url, event.id)


def body_of(event: BillingEvent) -> bytes:
    body = {"type": event.type, "timestamp": event.at.isoformat(), "data": event.detail}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


async def post(services: Services, chosen: BillingSettings, message_id: str, body: bytes) -> int:
    """The endpoint's status. The client checks that the address is public and follows no redirects.

    Raises:
        httpx2.HTTPError
    """
    now = services.clock.now()
    headers = {
        "content-type": "application/json",
        "user-agent": "saleor-amazonpay",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature(chosen.webhook_secret or "", message_id, now, body),
    }
    async with services.http.stream(
        "POST", chosen.webhook_url or "", content=body, headers=headers, timeout=_TIMEOUT
    ) as response:
        read = 0
        async for chunk in response.aiter_raw():
            read += len(chunk)
            if read > _MOST_BYTES:
                break
        return int(response.status_code)


def _note(session: Session, services: Services, event: BillingEvent, error: str | None) -> bool:
    """Whether the next event has its turn."""
    now, key = services.clock.now(), problems.key_of("billing-webhook")
    if error is None:
        event_rows.move(session, event.id, DELIVERED, due_at=now)
        problems.cure_in(session, services, event.api_url, key)
        return True
    is_dead = event.attempts + 1 >= MOST_ATTEMPTS
    due_at = now + min(_LONGEST_WAIT, timedelta(seconds=5) * 2 ** min(event.attempts, 20))
    event_rows.move(session, event.id, DEAD if is_dead else DUE, due_at=due_at, error=error)
    log.info("billing_event_not_delivered", schedule=event.schedule_id, type=event.type, error=error)
    if is_dead:
        sentence = Message(
            "Your endpoint for billing events did not take an event for days and missed it: {fault}", fault=error
        )
        problems.raise_in(session, services, event.api_url, key, sentence)
        return True
    schedule = schedule_rows.by_id(session, event.schedule_id)
    if schedule is not None:
        services.jobs.defer(
            session,
            events.DELIVER_EVENTS,
            key=schedule.id,
            args={"schedule_id": schedule.id},
            run_at=due_at,
            priority=services.turns.priority(schedule.api_url),
        )
    return False
