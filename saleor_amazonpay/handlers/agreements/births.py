"""A completed session leaves an agreement; each later outcome on it changes what is left of its month.

Called where operations are settled, in the same transaction: an agreement is there as soon as the purchase is.
"""

from __future__ import annotations

from datetime import datetime

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.agreements import AgreementTerms, is_standing
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import SESSION_OPERATIONS, ChargePermissionState, OperationKind
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

LOOK_AT_AGREEMENT = "look_at_agreement"

_BEGUN = frozenset({Event.AUTHORIZATION_SUCCESS, Event.CHARGE_SUCCESS})
_NOT_PAID = "The purchase it was agreed with was not paid."
_NOBODYS = "Agreed to without a customer account."


def id_of(api_url: str, charge_permission_id: str) -> str:
    """Derived, so that the same permission is always the same agreement."""
    return keys.reference("agreement", api_url, charge_permission_id)


def follow(session: Session, services: Services, payment: Payment, operation: Operation) -> None:
    """What an outcome means for the agreement behind the payment, where there is one."""
    if payment.charge_permission_id is None or not is_standing(payment.charge_permission_type):
        return
    if operation.kind is OperationKind.COMPLETE:
        _after_complete(session, services, payment, operation)
    elif operation.kind in SESSION_OPERATIONS and operation.result in _BEGUN:
        _charged(session, services, payment, operation)


def _after_complete(session: Session, services: Services, payment: Payment, operation: Operation) -> None:
    """A buyer whose first charge was declined later has agreed, but to nothing: the permission is closed again."""
    now = services.clock.now()
    reason = None if operation.result in _BEGUN else _NOT_PAID
    reason = reason or (None if payment.customer_id else _NOBODYS)
    born = agreement(
        api_url=payment.api_url,
        account_id=payment.account_id,
        channel_slug=payment.channel_slug,
        customer_id=payment.customer_id,
        charge_permission_id=payment.charge_permission_id or "",
        charge_permission_type=payment.charge_permission_type or "",
        currency=payment.amount.currency,
        terms=payment.agreement_terms,
        now=now,
        agreed_at=payment.created_at,
        payment_id=payment.id,
        last_charged_at=now if operation.result in _BEGUN and payment.amount.is_positive else None,
        closing_since=now if reason else None,
        closing_reason=reason,
    )
    insert(session, services, born)


def agreement(
    *,
    api_url: str,
    account_id: str,
    channel_slug: str,
    customer_id: str | None,
    charge_permission_id: str,
    charge_permission_type: str,
    currency: Currency,
    terms: AgreementTerms | None,
    now: datetime,
    agreed_at: datetime,
    payment_id: str | None = None,
    last_charged_at: datetime | None = None,
    closing_since: datetime | None = None,
    closing_reason: str | None = None,
) -> Agreement:
    """As it is born; limits, expiry and the payment method's name are read from Amazon next."""
    return Agreement(
        id=id_of(api_url, charge_permission_id),
        api_url=api_url,
        account_id=account_id,
        channel_slug=channel_slug,
        customer_id=customer_id,
        payment_id=payment_id,
        charge_permission_id=charge_permission_id,
        charge_permission_type=charge_permission_type,
        buyer_id=None,
        payment_descriptor=None,
        currency=currency,
        amount=terms.amount if terms else None,
        frequency=terms.frequency if terms else None,
        state=ChargePermissionState.CHARGEABLE,
        reasons=(),
        status_at=agreed_at,  # whatever Amazon says of the permission is newer
        amount_limit=None,
        amount_balance=None,
        read_at=now,
        expires_at=None,
        last_charged_at=last_charged_at,
        closing_since=closing_since,
        closing_reason=closing_reason,
        watch_at=now,
        created_at=now,
        updated_at=now,
    )


def insert(session: Session, services: Services, born: Agreement) -> None:
    """Once; the first look at Amazon's object follows at once."""
    if agreement_rows.insert(session, born):
        timeline.add(session, born.id, "decision", born.created_at, agreement="begun", closing=born.closing_reason)
        defer_look(session, services, born)


def defer_look(session: Session, services: Services, known: Agreement, *, at: datetime | None = None) -> None:
    services.jobs.defer(
        session,
        LOOK_AT_AGREEMENT,
        key=known.id,
        args={"agreement_id": known.id},
        run_at=at,
        priority=services.turns.priority(known.api_url),
    )


def _charged(session: Session, services: Services, payment: Payment, operation: Operation) -> None:
    """The month is reckoned on until Amazon's own figure is read next; a charge pushes the end forward (§4.1)."""
    known = agreement_rows.by_permission(session, payment.api_url, payment.charge_permission_id or "")
    if known is None or operation.result_amount is None:
        return
    now = services.clock.now()
    changes = {"last_charged_at": now}
    agreement_rows.change(session, known.id, now, **changes, **_less(known, operation.result_amount))
    timeline.add(session, known.id, "decision", now, charged=str(operation.result_amount), payment=payment.id)


def _less(known: Agreement, amount: Money) -> dict[str, Money]:
    if known.amount_balance is None:
        return {}
    return {"amount_balance": max(known.amount_balance - amount, Money.zero(known.currency))}
