"""Queries and mutations of billing schedules: each acts as the viewer, in the viewer's tenant and no other."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime

import strawberry

from saleor_amazonpay.errors import RequestRejected
from saleor_amazonpay.handlers.billing import choosing, scheduling
from saleor_amazonpay.handlers.billing.fields import BillingErrorCode, BillingErrors, PolicyFields
from saleor_amazonpay.schema.billing.types import (
    BillingError,
    BillingPolicyInput,
    BillingSettings,
    BillingSettingsPayload,
    BillingWebhookTest,
    Renewal,
    Schedule,
    ScheduleChangeInput,
    ScheduleCreateInput,
    ScheduleEvent,
    SchedulePayload,
)
from saleor_amazonpay.schema.resolvers import Info
from saleor_amazonpay.storage.billing import events as event_rows
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.schedules import Schedule as StoredSchedule

# ruff: noqa: A002 - id and input are what GraphQL calls them

MOST = 100
_END = datetime.max.replace(tzinfo=UTC)


class InvalidPage(RequestRejected):
    code = "INVALID_PAGE"


async def schedules(info: Info, first: int = 20, after: str | None = None) -> list[Schedule]:
    it, before, limit = info.context, _before(after), _limit(first)
    found = await it.services.database.read(
        lambda session: schedule_rows.page(session, it.tenant, before=before, limit=limit)
    )
    return [Schedule.of(each) for each in found]


async def schedule(info: Info, id: strawberry.ID) -> Schedule | None:
    found = await _mine(info, id)
    return Schedule.of(found) if found else None


async def renewals(
    info: Info, schedule_id: strawberry.ID | None = None, first: int = 20, after: str | None = None
) -> list[Renewal]:
    it, before, limit = info.context, _before(after), _limit(first)
    if schedule_id is None:
        found = await it.services.database.read(
            lambda session: renewal_rows.page(session, it.tenant, before=before, limit=limit)
        )
    elif await _mine(info, schedule_id) is None:
        found = []
    else:
        found = await it.services.database.read(
            lambda session: renewal_rows.of_schedule(session, schedule_id, before=before[0], limit=limit)
        )
    return [Renewal.of(each) for each in found]


async def schedule_events(info: Info, schedule_id: strawberry.ID, first: int = 20) -> list[ScheduleEvent]:
    limit = _limit(first)
    if await _mine(info, schedule_id) is None:
        return []
    found = await info.context.services.database.read(
        lambda session: event_rows.of_schedule(session, schedule_id, limit=limit)
    )
    return [ScheduleEvent.of(each) for each in found]


async def _mine(info: Info, schedule_id: str) -> StoredSchedule | None:
    try:
        return await scheduling.schedule(info.context.services, info.context.tenant, schedule_id)
    except BillingErrors as refused:
        if all(each.code is BillingErrorCode.NOT_FOUND for each in refused.errors):
            return None
        raise


def _limit(first: int) -> int:
    if not 1 <= first <= MOST:
        raise InvalidPage(f"Ask for 1 to {MOST} at once.")
    return first


def _before(after: str | None) -> tuple[datetime, str]:
    if after is None:
        return _END, ""
    moment, _, id_ = after.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise InvalidPage("This is no cursor.") from None
    if at.tzinfo is None or not id_:
        raise InvalidPage("This is no cursor.")
    return at, id_


async def schedule_create(info: Info, input: ScheduleCreateInput) -> SchedulePayload:
    it = info.context
    made = scheduling.create(
        it.services, it.tenant, input.agreement_id, input.given(), request_key=input.idempotency_key, by=it.by
    )
    return await _payload(made)


async def schedule_change(info: Info, id: strawberry.ID, input: ScheduleChangeInput) -> SchedulePayload:
    it = info.context
    return await _payload(scheduling.change(it.services, it.tenant, id, input.given(), by=it.by))


async def schedule_pause(info: Info, id: strawberry.ID, reason: str | None = None) -> SchedulePayload:
    it = info.context
    return await _payload(scheduling.pause(it.services, it.tenant, id, reason=reason, by=it.by))


async def schedule_resume(info: Info, id: strawberry.ID) -> SchedulePayload:
    it = info.context
    return await _payload(scheduling.resume(it.services, it.tenant, id, by=it.by))


async def schedule_skip(info: Info, id: strawberry.ID) -> SchedulePayload:
    it = info.context
    return await _payload(scheduling.skip(it.services, it.tenant, id, by=it.by))


async def schedule_cancel(info: Info, id: strawberry.ID, reason: str | None = None) -> SchedulePayload:
    it = info.context
    return await _payload(scheduling.cancel(it.services, it.tenant, id, reason=reason, by=it.by))


async def schedule_retry(info: Info, id: strawberry.ID) -> SchedulePayload:
    it = info.context
    return await _payload(scheduling.retry(it.services, it.tenant, id, by=it.by))


async def _payload(change: Awaitable[StoredSchedule]) -> SchedulePayload:
    try:
        stored = await change
    except BillingErrors as refused:
        return SchedulePayload(schedule=None, errors=BillingError.of(refused.errors))
    return SchedulePayload(schedule=Schedule.of(stored), errors=[])


async def billing_settings(info: Info) -> BillingSettings:
    it = info.context
    stored = await choosing.chosen(it.services, it.tenant)
    return BillingSettings.of(stored, enabled=it.services.settings.billing_schedules)


async def billing_settings_update(
    info: Info,
    policy: BillingPolicyInput | None = None,
    webhook_url: str | None = None,
    new_secret: bool = False,  # noqa: FBT001, FBT002 - an argument of the mutation
) -> BillingSettingsPayload:
    it = info.context
    given = policy.given() if policy else PolicyFields()
    try:
        stored, secret = await choosing.choose(
            it.services, it.tenant, given, webhook_url=webhook_url, new_secret=new_secret, by=it.by
        )
    except BillingErrors as refused:
        return BillingSettingsPayload(settings=None, webhook_secret=None, errors=BillingError.of(refused.errors))
    shown = BillingSettings.of(stored, enabled=it.services.settings.billing_schedules)
    return BillingSettingsPayload(settings=shown, webhook_secret=secret, errors=[])


async def billing_webhook_test(info: Info) -> BillingWebhookTest:
    it = info.context
    try:
        status = await choosing.try_endpoint(it.services, it.tenant)
    except BillingErrors as refused:
        return BillingWebhookTest(status=None, errors=BillingError.of(refused.errors))
    return BillingWebhookTest(status=status, errors=[])
