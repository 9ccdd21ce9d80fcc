from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from saleor_amazonpay.observability.tracing import Tracing, TracingUnavailable
from tests.journeys.helpers import CHARGE, PATIENCE, break_amazon, lost_request, send_again, settle
from tests.journeys.shop import open_shop

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider.get_tracer("test"), provider.shutdown)


@pytest.fixture
async def shop(sqlite_url, tracing):
    async with open_shop(sqlite_url, answer_budget_seconds=PATIENCE) as shop:
        object.__setattr__(shop.running.services, "tracing", tracing)
        yield shop


def finished(exporter):
    return {span.name: span for span in exporter.get_finished_spans()}


class TestAWebhook:
    async def test_goes_on_with_saleors_trace_and_holds_its_calls(self, shop, exporter):
        transaction = await shop.authorized()
        charge = await lost_request(shop, "CHARGE", transaction)
        exporter.clear()
        await send_again(shop, charge, traceparent=f"00-{TRACE}-{SPAN}-01")
        spans = finished(exporter)
        webhook, call = spans[f"saleor {CHARGE.lower()}"], spans["amazonpay capture_charge"]
        assert f"{webhook.context.trace_id:032x}" == TRACE
        assert f"{webhook.parent.span_id:016x}" == SPAN
        assert call.parent.span_id == webhook.context.span_id
        assert call.attributes["http.status"] in {200, 201}
        assert call.start_time < call.end_time <= webhook.end_time

    @pytest.mark.parametrize("header", [None, "nonsense", f"00-{TRACE}-{SPAN}", "00-" + "0" * 32 + f"-{SPAN}-01"])
    async def test_begins_a_trace_of_its_own_where_saleor_has_none(self, shop, exporter, header):
        transaction = await shop.authorized()
        charge = await lost_request(shop, "CHARGE", transaction)
        exporter.clear()
        answer = await send_again(shop, charge, traceparent=header)
        assert answer.status == 200
        assert finished(exporter)[f"saleor {CHARGE.lower()}"].parent is None

    async def test_an_unknown_one_has_no_name_from_outside(self, shop, exporter):
        transaction = await shop.authorized()
        charge = await lost_request(shop, "CHARGE", transaction)
        charge.url = charge.url.replace("transaction-charge-requested", "anything-at-all")
        await send_again(shop, charge)
        assert "saleor unknown" in finished(exporter)

    async def test_a_failed_call_says_so(self, shop, exporter):
        transaction = await shop.authorized()
        charge = await lost_request(shop, "CHARGE", transaction)
        exporter.clear()
        break_amazon(shop, "capture_charge", reason_code="AmazonRejected")
        await send_again(shop, charge)
        call = finished(exporter)["amazonpay capture_charge"]
        assert not call.status.is_ok
        assert call.attributes["amazonpay.reason_code"] == "AmazonRejected"


class TestAJob:
    async def test_has_its_name_and_its_calls(self, shop, exporter):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, None)
        await shop.saleor.staff.request_refund(transaction, None)
        exporter.clear()
        await settle(shop, transaction)
        spans = finished(exporter)
        assert spans["amazonpay get_refund"].parent.span_id == spans["job poll_operation"].context.span_id


class TestSwitchedOff:
    def test_nothing_is_imported(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
        off = Tracing()
        with off.webhook("e", "", {}), off.job("j"):
            off.call("capture_charge", 0.1)
        off.close()

    def test_without_the_extra_the_start_says_what_is_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
        with pytest.raises(TracingUnavailable, match="otel"):
            Tracing.to_otlp()
