"""The list of payments: what was entered is checked, what Saleor alone knows is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from saleor_amazonpay.domain.money import Currency
from saleor_amazonpay.domain.states import PaymentStatus
from saleor_amazonpay.errors import RequestRejected, SaleorError
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import payment_list
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.payment_list import PaymentFilter, PaymentPage, Position

log = structlog.get_logger(__name__)

T = TypeVar("T")
PAGE = 50
MAX_ASKED_OF_SALEOR = 20


class FilterInvalid(RequestRejected):
    """``faults`` says of each field what is wrong with it."""

    status = 422
    code = "INVALID"

    def __init__(self, faults: Mapping[str, Message]) -> None:
        super().__init__(next(iter(faults.values())))
        self.faults = dict(faults)


@dataclass(frozen=True, slots=True)
class Entered:
    """A filter as people write it: days in ``time_zone``, the last one included; empty is not given."""

    status: str = ""
    channel: str = ""
    account_id: str = ""
    customer_id: str = ""
    currency: str = ""
    from_day: str = ""
    to_day: str = ""
    amount_from: str = ""
    amount_to: str = ""
    time_zone: str = "UTC"


@dataclass(slots=True)
class _Reading:
    faults: dict[str, Message] = field(default_factory=dict)

    def one_of(self, name: str, text: str, kind: type[T], fault: Message) -> T | None:
        try:
            return kind(text) if text else None  # type: ignore[call-arg]
        except ValueError:
            self.faults[name] = fault
            return None

    def amount(self, name: str, text: str) -> Decimal | None:
        try:
            amount = Decimal(text.replace(",", "").strip()) if text.strip() else None
        except InvalidOperation:
            amount = Decimal("NaN")
        if amount is None or (amount.is_finite() and amount >= 0):
            return amount
        self.faults[name] = Message("This is no amount.")
        return None

    def day(self, name: str, text: str, zone: ZoneInfo, *, after: int = 0) -> datetime | None:
        try:
            entered = date.fromisoformat(text) + timedelta(days=after) if text else None
            if entered is None:
                return None
            return datetime(entered.year, entered.month, entered.day, tzinfo=zone).astimezone(UTC)
        except (ValueError, OverflowError):
            self.faults[name] = Message("This is no day.")
            return None


def read_filter(entered: Entered) -> PaymentFilter:
    """Raises FilterInvalid: names each field that cannot be read."""
    reading, zone = _Reading(), _zone(entered.time_zone)
    wanted = PaymentFilter(
        status=reading.one_of("status", entered.status, PaymentStatus, Message("There is no such status.")),
        channel=entered.channel or None,
        account_id=entered.account_id or None,
        customer_id=entered.customer_id or None,
        currency=reading.one_of("currency", entered.currency, Currency, Message("Amazon Pay has no such currency.")),
        created_from=reading.day("fromDay", entered.from_day, zone),
        created_before=reading.day("toDay", entered.to_day, zone, after=1),
        amount_from=reading.amount("amountFrom", entered.amount_from),
        amount_to=reading.amount("amountTo", entered.amount_to),
    )
    if reading.faults:
        raise FilterInvalid(reading.faults)
    return wanted


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def page_size_fault() -> Message:
    return Message("A page has 1 to {most} payments.", most=payment_list.MAX_PAGE)


async def listed(
    services: Services,
    installation: Installation,
    wanted: PaymentFilter,
    *,
    search: str = "",
    after: str = "",
    size: int = PAGE,
) -> PaymentPage:
    """A page of the tenant's payments. A search finds them by any of their identifiers, all on one page.

    Raises:
        FilterInvalid: ``after`` is no position of ours.
    """
    position = Position.parse(after) if after else None
    if after and position is None:
        raise FilterInvalid({"after": Message("The page asked for is not there; begin at the first one.")})
    api_url = installation.api_url
    if search.strip():
        return await _found(services, installation, wanted, search)
    return await services.database.read(
        lambda session: payment_list.page(session, api_url, wanted, after=position, size=size)
    )


async def _found(services: Services, installation: Installation, wanted: PaymentFilter, search: str) -> PaymentPage:
    api_url = installation.api_url

    def look(session: Session) -> Sequence[str]:
        return payment_list.search(session, api_url, search)

    ids = await services.database.read(look)
    if not ids:
        ids = await of_order_in_saleor(services, installation, search.strip().removeprefix("#"))
    found = await services.database.read(lambda session: payment_list.by_ids(session, api_url, ids, wanted))
    return PaymentPage(found, None)


async def of_order_in_saleor(services: Services, installation: Installation, number: str) -> Sequence[str]:
    """Payments of an order whose number we have not heard of yet: an order learns it before we do."""
    if not number.isascii() or not number.isalnum() or len(number) > MAX_ASKED_OF_SALEOR:
        return []
    try:
        transactions = await services.saleor.transactions_of_order_number(
            installation.api_url, installation.token, number
        )
    except SaleorError as absence:
        log.info("order_not_looked_up", tenant=installation.api_url, reason=absence.code)
        return []
    return await of_transactions(services, installation.api_url, transactions)


async def of_transactions(services: Services, api_url: str, transaction_ids: Sequence[str]) -> Sequence[str]:
    """Ids of the tenant's payments of these Saleor transactions."""

    def look(session: Session) -> Sequence[str]:
        found = [payment_rows.find(session, api_url, one) for one in transaction_ids[: payment_list.MOST_FOUND]]
        return [payment.id for payment in found if payment is not None]

    return await services.database.read(look)
