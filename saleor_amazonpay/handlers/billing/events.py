"""What happens to a schedule is an event: a row of its history, told to Saleor and to the merchant's endpoint.

Events are added in the transaction that makes them true, so that none is lost and none is told that did not happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage.billing import events as event_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing import settings as settings_rows
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session

TELL_SALEOR = "tell_saleor_of_schedule"
DELIVER_EVENTS = "deliver_billing_events"


class EventType(StrEnum):
    """``type`` of what the merchant's endpoint is sent."""

    SCHEDULE_CREATED = "schedule.created"
    SCHEDULE_CHANGED = "schedule.changed"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SCHEDULE_ENDED = "schedule.ended"
    RENEWAL_BILLED = "renewal.billed"
    RENEWAL_DECLINED = "renewal.declined"
    RENEWAL_AWAITING_BUYER = "renewal.awaiting_buyer"
    RENEWAL_AWAITING_MERCHANT = "renewal.awaiting_merchant"
    RENEWAL_SKIPPED = "renewal.skipped"
    RENEWAL_MISSED = "renewal.missed"
    RENEWAL_GIVEN_UP = "renewal.given_up"
    RENEWAL_CANCELED = "renewal.canceled"


def record(
    session: Session,
    services: Services,
    schedule: Schedule,
    type_: EventType,
    renewal: Renewal | None = None,
    **detail: Any,
) -> None:
    """Write the event down and have it told; ``schedule`` and ``renewal`` as they were before it."""
    now = services.clock.now()
    has_endpoint = settings_rows.has_endpoint(session, schedule.api_url)
    event_rows.add(
        session,
        api_url=schedule.api_url,
        schedule_id=schedule.id,
        renewal_id=renewal.id if renewal else None,
        type_=type_,
        at=now,
        detail={**_about(schedule, renewal), **_plain(detail)},
        is_delivered=has_endpoint,
    )
    tell_saleor(session, services, schedule)
    if has_endpoint:
        deliver(session, services, schedule.api_url, schedule.id)


def tell_saleor(session: Session, services: Services, schedule: Schedule) -> None:
    """Have the template order's metadata brought up to date; the promise of it is kept with the schedule."""
    schedule_rows.to_be_told(session, schedule.id, services.clock.now())
    services.jobs.defer(
        session,
        TELL_SALEOR,
        key=schedule.id,
        args={"schedule_id": schedule.id},
        priority=services.turns.priority(schedule.api_url),
    )


def deliver(session: Session, services: Services, api_url: str, schedule_id: str) -> None:
    services.jobs.defer(
        session,
        DELIVER_EVENTS,
        key=schedule_id,
        args={"schedule_id": schedule_id},
        priority=services.turns.priority(api_url),
    )


def _about(schedule: Schedule, renewal: Renewal | None) -> dict[str, Any]:
    about: dict[str, Any] = {
        "saleorApiUrl": schedule.api_url,
        "scheduleId": schedule.id,
        "agreementId": schedule.agreement_id,
        "templateOrderId": schedule.template_order_id,
        "channel": schedule.channel_slug,
    }
    if renewal is None:
        return about
    amount = renewal.amount
    return about | {
        "renewalId": renewal.id,
        "period": renewal.period.isoformat(),
        "attempt": renewal.attempt,
        "amount": amount.amount if amount else None,
        "currency": str(renewal.currency),
        "orderId": renewal.order_id,
        "orderNumber": renewal.order_number,
        "transactionId": renewal.transaction_id,
    }


def _plain(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {_camel(name): _text(value) for name, value in detail.items() if value is not None}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _text(value: Any) -> Any:
    if isinstance(value, Money):
        return value.amount
    return value.isoformat() if hasattr(value, "isoformat") else value
