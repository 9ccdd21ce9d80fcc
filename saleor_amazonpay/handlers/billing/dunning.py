"""What follows a decline: another attempt, a wait for the buyer or the merchant, or the end (domain.billing)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from saleor_amazonpay.amazonpay import Region
from saleor_amazonpay.domain.billing import (
    Decline,
    GiveUp,
    Next,
    RenewalState,
    Step,
    Verdict,
    after_decline,
    decline_of,
)
from saleor_amazonpay.domain.states import ChargePermissionState
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.billing import events, reasons, settling
from saleor_amazonpay.handlers.billing.events import EventType
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import notifications as notification_rows
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session

LOOK_AT_BUYER = timedelta(hours=6)
"""How often it is looked whether the buyer has repaired the payment method, should the notification be lost."""

_NOT_PAID = marked("A period was not paid within the grace period.")


def declined(
    session: Session,
    services: Services,
    schedule: Schedule,
    renewal: Renewal,
    *,
    reason_code: str,
    message: str,
    page: str | None,
    decline: Decline | None = None,
    keeps_order: bool = False,
) -> None:
    """Write a decline down and what follows from it.

    ``page`` is where the buyer repairs the payment method. ``keeps_order``: the order is made, only its money is
    missing, so that a retry captures and makes no second one.
    """
    now = services.clock.now()
    decline = decline or decline_of(reason_code)
    first_at = renewal.first_declined_at or now
    recurrence = schedule.recurrence
    verdict = after_decline(
        decline,
        schedule.policy.dunning,
        retries=renewal.retries,
        first_at=first_at,
        now=now,
        at=recurrence.at,
        zone=recurrence.zone,
    )
    said: dict[str, Any] = {"reason_code": reason_code, "message": message}
    again = {
        "attempt": renewal.attempt + 1,
        "first_declined_at": first_at,
        **said,
        **({} if keeps_order else {"step": Step.CHECKOUT, "checkout_id": None, "transaction_id": None}),
    }
    match verdict.next:
        case Next.RETRY:
            retries = renewal.retries + (decline is not Decline.MONTH_FULL)
            renewal_rows.change(
                session, renewal, now, **again, state=RenewalState.RETRYING, retries=retries, next_at=verdict.at
            )
            events.record(
                session,
                services,
                schedule,
                EventType.RENEWAL_DECLINED,
                renewal,
                **said,
                next_attempt_at=verdict.at,
                payment_page_url=page,
            )
        case Next.AWAIT_BUYER:
            _await_buyer(session, services, schedule, renewal, again, verdict, page)
        case Next.AWAIT_MERCHANT:
            await_merchant(session, services, schedule, renewal, **again)
        case Next.GIVE_UP:
            give_up(session, services, schedule, renewal, **said)
        case Next.END:
            settling.end(session, services, schedule, reason=settling.AGREEMENT_ENDED)
            open_ = settling.open_renewal(session, settling.locked_schedule(session, schedule.id))
            if open_ is not None:  # money was at stake a moment ago; now it is known that none is
                settling.settle(session, services, schedule, open_, RenewalState.CANCELED, **said)
    if decline is Decline.FAULT and verdict.next is Next.RETRY:
        again_on = Message("{what} It is tried again on {time}.", what=reasons.told(message), time=verdict.at)
        _show(session, services, schedule, renewal, again_on)


def _await_buyer(
    session: Session,
    services: Services,
    schedule: Schedule,
    renewal: Renewal,
    again: dict[str, Any],
    verdict: Verdict,
    page: str | None,
) -> None:
    now = services.clock.now()
    grace_until = verdict.at or now
    renewal_rows.change(
        session,
        renewal,
        now,
        **again,
        state=RenewalState.AWAITING_BUYER,
        grace_until=grace_until,
        next_at=min(now + LOOK_AT_BUYER, grace_until),
    )
    events.record(
        session,
        services,
        schedule,
        EventType.RENEWAL_AWAITING_BUYER,
        renewal,
        reason_code=again["reason_code"],
        message=again["message"],
        grace_until=grace_until,
        payment_page_url=page,
    )


def await_merchant(
    session: Session, services: Services, schedule: Schedule, renewal: Renewal, *, message: str, **changes: Any
) -> None:
    """Pause the schedule, its renewal open: resuming tries again, skipping drops the period."""
    now = services.clock.now()
    renewal_rows.change(
        session, renewal, now, **changes, message=message, state=RenewalState.AWAITING_MERCHANT, next_at=None
    )
    reason_code = changes.get("reason_code")
    events.record(
        session,
        services,
        schedule,
        EventType.RENEWAL_AWAITING_MERCHANT,
        renewal,
        message=message,
        reason_code=reason_code,
    )
    settling.pause(session, services, schedule, reason=message)
    paused = Message("{what} The schedule is paused: resume it, or skip the period.", what=reasons.told(message))
    _show(session, services, schedule, renewal, paused)


def give_up(session: Session, services: Services, schedule: Schedule, renewal: Renewal, **said: Any) -> None:
    """The grace period is over: the period is not paid, and the schedule goes as its policy says."""
    action = schedule.policy.dunning.give_up
    if renewal.order_id is not None:
        sentence = Message(
            "Order {order} of a subscription is made and not paid: {what}",
            order=renewal.order_number,
            what=reasons.told(said.get("message") or ""),
        )
        _show(session, services, schedule, renewal, sentence, critical=True)
    settling.settle(session, services, schedule, renewal, RenewalState.GIVEN_UP, **said, give_up=str(action))
    after = settling.locked_schedule(session, schedule.id)
    if action is GiveUp.CANCEL:
        settling.end(session, services, after, reason=_NOT_PAID)
    elif action is GiveUp.PAUSE:
        settling.pause(session, services, after, reason=_NOT_PAID)


def _show(
    session: Session,
    services: Services,
    schedule: Schedule,
    renewal: Renewal,
    sentence: Message,
    *,
    critical: bool = False,
) -> None:
    told = Message(
        "Subscription {schedule}, period {period}: {what}",
        schedule=schedule.id,
        period=str(renewal.period),
        what=sentence,
    )
    problems.raise_in(session, services, schedule.api_url, settling.problem_key(schedule.id), told, critical=critical)


# --- the buyer comes back ---------------------------------------------------------------------------------------------


async def payment_page(services: Services, agreement: Agreement) -> str | None:
    """Amazon's page where the buyer changes the payment method of the agreement; not published for the EU."""
    account = await services.directory.account(agreement.api_url, agreement.account_id, even_locked=True)
    return Region(account.region).buyer_agreement_url(agreement.charge_permission_id)


async def after_notification(services: Services, message_id: str) -> None:
    """A permission became chargeable again: whoever waited for its buyer is tried at once."""
    await services.database.run(lambda session: _wake(session, services, message_id))


def _wake(session: Session, services: Services, message_id: str) -> None:
    notification = notification_rows.by_id(session, message_id)
    if notification is None or notification.object_type != "CHARGE_PERMISSION":
        return
    agreement = agreement_rows.by_permission(session, notification.api_url, notification.charge_permission_id)
    if agreement is not None and agreement.is_chargeable:
        wake(session, services, agreement)


def wake(session: Session, services: Services, agreement: Agreement) -> None:
    """Try the agreement's renewal that waits for the buyer."""
    schedule = next((it for it in schedule_rows.of_agreement(session, agreement.id) if not it.has_ended), None)
    if schedule is None:
        return
    renewal = settling.open_renewal(session, settling.locked_schedule(session, schedule.id))
    if renewal is None or renewal.state is not RenewalState.AWAITING_BUYER:
        return
    now = services.clock.now()
    if not has_repaired(renewal, agreement) and now - renewal.updated_at < _PATIENCE:
        return
    renewal_rows.change(session, renewal, now, state=RenewalState.RUNNING, next_at=now)
    settling.carry_on(session, services, renewal)


def has_repaired(renewal: Renewal, agreement: Agreement) -> bool:
    """Amazon says chargeable, and has changed its mind since we began to wait."""
    return agreement.state == ChargePermissionState.CHARGEABLE and agreement.status_at > renewal.updated_at - _SINCE


_SINCE = timedelta(seconds=1)  # Amazon's times are full seconds
_PATIENCE = timedelta(minutes=10)  # between attempts that a notification without a change of state sets off


def is_grace_over(renewal: Renewal, now: datetime) -> bool:
    return renewal.grace_until is not None and now >= renewal.grace_until


def look_later(session: Session, services: Services, renewal: Renewal) -> None:
    """Nothing has changed: look again later, at the end of the grace period at the latest."""
    now = services.clock.now()
    _, found = settling.locked(session, renewal)
    next_at = min(now + LOOK_AT_BUYER, found.grace_until or now + LOOK_AT_BUYER)
    renewal_rows.change(session, found, now, next_at=next_at)
