"""Once a transaction belongs to an order, Amazon is told the order's number.

Seller Central, Amazon's mails and settlement reports then show it as ``merchantReferenceId``; charges made later carry
it too. A permission that is closed already (everything was captured at once) cannot be changed any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.errors import AmazonPayRejected
from saleor_amazonpay.handlers import terms
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, later, row_deadline
from saleor_amazonpay.storage import due, timeline
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

SECONDS = 60.0
_FIRST, _LONGEST = timedelta(minutes=15), timedelta(days=1)
_LAST_LOOK = timedelta(days=30)  # a checkout that is no order by then will not become one


async def run(services: Services) -> None:
    now = services.clock.now()
    ids = await services.database.read(lambda session: due.numberless(session, now=now, limit=ROWS))
    await each(services, "order_numbers", ids, lambda id_: _look(services, id_))


async def _look(services: Services, payment_id: str) -> None:
    payment = await services.database.run(lambda session: _put_off(session, services, payment_id))
    token = (await services.directory.tenant(payment.api_url)).installation.token
    found = await services.saleor.transaction(payment.api_url, token, payment.transaction_id)
    order: Mapping[str, str] = (found or {}).get("order") or {}
    if order.get("number"):
        outcome = await _tell_amazon(services, payment, order["number"])
        await services.database.run(lambda session: _write(session, services, payment, order, outcome))


def _put_off(session: Session, services: Services, payment_id: str) -> Payment:
    payment, now = due.payment_of(session, payment_id), services.clock.now()
    due.sweep_at(session, payment_id, _next(payment, now))
    return payment


def _next(payment: Payment, now: datetime) -> datetime | None:
    if now - payment.created_at > _LAST_LOOK:
        return None
    return later(payment.created_at, now, first=_FIRST, longest=_LONGEST)


async def _tell_amazon(services: Services, payment: Payment, number: str) -> str:
    """What Amazon said; a refusal is final, and not worth a problem."""
    permission_id = payment.charge_permission_id
    if permission_id is None or is_standing(payment.charge_permission_type):
        return "not told: the permission is no single order's"
    account = await services.directory.account(payment.api_url, payment.account_id)
    metadata = terms.merchant_metadata(account.options, payment, reference=number)
    request = requests.update_charge_permission(permission_id, merchant_metadata=metadata)
    try:
        with services.chronicle.following(payment.id):
            await services.amazon(account).execute(request, budget=row_deadline(services).left)
    except AmazonPayRejected as refusal:
        return refusal.reason_code
    return "told"


def _write(session: Session, services: Services, payment: Payment, order: Mapping[str, str], outcome: str) -> None:
    now, number = services.clock.now(), order["number"]
    payment_rows.change(session, payment.id, now, order_number=number, order_id=order["id"], sweep_at=None)
    timeline.add(session, payment.id, "decision", now, order_number=number, amazon=outcome)
