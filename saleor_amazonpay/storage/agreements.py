"""Agreements: a customer's Recurring or PaymentMethodOnFile charge permissions, one row for each.

An agreement is born when a checkout session with ``recurring`` is completed, and lives as long as Amazon's permission.
State, reasons, limits and expiry are Amazon's as last read (``read_at``); only ``handlers.agreements`` writes them.
Who charges an agreement asks ``Agreement.is_chargeable`` first and Amazon's answer last.

Source: DESIGN §7, §8; amazon-pay-cv2.md §4.3, §6.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, text, tuple_, update

from saleor_amazonpay.domain.agreements import Frequency
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import ChargePermissionState, FrequencyUnit
from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import agreements
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Agreement:
    """One row of ``agreements``; see tables.py for the columns."""

    id: str
    api_url: str
    account_id: str
    channel_slug: str
    customer_id: str | None  # None: erased
    payment_id: str | None  # the purchase it was agreed with
    charge_permission_id: str
    charge_permission_type: str
    buyer_id: str | None
    payment_descriptor: str | None
    currency: Currency
    amount: Money | None  # of each period, as agreed; None: it varies
    frequency: Frequency | None  # None: PaymentMethodOnFile
    state: str
    reasons: Sequence[str]
    status_at: datetime
    amount_limit: Money | None  # of a calendar month
    amount_balance: Money | None  # what was left of it at ``read_at``
    read_at: datetime
    expires_at: datetime | None
    last_charged_at: datetime | None
    closing_since: datetime | None
    closing_reason: str | None
    watch_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_closed(self) -> bool:
        """Ended for good, or about to be: somebody asked us to close it."""
        return self.state == ChargePermissionState.CLOSED or self.closing_since is not None

    @property
    def is_chargeable(self) -> bool:
        return self.state == ChargePermissionState.CHARGEABLE and not self.is_closed


@dataclass(frozen=True, slots=True)
class Watched:
    """How many of a tenant's agreements the merchant should know of."""

    suspended: int
    lapsing: int
    ended: int  # by the buyer, at Amazon


_BY_ID = Statement(select(agreements).where(agreements.c.id == bindparam("id")))
_BY_ID_LOCKED = Statement(select(agreements).where(agreements.c.id == bindparam("id")).with_for_update())
_BY_PERMISSION = Statement(
    select(agreements).where(
        agreements.c.api_url == bindparam("api_url"),
        agreements.c.charge_permission_id == bindparam("charge_permission_id"),
    )
)
_OF_CUSTOMER = Statement(
    select(agreements)
    .where(agreements.c.api_url == bindparam("api_url"), agreements.c.customer_id == bindparam("customer_id"))
    .order_by(agreements.c.created_at.desc(), agreements.c.id.desc())
)
_PAGE = Statement(
    select(agreements)
    .where(
        agreements.c.api_url == bindparam("api_url"),
        tuple_(agreements.c.created_at, agreements.c.id)
        < tuple_(bindparam("before_time", type_=agreements.c.created_at.type), bindparam("before_id")),
    )
    .order_by(agreements.c.created_at.desc(), agreements.c.id.desc())
    .limit(bindparam("limit"))
)
_INSERT = Statement(insert_ignore(agreements))
_DUE = Statement(
    select(agreements)
    .where(agreements.c.watch_at.is_not(None), agreements.c.watch_at <= bindparam("moment"))
    .order_by(agreements.c.watch_at)
    .limit(bindparam("limit"))
)


_COUNT_SUSPENDED = Statement(
    select(func.count()).where(
        agreements.c.api_url == bindparam("api_url"),
        agreements.c.state == ChargePermissionState.NON_CHARGEABLE.value,
        agreements.c.closing_since.is_(None),
    )
)
_COUNT_LAPSING = Statement(
    select(func.count()).where(
        agreements.c.api_url == bindparam("api_url"),
        agreements.c.expires_at <= bindparam("moment"),
        agreements.c.state != ChargePermissionState.CLOSED.value,
        agreements.c.closing_since.is_(None),
    )
)
_COUNT_ENDED = Statement(
    select(func.count()).where(
        agreements.c.api_url == bindparam("api_url"),
        agreements.c.state == ChargePermissionState.CLOSED.value,
        agreements.c.status_at >= bindparam("moment"),
        agreements.c.reasons.in_(['["BuyerClosed"]', '["BuyerCanceled"]']),
        agreements.c.closing_since.is_(None),
    )
)
_ENDED_LONG_AGO = Statement(
    select(agreements.c.id)
    .where(text("state = 'Closed' AND buyer_id IS NOT NULL"), agreements.c.status_at < bindparam("moment"))
    .order_by(agreements.c.status_at)
    .limit(bindparam("limit"))
)
_ENDED_LONG_AGO_OF = Statement(
    select(agreements.c.id)
    .where(text("state = 'Closed' AND buyer_id IS NOT NULL"), agreements.c.status_at < bindparam("moment"))
    .where(agreements.c.account_id == bindparam("account_id"))
    .order_by(agreements.c.status_at)
    .limit(bindparam("limit"))
)
_FORGET_BUYERS = Statement(
    update(agreements)
    .where(agreements.c.id.in_(bindparam("ids", expanding=True)))
    .values(buyer_id=None, payment_descriptor=None)
)


def watched(session: Session, api_url: str, *, lapsing_by: datetime, ended_since: datetime) -> Watched:
    """Each figure by an index of its own; the tenant's other agreements are not looked at."""
    return Watched(
        suspended=int(session.scalar(_COUNT_SUSPENDED, {"api_url": api_url})),
        lapsing=int(session.scalar(_COUNT_LAPSING, {"api_url": api_url, "moment": to_micros(lapsing_by)})),
        ended=int(session.scalar(_COUNT_ENDED, {"api_url": api_url, "moment": to_micros(ended_since)})),
    )


def forget_buyers(session: Session, *, ended_before: datetime, limit: int, account_id: str | None = None) -> int:
    """Who the buyers were of agreements that ended before; over all tenants, or of one account. How many."""
    values = {"moment": to_micros(ended_before), "limit": limit}
    if account_id is None:
        rows = session.all(_ENDED_LONG_AGO, values)
    else:
        rows = session.all(_ENDED_LONG_AGO_OF, {**values, "account_id": account_id})
    ids = [row.id for row in rows]
    return session.execute(_FORGET_BUYERS, {"ids": ids}) if ids else 0


def by_id(session: Session, agreement_id: str, *, lock: bool = False) -> Agreement | None:
    """Of whichever tenant: compare ``api_url`` before anything is done or told."""
    row = session.one(_BY_ID_LOCKED if lock else _BY_ID, {"id": agreement_id})
    return _agreement(row) if row else None


def by_permission(session: Session, api_url: str, charge_permission_id: str) -> Agreement | None:
    row = session.one(_BY_PERMISSION, {"api_url": api_url, "charge_permission_id": charge_permission_id})
    return _agreement(row) if row else None


def of_customer(session: Session, api_url: str, customer_id: str) -> list[Agreement]:
    """All of one Saleor customer, closed ones included, newest first."""
    return [_agreement(row) for row in session.all(_OF_CUSTOMER, {"api_url": api_url, "customer_id": customer_id})]


def page(session: Session, api_url: str, *, before: tuple[datetime, str], limit: int) -> list[Agreement]:
    """The tenant's, newest first, from just older than ``before`` (creation time and id) on."""
    at, id_ = before
    rows = session.all(_PAGE, {"api_url": api_url, "before_time": to_micros(at), "before_id": id_, "limit": limit})
    return [_agreement(row) for row in rows]


def due(session: Session, *, now: datetime, limit: int) -> list[Agreement]:
    """Which a sweep is to look at, the longest due first; over all tenants."""
    return [_agreement(row) for row in session.all(_DUE, {"moment": to_micros(now), "limit": limit})]


def insert(session: Session, agreement: Agreement) -> bool:
    """False when the permission is known already; its row stays as it is."""
    return session.execute(_INSERT, _columns(agreement)) == 1


_CHANGEABLE = frozenset(
    {
        "customer_id",
        "buyer_id",
        "payment_descriptor",
        "amount",
        "frequency",
        "state",
        "reasons",
        "status_at",
        "amount_limit",
        "amount_balance",
        "read_at",
        "expires_at",
        "last_charged_at",
        "closing_since",
        "closing_reason",
        "watch_at",
    }
)
_changes: dict[tuple[str, ...], Statement] = {}


def change(session: Session, agreement_id: str, now: datetime, **values: Any) -> None:
    """Set some columns of one agreement; money, times and the frequency in their own types."""
    if not values.keys() <= _CHANGEABLE:
        raise AttributeError(f"agreements.change cannot set {sorted(values.keys() - _CHANGEABLE)}")
    plain: dict[str, Any] = {"new_updated_at": to_micros(now)}
    for name, value in values.items():
        plain |= {f"new_{column}": cell for column, cell in _plain(name, value).items()}
    names = tuple(sorted(plain))
    statement = _changes.get(names)
    if statement is None:
        assignments: dict[str, Any] = {name.removeprefix("new_"): bindparam(name) for name in names}
        statement = Statement(
            update(agreements).where(agreements.c.id == bindparam("agreement_id")).values(assignments)
        )
        _changes[names] = statement
    session.execute(statement, {"agreement_id": agreement_id, **plain})


def _plain(name: str, value: Any) -> dict[str, Any]:
    """The cells a field takes."""
    if name == "frequency":
        return {
            "frequency_unit": None if value is None else str(value.unit),
            "frequency_value": None if value is None else value.value,
        }
    if isinstance(value, Money):
        return {name: value.minor}
    if isinstance(value, datetime):
        return {name: to_micros(value)}
    if name == "reasons":
        return {name: json.dumps([*value])}
    return {name: value if value is None else str(value)}


def _columns(agreement: Agreement) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name in Agreement.__slots__:
        cells |= _plain(name, getattr(agreement, name))
    return cells


def _agreement(row: Row) -> Agreement:
    currency = Currency(row.currency)
    return Agreement(
        id=row.id,
        api_url=row.api_url,
        account_id=row.account_id,
        channel_slug=row.channel_slug,
        customer_id=row.customer_id,
        payment_id=row.payment_id,
        charge_permission_id=row.charge_permission_id,
        charge_permission_type=row.charge_permission_type,
        buyer_id=row.buyer_id,
        payment_descriptor=row.payment_descriptor,
        currency=currency,
        amount=_money(row.amount, currency),
        frequency=Frequency(FrequencyUnit(row.frequency_unit), row.frequency_value) if row.frequency_unit else None,
        state=row.state,
        reasons=tuple(json.loads(row.reasons)),
        status_at=from_micros(row.status_at),
        amount_limit=_money(row.amount_limit, currency),
        amount_balance=_money(row.amount_balance, currency),
        read_at=from_micros(row.read_at),
        expires_at=maybe_from_micros(row.expires_at),
        last_charged_at=maybe_from_micros(row.last_charged_at),
        closing_since=maybe_from_micros(row.closing_since),
        closing_reason=row.closing_reason,
        watch_at=maybe_from_micros(row.watch_at),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
    )


def _money(minor: int | None, currency: Currency) -> Money | None:
    return None if minor is None else Money(minor, currency)
