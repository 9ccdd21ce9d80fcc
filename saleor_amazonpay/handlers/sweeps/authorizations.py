"""Authorizations near their end: warned about, captured or, once expired, made anew, as the account says.

Amazon holds a charge for 30 days (2 in the sandbox); a one-time permission stays chargeable for 180, so an expiry
alone loses nothing (DESIGN §6 case 4; amazon-pay-cv2.md §4.1).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import OperationKind
from saleor_amazonpay.handlers import operations, problems, reconcile
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, row_deadline
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.due import OpenAuthorization
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

SECONDS = 300.0
_AFTER_EXPIRY = timedelta(minutes=5)  # Amazon's clock is not ours
_AGAIN = timedelta(hours=1)


async def run(services: Services) -> None:
    now = services.clock.now()
    rows = await services.database.read(lambda session: due.open_authorizations(session, now=now, limit=ROWS))
    await each(services, "authorizations", rows, lambda row: _look(services, row))


async def _look(services: Services, row: OpenAuthorization) -> None:
    now = services.clock.now()
    if row.expires_at is None:
        await _put_off(services, row, None)
    elif now >= row.expires_at + _AFTER_EXPIRY:
        await _put_off(services, row, now + _AGAIN)
        await _expired(services, row)
    elif now >= (warn_at := _warn_at(services, row, row.expires_at)):
        await _put_off(services, row, row.expires_at + _AFTER_EXPIRY)
        await _expiring(services, row, row.expires_at)
    else:
        await _put_off(services, row, warn_at)


def _warn_at(services: Services, row: OpenAuthorization, expires_at: datetime) -> datetime:
    """``AUTHORIZATION_WARNING_HOURS`` before the end, yet in the last quarter of a shorter life."""
    window = timedelta(hours=services.settings.authorization_warning_hours)
    return expires_at - min(window, (expires_at - row.created_at) / 4)


async def _put_off(services: Services, row: OpenAuthorization, at: datetime | None) -> None:
    await services.database.run(lambda session: due.look_at(session, row.payment_id, row.charge_id, at))


async def _expiring(services: Services, row: OpenAuthorization, expires_at: datetime) -> None:
    payment, account = await _parties(services, row)
    if account.options.expiry_policy == "capture":
        await services.database.run(lambda session: _capture(session, services, payment, row))
    elif account.options.expiry_policy == "warn":
        sentence = Message(
            "The Amazon Pay authorization of transaction {transaction} ends on {time}. Charge it before then; later a "
            "charge needs Amazon's approval again.",
            transaction=payment.transaction_id,
            time=expires_at,
        )
        await services.database.run(
            lambda session: problems.raise_in(session, services, payment.api_url, _key(payment), sentence)
        )


def _capture(session: Session, services: Services, payment: Payment, row: OpenAuthorization) -> None:
    charge = next(one for one in payment_rows.charge_rows(session, payment.id) if one.charge_id == row.charge_id)
    amount = Money(charge.amount, payment.amount.currency)
    capture = operations.new_operation(
        payment, OperationKind.CHARGE, f"expiry-{row.charge_id}", amount, now=services.clock.now()
    )
    operations.start_later(session, services, payment, capture)


async def _expired(services: Services, row: OpenAuthorization) -> None:
    """Read what became of it; reconciling tells Saleor. The warning has served its purpose."""
    payment, account = await _parties(services, row)
    await reconcile.payment(services, payment.id, row_deadline(services))
    await problems.cure(services, payment.api_url, _key(payment))
    if account.options.expiry_policy == "reauthorize":
        await services.database.run(lambda session: _reauthorize(session, services, account, row))


def _reauthorize(session: Session, services: Services, account: Account, row: OpenAuthorization) -> None:
    payment = due.payment_of(session, row.payment_id)
    unused = payment_rows.balances(session, payment, account.options.policy).unused
    if unused.is_positive:
        hold = operations.new_operation(
            payment, OperationKind.REAUTHORIZE, f"expiry-{row.charge_id}", unused, now=services.clock.now()
        )
        operations.start_later(session, services, payment, hold)


async def _parties(services: Services, row: OpenAuthorization) -> tuple[Payment, Account]:
    payment = await services.database.read(lambda session: due.payment_of(session, row.payment_id))
    return payment, await services.directory.account(payment.api_url, payment.account_id)


def _key(payment: Payment) -> str:
    return problems.key_of("authorization", payment.id)
