"""Every metric the app declares moves, by what happens in a shop: seen where Prometheus reads it, over HTTP.

A story does what a buyer, staff, Amazon, Saleor or a stranger does; none touches the metrics. A metric that is declared
without a story fails ``test_every_metric_has_its_story``, and so does a word of a label that an alert or panel asks for.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from saleor_amazonpay import __version__
from saleor_amazonpay.api import saleor_webhooks
from saleor_amazonpay.handlers.sweeps import drift
from saleor_amazonpay.observability.metrics import Metrics
from saleor_amazonpay.saleor.events import TransactionChargeRequested
from tests.journeys.agreements import hear, listen
from tests.journeys.helpers import CHARGE, break_amazon, charges, mend, send_again, send_body, settle, silence
from tests.journeys.shop import open_shop
from tests.journeys.test_problems import fail

MONITORING = Path(__file__).parents[2] / "examples" / "monitoring"
NAME = "saleor_amazonpay_"


async def a_purchase(shop):
    await shop.authorized()


async def a_fault_of_the_app(shop):
    transaction = await shop.authorized()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(saleor_webhooks._ACTION_HANDLERS, TransactionChargeRequested, fail_at_once)
        await shop.saleor.staff.request_charge(transaction)


async def fail_at_once(*_args, **_kwargs):
    raise RuntimeError("broken")


async def more_than_can_be_answered(shop):
    await shop.authorized()
    admission = shop.running.admission
    admission._at_once, admission._patience, admission._longest = 1, -1.0, 0.1
    admission.busy += 1
    await send_again(shop, shop.saleor.deliveries_of("PAYMENT_GATEWAY_INITIALIZE_SESSION")[-1])
    admission.busy -= 1


async def amazon_does_not_answer(shop):
    transaction = await shop.authorized()
    silence(shop, "capture_charge", timeout_after=True)
    await shop.saleor.staff.request_charge(transaction)
    mend(shop)


async def amazon_is_away(shop):
    transaction = await shop.authorized()
    await shop.saleor.staff.request_charge(transaction)
    break_amazon(shop, "get_refund", status=503, times=2)
    await shop.saleor.staff.request_refund(transaction)
    await settle(shop)


async def a_decline(shop):
    transaction = await shop.authorized()
    break_amazon(shop, "capture_charge", status=422, reason_code="AmazonRejected", times=1)
    await shop.saleor.staff.request_charge(transaction)


async def a_throttled_call(shop):
    transaction = await shop.authorized()
    break_amazon(shop, "capture_charge", status=429, reason_code="TooManyRequests", times=1)
    await shop.saleor.staff.request_charge(transaction)


async def many_refunds_are_looked_at(shop):
    """With Amazon's own rates: what jobs read waits for a token of theirs."""
    listen(shop)
    for _ in range(3):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction)
    for _ in range(12):
        for charge in charges(shop):
            shop.amazon._world.announce_charge(shop.amazon._world.charges[charge["chargeId"]])
        await shop.amazon.ipn.flush()
        await shop.work()
        if await read(shop, 'throttled{by="background"}'):
            return  # each more waits a second


async def a_report_is_accepted(shop):
    transaction = await shop.authorized()
    shop.saleor.faults.webhook("lost-answer", CHARGE)
    await shop.saleor.staff.request_charge(transaction)
    await settle(shop)


async def a_report_comes_late(shop):
    transaction = await shop.authorized()
    shop.saleor.faults.webhook("lost-answer", CHARGE)
    await shop.saleor.staff.request_charge(transaction)
    shop.saleor.faults.api("unavailable", "transactionEventReport")
    await settle(shop)


async def a_report_is_refused_for_good(shop):
    transaction = await shop.authorized()
    shop.saleor.faults.webhook("lost-answer", CHARGE)
    await shop.saleor.staff.request_charge(transaction, Decimal(700))
    [item] = [it for it in shop.saleor.store.transactions if it.id == transaction]
    shop.saleor.store.transactions.remove(item)
    await shop.later(seconds=61)
    shop.saleor.store.transactions.append(item)


async def somebody_forges_saleor(shop):
    await shop.authorized()
    await send_body(shop, CHARGE, b"{}", saleor_signature="e30..AAAA")


async def somebody_forges_amazon(shop):
    await shop.authorized()
    [charge] = charges(shop)
    told = shop.amazon.ipn.build("AJPMERCHANT000", "CHARGE", charge["chargeId"], charge["chargePermissionId"])
    forged = {**told, "MessageId": "another"}
    url = f"{shop.app_url}/api/webhooks/amazon-pay/{shop.accounts['default-jp']}"
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.post(url, content=json.dumps(forged))).status_code == 401


async def a_dispute(shop):
    listen(shop)
    transaction = await shop.authorized()
    await shop.saleor.staff.request_charge(transaction)
    [charge] = charges(shop)
    shop.amazon.open_chargeback(charge["chargeId"])
    await hear(shop)


async def amounts_are_compared(shop):
    await shop.authorized()
    await settle(shop)
    shop.clock.move(days=1, hours=1)
    await drift.run(shop.running.services)


async def amounts_cannot_be_compared(shop):
    await shop.authorized()
    await settle(shop)
    shop.clock.move(days=1, hours=1)
    with shop.saleor.faults.during("unavailable"):
        await drift.run(shop.running.services)


async def a_refund_nobody_told_of(shop):
    transaction = await shop.authorized()
    await shop.saleor.staff.request_charge(transaction)
    await settle(shop)
    [charge] = charges(shop)
    shop.amazon.seller_central.refund(charge["chargeId"])
    shop.clock.move(days=1, hours=1)
    with shop.saleor.faults.during("unavailable", "transactionEventReport"):
        await shop.work()
        await drift.run(shop.running.services)


async def a_job_is_due_and_nobody_works(shop):
    await shop.authorized()
    shop.clock.move(minutes=5)


async def a_job_is_given_up(shop):
    transaction = await shop.authorized()
    known = shop.running.jobs._tasks._tasks
    whole = known["deliver_reports"]
    known["deliver_reports"] = type(whole)(**{**vars_of(whole), "handler": fail})
    await shop.saleor.staff.request_charge(transaction)
    for _ in range(40):
        shop.clock.move(hours=2)
        await shop.work()
    known["deliver_reports"] = whole


def vars_of(task):
    return {name: getattr(task, name) for name in task.__dataclass_fields__}


STORIES = {
    'webhook_seconds{outcome="authorization_success"}': a_purchase,
    'webhook_seconds{outcome="fault"}': a_fault_of_the_app,
    'webhook_seconds{outcome="overloaded"}': more_than_can_be_answered,
    'cv2_seconds{operation="complete_checkout_session",result="done"}': a_purchase,
    'cv2_seconds{result="rejected"}': a_decline,
    'cv2_seconds{result="unavailable"}': amazon_is_away,
    'cv2_seconds{result="unresolved"}': amazon_does_not_answer,
    "declines": a_decline,
    'reports{outcome="delivered"}': a_report_is_accepted,
    'reports{outcome="failed"}': a_report_comes_late,
    'reports{outcome="dead"}': a_report_is_refused_for_good,
    "report_lag_seconds": a_report_is_accepted,
    'signature_failures{sender="saleor"}': somebody_forges_saleor,
    'signature_failures{sender="amazon-pay"}': somebody_forges_amazon,
    "problems": a_dispute,
    'swept{outcome="done"}': amounts_are_compared,
    'swept{outcome="failed"}': amounts_cannot_be_compared,
    'throttled{by="amazon"}': a_throttled_call,
    'throttled{by="background"}': many_refunds_are_looked_at,
    "jobs_waiting": a_job_is_due_and_nobody_works,
    "jobs_oldest_seconds": a_job_is_due_and_nobody_works,
    "jobs_dead": a_job_is_given_up,
    "drift_payments": a_refund_nobody_told_of,
    "notification_timestamp_seconds": a_dispute,
}
"""What is seen, by the metric's name and the labels that matter, and what makes it move."""

REAL_RATES = {many_refunds_are_looked_at}


def family_of(seen):
    return seen.partition("{")[0]


def labels_of(seen):
    return dict(re.findall(r'(\w+)="([^"]*)"', seen))


async def read(shop, seen):
    """The sum of the samples with these labels, as Prometheus would scrape them."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{shop.app_url}/metrics")).text
    wanted = labels_of(seen).items()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        if family.name == NAME + family_of(seen)
        for sample in family.samples
        if sample.name.endswith(("_count", "_total")) or family.type == "gauge"
        if wanted <= sample.labels.items()
    )


@pytest.mark.parametrize("seen", STORIES)
async def test_it_moves(sqlite_url, seen):
    story = STORIES[seen]
    rates = {"rate_limit_factor": 1.0} if story in REAL_RATES else {}
    async with open_shop(sqlite_url, **rates) as shop:
        before = await read(shop, seen)
        await story(shop)
        assert await read(shop, seen) > before


def test_every_metric_has_its_story():
    declared = {
        family.name.removeprefix(NAME) for family in Metrics()._registry.collect() if family.name.startswith(NAME)
    }
    assert declared - {"build"} == {family_of(seen) for seen in STORIES}  # which version runs never changes


def test_every_word_an_alert_or_a_panel_asks_for_has_its_story():
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
    panels = json.loads((MONITORING / "grafana-dashboard.json").read_text("utf-8"))["panels"]
    expressions = [rule["expr"] for rule in rules]
    expressions += [target["expr"] for panel in panels for target in panel.get("targets", ())]
    asked = set()
    for name, labels in re.findall(
        rf"{NAME}(\w+?)(?:_count|_bucket|_sum|_total)?\{{([^}}]*)\}}", " ".join(expressions)
    ):
        asked |= {(name, *pair) for pair in re.findall(r'(\w+)="([^"]*)"', labels)}
    told = {(family_of(seen), *pair) for seen in STORIES for pair in labels_of(seen).items()}
    assert asked
    assert asked - told == set()


async def test_the_running_version_is_named(shop):
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (
            f'saleor_amazonpay_build_info{{version="{__version__}"}} 1.0'
            in (await client.get(f"{shop.app_url}/metrics")).text
        )
