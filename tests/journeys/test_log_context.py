"""Whoever reads the log at night can follow one payment through it."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from saleor_amazonpay.observability.logging import configure, request_id
from tests.journeys.helpers import break_amazon, lost_request, payment_of, send_again, settle, silence


@pytest.fixture
def log():
    stream = io.BytesIO()
    configure(log_format="json", log_level="INFO", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


async def test_every_line_of_a_request_names_tenant_transaction_permission_and_request(shop, log):
    transaction = await shop.authorized()
    permission = (await payment_of(shop, transaction)).charge_permission_id
    charge = await lost_request(shop, "CHARGE", transaction)
    break_amazon(shop, "capture_charge", reason_code="AmazonRejected")
    await send_again(shop, charge, x_request_id="proxy-42")
    about = [line for line in log() if line.get("request_id") == "proxy-42"]
    assert {line["event"] for line in about} >= {"amazon_pay_call", "webhook"}
    for line in about:
        assert line["tenant"] == shop.saleor.api_url
        assert line["transaction"] == transaction
    assert next(line for line in about if line["event"] == "amazon_pay_call")["permission"] == permission


async def test_a_job_names_itself_and_its_payment(shop, log):
    transaction = await shop.authorized()
    silence(shop, "capture_charge", timeout_after=True)
    await shop.saleor.staff.request_charge(transaction, None)
    break_amazon(shop, "capture_charge", status=503, times=1)
    await settle(shop, transaction)
    lines = [line for line in log() if line.get("job") == "carry_out_operation"]
    assert lines
    assert {line.get("transaction") for line in lines} == {transaction}


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "a\nb", "é", "{}"])
def test_an_unusable_request_id_is_replaced(given):
    made = request_id(given)
    assert made != given
    assert len(made) == 16
