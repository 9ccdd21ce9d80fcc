"""Once a transaction belongs to an order, Amazon is told the order's number, also where nobody asks for anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from saleor_amazonpay.handlers import order_number
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps.rows import ROWS, each, later, row_deadline
from saleor_amazonpay.storage import due
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
        await order_number.tell(services, payment, order["id"], order["number"], row_deadline(services))


def _put_off(session: Session, services: Services, payment_id: str) -> Payment:
    payment, now = due.payment_of(session, payment_id), services.clock.now()
    due.sweep_at(session, payment_id, _next(payment, now))
    return payment


def _next(payment: Payment, now: datetime) -> datetime | None:
    if now - payment.created_at > _LAST_LOOK:
        return None
    return later(payment.created_at, now, first=_FIRST, longest=_LONGEST)
