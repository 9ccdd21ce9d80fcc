"""What a merchant chooses for all billing schedules: the policy new ones begin with, and an endpoint for events."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import structlog

from saleor_amazonpay.domain.billing import Policy
from saleor_amazonpay.handlers.billing import fields, outgoing
from saleor_amazonpay.handlers.billing.fields import BillingErrorCode, Faults, PolicyFields, refuse
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.outbound import UrlProhibited, check_public_url
from saleor_amazonpay.storage.billing import settings as settings_rows
from saleor_amazonpay.storage.billing.settings import BillingSettings

log = structlog.get_logger(__name__)

MAX_URL = 2048
_URL = "webhookUrl"


async def chosen(services: Services, tenant: str) -> BillingSettings:
    return await services.database.read(lambda session: settings_rows.get(session, tenant, services.secrets))


async def choose(
    services: Services,
    tenant: str,
    given: PolicyFields,
    *,
    webhook_url: str | None,
    new_secret: bool,
    by: str,
) -> tuple[BillingSettings, str | None]:
    """The settings as they are then, and the secret where a new one was made: it is shown this once.

    ``webhook_url``: None keeps it, an empty text takes it away. Existing schedules keep their own policy.

    Raises:
        BillingErrors
    """
    faults = Faults()
    known = await chosen(services, tenant)
    policy: Policy = fields.policy(known.policy, given, faults)
    if webhook_url and len(webhook_url) > MAX_URL:
        faults.add(_URL, Message("Up to {most} characters.", most=MAX_URL))
    faults.raise_any()
    url = known.webhook_url if webhook_url is None else webhook_url or None
    if webhook_url:
        await _check(services, webhook_url)
    secret = known.webhook_secret if url else None
    made = outgoing.new_secret() if url and (new_secret or secret is None) else None
    after = replace(known, policy=policy, webhook_url=url, webhook_secret=made or secret)
    now = services.clock.now()
    await services.database.run(lambda session: settings_rows.save(session, after, services.secrets, now))
    log.info("billing_settings_changed", tenant=tenant, by=by, has_endpoint=url is not None)
    return after, made


async def _check(services: Services, url: str) -> None:
    try:
        await check_public_url(url, allow_local_network=services.settings.allow_local_network)
    except UrlProhibited as prohibited:
        raise refuse(_URL, BillingErrorCode.INVALID, Message(prohibited.public_message)) from prohibited


async def try_endpoint(services: Services, tenant: str) -> int:
    """Send a signed ``billing.test`` now; the status it answered.

    Raises:
        BillingErrors: there is no endpoint, or it cannot be reached.
    """
    known = await chosen(services, tenant)
    if known.webhook_url is None:
        raise refuse(_URL, BillingErrorCode.REQUIRED, Message("Enter the address of your endpoint first."))
    body = b'{"type":"billing.test","timestamp":"%s","data":{}}' % services.clock.now().isoformat().encode()
    try:
        return await outgoing.post(services, known, f"test-{services.clock.now():%Y%m%d%H%M%S%f}", body)
    except httpx2.HTTPError as error:
        message = Message("The endpoint cannot be reached: {why}.", why=type(error).__name__)
        raise refuse(_URL, BillingErrorCode.INVALID, message) from error
