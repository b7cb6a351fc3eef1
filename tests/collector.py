"""A collector of traces, as an operator would have one: OTLP over HTTP, on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from tests.waiting import until

Attributes = dict[str, str | int | float]


@dataclass(frozen=True)
class ReceivedSpan:
    """A span that was received, with its ids in hexadecimal; no parent is ''.

    Attributes:
        links: the ids of the spans that it is linked to.
    """

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: list[str]
    attributes: Attributes
    has_failed: bool
    began_ns: int


@dataclass
class Collector:
    """What it received, and how it answers.

    Attributes:
        status: of its answers.
        answering: as long as it is not set, nothing is answered.
    """

    port: int = 0
    spans: list[ReceivedSpan] = field(default_factory=list)
    status: int = 200
    answering: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def awaited(self, name: str, attributes: Attributes | None = None) -> ReceivedSpan:
        """The first span of this name with these attributes, as soon as it is there."""
        expected = (attributes or {}).items()

        def find() -> list[ReceivedSpan]:
            named = [span for span in list(self.spans) if span.name == name]
            return [span for span in named if expected <= span.attributes.items()]

        return until(find)[0]

    def take(self, body: bytes) -> None:
        """One more batch."""
        for each_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += _spans(each_resource)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that answers."""
    collector = Collector()
    collector.answering.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            collector.answering.wait()
            if collector.status == 200:
                collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            with suppress(ConnectionError):  # the sender may be gone by now
                self.send_response(collector.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_address[1]
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(resource: ResourceSpans) -> Iterator[ReceivedSpan]:
    services = [
        each.value.string_value
        for each in resource.resource.attributes
        if each.key == "service.name"
    ]
    for scope in resource.scope_spans:
        for span in scope.spans:
            yield ReceivedSpan(
                service=services[0],
                name=span.name,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                links=[link.span_id.hex() for link in span.links],
                attributes=_attributes(span),
                has_failed=span.status.code == Status.STATUS_CODE_ERROR,
                began_ns=span.start_time_unix_nano,
            )


def _attributes(span: Span) -> Attributes:
    found: Attributes = {}
    for each in span.attributes:
        kind = each.value.WhichOneof("value")
        if kind is not None:
            found[each.key] = getattr(each.value, kind)
    return found
