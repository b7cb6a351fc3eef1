"""Exports spans in batches, by OTLP over HTTP. Loads OpenTelemetry's SDK.

OpenTelemetry's own variables set the collector, the sampling and the names.
"""

import logging
import os
import socket
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from pastiche.version import __version__

log = logging.getLogger(__name__)

_QUERY = "url.query"


def provider_for(service: str) -> TracerProvider:
    """The provider that makes and sends the spans of this process.

    Args:
        service: the name of the service if the operator has not set one.
    """
    defaults = {
        "service.name": service,
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    resource = Resource.create(defaults | dict(OTELResourceDetector().detect().attributes))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(QueryRedactor())
    provider.add_span_processor(BatchSpanProcessor(LogOnceExporter(OTLPSpanExporter())))
    return provider


class QueryRedactor(SpanProcessor):
    """Removes the query of a URL from traces: it may be a token, which allows reading everything
    that its owner can read."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.attributes is not None and _QUERY in span.attributes:
            span.set_attribute(_QUERY, "REDACTED")


class LogOnceExporter(SpanExporter):
    """Exports with another exporter. A failure harms nothing, and is logged once, not for every
    batch, until an export succeeds again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failures = _FailureHandler()
        library = logging.getLogger("opentelemetry")
        library.addHandler(self._failures)
        library.propagate = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS and self._failures.is_reported:
            self._failures.is_reported = False
            log.info("Traces are exported again")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _FailureHandler(logging.Handler):
    """Logs the first warning of the library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.is_reported = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self.is_reported:
            self.is_reported = True
            log.warning("Traces cannot be exported, and are lost: %s", record.getMessage())
