"""A dispute as Amazon has it now, written down; what is new is told to Saleor and to the merchant.

Opening and every further step are INFO and an App Problem; CHARGE_BACK is booked once, when the money is lost, for the
amount debited. Source: DESIGN §6 case 11; amazon-pay-cv2.md §3.13, §4.6.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import msgspec

from saleor_amazonpay.amazonpay import Dispute as AmazonDispute
from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.domain.disputes import ACTION_REQUIRED, is_lost, is_over
from saleor_amazonpay.domain.money import Money, MoneyError, total
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.errors import AmazonPayRejected
from saleor_amazonpay.handlers import operations, problems
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.disputes import Dispute
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

OBJECT_TYPE = "CHARGEBACK"  # of notifications; the object's id is the dispute's

_SOON = timedelta(days=2)
OFTEN, _SELDOM = timedelta(hours=1), timedelta(hours=6)


async def read(services: Services, payment: Payment, dispute_id: str, deadline: Deadline) -> Dispute | None:
    """Read one dispute of the payment's permission and write it down; None where Amazon shows none.

    Raises:
        AmazonPayUnavailable, AmazonPayUnresolved: it cannot be read now.
    """
    account = await services.directory.account(payment.api_url, payment.account_id)
    with services.chronicle.following(payment.id):
        try:
            answer = await services.amazon(account).execute(requests.get_dispute(dispute_id), budget=deadline.left)
        except AmazonPayRejected as refusal:
            reason = refusal.reason_code
            await services.database.run(
                lambda session: _tell_of_unreadable(session, services, payment, dispute_id, reason)
            )
            return None
    return await services.database.run(
        lambda session: write(session, services, account, payment, answer.value, dispute_id)
    )


def write(
    session: Session, services: Services, account: Account, about: Payment, seen: AmazonDispute, dispute_id: str
) -> Dispute | None:
    """What was read, and what follows from it where it is news; None where it is another payment's or unreadable."""
    payment = payment_rows.by_charge(session, about.api_url, seen.charge_id or "") or about
    payment = payment_rows.by_id(session, payment.id, lock=True) or payment
    try:
        dispute = _as_row(services, payment, seen, dispute_id)
    except MoneyError as wrong:
        _tell_of_unreadable(session, services, payment, dispute_id, str(wrong))
        return None
    known = dispute_rows.get(session, payment.api_url, dispute_id)
    if known is not None and known.status_at > dispute.status_at:
        return known  # late news
    dispute_rows.save(session, dispute)
    if known is None or _step(known) != _step(dispute):
        _tell(session, services, account, payment, dispute)
    return dispute_rows.get(session, payment.api_url, dispute_id)


def _as_row(services: Services, payment: Payment, seen: AmazonDispute, dispute_id: str) -> Dispute:
    now, status = services.clock.now(), seen.status_details
    amount = seen.dispute_amount
    if amount is None:
        raise MoneyError("Amazon names no amount.")
    evidence: list[dict[str, Any]] = [
        msgspec.to_builtins(each) for each in seen.merchant_evidences or () if each is not None
    ]
    dispute = Dispute(
        api_url=payment.api_url,
        dispute_id=dispute_id,
        payment_id=payment.id,
        charge_id=seen.charge_id or "",
        dispute_type=seen.dispute_type or "Chargeback",
        amount=amount.money(),
        filing_reason=seen.filing_reason or "Other",
        state=seen.state,
        reason_code=(status and status.reason_code) or None,
        reason_description=(status and status.reason_description) or None,
        resolution=seen.resolution or None,
        respond_by=seen.respond_by,
        evidence=evidence,
        contest_state=None,
        contest_key=None,
        contest_body=None,
        contest_by=None,
        created_at=seen.created or now,
        status_at=seen.last_updated or now,
        read_at=now,
        look_at=None,
    )
    return dataclasses.replace(dispute, look_at=_next_look(dispute, now))


def _next_look(dispute: Dispute, now: datetime) -> datetime | None:
    if is_over(dispute.state):
        return None
    is_soon = dispute.respond_by is not None and dispute.respond_by - now < _SOON
    return now + (OFTEN if is_soon else _SELDOM)


def _step(dispute: Dispute) -> tuple[str, str | None, str | None]:
    return dispute.state, dispute.reason_code, dispute.resolution


def _tell(session: Session, services: Services, account: Account, payment: Payment, dispute: Dispute) -> None:
    """Saleor's events, the timeline and the merchant's problem, in the transaction of the news."""
    told = sentence(dispute)
    text = str(told)
    timeline.add(
        session,
        payment.id,
        "decision",
        services.clock.now(),
        dispute=dispute.dispute_id,
        state=dispute.state,
        amount=str(dispute.amount),
        message=text,
        **{
            name: value
            for name, value in (("reason_code", dispute.reason_code), ("result", dispute.resolution))
            if value
        },
    )
    step = "-".join(filter(None, _step(dispute)))
    reference = f"{dispute.dispute_id}-{step}-{dispute.status_at:%Y%m%dT%H%M%SZ}"
    info = Fact(reference, Event.INFO, dispute.amount, dispute.status_at, text)
    operations.owe_without_actions(session, services, payment, info)
    if is_lost(dispute.state, dispute.resolution, dispute.reason_code):
        _book_loss(session, services, account, payment, dispute)
    key = problems.key_of("dispute", dispute.dispute_id)
    if is_over(dispute.state) and not is_lost(dispute.state, dispute.resolution, dispute.reason_code):
        problems.cure_in(session, services, payment.api_url, key)
        return
    is_urgent = dispute.state == ACTION_REQUIRED
    problems.raise_in(session, services, payment.api_url, key, told, critical=is_urgent)


def _book_loss(session: Session, services: Services, account: Account, payment: Payment, dispute: Dispute) -> None:
    """Once for each dispute: the reference is the dispute's own id."""
    lost = [
        Money(row.amount, dispute.amount.currency)
        for row in dispute_rows.lost_of_charge(session, payment.id, dispute.charge_id)
        if is_lost(row.state, row.resolution, row.reason_code)
    ]
    dispute_rows.set_charged_back(session, payment.id, dispute.charge_id, total(lost, dispute.amount.currency))
    balances = payment_rows.balances(session, payment, account.options.policy)
    fact = Fact(dispute.dispute_id, Event.CHARGE_BACK, dispute.amount, dispute.status_at, str(sentence(dispute)))
    operations.owe(session, services, payment, fact, balances, in_the_answer=False)


_HOW_IT_STANDS = {
    "ActionRequired": marked("{what}: Amazon Pay wants your answer."),
    "UnderReview": marked("{what}: Amazon Pay is looking into it."),
}


def sentence(dispute: Dispute) -> Message:
    """One for the merchant's staff: Saleor's event, the problem and the timeline say the same."""
    what = Message(
        "{type} {dispute} over {amount} ({reason})",
        type=dispute.dispute_type,
        dispute=dispute.dispute_id,
        amount=dispute.amount,
        reason=dispute.filing_reason,
    )
    if is_lost(dispute.state, dispute.resolution, dispute.reason_code):
        return Message("{what}: it ended for the buyer, {amount} was taken back.", what=what, amount=dispute.amount)
    if is_over(dispute.state):
        how = dispute.resolution or dispute.reason_code or dispute.state
        return Message("{what}: it ended, {how}; the money stays with you.", what=what, how=how)
    if dispute.state == ACTION_REQUIRED and dispute.respond_by is not None:
        return Message("{what}: Amazon Pay wants your answer by {time}.", what=what, time=dispute.respond_by)
    return Message(_HOW_IT_STANDS.get(dispute.state, marked("{what}: {state}.")), what=what, state=dispute.state)


def _tell_of_unreadable(session: Session, services: Services, payment: Payment, dispute_id: str, reason: str) -> None:
    """Amazon notified a dispute and does not show it: the merchant finds it in Seller Central only."""
    if dispute_rows.get(session, payment.api_url, dispute_id) is not None:
        return
    now = services.clock.now()
    told = Message(
        "Amazon Pay tells of a dispute {dispute} on transaction {transaction} and does not show it here ({reason}). "
        "Look at it in Seller Central; chargebacks are to be answered within 11 days, claims within 7.",
        dispute=dispute_id,
        transaction=payment.transaction_id,
        reason=reason,
    )
    zero = Money.zero(payment.amount.currency)
    fact = Fact(f"{dispute_id}-unreadable", Event.INFO, zero, now, str(told))
    operations.owe_without_actions(session, services, payment, fact)
    key = problems.key_of("dispute", dispute_id)
    problems.raise_in(session, services, payment.api_url, key, told, critical=True)
