"""Metadata of anything that has some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saleor_amazonpay.sandbox.saleor.nodes import NodeWithMetadata
from saleor_amazonpay.sandbox.saleor.resolvers.registry import found, metadata_of, mutation
from saleor_amazonpay.sandbox.saleor.schema import Context, PermissionDenied
from saleor_amazonpay.sandbox.saleor.selling import announce_metadata
from saleor_amazonpay.sandbox.saleor.store import find

NEEDED: dict[str, tuple[str, ...]] = {
    # type: who else than the owner may change its private metadata; public metadata of a checkout is anyone's
    "App": ("MANAGE_APPS",),
    "Channel": ("MANAGE_CHANNELS",),
    "Checkout": ("MANAGE_CHECKOUTS", "HANDLE_CHECKOUTS"),
    "Fulfillment": ("MANAGE_ORDERS",),
    "Order": ("MANAGE_ORDERS",),
    "Product": ("MANAGE_PRODUCTS",),
    "ProductVariant": ("MANAGE_PRODUCTS",),
    "TransactionItem": ("HANDLE_PAYMENTS",),
    "User": ("MANAGE_USERS",),
}
_OPEN_TO_ALL = frozenset({"Checkout", "Order"})


def _item(context: Context, global_id: str, *, private: bool) -> NodeWithMetadata:
    item = found(find(context.shop.store.everything(), global_id), "id", global_id)
    name = type(item).__name__
    allowed = context.holds(*NEEDED[name]) or context.app is item or (not private and name in _OPEN_TO_ALL)
    if not allowed or not isinstance(item, NodeWithMetadata):
        raise PermissionDenied(*NEEDED[name])
    return item


def _change(
    context: Context, global_id: str, change: Callable[[dict[str, str]], None], *, private: bool
) -> dict[str, Any]:
    item = _item(context, global_id, private=private)
    change(item.private_metadata if private else item.metadata)
    announce_metadata(context.shop, item, context.requestor)
    return {"item": item}


@mutation("updateMetadata")
def update_metadata(context: Context, id: str, input: list[dict[str, str]]) -> dict[str, Any]:  # noqa: A002
    return _change(context, id, lambda held: held.update(metadata_of(input)), private=False)


@mutation("updatePrivateMetadata")
def update_private_metadata(context: Context, id: str, input: list[dict[str, str]]) -> dict[str, Any]:  # noqa: A002
    return _change(context, id, lambda held: held.update(metadata_of(input)), private=True)


@mutation("deleteMetadata")
def delete_metadata(context: Context, id: str, keys: list[str]) -> dict[str, Any]:  # noqa: A002
    return _change(context, id, lambda held: _remove(held, keys), private=False)


@mutation("deletePrivateMetadata")
def delete_private_metadata(context: Context, id: str, keys: list[str]) -> dict[str, Any]:  # noqa: A002
    return _change(context, id, lambda held: _remove(held, keys), private=True)


def _remove(held: dict[str, str], keys: list[str]) -> None:
    for key in keys:
        held.pop(key, None)
