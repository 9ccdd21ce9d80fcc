"""Three books compared to the last yen: Amazon's objects, Saleor's amounts, our tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select

from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.jobs.table import jobs_table as jobs
from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.storage.engine import Database, Row, Session, Statement
from saleor_amazonpay.storage.tables import charges, operations, payments, refunds, reports

ZERO = Decimal(0)


@dataclass(frozen=True)
class Difference:
    """Where two books disagree about a transaction."""

    transaction: str
    what: str
    amazon: object
    saleor: object
    ours: object = ""


@dataclass(frozen=True)
class Book:
    """One payment's rows in our tables."""

    payment: Row
    operations: Sequence[Row]
    reports: Sequence[Row]
    charges: Mapping[str, Row]
    refunds: Mapping[str, Row]


async def differences(amazon: AmazonPaySimulator, saleor: SaleorStandIn, database: Database) -> list[Difference]:
    """Everything in which the three do not agree; empty when all is well."""
    found = amazon.audit()
    books = await database.read(_books)
    owners = _owners(books, found["charges"])
    strays = [charge["chargeId"] for charge in found["charges"] if charge["chargeId"] not in owners]
    return [
        *(Difference("?", "a charge nobody knows", charge_id, "") for charge_id in strays),
        *(difference for book in books for difference in _of_payment(book, found, owners, saleor)),
    ]


def _owners(books: Sequence[Book], its_charges: Sequence[Any]) -> dict[str, str]:
    """The transaction of each charge; where several payments share a permission Amazon's own reference tells them apart.

    An agreement is charged for many orders, and each charge carries the transaction it was made for.
    """
    sharing: dict[str, set[str]] = defaultdict(set)
    for book in books:
        sharing[book.payment.charge_permission_id].add(book.payment.transaction_id)
    owners = {}
    for charge in its_charges:
        transactions = sharing.get(charge["chargePermissionId"], set())
        if len(transactions) > 1:
            transactions = transactions & {(charge["merchantMetadata"] or {}).get("merchantReferenceId")}
        if transactions:
            [owners[charge["chargeId"]]] = transactions
    return owners


def _books(session: Session) -> list[Book]:
    def of(table: Any, payment: Row) -> list[Row]:
        column = table.c.payment_id
        return session.all(
            Statement(select(table).where(column == bindparam("payment_id"))), {"payment_id": payment.id}
        )

    return [
        Book(
            payment,
            of(operations, payment),
            of(reports, payment),
            {row.charge_id: row for row in of(charges, payment)},
            {row.refund_id: row for row in of(refunds, payment)},
        )
        for payment in session.all(Statement(select(payments)))
    ]


def _of_payment(
    book: Book, found: Mapping[str, Sequence[Any]], owners: Mapping[str, str], saleor: SaleorStandIn
) -> Iterator[Difference]:
    permission_id, transaction = book.payment.charge_permission_id, book.payment.transaction_id
    permission = next((it for it in found["permissions"] if it["chargePermissionId"] == permission_id), None)
    its_charges = [it for it in found["charges"] if owners.get(it["chargeId"]) == transaction]
    ids = {it["chargeId"] for it in its_charges}
    its_refunds = [it for it in found["refunds"] if it["chargeId"] in ids]
    seen = saleor.transaction(transaction)
    for what, at_amazon, at_saleor in _amounts(book, permission, its_charges, its_refunds, seen):
        if at_amazon != at_saleor:
            yield Difference(transaction, what, at_amazon, at_saleor)
    for it in its_charges:
        row = book.charges.get(it["chargeId"])
        if row is None or row.state != it["statusDetails"]["state"]:
            yield Difference(transaction, it["chargeId"], it["statusDetails"]["state"], "", row and row.state)
    for it in its_refunds:
        row = book.refunds.get(it["refundId"])
        if row is None or row.state != it["statusDetails"]["state"]:
            yield Difference(transaction, it["refundId"], it["statusDetails"]["state"], "", row and row.state)
    for row in book.operations:
        if row.state != "settled":
            yield Difference(transaction, f"{row.kind} is open", "", "", row.state)
    for row in book.reports:
        if row.state not in {"delivered", "dropped"}:
            yield Difference(transaction, f"report of {row.type}", "", row.last_error, row.state)
    yield from _told_twice(transaction, seen)


def _amounts(
    book: Book, permission: Any, its_charges: Sequence[Any], its_refunds: Sequence[Any], seen: Any
) -> Iterator[tuple[str, Decimal, Decimal]]:
    held = _total(its_charges, "Authorized", "chargeAmount")
    captured = _total(its_charges, "Captured", "captureAmount")
    refunded = _total(its_refunds, "Refunded", "refundAmount")
    currency = Currency(book.payment.currency)
    total = Decimal(Money(book.payment.amount, currency).amount)
    released = Decimal(Money(book.payment.released, currency).amount)
    unused = ZERO
    if permission is not None and permission["statusDetails"]["state"] == "Chargeable":
        unused = max(ZERO, total - captured - held - released)
        if not is_standing(permission["chargePermissionType"]):  # a month's balance says when, not whether
            unused = min(unused, Decimal(permission["limits"]["amountBalance"]["amount"]))
    yield "authorized", held + unused, seen.authorized
    yield "charged", captured - refunded, seen.charged
    yield "refunded", refunded, seen.refunded
    for name in ("authorize_pending", "charge_pending", "refund_pending", "cancel_pending"):
        yield name, ZERO, getattr(seen, name)


def _total(objects: Sequence[Any], state: str, amount: str) -> Decimal:
    return sum((Decimal(it[amount]["amount"]) for it in objects if it["statusDetails"]["state"] == state), ZERO)


def _told_twice(transaction: str, seen: Any) -> Iterator[Difference]:
    """One success of a reference, however often it was told."""
    told = Counter((event.type, event.psp_reference) for event in seen.events if event.type.endswith("_SUCCESS"))
    for (type_, reference), times in told.items():
        if times > 1:
            yield Difference(transaction, f"{type_} {reference}", "", f"{times} times")


async def dead_jobs(database: Database) -> list[str]:
    """What was given up in the background."""
    if database.dialect == "sqlite":
        rows = await database.read(lambda session: session.all(Statement(select(jobs).where(jobs.c.state == "dead"))))
        return [f"{row.task}: {row.last_error}" for row in rows]
    return await database.read(
        lambda session: [
            row[0]
            for row in session.connection.execute(
                "SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'"
            ).fetchall()
        ]
    )
