"""Traces, which an operator enables with OpenTelemetry's own variables.

Spans are made through OpenTelemetry's API, which does nothing without a provider. The provider
comes with the SDK, which is loaded only if traces are enabled.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int | float]

TRACER = trace.get_tracer("pastiche")

FLUSH_SECONDS = 1.0
"""How long a process that ends waits for the export of its last spans: a worker exits within 5 s,
even if the collector does not answer."""

_CONTEXT = TraceContextTextMapPropagator()
_TRACEPARENT = "traceparent"


def is_enabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an operator has set a collector, and not disabled traces."""
    endpoints = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    return exporter == "otlp" and not disabled and any(map(environment.get, endpoints))


def begin(service: str) -> bool:
    """Starts to export the spans of this process, if that is enabled. Returns whether it is.

    Args:
        service: the name of the service if the operator has not set one.
    """
    if not is_enabled():
        return False
    from shared.trace_export import provider_for

    trace.set_tracer_provider(provider_for(service))
    return True


def end() -> None:
    """Sends the remaining spans, within FLUSH_SECONDS."""
    provider = trace.get_tracer_provider()
    shutdown = getattr(provider, "shutdown", None)  # only the SDK's has one
    if shutdown is None:
        return
    last = Thread(target=shutdown, name="traces-end", daemon=True)
    last.start()
    last.join(FLUSH_SECONDS)


@contextmanager
def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    after: str | None = None,
) -> Iterator[None]:
    """A span around what is done in this context.

    An exception does not mark it as failed: many are the client's fault, or the usual end of an
    attempt. A request has its status for that, an attempt its outcome.

    Args:
        parent: the `traceparent` of its parent; by default the current span.
        after: the `traceparent` of a span that it continues, and is linked to.
    """
    with TRACER.start_as_current_span(
        name,
        None if parent is None else _context_of(parent),
        kind,
        attributes,
        links=() if after is None else (_link_to(after),),
        record_exception=False,
        set_status_on_exception=False,
    ):
        yield


def set_attributes(attributes: Attributes) -> None:
    """Sets attributes of the current span."""
    trace.get_current_span().set_attributes(attributes)


def fail(error: str, detail: str | None = None) -> None:
    """Marks the current span as failed, with the name of the error and a sentence about it."""
    current = trace.get_current_span()
    current.set_attribute("error.type", error)
    current.set_status(StatusCode.ERROR, detail)


def traceparent() -> str | None:
    """What another process needs to continue this trace; None if there is no trace."""
    carrier: dict[str, str] = {}
    _CONTEXT.inject(carrier)
    return carrier.get(_TRACEPARENT)


def trace_id() -> str | None:
    """The id of the current trace; None if there is none."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def _context_of(traceparent: str) -> Context:
    return _CONTEXT.extract({_TRACEPARENT: traceparent})


def _link_to(traceparent: str) -> Link:
    return Link(trace.get_current_span(_context_of(traceparent)).get_span_context())
