"""Payment: the storefront's three mutations, the merchant's two, the app's reports."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from saleor_amazonpay.sandbox.saleor import payments
from saleor_amazonpay.sandbox.saleor.answers import PaymentMethodDetails, truncate
from saleor_amazonpay.sandbox.saleor.apps import App
from saleor_amazonpay.sandbox.saleor.nodes import from_global_id, quantize
from saleor_amazonpay.sandbox.saleor.resolvers.registry import (
    MutationError,
    connection,
    found,
    metadata_of,
    mutation,
    query,
)
from saleor_amazonpay.sandbox.saleor.schema import Context, PermissionDenied
from saleor_amazonpay.sandbox.saleor.store import find, find_transaction
from saleor_amazonpay.sandbox.saleor.transactions import (
    AMOUNT_OPTIONAL,
    AMOUNT_TAKEN_FROM,
    TransactionItem,
    new_idempotency_key,
)

_HANDLE = "HANDLE_PAYMENTS"
_READ = (_HANDLE, "MANAGE_ORDERS")
MOST_TRANSACTIONS = 100
GATEWAY_FAILED = "Unable to process a payment gateway response."


# --- reading


@query("transaction", *_READ)
def transaction(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    token: str | None = None,
) -> TransactionItem | None:
    return find_transaction(context.shop.store, id, token)


@query("transactions", *_READ)
def transactions(
    context: Context, where: dict[str, Any] | None = None, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    """An app without MANAGE_ORDERS sees its own only (contract §7.3)."""
    own = context.app if context.app and not context.holds("MANAGE_ORDERS") else None
    chosen = [
        each
        for each in context.shop.store.transactions
        if (own is None or each.app_identifier == own.identifier) and _matches(each, where or {})
    ]
    return connection(chosen, first, after)


def _matches(item: TransactionItem, where: dict[str, Any]) -> bool:
    return all(_CONDITIONS[name](item, wanted) for name, wanted in where.items() if wanted is not None)


def _text(value: str | None, wanted: dict[str, Any]) -> bool:
    return wanted.get("eq") in (None, value) and (wanted.get("one_of") is None or value in wanted["one_of"])


def _between(value: datetime, wanted: dict[str, Any]) -> bool:
    since, until = wanted.get("gte"), wanted.get("lte")
    return (since is None or value >= since) and (until is None or value <= until)


def _has_event(item: TransactionItem, wanted: list[dict[str, Any]]) -> bool:
    return all(any(_event_matches(event.type, event.created_at, each) for event in item.recorded) for each in wanted)


def _event_matches(event_type: str, created_at: datetime, wanted: dict[str, Any]) -> bool:
    return _text(event_type, wanted.get("type") or {}) and _between(created_at, wanted.get("created_at") or {})


_CONDITIONS: dict[str, Callable[[TransactionItem, Any], bool]] = {
    "ids": lambda item, wanted: item.id in wanted,
    "psp_reference": lambda item, wanted: _text(item.psp_reference, wanted),
    "app_identifier": lambda item, wanted: _text(item.app_identifier, wanted),
    "created_at": lambda item, wanted: _between(item.created_at, wanted),
    "modified_at": lambda item, wanted: _between(item.modified_at, wanted),
    "events": _has_event,
    "and": lambda item, wanted: all(_matches(item, each) for each in wanted),
    "or": lambda item, wanted: any(_matches(item, each) for each in wanted),
}


# --- what the mutations have in common


def _item(context: Context, global_id: str | None, token: str | None) -> TransactionItem:
    if (global_id is None) == (token is None):
        raise MutationError(None, "GRAPHQL_ERROR", "Exactly one of `id` and `token` is required.")
    return found(find_transaction(context.shop.store, global_id, token), "id", global_id or token)


def _source(context: Context, global_id: str) -> payments.Source:
    kind, _ = from_global_id(global_id)
    if kind not in {"Checkout", "Order"}:
        message = f"Invalid ID: {global_id}. Expected one of: Checkout, Order, received: {kind}."
        raise MutationError("id", "INVALID", message)
    store = context.shop.store
    source = find(store.checkouts, global_id) or find(store.orders, global_id)
    if source is None:
        raise MutationError("id", "NOT_FOUND", "`Order` or `Checkout` not found.")
    return source


def _roomy(source: payments.Source) -> payments.Source:
    if len(source.transactions) >= MOST_TRANSACTIONS:
        message = f"{type(source).__name__} transactions limit of {MOST_TRANSACTIONS} reached."
        raise MutationError("id", "INVALID", message)
    return source


def _amount(source: payments.Source, given: Decimal | None) -> Decimal:
    return payments.amount_left(source) if given is None else quantize(given, source.currency)


def _client_ip(context: Context, given: str | None) -> str:
    """Only an app with HANDLE_PAYMENTS may name another than the caller's own."""
    if not given:
        return context.client_ip
    _require_app(context)
    try:
        ipaddress.ip_address(given)
    except ValueError as error:
        raise MutationError("customerIpAddress", "INVALID", "Enter a valid IPv4 or IPv6 address.") from error
    return given


def _require_app(context: Context) -> None:
    if context.app is None or not context.holds(_HANDLE):
        raise PermissionDenied(_HANDLE)


# --- the storefront


@mutation("paymentGatewayInitialize")
async def payment_gateway_initialize(
    context: Context,
    id: str,  # noqa: A002 - Saleor's argument
    amount: Decimal | None = None,
    payment_gateways: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Without ``paymentGateways`` every app is asked, one after the other, with ``data: null`` (observed, exp3)."""
    source = _roomy(_source(context, id))
    asked = _amount(source, amount)
    if payment_gateways:
        chosen = [(each["id"], each.get("data")) for each in payment_gateways]
    else:
        apps = (each for each in context.shop.store.apps if _takes_gateway_events(context, each))
        chosen = [(each.identifier, None) for each in apps]
    configs = [await _gateway_config(context, source, asked, name, data) for name, data in chosen]
    return {"gateway_configs": configs}


def _takes_gateway_events(context: Context, app: App) -> bool:
    return context.shop.webhooks.recipient(app, "PAYMENT_GATEWAY_INITIALIZE_SESSION") is not None


async def _gateway_config(
    context: Context, source: payments.Source, amount: Decimal, identifier: str, data: Any
) -> dict[str, Any]:
    app = context.shop.store.app_by_identifier(identifier)
    if app is None or not _takes_gateway_events(context, app):
        message = "Active app with `HANDLE_PAYMENT` permissions or app webhook not found."
        return _config(identifier, None, "NOT_FOUND", message)
    answer = await context.shop.webhooks.ask(
        app,
        "PAYMENT_GATEWAY_INITIALIZE_SESSION",
        context.requestor,
        source_object=source,
        data=data,
        amount=amount,
    )
    if answer == {}:
        return _config(identifier, None)
    if not isinstance(answer, dict) or "data" not in answer:
        return _config(identifier, None, "INVALID", GATEWAY_FAILED)
    return _config(identifier, answer["data"])


def _config(identifier: str, data: Any, code: str | None = None, message: str = "") -> dict[str, Any]:
    errors = [{"field": "id", "code": code, "message": message}] if code else []
    return {"id": identifier, "data": data, "errors": errors}


@mutation("transactionInitialize")
async def transaction_initialize(
    context: Context,
    id: str,  # noqa: A002 - Saleor's argument
    payment_gateway: dict[str, Any],
    amount: Decimal | None = None,
    action: str | None = None,
    customer_ip_address: str | None = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    source = _roomy(_source(context, id))
    if idempotency_key == "":
        raise MutationError("idempotencyKey", "INVALID", "Cannot be provided as an empty string.")
    if action:
        _require_app(context)
    client_ip = _client_ip(context, customer_ip_address)
    app = context.shop.store.app_by_identifier(payment_gateway["id"])
    if app is None:
        raise MutationError("paymentGateway", "NOT_FOUND", "App with provided identifier not found.")
    try:
        outcome = await payments.initialize(
            context.shop,
            source,
            app,
            data=payment_gateway.get("data"),
            amount=_amount(source, amount),
            action=action or source.channel.payment_settings.default_transaction_flow_strategy,
            key=idempotency_key or new_idempotency_key(),
            client_ip=client_ip,
            principal=context.requestor,
        )
    except payments.KeyTaken as error:
        message = "Different transaction with provided idempotency key already exists."
        raise MutationError("idempotencyKey", "UNIQUE", message) from error
    return {"transaction": outcome.transaction, "transaction_event": outcome.event, "data": outcome.data}


@mutation("transactionProcess")
async def transaction_process(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    token: str | None = None,
    data: Any = None,
    customer_ip_address: str | None = None,
) -> dict[str, Any]:
    item = _item(context, id, token)
    if done := payments.final_event(item):
        return {"transaction": item, "transaction_event": done, "data": None}
    request = payments.open_request(item)
    if request is None:
        raise MutationError("id", "INVALID", "Missing call of `transactionInitialize` mutation.")
    outcome = await payments.process(
        context.shop,
        item,
        request,
        _payment_app(context, item),
        data=data,
        client_ip=_client_ip(context, customer_ip_address),
        principal=context.requestor,
    )
    return {"transaction": item, "transaction_event": outcome.event, "data": outcome.data}


def _payment_app(context: Context, item: TransactionItem) -> App:
    if not item.app_identifier:
        message = "Transaction doesn't have attached app that could process the request."
        raise MutationError("id", "MISSING_PAYMENT_APP_RELATION", message)
    app = context.shop.store.app_by_identifier(item.app_identifier)
    if app is None:
        message = "Payment app attached to the transaction, doesn't exist."
        raise MutationError("id", "MISSING_PAYMENT_APP", message)
    return app


# --- the merchant


@mutation("transactionRequestAction", _HANDLE)
def transaction_request_action(
    context: Context,
    action_type: payments.Kind,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    token: str | None = None,
    amount: Decimal | None = None,
    refund_reason: str | None = None,
) -> dict[str, Any]:
    if refund_reason and action_type != "REFUND":
        raise MutationError("refundReason", "INVALID", "Reason can be set only for REFUND action.")
    item = _item(context, id, token)
    try:
        payments.request_action(
            context.shop, item, action_type, amount, created_by=context.requestor, message=refund_reason or ""
        )
    except payments.NoRecipient as error:
        raise MutationError(None, "MISSING_TRANSACTION_ACTION_REQUEST_WEBHOOK", str(error)) from error
    return {"transaction": item}


_REFUND_REFUSED = {
    "PENDING": ("REFUND_IS_PENDING", "The refund request is already in progress."),
    "SUCCESS": ("REFUND_ALREADY_PROCESSED", "The granted refund is already processed."),
}


@mutation("transactionRequestRefundForGrantedRefund", _HANDLE)
def transaction_request_refund_for_granted_refund(
    context: Context,
    granted_refund_id: str,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    token: str | None = None,
) -> dict[str, Any]:
    refund = found(find(context.shop.store.granted_refunds, granted_refund_id), "grantedRefundId", granted_refund_id)
    item = refund.transaction or _item(context, id, token)
    if refund.status in _REFUND_REFUSED:
        raise MutationError("grantedRefundId", *_REFUND_REFUSED[refund.status])
    if item.amounts.charged < refund.amount.value:
        message = f"The granted refund amount {refund.amount.value} is greater than available charged amount."
        raise MutationError("grantedRefundId", "AMOUNT_GREATER_THAN_AVAILABLE", message)
    try:
        payments.request_action(
            context.shop, item, "REFUND", refund.amount.value, message=refund.reason, granted_refund=refund
        )
    except payments.NoRecipient as error:
        raise MutationError(None, "MISSING_TRANSACTION_ACTION_REQUEST_WEBHOOK", str(error)) from error
    return {"transaction": item}


# --- the app


def _require_owner(context: Context, item: TransactionItem) -> None:
    """Its app (by id or identifier), its user, or anybody when it has no owner (contract §7.1)."""
    context.require(_HANDLE)
    unowned = item.app_identifier is None and item.user is None
    own_app = context.app is not None and item.app_identifier == context.app.identifier
    own_user = context.app is None and item.user is not None and item.user is context.user
    staff_on_staff = context.app is None and item.app_identifier is None
    if not (unowned or own_app or own_user or staff_on_staff):
        raise PermissionDenied("OWNER", _HANDLE)


@mutation("transactionEventReport", _HANDLE)
def transaction_event_report(
    context: Context,
    psp_reference: str,
    type: str,  # noqa: A002 - Saleor's argument
    id: str | None = None,  # noqa: A002 - Saleor's argument
    token: str | None = None,
    amount: Decimal | None = None,
    time: datetime | None = None,
    external_url: str | None = None,
    message: str | None = None,
    available_actions: list[str] | None = None,
    transaction_metadata: list[dict[str, str]] | None = None,
    transaction_private_metadata: list[dict[str, str]] | None = None,
    payment_method_details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    item = _item(context, id, token)
    _require_owner(context, item)
    if len(psp_reference) > 512:
        raise MutationError("pspReference", "INVALID", "Ensure this value has at most 512 characters.")
    given = payments.Report(
        type=type,
        reference=psp_reference,
        amount=_reported_amount(context, item, type, psp_reference, amount),
        time=time or context.shop.clock.now(),
        message=truncate(message or ""),
        external_url=external_url or "",
        actions=available_actions,
    )
    details = _input_details(payment_method_details)
    try:
        event, already = payments.report(context.shop, item, given, context.requestor)
    except payments.ReportRefused as refused:
        raise MutationError(refused.field, refused.code, str(refused)) from refused
    item.payment_method_details = details or item.payment_method_details
    if not already:
        _add_metadata(context, item, transaction_metadata, transaction_private_metadata)
    return {"already_processed": already, "transaction": item, "transaction_event": event}


def _reported_amount(
    context: Context, item: TransactionItem, event_type: str, reference: str, given: Decimal | None
) -> Decimal:
    if given is not None:
        return quantize(given, item.currency)
    if event_type not in AMOUNT_OPTIONAL:
        raise MutationError("amount", "REQUIRED", f"The `amount` field is required for {event_type.lower()} event.")
    if event_type == "INFO":
        return Decimal(0)
    types = AMOUNT_TAKEN_FROM[event_type]
    known = (each for item in context.shop.store.transactions for each in item.recorded)
    same = [each for each in known if each.reference == reference and each.type in types]
    if not same:
        raise MutationError("amount", "REQUIRED", f"Unable to deduce the amount for {event_type.lower()} event.")
    return max(same, key=lambda event: event.created_at).amount_value


def _input_details(given: dict[str, Any] | None) -> PaymentMethodDetails | None:
    if not given:
        return None
    named = {"card": "CARD", "other": "OTHER", "gift_card": "GIFT_CARD"}
    chosen = [(kind, given[name]) for name, kind in named.items() if given.get(name)]
    if len(chosen) != 1:
        raise MutationError("paymentMethodDetails", "INVALID", "Exactly one kind of details is needed.")
    kind, values = chosen[0]
    return PaymentMethodDetails(type=kind, **values)


def _add_metadata(
    context: Context,
    item: TransactionItem,
    public: list[dict[str, str]] | None,
    private: list[dict[str, str]] | None,
) -> None:
    item.metadata |= metadata_of(public)
    item.private_metadata |= metadata_of(private)
    if public or private:
        context.shop.webhooks.announce("TRANSACTION_ITEM_METADATA_UPDATED", context.requestor, transaction=item)


_MANUAL = {
    # input field: sum it sets, event that makes up the difference
    "amount_authorized": ("authorized", "AUTHORIZATION_SUCCESS"),
    "amount_charged": ("charged", "CHARGE_SUCCESS"),
    "amount_refunded": ("refunded", "REFUND_SUCCESS"),
    "amount_canceled": ("canceled", "CANCEL_SUCCESS"),
}


@mutation("transactionCreate", _HANDLE)
def transaction_create(
    context: Context,
    id: str,  # noqa: A002 - Saleor's argument
    transaction: dict[str, Any],
    transaction_event: dict[str, Any] | None = None,
) -> dict[str, Any]:
    source = _roomy(_source(context, id))
    _check_currencies(source.currency, transaction, "INCORRECT_CURRENCY")
    item = payments.new_transaction(context.shop, source, context.app, user=None if context.app else context.user)
    _set(context, item, transaction, transaction_event)
    return {"transaction": item}


@mutation("transactionUpdate", _HANDLE)
def transaction_update(
    context: Context,
    id: str | None = None,  # noqa: A002 - Saleor's argument
    token: str | None = None,
    transaction: dict[str, Any] | None = None,
    transaction_event: dict[str, Any] | None = None,
) -> dict[str, Any]:
    item = _item(context, id, token)
    _require_owner(context, item)
    given = transaction or {}
    _check_currencies(item.currency, given, "INCORRECT_CURRENCY")
    _check_reference(context, item, given.get("psp_reference"))
    if context.app is not None and item.user is None and item.app_identifier is None:
        item.app, item.app_identifier = context.app, context.app.identifier
    _set(context, item, given, transaction_event)
    return {"transaction": item}


def _check_reference(context: Context, item: TransactionItem, given: str | None) -> None:
    taken = any(each.psp_reference == given for each in context.shop.store.transactions)
    if given and item.psp_reference != given and taken:
        raise MutationError("transaction", "UNIQUE", "Transaction with provided `pspReference` already exists.")


def _check_currencies(currency: str, given: dict[str, Any], code: str) -> None:
    for name in _MANUAL:
        if given.get(name) and given[name]["currency"] != currency:
            raise MutationError(name, code, f"Currency needs to be the same as for the source: {currency}")


def _set(context: Context, item: TransactionItem, given: dict[str, Any], event: dict[str, Any] | None) -> None:
    """Sums are absolute: the difference becomes a manual event without pspReference (contract §7.2)."""
    before = item.source.charge_status
    for name in ("name", "message", "psp_reference", "external_url"):
        if given.get(name) is not None:
            setattr(item, name, given[name])
    item.set_actions(given.get("available_actions"))
    item.payment_method_details = _input_details(given.get("payment_method_details")) or item.payment_method_details
    for name, (total, event_type) in _MANUAL.items():
        if given.get(name) is not None:
            _make_up(context, item, getattr(item.amounts, total), given[name]["amount"], event_type)
    if event:
        payments.new_event(
            context.shop,
            item,
            "INFO",
            Decimal(0),
            reference=event.get("psp_reference"),
            message=event.get("message") or "",
            created_by=context.requestor,
        )
    _add_metadata(context, item, given.get("metadata"), given.get("private_metadata"))
    item.recalculate()
    payments.touched(context.shop, item, before)


def _make_up(context: Context, item: TransactionItem, current: Decimal, wanted: Decimal, event_type: str) -> None:
    if current == wanted:
        return
    authorized_before = any(event.type == "AUTHORIZATION_SUCCESS" for event in item.recorded)
    if event_type == "AUTHORIZATION_SUCCESS" and authorized_before:
        event_type, current = "AUTHORIZATION_ADJUSTMENT", Decimal(0)
    payments.new_event(
        context.shop,
        item,
        event_type,
        wanted - current,
        message="Manual adjustment of the transaction.",
        created_by=context.requestor,
    )
