from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from saleor_amazonpay import __version__
from saleor_amazonpay.observability.metrics import CONTENT_TYPE, Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name.removeprefix("saleor_amazonpay_"), frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


class TestRender:
    def test_is_prometheus_text(self, metrics):
        assert metrics.render().startswith(b"# HELP ")
        assert CONTENT_TYPE.startswith("text/plain")

    def test_names_the_version_and_the_process(self, metrics):
        assert value(metrics, "build_info", version=__version__) == 1
        assert value(metrics, "process_resident_memory_bytes") is not None

    def test_two_apps_count_apart(self, metrics):
        other = Metrics()
        other.decline("AmazonRejected")
        assert value(metrics, "declines_total", reason_code="AmazonRejected") is None
        assert value(other, "declines_total", reason_code="AmazonRejected") == 1


class TestLatency:
    def test_webhooks_are_counted_by_event_and_outcome(self, metrics):
        metrics.webhook("transaction-charge-requested", "CHARGE_SUCCESS", 0.3)
        metrics.webhook("transaction-charge-requested", "CHARGE_SUCCESS", 17.0)
        labels = {"event": "transaction-charge-requested", "outcome": "CHARGE_SUCCESS"}
        assert value(metrics, "webhook_seconds_count", **labels) == 2
        assert value(metrics, "webhook_seconds_sum", **labels) == pytest.approx(17.3)
        assert value(metrics, "webhook_seconds_bucket", le="12.0", **labels) == 1
        assert value(metrics, "webhook_seconds_bucket", le="18.0", **labels) == 2

    def test_calls_are_counted_by_operation_and_result(self, metrics):
        metrics.cv2_call("capture_charge", "unresolved", 8.5)
        assert value(metrics, "cv2_seconds_count", operation="capture_charge", result="unresolved") == 1


class TestReports:
    def test_a_delivered_report_has_a_lag(self, metrics):
        metrics.report_delivered(42.0)
        assert value(metrics, "reports_total", outcome="delivered") == 1
        assert value(metrics, "report_lag_seconds_bucket", le="60.0") == 1
        assert value(metrics, "report_lag_seconds_bucket", le="15.0") == 0

    def test_a_clock_set_back_gives_no_negative_lag(self, metrics):
        metrics.report_delivered(-3.0)
        assert value(metrics, "report_lag_seconds_sum") == 0

    def test_a_refusal_for_good_is_told_from_one_to_retry(self, metrics):
        metrics.report_failed(final=False)
        metrics.report_failed(final=True)
        assert value(metrics, "reports_total", outcome="failed") == 1
        assert value(metrics, "reports_total", outcome="dead") == 1


class TestCounters:
    def test_a_decline_without_a_reason_is_counted_too(self, metrics):
        metrics.decline("")
        assert value(metrics, "declines_total", reason_code="none") == 1

    def test_signature_failures_by_sender(self, metrics):
        metrics.signature_failure("saleor")
        assert value(metrics, "signature_failures_total", sender="saleor") == 1

    def test_the_queue_shows_its_latest_state(self, metrics):
        metrics.jobs(waiting=5, oldest_seconds=90.5, dead=2)
        metrics.jobs(waiting=1, oldest_seconds=0.5, dead=2)
        assert value(metrics, "jobs_waiting") == 1
        assert value(metrics, "jobs_oldest_seconds") == 0.5
        assert value(metrics, "jobs_dead") == 2
