"""Thousands of CV1 ids adopted at Amazon's own request rates, by a command that is killed twice: each order once."""

from __future__ import annotations

import asyncio
import csv
import multiprocessing
import time
from collections import Counter
from decimal import Decimal

import pytest

from saleor_amazonpay.sandbox.amazon_pay import SimulatorOptions
from saleor_amazonpay.sandbox.amazon_pay.throttle import QUOTAS
from tests.durability import cv1_adopter
from tests.durability.cv1_adopter import CREATED, WRITTEN, FastClock
from tests.durability.server import Kill
from tests.journeys import shop as journeys
from tests.journeys.cv1.helpers import MERCHANT, yen
from tests.journeys.shop import open_shop

FACTOR = 100.0  # two minutes of Amazon's rates in a little more than a second
PROCESSES = multiprocessing.get_context("spawn")
ENDS_WITHIN = 1800.0  # 10,000 ids on a busy machine


def open_(cv1, reference):
    return [reference], {"authorized": 3500}


def authorized(cv1, reference):
    return [reference, cv1.authorize(reference)], {"authorized": 3500}


def captured(cv1, reference):
    return [reference, cv1.capture(cv1.authorize(reference))], {"charged": 3500}


def refunded(cv1, reference):
    capture = cv1.capture(cv1.authorize(reference))
    return [reference, capture, cv1.refund(capture, yen(1000))], {"charged": 2500, "refunded": 1000}


def split(cv1, reference):
    first, second = cv1.authorize(reference, yen(2000)), cv1.authorize(reference, yen(1500))
    return [first, second, cv1.capture(first)], {"authorized": 1500, "charged": 2000}


def expired(cv1, reference):
    return [reference, cv1.authorize(reference, None, "Closed", "ExpiredUnused")], {"authorized": 3500}


KINDS = (open_, authorized, captured, refunded, split, expired)


def old_shop(shop, count):
    """Rows for the file, and the amounts each order should show; every 20th row is no id that Amazon knows."""
    rows, wanted = [], {}
    while len(rows) < count:
        order = shop.saleor.create_order()
        ids, amounts = KINDS[len(wanted) % len(KINDS)](
            shop.amazon.cv1, shop.amazon.cv1.order_reference(MERCHANT, yen(3500))
        )
        wanted[order.id] = {name: Decimal(amount) for name, amount in amounts.items()}
        rows += [(id_, order.number) for id_ in ids]
        if len(wanted) % 20 == 0:
            rows.append((f"S03-0000000-{len(rows):07d}", order.number))
    return rows, wanted


async def adopted(values, shop, file, report, clock, kill, log):
    """The command in its own process; its exit code."""
    if kill is not None:
        kill.counter.touch()
    arguments = (values, shop.saleor.api_url, file, report, clock, kill, log)
    process = PROCESSES.Process(target=cv1_adopter.run, args=arguments, daemon=True)
    process.start()
    await asyncio.to_thread(process.join, ENDS_WITHIN)
    return process.exitcode


async def adopt_killed_twice(database_url, folder, count):
    clock = FastClock(time.time(), FACTOR)
    options = SimulatorOptions(throttle=True)
    async with open_shop(database_url, amazon_options=options, clock=clock, rate_limit_factor=1.0) as shop:
        rows, wanted = old_shop(shop, count)
        file, report, log = folder / "old.csv", folder / "report.csv", folder / "log"
        with file.open("w", newline="") as out:
            csv.writer(out).writerows([("amazon_id", "order"), *rows])
        values = journeys.settings(database_url, shop.app_url, shop.amazon_url, rate_limit_factor=1.0)
        values = {**values.model_dump(exclude_unset=True), "secret_key": "s" * 48}
        began = clock.now()
        kills = (Kill(CREATED, len(wanted) // 4, folder / "first"), Kill(WRITTEN, len(wanted) // 4, folder / "second"))
        for kill in kills:
            assert await adopted(values, shop, file, report, clock, kill, log) == -9, log.read_text()[-2000:]
        assert await adopted(values, shop, file, report, clock, None, log) == 0, log.read_text()[-2000:]
        seconds = (clock.now() - began).total_seconds()
        await asyncio.wait_for(shop.work(), ENDS_WITHIN)

        outcomes = [*csv.DictReader(report.read_text("utf-8").splitlines())]
        assert [row["amazon_id"] for row in outcomes] == [id_ for id_, _ in rows]
        results = Counter(row["result"] for row in outcomes)
        bad = sum(id_.startswith("S03-0000000-") for id_, _ in rows)
        assert results == {"known": results["known"], "adopted": results["adopted"], "refused": bad}
        for order_id, amounts in wanted.items():
            [transaction] = shop.saleor.order(order_id).transactions
            assert shop.amounts(transaction.id) == amounts
        _check_rates(shop, seconds)
        return results


def _check_rates(shop, seconds):
    """No more than Amazon's buckets give out, and hardly anything thrown away."""
    for operation in ("get_charge", "get_charge_permission"):
        size, per_second = QUOTAS["sandbox"][operation]
        assert shop.amazon.count(operation) <= size + per_second * seconds
    assert sum(call.status == 429 for call in shop.amazon.calls) <= 20


class TestKilledTwice:
    async def test_500_ids_end_complete_and_each_order_has_one_transaction(self, sqlite_url, tmp_path):
        await adopt_killed_twice(sqlite_url, tmp_path, 500)

    @pytest.mark.soak
    async def test_10000_ids_end_complete_and_each_order_has_one_transaction(self, database_url, tmp_path):
        await adopt_killed_twice(database_url, tmp_path, 10_000)
