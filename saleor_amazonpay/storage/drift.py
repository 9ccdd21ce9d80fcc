"""Where Saleor's and Amazon's amounts of a payment differ, until they agree again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, func, select

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.storage.engine import Row, Session, Statement, upsert
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.tables import drift, payments
from saleor_amazonpay.storage.times import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Difference:
    """``of``: authorized, charged (less refunds) or refunded."""

    of: str
    saleor: Money
    amazon: Money

    def __str__(self) -> str:
        return f"{self.of} {self.saleor} in Saleor, {self.amazon} at Amazon Pay"


@dataclass(frozen=True, slots=True)
class Drift:
    payment_id: str
    transaction_id: str
    differences: tuple[Difference, ...]
    found_at: datetime
    checked_at: datetime
    order_number: str | None = None
    charge_permission_id: str | None = None


_SAVE = Statement(upsert(drift, index_elements=["payment_id"], update_columns=["differences", "checked_at"]))
_CLEAR = Statement(delete(drift).where(drift.c.payment_id == bindparam("the_payment")))
_SELECT = select(drift, payments.c.transaction_id, payments.c.order_number, payments.c.charge_permission_id).join(
    payments, payments.c.id == drift.c.payment_id
)
_OF_TENANT = Statement(
    _SELECT.where(drift.c.api_url == bindparam("tenant"))
    .order_by(drift.c.found_at, drift.c.payment_id)
    .limit(bindparam("limit"))
)
_OF_PAYMENT = Statement(_SELECT.where(drift.c.payment_id == bindparam("payment_id")))
_COUNT = Statement(select(func.count()).select_from(drift).where(drift.c.api_url == bindparam("tenant")))

_COUNT_ALL = Statement(select(func.count()).select_from(drift))


def save(session: Session, payment: Payment, differences: Sequence[Difference], now: datetime) -> None:
    """Keep what was found; the first finding's time stays."""
    listed = [{"of": one.of, "saleor": one.saleor.minor, "amazon": one.amazon.minor} for one in differences]
    session.execute(
        _SAVE,
        {
            "payment_id": payment.id,
            "api_url": payment.api_url,
            "currency": payment.amount.currency.value,
            "differences": msgspec.json.encode(listed).decode(),
            "found_at": to_micros(now),
            "checked_at": to_micros(now),
        },
    )


def clear(session: Session, payment_id: str) -> bool:
    """True when there was something to clear."""
    return session.execute(_CLEAR, {"the_payment": payment_id}) == 1


def of_tenant(session: Session, api_url: str, *, limit: int = 100) -> Sequence[Drift]:
    """The report: payments that differ now, the oldest finding first."""
    return [_drift(row) for row in session.all(_OF_TENANT, {"tenant": api_url, "limit": limit})]


def of_payment(session: Session, payment_id: str) -> Drift | None:
    row = session.one(_OF_PAYMENT, {"payment_id": payment_id})
    return _drift(row) if row else None


def count(session: Session, api_url: str) -> int:
    return int(session.scalar(_COUNT, {"tenant": api_url}))


def count_all(session: Session) -> int:
    """Over all tenants, for the operator; the table holds nothing but differences."""
    return int(session.scalar(_COUNT_ALL))


def _drift(row: Row) -> Drift:
    currency = Currency(row.currency)
    listed = msgspec.json.decode(row.differences)
    return Drift(
        payment_id=row.payment_id,
        transaction_id=row.transaction_id,
        differences=tuple(
            Difference(one["of"], Money(one["saleor"], currency), Money(one["amazon"], currency)) for one in listed
        ),
        found_at=from_micros(row.found_at),
        checked_at=from_micros(row.checked_at),
        order_number=row.order_number,
        charge_permission_id=row.charge_permission_id,
    )
