"""``saleor-amazonpay cv1`` as it is typed, beside a running app on the same SQLite file."""

from __future__ import annotations

import asyncio
import csv
import json
from decimal import Decimal

import pytest
import structlog
from typer.testing import CliRunner

from saleor_amazonpay.cli import app
from tests.journeys.cv1.helpers import MERCHANT, old_order, yen
from tests.journeys.helpers import settle


@pytest.fixture
def cv1(shop, sqlite_url, monkeypatch):
    """Types ``saleor-amazonpay cv1 …``; the command has a thread and an event loop of its own."""
    monkeypatch.setattr("saleor_amazonpay.observability.logging.configure", lambda **_: None)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    environment = {
        "SECRET_KEY": "s" * 48,
        "ALLOW_LOCAL_NETWORK": "true",
        "DATABASE_URL": sqlite_url,
        "APP_API_BASE_URL": shop.app_url,
        "AMAZON_PAY_API_URL": shop.amazon_url,
        "RATE_LIMIT_FACTOR": "1000",
    }

    async def run(*arguments):
        done = await asyncio.to_thread(CliRunner().invoke, app, ["cv1", *map(str, arguments)], env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    yield run
    structlog.reset_defaults()


def written(file, *rows):
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("amazon_id", "order", "customer"), *rows])
    return file


class TestAdopt:
    async def test_every_row_is_reported_and_the_good_ones_are_done(self, shop, cv1, tmp_path):
        order = old_order(shop)
        capture = shop.amazon.cv1.capture(shop.amazon.cv1.authorize(order.reference))
        agreement = shop.amazon.cv1.billing_agreement(MERCHANT, yen(50_000))
        customer = shop.saleor.customer.id
        rows = [(order.reference, "1", ""), (capture, "1", ""), (agreement, "", customer), ("nonsense", "1", "")]
        file = written(tmp_path / "old.csv", *rows)
        done = await cv1("adopt", file)
        assert done.exit_code == 1
        assert done.stdout.startswith("4 rows: 3 adopted, 1 refused.")
        assert "4 of 4 rows" in done.stderr
        with (tmp_path / "old.csv.report.csv").open() as report:
            outcomes = [(row["line"], row["result"], row["reason"]) for row in csv.DictReader(report)]
        assert outcomes == [
            ("2", "adopted", ""),
            ("3", "adopted", ""),
            ("4", "adopted", ""),
            ("5", "refused", "WRONG_LENGTH"),
        ]
        await settle(shop)
        [transaction] = shop.saleor.order(order.order_id).transactions
        assert shop.amounts(transaction.id) == {"charged": Decimal(3500)}

    async def test_a_dry_run_changes_nothing_and_again_is_known(self, shop, cv1, tmp_path):
        order = old_order(shop)
        file = written(tmp_path / "old.csv", (order.reference, "1", ""))
        assert json.loads((await cv1("adopt", file, "--dry-run", "--json")).stdout)["would adopt"] == 1
        assert not shop.saleor.order(order.order_id).transactions
        assert json.loads((await cv1("adopt", file, "--json")).stdout)["adopted"] == 1
        done = await cv1("adopt", file, "--json", "--report", tmp_path / "again.csv")
        assert (done.exit_code, json.loads(done.stdout)["known"]) == (0, 1)
        assert (tmp_path / "again.csv").exists()

    async def test_a_file_that_is_none(self, cv1, tmp_path):
        file = tmp_path / "old.csv"
        assert "cannot be read" in (await cv1("adopt", file)).stderr
        file.write_text("id\n1\n")
        done = await cv1("adopt", file)
        assert (done.exit_code, "amazon_id" in done.stderr) == (1, True)


class TestExplain:
    async def test_an_id_in_all_words(self, shop, cv1):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        await order.adopt(authorization)
        told = (await cv1("explain", authorization)).stdout
        assert f"{authorization}: Authorization (CV1), Charge (CV2)" in told
        assert "state: Authorized; in CV1's words Open" in told
        assert f"order 1 in Saleor, transaction {order.transaction}" in told
        assert json.loads((await cv1("explain", authorization, "--json")).stdout)["amounts"] == {
            "authorized": "3500 JPY"
        }

    async def test_an_id_that_is_none(self, cv1):
        done = await cv1("explain", "nonsense")
        assert (done.exit_code, "27 (Authorization, Capture, Refund)" in done.stdout) == (1, True)

    async def test_calls(self, cv1):
        assert "nothing in CV2" in (await cv1("explain", "ValidateBillingAgreement")).stdout
        listed = (await cv1("calls")).stdout
        assert "CloseAuthorization" in listed
        assert "Cancel Charge: The 21st character" in listed
