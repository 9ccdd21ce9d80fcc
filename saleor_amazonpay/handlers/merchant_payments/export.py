"""The list of payments as a CSV file: streamed a page at a time, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import payment_list
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.payment_list import ListedPayment, PaymentFilter, Position

BOM: Final = "\ufeff".encode()
COLUMNS: Final = (
    "created_at", "order_number", "status", "currency", "amount", "captured", "refunded", "channel", "account",
    "environment", "charge_permission_id", "saleor_transaction_id", "payment_id",
)  # fmt: skip
# What spreadsheets take for the beginning of a formula (OWASP, "CSV Injection"), in full width also.
_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


async def csv_file(
    services: Services, installation: Installation, wanted: PaymentFilter, *, bom: bool = False
) -> AsyncIterator[bytes]:
    """The file's bytes, UTF-8, newest payment first. ``bom`` makes Excel recognise UTF-8.

    Each page is a short read of its own: a file of a million lines holds no transaction open and little memory.
    """
    api_url = installation.api_url
    accounts = await services.database.read(
        lambda session: {each.id: each for each in account_rows.of_tenant(session, api_url, services.secrets)}
    )
    yield (BOM if bom else b"") + _lines([COLUMNS])
    after: Position | None = None
    while True:
        page = await services.database.read(
            lambda session, after=after: _page(session, api_url, wanted, after)  # type: ignore[misc]
        )
        if page.payments:
            yield _lines(_cells(each, accounts) for each in page.payments)
        after = page.after
        if after is None:
            return


def _page(session: Session, api_url: str, wanted: PaymentFilter, after: Position | None) -> payment_list.PaymentPage:
    return payment_list.page(session, api_url, wanted, after=after, size=payment_list.MAX_PAGE)


def _cells(payment: ListedPayment, accounts: Mapping[str, Account]) -> Sequence[Any]:
    account = accounts.get(payment.account_id)
    return (
        payment.created_at.isoformat(timespec="seconds"),
        payment.order_number or "",
        payment.status.value,
        payment.amount.currency.value,
        payment.amount.amount,
        payment.captured.amount,
        payment.refunded.amount,
        payment.channel_slug,
        account.name if account else "",
        account.environment if account else "",
        payment.charge_permission_id or "",
        payment.transaction_id,
        payment.id,
    )


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)  # RFC 4180: CRLF, quotes where needed
    writer.writerows([_safe(str(cell)) for cell in row] for row in rows)
    return text.getvalue().encode()


def _safe(cell: str) -> str:
    """A cell no spreadsheet computes: an apostrophe before what would begin a formula."""
    return f"'{cell}" if cell[:1] in _FORMULA else cell
