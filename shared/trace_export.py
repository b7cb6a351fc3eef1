"""How spans leave a process: in batches, by OTLP over HTTP. Loads OpenTelemetry's SDK.

Where they go, how many of them, and under which names are for OpenTelemetry's own variables to say.
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
    """What makes this process's spans, and sends them.

    Args:
        service: its name where the operator gave it none.
    """
    ours = {
        "service.name": service,
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    resource = Resource.create(ours | dict(OTELResourceDetector().detect().attributes))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(WithoutQueries())
    provider.add_span_processor(BatchSpanProcessor(ToldOnce(OTLPSpanExporter())))
    return provider


class WithoutQueries(SpanProcessor):
    """Keeps what stands after the `?` out of traces: it may be a token, which lets its bearer read
    all that its owner can."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.attributes is not None and _QUERY in span.attributes:
            span.set_attribute(_QUERY, "REDACTED")


class ToldOnce(SpanExporter):
    """Exports by another exporter. That it fails harms nothing, and is logged once, not at every
    batch, until it works again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._complaints = _Complaints()
        library = logging.getLogger("opentelemetry")
        library.addHandler(self._complaints)
        library.propagate = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS and self._complaints.is_reported:
            self._complaints.is_reported = False
            log.info("Traces arrive again")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Complaints(logging.Handler):
    """What the library logs, in our words."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.is_reported = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self.is_reported:
            self.is_reported = True
            log.warning("Traces get lost, and nothing else does: %s", record.getMessage())
