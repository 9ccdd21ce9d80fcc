"""The merchant's list of payments: newest first, filtered, in pages, found by any of its identifiers.

What a page costs depends on its size, never on how many payments the shop has: a filter that can be rare leads an
index which is in the list's order, a page begins where the last one ended (keyset), and whatever no index can tell is
looked for in the next ``SCAN`` rows only; the page then says where to go on. A search is a handful of look-ups, each
through an index of its own.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Select, and_, bindparam, func, or_, select, tuple_

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.payment_status import IN_MOTION
from saleor_amazonpay.domain.states import ChargeState, PaymentStatus, RefundState
from saleor_amazonpay.storage.engine import Row, Session, Statement
from saleor_amazonpay.storage.tables import charges, operations, payments, refunds
from saleor_amazonpay.storage.times import from_micros, to_micros

SCAN: Final = 2_000  # rows looked at for one page at most
MAX_PAGE: Final = 500
MOST_FOUND: Final = 100  # by a search; an identifier names one payment, an order number a few


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """All that is given must hold. Amounts are in the payment's currency, as people write them."""

    status: PaymentStatus | None = None
    channel: str | None = None
    account_id: str | None = None
    customer_id: str | None = None
    currency: Currency | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None

    @property
    def given(self) -> frozenset[str]:
        return frozenset(each.name for each in fields(self) if getattr(self, each.name) is not None)


@dataclass(frozen=True, slots=True)
class ListedPayment:
    """One line of the list; the sums are Amazon's, as last read."""

    id: str
    transaction_id: str
    account_id: str
    channel_slug: str
    status: PaymentStatus
    order_number: str | None
    charge_permission_id: str | None
    amount: Money
    captured: Money
    refunded: Money
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended."""

    created_at: int
    id: str

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.created_at}.{self.id}".encode()).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """None for what is no position of ours."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except ValueError:
            return None
        moment, _, id_ = plain.partition(".")
        is_ours = moment.isascii() and moment.isdecimal() and len(moment) <= _DIGITS and 0 < len(id_) <= _LONGEST
        return cls(int(moment), id_) if is_ours else None


_DIGITS, _LONGEST = 18, 100


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """``after`` is where the next page begins; None: there is none. A page may be short, even empty, and go on."""

    payments: Sequence[ListedPayment]
    after: Position | None
    searched_to: datetime | None = None  # how far back a short page has looked


# Which filter leads: one whose index holds the fewest rows. Statuses a payment only passes through come first.
_LEADING = ("customer_id", "status", "account_id", "channel")
_LED_BY = ("customer_id", "account_id", "channel", "status")
_COLUMNS: Mapping[str, ColumnElement[str]] = {
    "customer_id": payments.c.customer_id,
    "status": payments.c.status,
    "account_id": payments.c.account_id,
    "channel": payments.c.channel_slug,
}
_NEWEST_FIRST = (payments.c.created_at.desc(), payments.c.id.desc())
_KEY = tuple_(payments.c.created_at, payments.c.id)
_AFTER_KEY = tuple_(bindparam("after_created_at", type_=BigInteger), bindparam("after_id"))
_NEWEST = Position(2**62, "")


def page(
    session: Session, api_url: str, wanted: PaymentFilter, *, after: Position | None = None, size: int = 50
) -> PaymentPage:
    """The tenant's payments that match, newest first, from ``after`` on."""
    size = min(size, MAX_PAGE)
    values = _values(api_url, wanted, after or _NEWEST) | {"limit": size + 1, "scan": max(SCAN, size + 1)}
    rows = session.all(statement(wanted), values)
    if len(rows) > size:
        return PaymentPage(_listed(session, rows[:size]), _position(rows[size - 1]))
    end = session.one(_last_scanned(wanted), values | {"skipped": values["scan"] - 1}) if _rest(wanted) else None
    if end is None:
        return PaymentPage(_listed(session, rows), None)
    return PaymentPage(_listed(session, rows), _position(end), from_micros(end.created_at))


def by_ids(session: Session, api_url: str, ids: Sequence[str], wanted: PaymentFilter) -> Sequence[ListedPayment]:
    """Those of the tenant's payments that match, newest first."""
    if not ids:
        return []
    values = _values(api_url, wanted, _NEWEST) | {"ids": list(ids)[:MOST_FOUND]}
    return _listed(session, session.all(_by_ids(wanted), values))


_statements: dict[tuple[str, frozenset[str], str], Statement] = {}


def statement(wanted: PaymentFilter) -> Statement:
    """The query of a page: what the leading index gives, at most ``scan`` rows, and of these what matches."""
    return _kept("page", wanted, lambda: _page(wanted))


def _last_scanned(wanted: PaymentFilter) -> Statement:
    """The row at which a page stopped looking; none where the end was reached."""
    return _kept("last", wanted, lambda: _scanned(wanted).offset(bindparam("skipped")).limit(1))


def _by_ids(wanted: PaymentFilter) -> Statement:
    ids: BindParameter[Sequence[str]] = bindparam("ids", expanding=True)
    return _kept(
        "ids",
        wanted,
        lambda: (
            select(payments)
            .where(payments.c.id.in_(ids), *(_condition(name) for name in ("api_url", *sorted(wanted.given))))
            .order_by(*_NEWEST_FIRST)
        ),
    )


def _kept(kind: str, wanted: PaymentFilter, build: Callable[[], Select[Any]]) -> Statement:
    key = (kind, wanted.given, _leader(wanted))
    if key not in _statements:
        _statements[key] = Statement(build())
    return _statements[key]


def _leader(wanted: PaymentFilter) -> str:
    order = _LEADING if wanted.status in IN_MOTION else _LED_BY
    return next((name for name in order if name in wanted.given), "")


def _rest(wanted: PaymentFilter) -> list[str]:
    """Filters the leading index does not answer."""
    return sorted(wanted.given - {_leader(wanted), *_BOUNDS})


# ``created_before`` is where the first page begins (``_values``): SQLite goes along an index from one upper bound only.
_BOUNDS = frozenset({"created_from", "created_before"})


def _scanned(wanted: PaymentFilter) -> Select[Any]:
    led = [name for name in (_leader(wanted),) if name]
    from_ = sorted(wanted.given & {"created_from"})
    conditions = [_condition(name) for name in ("api_url", *led, *from_)]
    return select(payments).where(*conditions, _KEY < _AFTER_KEY).order_by(*_NEWEST_FIRST)


def _page(wanted: PaymentFilter) -> Select[Any]:
    rest = _rest(wanted)
    if not rest:
        return _scanned(wanted).limit(bindparam("limit"))
    scanned = _scanned(wanted).limit(bindparam("scan")).subquery("scanned")
    return (
        select(scanned)
        .where(*(_condition(name, scanned.c) for name in rest))
        .order_by(scanned.c.created_at.desc(), scanned.c.id.desc())
        .limit(bindparam("limit"))
    )


def _condition(name: str, columns: Any = payments.c) -> Any:
    """Amounts are compared in minor units of either kind of currency: yen, or what has two decimals."""
    match name:
        case "created_from":
            return columns.created_at >= bindparam("created_from", type_=BigInteger)
        case "created_before":
            return columns.created_at < bindparam("created_before", type_=BigInteger)
        case "amount_from":
            return _in_either(columns, lambda suffix: columns.amount >= bindparam(f"amount_from_{suffix}"))
        case "amount_to":
            return _in_either(columns, lambda suffix: columns.amount <= bindparam(f"amount_to_{suffix}"))
        case _:
            return columns[_COLUMNS[name].key if name in _COLUMNS else name] == bindparam(name)


def _in_either(columns: Any, compared: Callable[[str], Any]) -> ColumnElement[bool]:
    yen = columns.currency == Currency.JPY.value
    return or_(and_(yen, compared("whole")), and_(~yen, compared("cents")))


def _values(api_url: str, wanted: PaymentFilter, after: Position) -> dict[str, Any]:
    if wanted.created_before is not None:
        after = min(after, Position(to_micros(wanted.created_before), ""), key=lambda at: (at.created_at, at.id))
    values: dict[str, Any] = {"api_url": api_url, "after_created_at": after.created_at, "after_id": after.id}
    for name in wanted.given:
        value = getattr(wanted, name)
        if isinstance(value, datetime):
            values[name] = to_micros(value)
        elif isinstance(value, Decimal):
            values[f"{name}_whole"], values[f"{name}_cents"] = _minors(name, value)
        else:
            values[name] = str(value)
    return values


_MOST = Decimal(10**16)


def _minors(name: str, amount: Decimal) -> tuple[int, int]:
    """Bounds in whole units and in hundredths: a lower one is rounded up, an upper one down."""
    bounded = max(-_MOST, min(amount, _MOST))
    rounding = "ROUND_CEILING" if name == "amount_from" else "ROUND_FLOOR"
    return int(bounded.to_integral_value(rounding)), int((bounded * 100).to_integral_value(rounding))


# --- searching ----------------------------------------------------------------------------------------------------

_TENANT = payments.c.api_url == bindparam("api_url")
_TEXT: BindParameter[str] = bindparam("text")


def _payments_with(condition: ColumnElement[bool]) -> Statement:
    return Statement(select(payments.c.id).where(_TENANT, condition).limit(MOST_FOUND))


# Those of another table are not joined: without statistics SQLite would begin at the tenant's payments, all of them.
SEARCHES: Final[Mapping[str, Statement]] = {
    "ix_payments_order_number": _payments_with(payments.c.order_number == _TEXT),
    "ix_payments_order_id": _payments_with(payments.c.order_id == _TEXT),
    "ix_payments_source": _payments_with(payments.c.source_id == _TEXT),
    "uq_payments_api_url_transaction_id": _payments_with(payments.c.transaction_id == _TEXT),
    "uq_payments_session": _payments_with(payments.c.session_id == func.lower(_TEXT)),
    "ix_payments_charge_permission": _payments_with(payments.c.charge_permission_id == func.upper(_TEXT)),
    "ix_payments_list_customer": Statement(
        select(payments.c.id).where(_TENANT, payments.c.customer_id == _TEXT).order_by(*_NEWEST_FIRST).limit(MOST_FOUND)
    ),
    "ix_charges_charge_id": Statement(
        select(charges.c.payment_id.label("id")).where(charges.c.charge_id == func.upper(_TEXT)).limit(MOST_FOUND)
    ),
    "ix_refunds_refund_id": Statement(
        select(refunds.c.payment_id.label("id")).where(refunds.c.refund_id == func.upper(_TEXT)).limit(MOST_FOUND)
    ),
    "ix_operations_reference": Statement(
        select(operations.c.payment_id.label("id")).where(operations.c.psp_reference == _TEXT).limit(MOST_FOUND)
    ),
}
"""Each look-up by the index it goes through."""

_LONGEST_SEARCH = 200
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def search(session: Session, api_url: str, text: str) -> list[str]:
    """Ids of the tenant's payments that have ``text`` as an identifier: an order's number, or any id of either side.

    Newest first.

    Saleor's own page of a transaction shows its token, a UUID, which is part of the id its API shows.
    """
    wanted = text.strip().removeprefix("#").strip()[:_LONGEST_SEARCH]
    if not wanted:
        return []
    texts = [wanted, _transaction_of(wanted)] if _UUID.fullmatch(wanted) else [wanted]
    found = {
        row.id
        for each in texts
        for look_up in SEARCHES.values()
        for row in session.all(look_up, {"api_url": api_url, "text": each})
    }
    return [one.id for one in by_ids(session, api_url, sorted(found), PaymentFilter())]


def _transaction_of(token: str) -> str:
    return base64.b64encode(f"TransactionItem:{UUID(token)}".encode()).decode()


# --- lines --------------------------------------------------------------------------------------------------------

_IDS: BindParameter[Sequence[str]] = bindparam("ids", expanding=True)
_CAPTURED = Statement(
    select(charges.c.payment_id, func.sum(charges.c.captured).label("minor"))
    .where(charges.c.payment_id.in_(_IDS), charges.c.state == ChargeState.CAPTURED.value)
    .group_by(charges.c.payment_id)
)
_REFUNDED = Statement(
    select(refunds.c.payment_id, func.sum(refunds.c.amount).label("minor"))
    .where(refunds.c.payment_id.in_(_IDS), refunds.c.state == RefundState.REFUNDED.value)
    .group_by(refunds.c.payment_id)
)


def _listed(session: Session, rows: Sequence[Row]) -> Sequence[ListedPayment]:
    if not rows:
        return []
    ids = {"ids": [row.id for row in rows]}
    captured = {row.payment_id: int(row.minor) for row in session.all(_CAPTURED, ids)}
    refunded = {row.payment_id: int(row.minor) for row in session.all(_REFUNDED, ids)}
    return [_line(row, captured.get(row.id, 0), refunded.get(row.id, 0)) for row in rows]


def _line(row: Row, captured: int, refunded: int) -> ListedPayment:
    currency = Currency(row.currency)
    return ListedPayment(
        id=row.id,
        transaction_id=row.transaction_id,
        account_id=row.account_id,
        channel_slug=row.channel_slug,
        status=PaymentStatus(row.status),
        order_number=row.order_number,
        charge_permission_id=row.charge_permission_id,
        amount=Money(row.amount, currency),
        captured=Money(captured, currency),
        refunded=Money(refunded, currency),
        created_at=from_micros(row.created_at),
    )


def _position(row: Row) -> Position:
    return Position(row.created_at, row.id)
