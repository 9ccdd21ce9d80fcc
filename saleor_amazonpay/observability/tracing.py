"""OpenTelemetry, for operators who have it: one trace from Saleor's request over our calls to Amazon to our jobs.

Needs the extra ``otel`` and ``TRACING=true``; where to send the spans is told by OpenTelemetry's own variables
(``OTEL_EXPORTER_OTLP_ENDPOINT`` and the like). Switched off it is one comparison a webhook. Attributes hold names and
ids that the log holds too: no amounts, no buyers' data, no secrets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from saleor_amazonpay import __version__
from saleor_amazonpay.errors import AppError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_NANOSECONDS = 1_000_000_000
_NO_SPAN = nullcontext()


class TracingUnavailable(AppError):
    """``TRACING=true`` without the extra; the message says how to install it."""

    code = "TRACING_UNAVAILABLE"


class Tracing:
    """What is traced; without a ``tracer`` nothing is."""

    def __init__(self, tracer: Tracer | None = None, shut_down: Callable[[], object] | None = None) -> None:
        self._tracer = tracer
        self._shut_down = shut_down

    @classmethod
    def to_otlp(cls) -> Tracing:
        """Spans in batches to an OTLP collector, over HTTP.

        Raises:
            TracingUnavailable: the packages of the extra are not there.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as missing:
            raise TracingUnavailable("TRACING needs: pip install 'saleor-amazonpay[otel]'") from missing
        resource = Resource.create({"service.name": "saleor-amazonpay", "service.version": __version__})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider.get_tracer("saleor_amazonpay", __version__), provider.shutdown)

    def webhook(self, event: str, api_url: str, headers: Mapping[bytes, bytes]) -> AbstractContextManager[object]:
        """One webhook; a child of Saleor's span where the request carries a ``traceparent``."""
        if self._tracer is None:
            return _NO_SPAN
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        parent = TraceContextTextMapPropagator().extract(carrier)
        attributes = {"saleor.event": event, "saleor.api_url": api_url}
        return self._tracer.start_as_current_span(
            f"saleor {event}", context=parent, kind=SpanKind.SERVER, attributes=attributes
        )

    @contextmanager
    def job(self, name: str) -> Iterator[None]:
        """One run of a job."""
        if self._tracer is None:
            yield
            return
        from opentelemetry.trace import SpanKind

        with self._tracer.start_as_current_span(f"job {name}", kind=SpanKind.CONSUMER):
            yield

    def call(self, operation: str, seconds: float, **attributes: str | int | None) -> None:
        """One sending to Amazon that has just ended, as a child of whatever is going on."""
        if self._tracer is None:
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode

        ended = time.time_ns()
        known: dict[str, Any] = {name.replace("_", ".", 1): value for name, value in attributes.items() if value}
        span = self._tracer.start_span(
            f"amazonpay {operation}",
            kind=SpanKind.CLIENT,
            start_time=ended - int(seconds * _NANOSECONDS),
            attributes=known,
        )
        if attributes.get("amazonpay_error"):
            span.set_status(Status(StatusCode.ERROR, str(attributes["amazonpay_error"])))
        span.end(ended)

    def close(self) -> None:
        """Send what is left."""
        if self._shut_down is not None:
            self._shut_down()
