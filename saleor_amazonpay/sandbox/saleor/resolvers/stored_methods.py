"""Stored payment methods: lists are cached, ids carry the app's identifier (contract §6.6, observed drive, exp9)."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from graphql import GraphQLResolveInfo
from saleor_amazonpay.sandbox.saleor.answers import ListedMethod, StoredMethodAnswer, judge_list, judge_stored_method
from saleor_amazonpay.sandbox.saleor.apps import App
from saleor_amazonpay.sandbox.saleor.catalogue import Channel, PaymentGateway, User
from saleor_amazonpay.sandbox.saleor.checkouts import Checkout
from saleor_amazonpay.sandbox.saleor.resolvers.registry import MutationError, field, mutation
from saleor_amazonpay.sandbox.saleor.schema import Context

KEPT = timedelta(minutes=5)
FAILURE_KEPT = timedelta(seconds=1)
UNDELIVERED = "FAILED_TO_DELIVER"


def public_id(app: App, own: str) -> str:
    return f"app:{app.identifier}:{own}"


def split_public_id(given: str) -> tuple[str, str]:
    """``(app identifier, the app's own id)``; the own id may hold colons."""
    prefix, _, rest = given.partition(":")
    identifier, _, own = rest.partition(":")
    return (identifier, own) if prefix == "app" else ("", "")


Listed = Awaitable[list[dict[str, Any]]] | list[dict[str, Any]]


@field("User", "storedPaymentMethods")
def of_user(user: User, info: GraphQLResolveInfo[Any], channel: str) -> Listed:
    """Only for oneself; in a webhook's payload there is no user, hence nothing is asked."""
    context: Context = info.context
    known = context.shop.store.channel(channel)
    return _listed(context, user, known) if context.user is user and known else []


@field("Checkout", "storedPaymentMethods")
def of_checkout(checkout: Checkout, info: GraphQLResolveInfo[Any], **_amount: Any) -> Listed:
    context: Context = info.context
    owner = checkout.user
    return _listed(context, owner, checkout.channel) if owner and context.user is owner else []


async def _listed(context: Context, user: User, channel: Channel) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    for app in context.shop.store.apps:
        if context.shop.webhooks.recipient(app, "LIST_STORED_PAYMENT_METHODS"):
            shown += [_shown(app, channel, method) for method in await _cached(context, app, user, channel)]
    return shown


async def _cached(context: Context, app: App, user: User, channel: Channel) -> list[ListedMethod]:
    shop, key = context.shop, (user.pk, channel.slug, app.identifier)
    until, methods = shop.stored_methods.get(key, (None, []))
    if until is not None and shop.clock.now() < until:
        return methods
    answer = await shop.webhooks.ask(app, "LIST_STORED_PAYMENT_METHODS", context.requestor, user=user, channel=channel)
    methods = judge_list(answer)
    shop.stored_methods[key] = (shop.clock.now() + (FAILURE_KEPT if answer is None else KEPT), methods)
    return methods


def _shown(app: App, channel: Channel, method: ListedMethod) -> dict[str, Any]:
    gateway = PaymentGateway(id=app.identifier, name=app.name, currencies=[channel.currency_code])
    return {
        "id": public_id(app, method.id),
        "payment_method_id": method.id,
        "gateway": gateway,
        "type": method.type,
        "name": method.name,
        "data": method.data,
        "supported_payment_flows": method.supported_payment_flows,
        "credit_card_info": method.credit_card_info,
    }


def _channel(context: Context, slug: str) -> Channel:
    channel = context.shop.store.channel(slug)
    if channel is None:
        raise MutationError("channel", "NOT_FOUND", "Channel not found.")
    return channel


async def _ask(
    context: Context, event: str, identifier: str, channel: Channel, **values: Any
) -> tuple[App | None, StoredMethodAnswer]:
    app = context.shop.store.app_by_identifier(identifier)
    if app is None:
        return None, StoredMethodAnswer(result=UNDELIVERED, error="No active app found.")
    answer = await context.shop.webhooks.ask(
        app, event, context.requestor, user=context.user, channel=channel, **values
    )
    return app, judge_stored_method(answer, event)


def _errors(answer: StoredMethodAnswer) -> list[dict[str, Any]]:
    failed = answer.result.startswith("FAILED")
    return [{"field": None, "code": "GATEWAY_ERROR", "message": answer.error or ""}] if failed else []


@mutation("storedPaymentMethodRequestDelete", "AUTHENTICATED_USER", result=UNDELIVERED)
async def request_delete(context: Context, id: str, channel: str) -> dict[str, Any]:  # noqa: A002
    known = _channel(context, channel)
    identifier, own = split_public_id(id)
    event = "STORED_PAYMENT_METHOD_DELETE_REQUESTED"
    _, answer = await _ask(context, event, identifier, known, payment_method_id=own)
    if answer.result == "SUCCESSFULLY_DELETED":
        context.shop.forget_stored_methods(context.user, known, identifier)
    return {"result": answer.result, "errors": _errors(answer)}


@mutation("paymentGatewayInitializeTokenization", "AUTHENTICATED_USER", result=UNDELIVERED)
async def initialize_gateway(context: Context, id: str, channel: str, data: Any = None) -> dict[str, Any]:  # noqa: A002
    event = "PAYMENT_GATEWAY_INITIALIZE_TOKENIZATION_SESSION"
    _, answer = await _ask(context, event, id, _channel(context, channel), data=data)
    return {"result": answer.result, "data": answer.data, "errors": _errors(answer)}


@mutation("paymentMethodInitializeTokenization", "AUTHENTICATED_USER", result=UNDELIVERED)
async def initialize_method(
    context: Context,
    id: str,  # noqa: A002 - Saleor's argument
    channel: str,
    payment_flow_to_support: str,
    data: Any = None,
) -> dict[str, Any]:
    event = "PAYMENT_METHOD_INITIALIZE_TOKENIZATION_SESSION"
    values = {"data": data, "payment_flow_to_support": payment_flow_to_support}
    return await _tokenize(context, event, id, channel, values)


@mutation("paymentMethodProcessTokenization", "AUTHENTICATED_USER", result=UNDELIVERED)
async def process_method(context: Context, id: str, channel: str, data: Any = None) -> dict[str, Any]:  # noqa: A002
    identifier, own = split_public_id(id)
    event = "PAYMENT_METHOD_PROCESS_TOKENIZATION_SESSION"
    return await _tokenize(context, event, identifier, channel, {"data": data, "id": own})


async def _tokenize(
    context: Context, event: str, identifier: str, channel: str, values: dict[str, Any]
) -> dict[str, Any]:
    known = _channel(context, channel)
    app, answer = await _ask(context, event, identifier, known, **values)
    if answer.result in {"SUCCESSFULLY_TOKENIZED", "PENDING"}:
        context.shop.forget_stored_methods(context.user, known, identifier)
    shown = public_id(app, answer.id) if app and answer.id else None
    return {"result": answer.result, "id": shown, "data": answer.data, "errors": _errors(answer)}
