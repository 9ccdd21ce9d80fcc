"""What Saleor can be asked about a schedule: public metadata of the template order, always the present state.

Each change sends Saleor's own ORDER_METADATA_UPDATED, so that a merchant's mail flow needs no endpoint of its own. The
keys name the schedule: several may repeat the same order.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from saleor_amazonpay.domain.billing import BUYERS_DECLINES, RenewalState, decline_of
from saleor_amazonpay.errors import SaleorRefused, UnknownInstallation
from saleor_amazonpay.handlers.billing import dunning
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.saleor.errors import SaleorTokenRevoked
from saleor_amazonpay.saleor.renewal_orders import RenewalOrders
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)

PREFIX = "amazonPay.subscription"
_UNSETTLED = frozenset({RenewalState.RETRYING, RenewalState.AWAITING_BUYER, RenewalState.AWAITING_MERCHANT})


async def tell_saleor(services: Services, schedule_id: str) -> None:
    """Bring the template order's metadata up to date.

    Raises:
        SaleorUnavailable: the job tries again.
    """
    found = await services.database.read(lambda session: _seen(session, schedule_id))
    if found is None:
        return
    schedule, agreement, renewal = found
    page = await dunning.payment_page(services, agreement)
    try:
        token = (await services.directory.tenant(schedule.api_url)).installation.token
        orders = RenewalOrders(services.saleor, schedule.api_url, token)
        await orders.set_metadata(schedule.template_order_id, metadata(schedule, renewal, page))
    except (SaleorRefused, SaleorTokenRevoked, UnknownInstallation) as gone:
        log.info("schedule_not_told", schedule=schedule_id, reason=gone.public_message)
    await services.database.run(lambda session: schedule_rows.told(session, schedule))


def _seen(session: Session, schedule_id: str) -> tuple[Schedule, Agreement, Renewal | None] | None:
    schedule = schedule_rows.by_id(session, schedule_id)
    agreement = schedule and agreement_rows.by_id(session, schedule.agreement_id)
    if not schedule or not agreement:
        return None
    return schedule, agreement, _newest(session, schedule)


def _newest(session: Session, schedule: Schedule) -> Renewal | None:
    if schedule.open_renewal_id is not None:
        return renewal_rows.by_id(session, schedule.open_renewal_id)
    end_of_time = datetime.max.replace(tzinfo=schedule.created_at.tzinfo)
    return next(iter(renewal_rows.of_schedule(session, schedule.id, before=end_of_time, limit=1)), None)


def metadata(schedule: Schedule, renewal: Renewal | None, page: str | None) -> dict[str, str]:
    """Texts only, as Saleor's metadata is; what there is not is an empty text."""
    is_waiting = renewal is not None and renewal.state in _UNSETTLED
    is_the_buyers = renewal is not None and decline_of(renewal.reason_code or "") in BUYERS_DECLINES
    values = {
        "state": schedule.state,
        "reason": schedule.reason or "",
        "nextDate": "" if schedule.has_ended else schedule.next_date.isoformat(),
        "period": renewal.period.isoformat() if renewal else "",
        "periodState": renewal.state if renewal else "",
        "orderNumber": (renewal.order_number or "") if renewal else "",
        "decline": (renewal.reason_code or "") if renewal and is_waiting else "",
        "nextAttempt": renewal.next_at.isoformat() if renewal and is_waiting and renewal.next_at else "",
        "graceUntil": renewal.grace_until.isoformat() if renewal and is_waiting and renewal.grace_until else "",
        "paymentPage": (page or "") if is_waiting and is_the_buyers else "",
    }
    return {f"{PREFIX}.{schedule.id}.{name}": str(value) for name, value in values.items()}
