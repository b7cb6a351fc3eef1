"""ASGI middleware that every request and response passes through, including logs and traces."""

import logging
import re
from collections.abc import Callable
from secrets import token_hex
from urllib.parse import parse_qsl

from fastapi.telemetry import TelemetryConfig
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import make_problem_response, respond_to_unexpected
from shared import logs, tracing
from shared.errors import BodyTooLarge, WrongContentEncoding

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""The paths that the operator's machines request every few seconds, under the host names of their
network. Nobody looks for these requests among the traces."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every response that does not set them itself: a page has its own policy."""

NOT_EMBEDDED = {"Cross-Origin-Resource-Policy": "same-origin"}
"""On every response while no keys are required: a page of another site cannot show our pictures.
With keys it needs one of our tokens to do so."""

log = logging.getLogger(__name__)

_REQUEST_ID_HEADER = b"x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Middleware:
    """ASGI middleware for HTTP requests; other events of the server bypass it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.handle if scope["type"] == "http" else self.app)(scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request; each middleware implements it."""
        raise NotImplementedError


def on_response_start(send: Send, change: Callable[[Message], None]) -> Send:
    """Wraps `send`, so that it first passes the start of a response to `change`."""

    async def send_changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            change(message)
        await send(message)

    return send_changed


class UnexpectedErrors(Middleware):
    """Logs and answers unexpected errors, inside all other middleware. The framework would do this
    outside of them, without the request's id, the headers and the metrics."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        def note_start(message: Message) -> None:
            nonlocal has_started
            has_started = True

        try:
            await self.app(scope, receive, on_response_start(send, note_start))
        except Exception as error:
            log.error("Unexpected error", exc_info=error)
            if not has_started:
                response = await respond_to_unexpected(Request(scope), error)
                await response(scope, receive, send)
            raise  # so that the server closes the connection: a response may have started


class BodyLimit(Middleware):
    """Refuses a request body that is larger than any submission can be, before and while it
    arrives, or that is compressed. Counting what arrives covers a missing Content-Length."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        super().__init__(app)
        self._limit_bytes = limit_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if encoding not in ("", "identity"):
            sentence = f"Send the body as it is, not compressed with {encoding}."
            await make_problem_response(WrongContentEncoding(sentence))(scope, receive, send)
            return
        declared = headers.get(b"content-length", b"0")
        is_too_large = declared.isdigit() and int(declared) > self._limit_bytes
        received_bytes = 0

        async def receive_within_limit() -> Message:
            nonlocal received_bytes
            message = {} if is_too_large else await receive()
            received_bytes += len(message.get("body", b""))
            if is_too_large or received_bytes > self._limit_bytes:
                megabytes = self._limit_bytes / 1e6
                raise BodyTooLarge(f"The whole request may have at most {megabytes:.0f} MB.")
            return message

        await self.app(scope, receive_within_limit, send)


class SecurityHeaders(Middleware):
    """Adds the headers that limit what browsers do with our responses.

    Args:
        allows_embedding: whether pages of other sites may show our pictures.
    """

    def __init__(self, app: ASGIApp, *, allows_embedding: bool) -> None:
        super().__init__(app)
        headers = SECURITY_HEADERS if allows_embedding else SECURITY_HEADERS | NOT_EMBEDDED
        # In ASGI's form: they are on every response, so they are encoded once.
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, on_response_start(send, self._add_missing))

    def _add_missing(self, message: Message) -> None:
        present = {name for name, _ in message["headers"]}
        missing = (header for header in self._headers if header[0] not in present)
        message["headers"] = [*message["headers"], *missing]


class RequestIds(Middleware):
    """Gives each request an id, its client's or a new one, which appears in its logs, its job and
    its response."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"]).get(_REQUEST_ID_HEADER, b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else token_hex(16)

        def add_id(message: Message) -> None:
            header = (_REQUEST_ID_HEADER, request_id.encode())
            message["headers"] = [*message["headers"], header]

        with logs.about(request_id=request_id):
            await self.app(scope, receive, on_response_start(send, add_id))


class TraceIds(Middleware):
    """Adds the id of a request's trace to what is logged during it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        with logs.about(trace_id=tracing.trace_id()):
            await self.app(scope, receive, send)


class BlankQueries(Middleware):
    """Drops query parameters without a value, which an HTML form sends for fields left blank."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["query_string"].split(b"&")
        scope["query_string"] = b"&".join(
            part
            for part in parts
            if any(value.strip() for _, value in parse_qsl(part.decode("latin-1")))
        )
        await self.app(scope, receive, send)


class TrailingSlashes(Middleware):
    """Treats `/jobs/` as `/jobs`. With a redirect many clients would lose the body."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(scope["path"]) > 1:
            scope["path"] = scope["path"].removesuffix("/")
        await self.app(scope, receive, send)


class HeadRequests(Middleware):
    """Answers HEAD as GET, without the body (RFC 9110, section 9.3.2)."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if "body" in message else message)

        as_get = {**scope, "method": "GET", "is_head": True}
        await self.app(as_get, receive, send_without_body)


def is_head(scope: Scope) -> bool:
    """Whether the request is HEAD, so that the body of its response is not needed."""
    return bool(scope.get("is_head", False))


def configure_telemetry(is_traced: bool) -> TelemetryConfig:
    """What FastAPI reports about requests: one span each, or nothing. Metrics and logs are ours."""
    return {
        "tracing": is_traced,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in PROBES,
    }


def hide_queries_in_access_log() -> None:
    """Removes query strings, which may contain a token, from uvicorn's access log."""
    logging.getLogger("uvicorn.access").addFilter(_hide_query)


def _hide_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            f"{each.partition('?')[0]}?[hidden]" if isinstance(each, str) and "?" in each else each
            for each in record.args
        )
    return True
