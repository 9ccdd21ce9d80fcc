"""What can be asked and changed of billing schedules; ``schema.py`` inherits both."""

from __future__ import annotations

import strawberry

from saleor_amazonpay.schema.billing import resolvers
from saleor_amazonpay.schema.billing.types import (
    BillingSettings,
    BillingSettingsPayload,
    BillingWebhookTest,
    Renewal,
    Schedule,
    ScheduleEvent,
    SchedulePayload,
)


@strawberry.type
class BillingQuery:
    schedules: list[Schedule] = strawberry.field(
        resolver=resolvers.schedules, description="All billing schedules of this Saleor, newest first, 100 at most."
    )
    schedule: Schedule | None = strawberry.field(
        resolver=resolvers.schedule, description="One schedule; null where there is none of that id."
    )
    renewals: list[Renewal] = strawberry.field(
        resolver=resolvers.renewals, description="Periods that came due, of one schedule or of all, newest first."
    )
    schedule_events: list[ScheduleEvent] = strawberry.field(
        resolver=resolvers.schedule_events, description="The history of a schedule, newest first."
    )
    billing_settings: BillingSettings = strawberry.field(
        resolver=resolvers.billing_settings, description="What new schedules begin with, and who is told of events."
    )


@strawberry.type
class BillingMutation:
    schedule_create: SchedulePayload = strawberry.mutation(
        resolver=resolvers.schedule_create, description="Bill an agreement by the calendar."
    )
    schedule_change: SchedulePayload = strawberry.mutation(
        resolver=resolvers.schedule_change, description="Change a schedule from its next period on."
    )
    schedule_pause: SchedulePayload = strawberry.mutation(
        resolver=resolvers.schedule_pause, description="Bill nothing until it is resumed."
    )
    schedule_resume: SchedulePayload = strawberry.mutation(
        resolver=resolvers.schedule_resume,
        description="Go on; what was held is tried at once, what passed meanwhile is not billed.",
    )
    schedule_skip: SchedulePayload = strawberry.mutation(
        resolver=resolvers.schedule_skip, description="Leave out the period that is open, else the next one."
    )
    schedule_cancel: SchedulePayload = strawberry.mutation(
        resolver=resolvers.schedule_cancel, description="End a schedule for good; the agreement stays."
    )
    schedule_retry: SchedulePayload = strawberry.mutation(
        resolver=resolvers.schedule_retry, description="Try a declined period now instead of at its time."
    )
    billing_settings_update: BillingSettingsPayload = strawberry.mutation(
        resolver=resolvers.billing_settings_update,
        description="What is left out stays; an empty webhookUrl takes the endpoint away.",
    )
    billing_webhook_test: BillingWebhookTest = strawberry.mutation(
        resolver=resolvers.billing_webhook_test, description="Send a signed test to the endpoint now."
    )
