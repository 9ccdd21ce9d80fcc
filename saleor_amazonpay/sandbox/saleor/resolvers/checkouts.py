"""The storefront's way to an order."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLResolveInfo
from saleor_amazonpay.sandbox.saleor import selling
from saleor_amazonpay.sandbox.saleor.catalogue import Address, PaymentGateway
from saleor_amazonpay.sandbox.saleor.checkouts import Checkout
from saleor_amazonpay.sandbox.saleor.resolvers.accounts import gateways
from saleor_amazonpay.sandbox.saleor.resolvers.registry import (
    MutationError,
    connection,
    field,
    found,
    metadata_of,
    mutation,
    query,
)
from saleor_amazonpay.sandbox.saleor.schema import Context, PermissionDenied
from saleor_amazonpay.sandbox.saleor.store import find


@query("checkout")
def checkout(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    token: str | None = None,
) -> Checkout | None:
    known = context.shop.store.checkouts
    return next((each for each in known if each.pk == token), None) if token else find(known, id)


@query("checkouts", "MANAGE_CHECKOUTS", "HANDLE_PAYMENTS")
def checkouts(
    context: Context, first: int | None = None, after: str | None = None, channel: str | None = None
) -> dict[str, Any]:
    chosen = [each for each in context.shop.store.checkouts if channel in (None, each.channel.slug)]
    return connection(chosen, first, after)


@field("Checkout", "availablePaymentGateways")
def available_payment_gateways(checkout: Checkout, info: GraphQLResolveInfo[Any]) -> list[PaymentGateway]:
    return gateways(info.context, checkout.currency)


def items_of(context: Context, lines: list[dict[str, Any]]) -> list[selling.Item]:
    if any(line.get("price") is not None for line in lines):
        context.require("HANDLE_CHECKOUTS")
    variants = context.shop.store.variants
    return [
        selling.Item(
            found(find(variants, line["variant_id"]), "variantId", line["variant_id"]),
            line["quantity"],
            line.get("price"),
        )
        for line in lines
    ]


def address_of(context: Context, given: dict[str, Any] | None) -> Address | None:
    return Address.from_input(context.shop.store.next_pk("Address"), given) if given else None


@mutation("checkoutCreate")
def checkout_create(context: Context, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    channel = context.shop.store.channel(input.get("channel") or "")
    if channel is None or not channel.is_active:
        raise MutationError("channel", "NOT_FOUND", "Channel does not exist or is inactive.")
    made = selling.new_checkout(context.shop, channel, items_of(context, input["lines"]))
    made.user = context.user if context.app is None else None
    made.given_email = input.get("email")
    made.shipping_address = address_of(context, input.get("shipping_address"))
    made.billing_address = address_of(context, input.get("billing_address"))
    made.language_code = input.get("language_code") or "EN"
    made.metadata = metadata_of(input.get("metadata"))
    if input.get("private_metadata"):
        context.require("MANAGE_CHECKOUTS", "HANDLE_CHECKOUTS")
        made.private_metadata = metadata_of(input["private_metadata"])
    context.shop.webhooks.announce("CHECKOUT_CREATED", context.requestor, checkout=made)
    return {"checkout": made, "created": True}


@mutation("checkoutCreateFromOrder")
def checkout_create_from_order(context: Context, id: str) -> dict[str, Any]:  # noqa: A002
    order = find(context.shop.store.orders, id)
    if order is None:
        raise MutationError("id", "ORDER_NOT_FOUND", f"Couldn't resolve to a node: {id}")
    checkout, left_out = selling.copy_to_checkout(context.shop, order, context.user if context.app is None else None)
    return {"checkout": checkout, "unavailable_variants": left_out}


def _changed(context: Context, global_id: str | None) -> Checkout:
    """The checkout about to be changed; its time of change is now."""
    changed = found(find(context.shop.store.checkouts, global_id), "id", global_id)
    changed.updated_at = context.shop.clock.now()
    context.shop.webhooks.announce("CHECKOUT_UPDATED", context.requestor, checkout=changed)
    return changed


@mutation("checkoutLinesAdd")
def checkout_lines_add(context: Context, lines: list[dict[str, Any]], id: str | None = None) -> dict[str, Any]:  # noqa: A002
    changed = _changed(context, id)
    for item in items_of(context, lines):
        if item.variant.stock is not None and item.variant.stock < item.quantity:
            raise MutationError("quantity", "INSUFFICIENT_STOCK", f"Could not add items {item.variant.name}.")
        line = next((each for each in changed.lines if each.variant is item.variant), None)
        if line is None:
            selling.add_line(context.shop, changed, item)
        else:
            line.quantity += item.quantity
    return {"checkout": changed}


@mutation("checkoutLinesUpdate")
def checkout_lines_update(context: Context, lines: list[dict[str, Any]], id: str | None = None) -> dict[str, Any]:  # noqa: A002
    changed = _changed(context, id)
    if any(given.get("price") is not None for given in lines):
        context.require("HANDLE_CHECKOUTS")
    for given in lines:
        line = found(find(changed.lines, given.get("line_id")), "lineId", given.get("line_id"))
        line.price = line.price if given.get("price") is None else given["price"]
        line.quantity = line.quantity if given.get("quantity") is None else given["quantity"]
    changed.lines = [line for line in changed.lines if line.quantity > 0]
    return {"checkout": changed}


@mutation("checkoutShippingAddressUpdate")
def checkout_shipping_address_update(
    context: Context,
    shipping_address: dict[str, Any],
    id: str | None = None,  # noqa: A002 - Saleor's argument
    **_options: Any,
) -> dict[str, Any]:
    changed = _changed(context, id)
    if not changed.is_shipping_required:
        raise MutationError("shippingAddress", "SHIPPING_NOT_REQUIRED", "This checkout doesn't need shipping.")
    changed.shipping_address = address_of(context, shipping_address)
    return {"checkout": changed}


@mutation("checkoutBillingAddressUpdate")
def checkout_billing_address_update(
    context: Context,
    billing_address: dict[str, Any],
    id: str | None = None,  # noqa: A002 - Saleor's argument
    **_options: Any,
) -> dict[str, Any]:
    changed = _changed(context, id)
    changed.billing_address = address_of(context, billing_address)
    return {"checkout": changed}


@mutation("checkoutEmailUpdate")
def checkout_email_update(context: Context, email: str, id: str | None = None) -> dict[str, Any]:  # noqa: A002
    changed = _changed(context, id)
    changed.given_email = email
    return {"checkout": changed}


@mutation("checkoutCustomerAttach", "AUTHENTICATED_APP", "AUTHENTICATED_USER")
def checkout_customer_attach(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    customer_id: str | None = None,
) -> dict[str, Any]:
    """Another than oneself only with IMPERSONATE_USER, which is what an app needs; never once it has a customer."""
    changed = found(find(context.shop.store.checkouts, id), "id", id)
    if changed.user is not None:
        raise PermissionDenied("OWNER")
    changed = _changed(context, id)
    if customer_id and (context.user is None or customer_id != context.user.id):
        context.require("IMPERSONATE_USER")
    wanted = customer_id or (context.user.id if context.user else None)
    changed.user = found(find(context.shop.store.users, wanted), "customerId", wanted)
    changed.given_email = changed.user.email
    return {"checkout": changed}


@mutation("checkoutLanguageCodeUpdate")
def checkout_language_code_update(context: Context, language_code: str, id: str | None = None) -> dict[str, Any]:  # noqa: A002
    changed = _changed(context, id)
    changed.language_code = language_code
    return {"checkout": changed}


@mutation("checkoutDeliveryMethodUpdate")
def checkout_delivery_method_update(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    delivery_method_id: str | None = None,
) -> dict[str, Any]:
    changed = _changed(context, id)
    if delivery_method_id is None:
        changed.delivery_method = None
    elif not changed.shipping_address:
        raise MutationError("deliveryMethodId", "SHIPPING_ADDRESS_NOT_SET", "Cannot choose a shipping method yet.")
    else:
        changed.delivery_method = found(
            find(changed.shipping_methods, delivery_method_id), "deliveryMethodId", delivery_method_id
        )
    return {"checkout": changed}


@mutation("checkoutShippingMethodUpdate")
def checkout_shipping_method_update(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    shipping_method_id: str | None = None,
) -> dict[str, Any]:
    payload: dict[str, Any] = checkout_delivery_method_update(context, id, shipping_method_id)
    return payload


@mutation("checkoutComplete", confirmation_needed=False)
def checkout_complete(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    metadata: list[dict[str, str]] | None = None,
    redirect_url: str | None = None,
    payment_data: Any = None,  # noqa: ARG001 - of the old payments
) -> dict[str, Any]:
    try:
        order = selling.complete(context.shop, id or "", context.requestor)
    except selling.CannotComplete as error:
        raise MutationError(error.field, error.code, str(error)) from error
    order.metadata |= metadata_of(metadata)
    order.redirect_url = redirect_url or order.redirect_url
    return {"order": order, "confirmation_needed": False}


@mutation("orderCreateFromCheckout", "HANDLE_CHECKOUTS")
def order_create_from_checkout(
    context: Context,
    id: str,  # noqa: A002 - Saleor's argument
    metadata: list[dict[str, str]] | None = None,
    private_metadata: list[dict[str, str]] | None = None,
    remove_checkout: bool | None = None,  # noqa: ARG001, FBT001 - it always goes
) -> dict[str, Any]:
    """Needs neither payment nor a complete checkout (an app takes that responsibility)."""
    context.require("AUTHENTICATED_APP")
    source = found(find(context.shop.store.checkouts, id), "id", id)
    settings = source.channel.order_settings
    allowed, settings.allow_unpaid_orders = settings.allow_unpaid_orders, True
    try:
        order = selling.complete(context.shop, id, context.requestor)
    except selling.CannotComplete as error:
        raise MutationError(error.field, error.code, str(error)) from error
    finally:
        settings.allow_unpaid_orders = allowed
    order.metadata |= metadata_of(metadata)
    order.private_metadata |= metadata_of(private_metadata)
    return {"order": order}
