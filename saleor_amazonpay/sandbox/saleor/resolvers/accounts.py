"""People, channels, the shop."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLResolveInfo
from saleor_amazonpay.sandbox.saleor.catalogue import (
    Channel,
    PaymentGateway,
    Product,
    ProductVariant,
    User,
    VariantPricingInfo,
)
from saleor_amazonpay.sandbox.saleor.nodes import taxed
from saleor_amazonpay.sandbox.saleor.resolvers.registry import (
    MutationError,
    connection,
    field,
    found,
    metadata_of,
    mutation,
    query,
)
from saleor_amazonpay.sandbox.saleor.schema import STAFF_OR_APP, Context
from saleor_amazonpay.sandbox.saleor.store import find


@query("me")
def me(context: Context) -> User | None:
    return context.user


@query("user", "MANAGE_STAFF", "MANAGE_USERS", "MANAGE_ORDERS")
def user(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    email: str | None = None,
    external_reference: str | None = None,
) -> User | None:
    known = context.shop.store.users
    if external_reference:
        return next((each for each in known if each.external_reference == external_reference), None)
    return context.shop.store.user_by_email(email) if email else find(known, id)


@mutation("tokenCreate")
def token_create(context: Context, email: str, password: str, audience: str | None = None) -> dict[str, Any]:
    account = context.shop.store.user_by_email(email)
    if account is None or account.password != password or not account.is_active:
        raise MutationError("email", "INVALID_CREDENTIALS", "Please, enter valid credentials")
    token = context.shop.make_user_token(account, audience)
    return {"token": token, "refresh_token": None, "csrf_token": None, "user": account}


@query("channels", *STAFF_OR_APP)
def channels(context: Context) -> list[Channel]:
    return context.shop.store.channels


@query("channel")
def channel(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    slug: str | None = None,
) -> Channel | None:
    return context.shop.store.channel(slug) if slug else find(context.shop.store.channels, id)


@mutation("channelUpdate", "MANAGE_CHANNELS")
def channel_update(context: Context, id: str, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    changed = found(find(context.shop.store.channels, id), "id", id)
    changed.name = input.get("name") or changed.name
    changed.is_active = input.get("is_active", changed.is_active)
    changed.metadata |= metadata_of(input.get("metadata"))
    changed.private_metadata |= metadata_of(input.get("private_metadata"))
    for name in ("order_settings", "checkout_settings", "payment_settings"):
        _set_all(getattr(changed, name), _flat(input.get(name) or {}))
    return {"channel": changed}


_AUTOMATIC_COMPLETION = {
    "enabled": "automatically_complete_fully_paid_checkouts",
    "delay": "automatic_completion_delay",
    "cut_off_date": "automatic_completion_cut_off_date",
}


def _flat(given: dict[str, Any]) -> dict[str, Any]:
    automatic = given.pop("automatic_completion", None) or {}
    return given | {_AUTOMATIC_COMPLETION[name]: value for name, value in automatic.items()}


def _set_all(settings: object, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value is not None and hasattr(settings, name):
            setattr(settings, name, value)


@query("shop")
def shop(context: Context) -> dict[str, Any]:
    here = context.shop
    return {
        "graphql_type": "Shop",
        "name": "Stand-in",
        "version": here.version,
        "schema_version": here.schema_version,
        "domain": {"host": here.domain, "url": here.public_url},
        "channel_currencies": sorted({each.currency_code for each in here.store.channels}),
        "available_payment_gateways": gateways(context, None),
    }


def gateways(context: Context, currency: str | None) -> list[PaymentGateway]:
    """Every active app that takes TRANSACTION_INITIALIZE_SESSION, without asking it (contract §6.1)."""
    here = context.shop
    currencies = [currency] if currency else sorted({each.currency_code for each in here.store.channels})
    return [
        PaymentGateway(id=app.identifier, name=app.name, currencies=currencies)
        for app in here.store.apps
        if here.webhooks.recipient(app, "TRANSACTION_INITIALIZE_SESSION")
    ]


@query("products")
def products(
    context: Context,
    first: int | None = None,
    after: str | None = None,
    channel: str | None = None,  # noqa: ARG001 - prices depend on it, the list does not
) -> dict[str, Any]:
    return connection(context.shop.store.products, first, after)


@field("Product", "variants")
def product_variants(product: Product, _info: GraphQLResolveInfo[Any]) -> list[ProductVariant]:
    return product.variants


@field("ProductVariant", "pricing")
def variant_pricing(variant: ProductVariant, info: GraphQLResolveInfo[Any], **_address: Any) -> VariantPricingInfo:
    """In the channel the operation's ``$channel`` names, else the first."""
    store = info.context.shop.store
    slug = info.variable_values.coerced.get("channel", store.channels[0].slug)
    known: Channel = store.channel(slug) or store.channels[0]
    return VariantPricingInfo(taxed(variant.prices[known.slug], known.currency_code))
