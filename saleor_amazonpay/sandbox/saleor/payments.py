"""Moving a payment on: initialise, process, request an action, report; and what each answer changes.

The order of steps is core's, because a wrong answer must leave behind what it would leave in a shop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from saleor_amazonpay.sandbox.saleor.answers import Answer, BreaksSaleor, InvalidAnswer, judge_action, judge_session
from saleor_amazonpay.sandbox.saleor.apps import App, Webhook
from saleor_amazonpay.sandbox.saleor.catalogue import User
from saleor_amazonpay.sandbox.saleor.checkouts import Checkout
from saleor_amazonpay.sandbox.saleor.nodes import quantize
from saleor_amazonpay.sandbox.saleor.orders import MissingGrantedRefund, Order, OrderGrantedRefund
from saleor_amazonpay.sandbox.saleor.transactions import (
    FINAL_IN_SESSION,
    MONEY_SEEN,
    UNDELIVERED,
    TransactionEvent,
    TransactionItem,
    failure_of,
    find_repetition,
    new_idempotency_key,
)
from saleor_amazonpay.sandbox.saleor.webhooks import event_object

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn

Source = Checkout | Order
Kind = Literal["CHARGE", "REFUND", "CANCEL"]

ACTION_EVENT: dict[str, str] = {
    "CHARGE": "TRANSACTION_CHARGE_REQUESTED",
    "REFUND": "TRANSACTION_REFUND_REQUESTED",
    "CANCEL": "TRANSACTION_CANCELATION_REQUESTED",
}
LIMITED_BY: dict[str, str] = {"CHARGE": "authorized", "REFUND": "charged", "CANCEL": "authorized"}
NO_RECIPIENT = "No app or plugin is configured to handle payment action requests."
ORDER_EVENTS = {
    # chargeStatus an order has just reached: events sent beside ORDER_UPDATED
    "FULL": ("ORDER_PAID", "ORDER_FULLY_PAID"),
    "OVERCHARGED": ("ORDER_PAID", "ORDER_FULLY_PAID"),
    "PARTIAL": ("ORDER_PAID",),
    "NONE": (),
}


class NoRecipient(Exception):
    """The owning app is gone, inactive, or has no webhook for the action; a failure event has been written."""


class KeyTaken(Exception):
    """The idempotency key belongs to another transaction, amount or action."""


@dataclass
class SessionOutcome:
    transaction: TransactionItem
    event: TransactionEvent
    data: Any = None


def amount_left(source: Source) -> Decimal:
    """What a session asks for when the storefront names no amount (contract §6.1)."""
    left = source.total_gross - sum((each.covered for each in source.transactions), Decimal(0))
    return quantize(max(left, Decimal(0)), source.currency)


def new_event(
    shop: SaleorStandIn,
    transaction: TransactionItem,
    event_type: str,
    amount: Decimal,
    *,
    created_at: datetime | None = None,
    reference: str | None = None,
    message: str = "",
    external_url: str = "",
    created_by: App | User | None = None,
    counted: bool = True,
    idempotency_key: str | None = None,
    granted_refund: OrderGrantedRefund | None = None,
) -> TransactionEvent:
    """Writes one event; nothing is recomputed yet."""
    event = TransactionEvent(
        pk=shop.store.next_pk("TransactionEvent"),
        type=event_type,
        amount_value=amount,
        currency=transaction.currency,
        created_at=created_at or shop.clock.now(),
        reference=reference,
        message=message,
        external_url=external_url,
        created_by=created_by,
        include_in_calculations=counted,
        idempotency_key=idempotency_key,
        granted_refund=granted_refund,
    )
    return transaction.record(event)


def new_transaction(
    shop: SaleorStandIn, source: Source, app: App | None, *, user: User | None = None, key: str | None = None
) -> TransactionItem:
    now = shop.clock.now()
    transaction = TransactionItem(
        pk=shop.store.new_uuid(),
        currency=source.currency,
        created_at=now,
        modified_at=now,
        app=app,
        app_identifier=app.identifier if app else None,
        user=user,
        checkout=source if isinstance(source, Checkout) else None,
        order=source if isinstance(source, Order) else None,
        idempotency_key=key,
    )
    source.transactions.append(transaction)
    shop.store.transactions.append(transaction)
    return transaction


def write_failure(
    shop: SaleorStandIn, transaction: TransactionItem, event: TransactionEvent, cause: str
) -> TransactionEvent:
    """Saleor's own failure: visible, never counted (so a session may be processed again)."""
    return new_event(
        shop,
        transaction,
        failure_of(event.type),
        event.amount_value,
        reference=event.reference,
        message=cause,
        counted=False,
        granted_refund=event.granted_refund,
    )


# --- sessions


async def initialize(
    shop: SaleorStandIn,
    source: Source,
    app: App,
    *,
    data: Any,
    amount: Decimal,
    action: str,
    key: str,
    client_ip: str,
    principal: App | User | None,
) -> SessionOutcome:
    """``transactionInitialize`` once its arguments are clean.

    The same key with the same source, amount and action uses the same transaction and **asks the app again**
    (observed, exp3b).

    Raises:
        KeyTaken: the key is another transaction's, or came with another amount or action.
    """
    transaction, request = _request_of_key(shop, source, app, f"{action}_REQUEST", amount, key)
    values = _session_values(transaction, source, request, action, data, client_ip)
    answer = await shop.webhooks.ask(app, "TRANSACTION_INITIALIZE_SESSION", principal, **values, idempotency_key=key)
    event = settle_session(shop, transaction, request, answer, app)
    return SessionOutcome(transaction, event, _data(answer))


def _request_of_key(
    shop: SaleorStandIn, source: Source, app: App, request_type: str, amount: Decimal, key: str
) -> tuple[TransactionItem, TransactionEvent]:
    known = next((each for each in shop.store.transactions if _same_key(each, key, app)), None)
    if known is None:
        transaction = new_transaction(shop, source, app, key=key)
        request = new_event(shop, transaction, request_type, amount, counted=False, idempotency_key=key)
        return transaction, request
    if known.source is not source:
        raise KeyTaken
    for event in known.recorded:
        if event.idempotency_key == key and (event.type, event.amount_value) == (request_type, amount):
            return known, event
    raise KeyTaken


def _same_key(transaction: TransactionItem, key: str, app: App) -> bool:
    return transaction.idempotency_key == key and transaction.app_identifier == app.identifier


async def process(
    shop: SaleorStandIn,
    transaction: TransactionItem,
    request: TransactionEvent,
    app: App,
    *,
    data: Any,
    client_ip: str,
    principal: App | User | None,
) -> SessionOutcome:
    action = request.type.removesuffix("_REQUEST")
    values = _session_values(transaction, transaction.source, request, action, data, client_ip)
    answer = await shop.webhooks.ask(app, "TRANSACTION_PROCESS_SESSION", principal, **values)
    event = settle_session(shop, transaction, request, answer, app)
    return SessionOutcome(transaction, event, _data(answer))


def _session_values(
    transaction: TransactionItem, source: Source, request: TransactionEvent, action: str, data: Any, client_ip: str
) -> dict[str, Any]:
    return {
        "transaction": transaction,
        "source_object": source,
        "data": data,
        "merchant_reference": transaction.id,
        "customer_ip_address": client_ip,
        "action": {
            "action_type": action,
            "currency": source.currency,
            "amount": quantize(request.amount_value, source.currency),
        },
    }


def _data(answer: Any) -> Any:
    """``data`` reaches the storefront even when the rest of the answer is invalid (contract §6.2)."""
    return answer.get("data") if isinstance(answer, Mapping) else None


def final_event(transaction: TransactionItem) -> TransactionEvent | None:
    """A counted success, failure or request ends a session: later process calls get it without asking the app."""
    return next((each for each in transaction.events if _is_final(each)), None)


def _is_final(event: TransactionEvent) -> bool:
    return event.type in FINAL_IN_SESSION and event.include_in_calculations


def open_request(transaction: TransactionItem) -> TransactionEvent | None:
    """The request ``transactionInitialize`` wrote and no answer has counted yet."""
    waiting = (each for each in transaction.events if not each.include_in_calculations)
    return next((each for each in waiting if each.type in {"AUTHORIZATION_REQUEST", "CHARGE_REQUEST"}), None)


def settle_session(
    shop: SaleorStandIn, transaction: TransactionItem, request: TransactionEvent, given: Any, app: App
) -> TransactionEvent:
    """Books a session's answer; ``None`` stands for no answer.

    Raises:
        BreaksSaleor: not an object, or a value too long; the transaction keeps only its request event.
    """
    if given is None:
        return write_failure(shop, transaction, request, UNDELIVERED)
    try:
        answer = judge_session(given, request.amount_value, shop.clock.now())
    except InvalidAnswer as invalid:
        return write_failure(shop, transaction, request, str(invalid))
    if answer.result in {"AUTHORIZATION_REQUEST", "CHARGE_REQUEST"}:
        event = _pending(request, answer, app)
    else:
        written = _written(shop, transaction, answer, app)
        if isinstance(written, str):
            return write_failure(shop, transaction, request, written)
        event = written
        request.reference = event.reference
    _after_session(shop, transaction, event, answer, app)
    return event


def _pending(request: TransactionEvent, answer: Answer, app: App) -> TransactionEvent:
    """``*_REQUEST``: the request event itself becomes the pending one."""
    request.type = answer.result or request.type
    request.amount_value = answer.amount
    request.reference = answer.psp_reference
    request.created_at = answer.time
    request.message = answer.message
    request.external_url = answer.external_url or request.external_url
    request.created_by = app
    request.include_in_calculations = True
    return request


def _written(
    shop: SaleorStandIn,
    transaction: TransactionItem,
    answer: Answer,
    app: App | None,
    granted_refund: OrderGrantedRefund | None = None,
) -> TransactionEvent | str:
    """The answered event, new or the one already there; a text when it contradicts what is there."""
    result = answer.result or ""
    repetition = find_repetition(transaction, result, answer.psp_reference, answer.amount)
    if repetition.code:
        return repetition.message
    return repetition.existing or new_event(
        shop,
        transaction,
        result,
        answer.amount,
        created_at=answer.time,
        reference=answer.psp_reference,
        message=answer.message,
        external_url=answer.external_url,
        created_by=app,
        granted_refund=granted_refund,
    )


def _after_session(
    shop: SaleorStandIn, transaction: TransactionItem, event: TransactionEvent, answer: Answer, app: App
) -> None:
    if answer.details:
        transaction.payment_method_details = answer.details
    if event.type in MONEY_SEEN:
        before = _charge_status(transaction)
        transaction.psp_reference = event.psp_reference
        transaction.set_actions(answer.actions)
        transaction.recalculate()
        touched(shop, transaction, before)
        shop.forget_stored_methods(transaction.source.user, transaction.source.channel, app.identifier)
    elif event.reference and transaction.psp_reference != event.reference:
        transaction.psp_reference = event.reference
        transaction.modified_at = shop.clock.now()


# --- actions of staff and of the release job


def request_action(
    shop: SaleorStandIn,
    transaction: TransactionItem,
    kind: Kind,
    amount: Decimal | None,
    *,
    created_by: App | User | None = None,
    message: str = "",
    granted_refund: OrderGrantedRefund | None = None,
) -> TransactionEvent:
    """Writes the request event and sends the webhook after the mutation has returned.

    No amount or 0 means all there is; more than there is is cut down to it; where there is nothing the request is
    sent with 0. ``actions`` of the transaction are not looked at (observed, exp4, exp12).

    Raises:
        NoRecipient: no active app with that webhook; a failure event has been written.
    """
    limit: Decimal = getattr(transaction.amounts, LIMITED_BY[kind])
    asked = quantize(amount, transaction.currency) if amount is not None else None
    request = new_event(
        shop,
        transaction,
        f"{kind}_REQUEST",
        min(asked or limit, limit),
        message=message,
        created_by=created_by,
        counted=False,
        idempotency_key=new_idempotency_key(),
        granted_refund=granted_refund,
    )
    send_action(shop, transaction, kind, request)
    return request


def send_action(shop: SaleorStandIn, transaction: TransactionItem, kind: Kind, request: TransactionEvent) -> None:
    event = ACTION_EVENT[kind]
    webhook = shop.webhooks.recipient(_owner(shop, transaction), event)
    if webhook is None:
        _note_refundable(transaction, request, None)
        write_failure(shop, transaction, request, NO_RECIPIENT)
        raise NoRecipient(NO_RECIPIENT)
    body = shop.webhooks.body(webhook, _action_values(transaction, kind, request), None)
    if body is not None:
        shop.webhooks.spawn(_carry_out(shop, transaction, request, webhook, body))


def _owner(shop: SaleorStandIn, transaction: TransactionItem) -> App | None:
    """The app that made the transaction, or after a re-installation the one of the same identifier."""
    if transaction.app is not None and transaction.app.usable:
        return transaction.app
    return shop.store.app_by_identifier(transaction.app_identifier)


def _action_values(transaction: TransactionItem, kind: Kind, request: TransactionEvent) -> dict[str, Any]:
    action = {
        "action_type": kind,
        "currency": transaction.currency,
        "amount": quantize(request.amount_value, transaction.currency),
    }
    values = {"transaction": transaction, "action": action}
    if kind == "REFUND":
        values["granted_refund"] = request.granted_refund or MissingGrantedRefund()
    return event_object(ACTION_EVENT[kind], **values)


async def _carry_out(
    shop: SaleorStandIn, transaction: TransactionItem, request: TransactionEvent, webhook: Webhook, body: bytes
) -> None:
    given = await shop.webhooks.request(webhook, ACTION_EVENT[request.type.removesuffix("_REQUEST")], body)
    try:
        settle_action(shop, transaction, request, given, webhook.app)
    except BreaksSaleor:
        return  # the task dies; the request event stays as it is for ever (observed, exp4)


def settle_action(
    shop: SaleorStandIn, transaction: TransactionItem, request: TransactionEvent, given: Any, app: App
) -> TransactionEvent | None:
    """Books the answer to a charge, refund or cancelation request; ``transaction.pspReference`` never changes here."""
    if given is None:
        return _refuse(shop, transaction, request, UNDELIVERED)
    try:
        answer = judge_action(given, request.type, request.amount_value, shop.clock.now())
    except InvalidAnswer as invalid:
        return _refuse(shop, transaction, request, str(invalid))
    if answer.psp_reference is not None:
        request.reference = answer.psp_reference
        request.include_in_calculations = True
    event = None
    if answer.result:
        written = _written(shop, transaction, answer, app, request.granted_refund)
        if isinstance(written, str):
            return _refuse(shop, transaction, request, written)
        event = written
    before = _charge_status(transaction)
    transaction.recalculate()
    transaction.set_actions(answer.actions)
    _note_refundable(transaction, request, event)
    touched(shop, transaction, before)
    return event


def _refuse(
    shop: SaleorStandIn, transaction: TransactionItem, request: TransactionEvent, cause: str
) -> TransactionEvent:
    _note_refundable(transaction, request, None)
    return write_failure(shop, transaction, request, cause)


_GIVEN_BACK = {"REFUND_SUCCESS": True, "CANCEL_SUCCESS": True, "REFUND_FAILURE": False, "CANCEL_FAILURE": False}


def _note_refundable(
    transaction: TransactionItem, request: TransactionEvent, response: TransactionEvent | None
) -> None:
    """The release job tries a transaction again only after a success or an asynchronous answer (contract §8)."""
    if response is not None:
        transaction.last_refund_success = _GIVEN_BACK.get(response.type, transaction.last_refund_success)
    elif request.type in {"REFUND_REQUEST", "CANCEL_REQUEST"}:
        transaction.last_refund_success = request.include_in_calculations


# --- reports


@dataclass(frozen=True)
class Report:
    """``transactionEventReport`` once its arguments are clean; ``actions`` ``None`` leaves them."""

    type: str
    reference: str
    amount: Decimal
    time: datetime
    message: str = ""
    external_url: str = ""
    actions: list[str] | None = None


class ReportRefused(Exception):
    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code = field, code


def report(
    shop: SaleorStandIn, transaction: TransactionItem, given: Report, reporter: App | User | None
) -> tuple[TransactionEvent, bool]:
    """The event and whether it had been there already.

    Raises:
        ReportRefused: contradicts what is there; a failure event of the same reference has been written.
    """
    repetition = find_repetition(transaction, given.type, given.reference, given.amount)
    if repetition.existing:
        transaction.set_actions(given.actions)
        return repetition.existing, True
    refund = _granted_refund_of(transaction, given)
    if repetition.code:
        _write_refusal(shop, transaction, given, repetition.message, refund)
        raise ReportRefused(repetition.field, repetition.code, repetition.message)
    event = new_event(
        shop,
        transaction,
        given.type,
        given.amount,
        created_at=given.time,
        reference=given.reference,
        message=given.message,
        external_url=given.external_url,
        created_by=reporter,
        granted_refund=refund,
    )
    _after_report(shop, transaction, event, given, reporter)
    return event, False


def _granted_refund_of(transaction: TransactionItem, given: Report) -> OrderGrantedRefund | None:
    """A report is tied to a granted refund only by the reference of its REFUND_REQUEST (contract §6.5)."""
    if not given.type.startswith("REFUND_"):
        return None
    requests = [
        each for each in transaction.recorded if each.type == "REFUND_REQUEST" and each.reference == given.reference
    ]
    return requests[-1].granted_refund if requests else None


def _write_refusal(
    shop: SaleorStandIn,
    transaction: TransactionItem,
    given: Report,
    cause: str,
    refund: OrderGrantedRefund | None,
) -> None:
    new_event(
        shop,
        transaction,
        failure_of(given.type),
        given.amount,
        reference=given.reference,
        message=cause,
        counted=False,
        granted_refund=refund,
    )


def _after_report(
    shop: SaleorStandIn,
    transaction: TransactionItem,
    event: TransactionEvent,
    given: Report,
    reporter: App | User | None,
) -> None:
    before = _charge_status(transaction)
    if event.type in MONEY_SEEN:
        transaction.psp_reference = transaction.psp_reference or event.psp_reference
        shop.forget_stored_methods(transaction.source.user, transaction.source.channel, transaction.app_identifier)
    transaction.set_actions(given.actions)
    transaction.recalculate()
    if isinstance(reporter, App) and not transaction.app_identifier and transaction.user is None:
        transaction.app, transaction.app_identifier = reporter, reporter.identifier
    touched(shop, transaction, before)


# --- what follows a change of amounts


def _charge_status(transaction: TransactionItem) -> str:
    return transaction.source.charge_status


def touched(shop: SaleorStandIn, transaction: TransactionItem, charge_status_before: str) -> None:
    """Times of change, and the events of the checkout or order whose money has changed."""
    now = shop.clock.now()
    transaction.modified_at = now
    source = transaction.source
    reached = source.charge_status if source.charge_status != charge_status_before else "NONE"
    if isinstance(source, Checkout):
        source.last_transaction_modified_at = now
        if reached in {"FULL", "OVERCHARGED"}:
            shop.webhooks.announce("CHECKOUT_FULLY_PAID", checkout=source)
        return
    source.updated_at = now
    if source.status == "UNCONFIRMED" and source.channel.order_settings.automatically_confirm_all_new_orders:
        source.status = "UNFULFILLED"
    for event in ("ORDER_UPDATED", *ORDER_EVENTS[reached]):
        shop.webhooks.announce(event, order=source)
