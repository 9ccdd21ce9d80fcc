"""What an operator watches, in Prometheus' words. One ``Metrics`` an app, never a global."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from saleor_amazonpay import __version__

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# Seconds. The two that matter are the budget for Amazon Pay (12) and Saleor's patience (18): DESIGN §4 rule 5.
LATENCY_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 8.0, 12.0, 18.0)
LAG_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)


class Metrics:
    """Labels hold words from closed lists only (events, operations, results, reason codes): never ids or amounts."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._webhooks = Histogram(
            "saleor_amazonpay_webhook_seconds",
            "Webhooks answered, by Saleor event and outcome.",
            ("event", "outcome"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._calls = Histogram(
            "saleor_amazonpay_cv2_seconds",
            "Calls to Amazon Pay, by operation and result: done, rejected, unavailable, unresolved.",
            ("operation", "result"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        # Finding a child by its labels costs more than observing; there are few, and every webhook asks for two.
        self._webhook_of = lru_cache(maxsize=512)(self._webhooks.labels)
        self._call_of = lru_cache(maxsize=512)(self._calls.labels)
        self._declines = Counter(
            "saleor_amazonpay_declines", "Payments declined, by reason code.", ("reason_code",), registry=registry
        )
        self._reports = Counter(
            "saleor_amazonpay_reports", "Attempts to report to Saleor, by outcome.", ("outcome",), registry=registry
        )
        self._report_lag = Histogram(
            "saleor_amazonpay_report_lag_seconds",
            "From when a report was due until Saleor had accepted it.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self._signature_failures = Counter(
            "saleor_amazonpay_signature_failures",
            "Requests refused for their signature, by supposed sender.",
            ("sender",),
            registry=registry,
        )
        self._problems = Counter(
            "saleor_amazonpay_problems", "App Problems raised, by kind.", ("kind",), registry=registry
        )
        self._swept = Counter(
            "saleor_amazonpay_swept",
            "Rows a sweep has looked at, by sweep and outcome: done, failed.",
            ("sweep", "outcome"),
            registry=registry,
        )
        self._throttled = Counter(
            "saleor_amazonpay_throttled",
            "Calls Amazon answered 429 (amazon), or that waited for a token of ours (background), by operation.",
            ("operation", "by"),
            registry=registry,
        )
        self._jobs_waiting = Gauge("saleor_amazonpay_jobs_waiting", "Jobs that are due.", registry=registry)
        self._jobs_oldest = Gauge(
            "saleor_amazonpay_jobs_oldest_seconds", "For how long the oldest job has been due.", registry=registry
        )
        self._jobs_dead = Gauge("saleor_amazonpay_jobs_dead", "Jobs given up; each needs a look.", registry=registry)
        self._drift = Gauge(
            "saleor_amazonpay_drift_payments",
            "Payments whose amounts differ between Saleor and Amazon Pay.",
            registry=registry,
        )
        self._notified = Gauge(
            "saleor_amazonpay_notification_timestamp_seconds",
            "When Amazon's last notification came; 0 if none is known.",
            registry=registry,
        )
        Info("saleor_amazonpay_build", "The running version.", registry=registry).info({"version": __version__})
        ProcessCollector(registry=registry)

    def webhook(self, event: str, outcome: str, seconds: float) -> None:
        """A webhook was answered; ``outcome`` is its result, ``async``, or why it was refused."""
        self._webhook_of(event, outcome).observe(seconds)

    def cv2_call(self, operation: str, result: str, seconds: float) -> None:
        """One request to Amazon Pay ended, retries counted singly."""
        self._call_of(operation, result).observe(seconds)

    def decline(self, reason_code: str) -> None:
        self._declines.labels(reason_code or "none").inc()

    def report_delivered(self, lag_seconds: float) -> None:
        """Saleor accepted a report (or knew it already) so long after it was due."""
        self._reports.labels("delivered").inc()
        self._report_lag.observe(max(lag_seconds, 0.0))

    def report_failed(self, *, final: bool) -> None:
        """Saleor did not take a report: for good, or it will be tried again."""
        self._reports.labels("dead" if final else "failed").inc()

    def signature_failure(self, sender: str) -> None:
        """``sender`` is ``saleor`` or ``amazon-pay``."""
        self._signature_failures.labels(sender).inc()

    def problem(self, kind: str) -> None:
        """A problem was raised that the merchant was not shown yet."""
        self._problems.labels(kind).inc()

    def swept(self, sweep: str, *, done: int, failed: int = 0) -> None:
        """A run of a sweep has looked at so many rows."""
        self._swept.labels(sweep, "done").inc(done)
        self._swept.labels(sweep, "failed").inc(failed)

    def throttled(self, operation: str, by: str) -> None:
        """``by``: ``amazon``, or ``background`` for a call of ours that waits its turn."""
        self._throttled.labels(operation, by).inc()

    def jobs(self, *, waiting: int, oldest_seconds: float, dead: int) -> None:
        """The state of the queue, read before each rendering."""
        self._jobs_waiting.set(waiting)
        self._jobs_oldest.set(oldest_seconds)
        self._jobs_dead.set(dead)

    def differing(self, payments: int) -> None:
        """How many payments' amounts differ, read before each rendering."""
        self._drift.set(payments)

    def last_notified(self, timestamp: float) -> None:
        """Seconds since the epoch of Amazon's last notification, read before each rendering."""
        self._notified.set(timestamp)

    def render(self) -> bytes:
        """Prometheus' text format, of media type ``CONTENT_TYPE``."""
        return generate_latest(self._registry)
