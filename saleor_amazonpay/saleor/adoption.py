"""Saleor's side of taking an order over: the order with its transactions, and a transaction of ours on it.

A transaction of an order from elsewhere begins with no amounts; what happened is told as events afterwards, because
amounts set by hand and events do not know of each other. Source: saleor-contract.md §7.1, §7.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from saleor_amazonpay.errors import SaleorRefused, SaleorUnavailable
from saleor_amazonpay.saleor.client import SaleorClient, raise_for_errors
from saleor_amazonpay.saleor.errors import SaleorTokenRevoked
from saleor_amazonpay.saleor.global_ids import is_id_of

METADATA_KEY: Final = "saleor-amazonpay.cv1"
"""The private metadata that marks a transaction as the one of an Order Reference; its value is that id."""

_SUMS: Final = {
    "authorizedAmount": "amountAuthorized",
    "chargedAmount": "amountCharged",
    "refundedAmount": "amountRefunded",
    "canceledAmount": "amountCanceled",
}


class TransactionNotOurs(SaleorRefused):
    """Another app, or a person, owns the transaction: only they can move it."""

    code = "TRANSACTION_NOT_OURS"


@dataclass(frozen=True, slots=True)
class OrderTransaction:
    """``marked_for`` is the Order Reference it was made for by us; ``has_amounts``: somebody has set or told some."""

    id: str
    psp_reference: str
    marked_for: str | None
    has_amounts: bool
    was_authorized: bool


@dataclass(frozen=True, slots=True)
class AdoptableOrder:
    id: str
    number: str
    channel_slug: str
    customer_id: str | None
    total: Any  # decimal, in ``currency``
    currency: str
    transactions: Sequence[OrderTransaction]

    def transaction_of(self, permission_id: str) -> OrderTransaction | None:
        """The one we made for this Order Reference, perhaps in a process that died before it could say so."""
        return next((each for each in self.transactions if each.marked_for == permission_id), None)

    def transaction(self, transaction_id: str) -> OrderTransaction | None:
        return next((each for each in self.transactions if each.id == transaction_id), None)


async def find_order(
    saleor: SaleorClient, api_url: str, token: str, *, order: str = "", external_reference: str = ""
) -> AdoptableOrder | None:
    """By ``order``, Saleor's id or number, or by the order's external reference; None where there is none."""
    if order and not is_id_of(order, "Order"):
        number = {"number": order.lstrip("#")}
        data = await saleor.execute("queries/adoptable_order_by_number", number, api_url=api_url, token=token)
        nodes = [edge["node"] for edge in (data.get("orders") or {}).get("edges") or ()]
        return _order(nodes[0]) if nodes else None
    named = {"id": order} if order else {"externalReference": external_reference}
    data = await saleor.execute("queries/adoptable_order", named, api_url=api_url, token=token)
    return _order(data["order"]) if data.get("order") else None


async def create_transaction(
    saleor: SaleorClient, api_url: str, token: str, order_id: str, permission_id: str, *, name: str
) -> str:
    """A transaction without amounts, marked for the Order Reference; its id."""
    given = {"name": name, "pspReference": permission_id, **_mark(permission_id)}
    variables = {"order": order_id, "transaction": given}
    data = await saleor.execute("mutations/transaction_create", variables, api_url=api_url, token=token)
    raise_for_errors(data["transactionCreate"])
    return str(data["transactionCreate"]["transaction"]["id"])


async def take_transaction(
    saleor: SaleorClient, api_url: str, token: str, transaction: OrderTransaction, permission_id: str, currency: str
) -> None:
    """Mark an imported transaction, and take back the amounts it was imported with: events will tell them.

    Raises:
        TransactionNotOurs: another app or a person made it.
        SaleorRefused: for a reason of Saleor's own.
    """
    nothing = {"amount": 0, "currency": currency}
    sums = dict.fromkeys(_SUMS.values(), nothing) if transaction.has_amounts else {}
    given: dict[str, Any] = {**_mark(permission_id), **sums}
    if not transaction.psp_reference:
        given["pspReference"] = permission_id
    variables = {"id": transaction.id, "transaction": given}
    try:
        data = await saleor.execute("mutations/transaction_update", variables, api_url=api_url, token=token)
    except SaleorTokenRevoked as refusal:
        raise TransactionNotOurs(
            f"The transaction {transaction.id} belongs to another app or to a person; leave the column empty, so that "
            "one of this app is made."
        ) from refusal
    raise_for_errors(data["transactionUpdate"])


def _mark(permission_id: str) -> Mapping[str, Any]:
    return {"privateMetadata": [{"key": METADATA_KEY, "value": permission_id}]}


def _order(node: Mapping[str, Any]) -> AdoptableOrder:
    try:
        gross = node["total"]["gross"]
        return AdoptableOrder(
            id=node["id"],
            number=node["number"],
            channel_slug=node["channel"]["slug"],
            customer_id=(node["user"] or {}).get("id"),
            total=gross["amount"],
            currency=gross["currency"],
            transactions=[_transaction(each) for each in node["transactions"]],
        )
    except (KeyError, TypeError) as error:
        raise SaleorUnavailable("Saleor's answer about the order cannot be read.") from error


def _transaction(node: Mapping[str, Any]) -> OrderTransaction:
    return OrderTransaction(
        id=node["id"],
        psp_reference=node["pspReference"],
        marked_for=node["cv1"],
        has_amounts=any(node[name]["amount"] for name in _SUMS),
        was_authorized=any(event["type"] == "AUTHORIZATION_SUCCESS" for event in node["events"]),
    )
