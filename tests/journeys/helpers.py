"""What the journeys look at beside Saleor's own view: our rows, Amazon's objects, and the requests as they were sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from saleor_amazonpay.handlers import tasks
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.sandbox.saleor.webhooks import Delivery
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import reports as report_rows
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.reports import Report
from tests.journeys.shop import Shop

CHARGE = "TRANSACTION_CHARGE_REQUESTED"
REFUND = "TRANSACTION_REFUND_REQUESTED"
CANCEL = "TRANSACTION_CANCELATION_REQUESTED"
INITIALIZE = "TRANSACTION_INITIALIZE_SESSION"
PROCESS = "TRANSACTION_PROCESS_SESSION"
PATIENCE = 8.0


# --- our rows


async def payment_of(shop: Shop, transaction_id: str) -> Payment | None:
    return await shop.running.services.database.read(
        lambda session: payment_rows.find(session, shop.saleor.api_url, transaction_id)
    )


async def operations_of(shop: Shop, transaction_id: str) -> list[Operation]:
    payment = await payment_of(shop, transaction_id)
    if payment is None:
        return []
    return await shop.running.services.database.read(
        lambda session: operation_rows.of_payment(session, payment.id, payment.amount.currency)
    )


async def reports_of(shop: Shop, transaction_id: str) -> list[Report]:
    payment = await payment_of(shop, transaction_id)
    if payment is None:
        return []
    return await shop.running.services.database.read(lambda session: report_rows.of_payment(session, payment.id))


async def report_states(shop: Shop, transaction_id: str) -> list[tuple[str, str]]:
    return [(report.fact.type.value, report.state) for report in await reports_of(shop, transaction_id)]


async def is_quiet(shop: Shop, transaction_id: str) -> bool:
    """Nothing is undecided and nothing is owed."""
    operations = await operations_of(shop, transaction_id)
    reports = await reports_of(shop, transaction_id)
    return all(operation.is_settled for operation in operations) and all(it.state != "due" for it in reports)


async def settle(shop: Shop, *transaction_ids: str, steps: int = 60) -> None:
    """Let time pass until nothing is undecided and nothing is owed, on these transactions or on all."""
    watched = transaction_ids or [transaction.id for transaction in shop.saleor.store.transactions]
    for _ in range(steps):
        await shop.saleor.settle()
        await shop.work()
        if all([await is_quiet(shop, transaction_id) for transaction_id in watched]):
            return
        shop.clock.move(seconds=30)
        await asyncio.sleep(0.01)
    raise AssertionError("something stays undecided or owed")


# --- Amazon's objects


def charges(shop: Shop, state: str | None = None) -> list[dict[str, Any]]:
    found = shop.amazon.audit()["charges"]
    return [charge for charge in found if state in {None, charge["statusDetails"]["state"]}]


def refunds(shop: Shop, state: str | None = None) -> list[dict[str, Any]]:
    found = shop.amazon.audit()["refunds"]
    return [refund for refund in found if state in {None, refund["statusDetails"]["state"]}]


def amount_of(price: dict[str, str] | None) -> Decimal:
    return Decimal(price["amount"]) if price and price["amount"] is not None else Decimal(0)


def captured(shop: Shop) -> Decimal:
    return sum((amount_of(charge["captureAmount"]) for charge in charges(shop)), Decimal(0))


def refunded(shop: Shop) -> Decimal:
    return sum((amount_of(refund["refundAmount"]) for refund in refunds(shop, "Refunded")), Decimal(0))


def break_amazon(shop: Shop, operation: str, **fault: Any) -> Fault:
    return shop.amazon.faults.add(Fault(operation=operation, **fault))


def silence(shop: Shop, operation: str, **fault: Any) -> Fault:
    """A fault that may take the app's whole time: from now on a webhook has half a second, so that it is soon over."""
    _patience(shop, 0.5)
    return break_amazon(shop, operation, hold_seconds=0.6, **fault)


def mend(shop: Shop) -> None:
    """Amazon answers again, and webhooks have the time they had."""
    shop.amazon.faults.clear()
    _patience(shop, PATIENCE)


def _patience(shop: Shop, seconds: float) -> None:
    vars(shop.running.services.settings)["answer_budget_seconds"] = seconds  # settings are frozen to everybody else


# --- requests as they were sent


def last_answer(shop: Shop, event: str) -> dict[str, Any]:
    """What the app answered last to an event."""
    return shop.saleor.deliveries_of(event)[-1].json


async def send_again(shop: Shop, delivery: Delivery, **headers: str | None) -> Delivery:
    """The same bytes once more, outside Saleor's knowledge; ``headers`` (hyphens as underscores) replace or drop."""
    sent = dict(delivery.headers)
    for name, value in headers.items():
        given = name.replace("_", "-").title()
        sent.pop(given, None)
        if value is not None:
            sent[given] = value
    copy = Delivery(
        event=delivery.event,
        app_id=delivery.app_id,
        url=delivery.url,
        headers=sent,
        body=delivery.body,
        attempt=0,
        sent_at=shop.clock.now(),
    )
    await shop.saleor.webhooks._post(copy)
    return copy


async def send_body(shop: Shop, event: str, body: bytes, *, url: str | None = None, **headers: str | None) -> Delivery:
    """Any body, signed as Saleor signs; ``headers`` replace or drop."""
    [app] = [app for app in shop.saleor.store.apps if app.id == shop.app.id]
    webhook = app.webhook_for(event)
    signed = shop.saleor.webhooks.headers(event, body)
    delivery = Delivery(event, app.id, url or webhook.target_url, signed, body, 0, shop.clock.now())
    return await send_again(shop, delivery, **headers)


async def lost_request(shop: Shop, kind: str, transaction_id: str, amount: Decimal | None = None) -> Delivery:
    """A request that Saleor sent and that reached nobody: for tests that deliver it in their own way."""
    event = {"CHARGE": CHARGE, "REFUND": REFUND, "CANCEL": CANCEL}[kind]
    shop.saleor.faults.webhook("lost-request", event)
    await shop.saleor.staff.request_action(transaction_id, kind, amount)
    return shop.saleor.deliveries_of(event)[-1]


def event_types(shop: Shop, transaction_id: str, prefix: Sequence[str] | str = "") -> list[str]:
    """Counted or not, oldest first."""
    prefixes = (prefix,) if isinstance(prefix, str) else tuple(prefix)
    return [kind for kind in shop.transaction(transaction_id).event_types if kind.startswith(prefixes)]


async def take_up_stranded(shop: Shop) -> None:
    """The periodic look for operations whose process died, now instead of in its turn."""
    services = shop.running.services
    await services.database.run(lambda session: tasks._take_up_stranded(session, services))


async def write_metadata(shop, fulfillment_id, key, value):
    """As staff or a shipping app does it over Saleor's API."""
    await shop.saleor.staff._request(
        "mutation($id: ID!, $input: [MetadataInput!]!) {updatePrivateMetadata(id: $id, input: $input) "
        "{errors {field message code}}}",
        {"id": fulfillment_id, "input": [{"key": key, "value": value}]},
        fulfillment_id,
    )
    await shop.saleor.settle()
