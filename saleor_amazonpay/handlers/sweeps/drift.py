"""Saleor's amounts against Amazon's, payment by payment: daily at first, ever more rarely, never not at all.

Whatever differs is a row the merchant can read and one App Problem; it goes away when the amounts agree again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.handlers import mirror, problems, reconcile
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, later, row_deadline
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import drift as drift_rows
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.drift import Difference
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

SECONDS = 60.0
_FIRST, _LONGEST = timedelta(days=1), timedelta(days=30)
_BUSY_FOR = timedelta(hours=1)
_LAST_LOOK = timedelta(days=400)  # longer than any permission lives (amazon-pay-cv2.md §4.1)
_KEY = "drift"


async def run(services: Services) -> None:
    now = services.clock.now()
    ids = await services.database.read(lambda session: due.audits(session, now=now, limit=ROWS))
    await each(services, "drift", ids, lambda id_: _look(services, id_))


async def _look(services: Services, payment_id: str) -> None:
    payment, is_busy = await services.database.run(lambda session: _put_off(session, services, payment_id))
    if is_busy:
        return
    account = await services.directory.account(payment.api_url, payment.account_id)
    await reconcile.payment(services, payment.id, row_deadline(services))
    refunded_elsewhere = await _refunded_at_amazon(services, account, payment)
    token = (await services.directory.tenant(payment.api_url)).installation.token
    told = await services.saleor.transaction(payment.api_url, token, payment.transaction_id)
    if told is not None:
        await services.database.run(
            lambda session: _compare(session, services, account, payment.id, told, refunded_elsewhere)
        )


def _put_off(session: Session, services: Services, payment_id: str) -> tuple[Payment, bool]:
    payment, now = due.payment_of(session, payment_id), services.clock.now()
    is_busy = due.is_busy(session, payment)
    due.audit_at(session, payment_id, now + _BUSY_FOR if is_busy else _next(payment, now))
    return payment, is_busy


def _next(payment: Payment, now: datetime) -> datetime | None:
    if now - payment.created_at > _LAST_LOOK:
        return None
    return later(payment.created_at, now, first=_FIRST, longest=_LONGEST)


async def _refunded_at_amazon(services: Services, account: Account, payment: Payment) -> Money:
    """What Amazon says it refunded, charge by charge: refunds of Seller Central have no list to be found in."""
    client, deadline = services.amazon(account), row_deadline(services)
    rows = await services.database.read(lambda session: payment_rows.charge_rows(session, payment.id))
    refunded = Money.zero(payment.amount.currency)
    for row in [row for row in rows if row.captured][: mirror.MAX_READINGS]:
        with services.chronicle.following(payment.id):
            charge = (await client.execute(requests.get_charge(row.charge_id), budget=deadline.left)).value
        if charge.refunded_amount is not None and charge.refunded_amount.amount is not None:
            refunded += charge.refunded_amount.money()
    return refunded


def _compare(
    session: Session, services: Services, account: Account, payment_id: str, told: Mapping[str, Any], refunded: Money
) -> None:
    payment, now = due.payment_of(session, payment_id), services.clock.now()
    if due.is_busy(session, payment):
        return  # reconciling found something; it is told first
    balances = payment_rows.balances(session, payment, account.options.policy)
    amazon = {
        "authorized": balances.authorized,
        "charged": balances.captured - refunded - balances.charged_back,
        "refunded": refunded,
    }
    differences = [
        Difference(name, saleor, amount)
        for name, amount in amazon.items()
        if (saleor := Money.parse(told[f"{name}Amount"]["amount"], payment.amount.currency)) != amount
    ]
    if differences:
        drift_rows.save(session, payment, differences, now)
        _tell(session, services, payment, differences)
    elif drift_rows.clear(session, payment.id) and not drift_rows.count(session, payment.api_url):
        problems.cure_in(session, services, payment.api_url, _KEY)


def _tell(session: Session, services: Services, payment: Payment, differences: list[Difference]) -> None:
    count = drift_rows.count(session, payment.api_url)
    sentence = Message(
        "{count} Amazon Pay payment(s) differ between Saleor and Amazon Pay, lately transaction {transaction}: "
        "{differences}. The app's page lists them.",
        count=count,
        transaction=payment.transaction_id,
        differences=tuple(map(_told, differences)),
    )
    problems.raise_in(session, services, payment.api_url, _KEY, sentence)


def _told(one: Difference) -> Message:
    return Message("{of} {saleor} in Saleor, {amazon} at Amazon Pay", of=one.of, saleor=one.saleor, amazon=one.amazon)
