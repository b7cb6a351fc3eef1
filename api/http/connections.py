"""Limits of HTTP connections: how many there may be, how much a client may send before that is a
request, and how long a request may take.

uvicorn leaves these limits to a proxy in front of it, but there may be none.
"""

import asyncio
import logging
import re
from time import monotonic
from typing import Any, ClassVar, NoReturn

import httptools
from starlette.types import Message, Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from api.http.problems import make_problem_response
from shared.errors import (
    HeadTooLarge,
    MalformedRequest,
    PasticheError,
    RequestTooSlow,
    TooManyConnections,
)
from shared.settings import Settings

log = logging.getLogger(__name__)

_WARN_AGAIN_SECONDS = 60.0
"""How often it is logged that there are too many connections, at most."""

_MAX_HEAD_BYTES = 64 * 1024
_MAX_PIPELINED = 64
"""How many requests a connection may send before the first of them is answered."""

_RETRY_SECONDS = 5

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+,;=-]+)(:[0-9]*)?")
"""What a Host header may be (RFC 9110, section 7.2)."""

_ABSOLUTE_ADDRESS = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)

_UPGRADE_HEADERS = frozenset({b"upgrade", b"http2-settings"})


def make_protocol(settings: Settings, connections_limit: int) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn.

    Args:
        connections_limit: how many connections there may be at once.
    """

    class TimedConnection(_Connection):
        receive_timeout_seconds = settings.receive_timeout_seconds
        first_byte_timeout_seconds = min(
            settings.first_byte_timeout_seconds, settings.receive_timeout_seconds
        )
        limit = connections_limit
        silent: ClassVar = {}

    return TimedConnection


class _Connection(HttpToolsProtocol):
    """HTTP/1.1, with limits on data that is not yet a request."""

    receive_timeout_seconds: ClassVar[float]
    first_byte_timeout_seconds: ClassVar[float]
    limit: ClassVar[int]
    silent: ClassVar[dict["_Connection", None]]
    """The connections that have not sent anything yet, the longest silent first."""
    warn_at: ClassVar[float] = 0.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_within_request = False
        self._unparsed_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._write_timeout: asyncio.TimerHandle | None = None
        self._current_cycle: RequestResponseCycle | None = None
        self._is_silent = True
        self._is_refused = False
        self._is_upgrade = False

    # uvicorn narrows the argument of asyncio's protocol in the same way.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._find_place():
            self._set_deadline(self.first_byte_timeout_seconds)
        else:
            sentence = "There are too many connections just now. Please try again."
            self._refuse(TooManyConnections(sentence, retry_after_seconds=_RETRY_SECONDS))

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        self.silent.pop(self, None)
        self.resume_writing()
        # uvicorn notifies only the last request: an earlier one would continue to write.
        if self._current_cycle is not None:
            self._current_cycle.disconnected = True
            self._current_cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._is_silent:
            self._is_silent = False
            self.silent.pop(self, None)
            self._unset_deadline()
        self._unparsed_bytes += len(data)
        self._parse(data)
        if self.transport.is_closing():
            return
        if self._unparsed_bytes > _MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge(f"Request headers may be at most {_MAX_HEAD_BYTES} bytes."))
        elif len(self.pipeline) > _MAX_PIPELINED:
            self.transport.abort()
        elif self._is_processing():
            self._unset_deadline()
        else:
            self._set_deadline()

    def _find_place(self) -> bool:
        """Whether there is a place for this connection. Closes a silent one for it if needed."""
        if len(self.connections) > self.limit:
            self._warn()
            if not self.silent:
                return False
            longest_silent = next(iter(self.silent))
            del self.silent[longest_silent]
            self.connections.discard(longest_silent)
            longest_silent.transport.abort()
        self.silent[self] = None
        return True

    def _warn(self) -> None:
        if monotonic() >= self.warn_at:
            type(self).warn_at = monotonic() + _WARN_AGAIN_SECONDS
            log.warning(
                "There are %d connections, the most that are allowed: silent ones are closed, or "
                "new ones refused. PASTICHE_CONNECTIONS_LIMIT sets how many there may be.",
                self.limit,
            )

    def _parse(self, data: bytes) -> None:
        """Parses requests. A request to upgrade to another protocol is parsed as if it were an
        ordinary one (RFC 9110, section 7.8). The parser would treat what follows as that protocol,
        so it is replaced by one that has read the same head without `Upgrade`."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = self._make_head_without_upgrade() + data[upgrade.args[0] :]
                self._is_upgrade = False
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                if not self._is_refused:
                    self.send_400_response("")
                return

    def _make_head_without_upgrade(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version.encode())]
        for name, value in self.headers:
            if name == b"connection":
                tokens = (token.strip() for token in value.split(b","))
                value = b", ".join(each for each in tokens if each.lower() != b"upgrade")
            if name not in _UPGRADE_HEADERS:
                lines.append(b"%s: %s" % (name, value))
        return b"\r\n".join((*lines, b"", b""))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_within_request = True

    def on_headers_complete(self) -> None:
        self._unparsed_bytes = 0
        if self.parser.get_method() == b"CONNECT":
            self._refuse_and_stop(MalformedRequest("This is not a proxy."))
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse_and_stop(MalformedRequest("Send HTTP/1.1."))
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and version != "1.0"):
            self._refuse_and_stop(MalformedRequest("A request needs one Host header."))
        self._read_absolute_address()
        if not all(_HOST.fullmatch(value) for name, value in self.headers if name == b"host"):
            self._refuse_and_stop(MalformedRequest("The Host header is not a name or an address."))
        self._is_upgrade = self.parser.should_upgrade()
        if not self._is_upgrade:
            super().on_headers_complete()

    def _read_absolute_address(self) -> None:
        """A request to an absolute address is to the host in it, whatever the header says (RFC
        9112, section 3.2.2)."""
        absolute = _ABSOLUTE_ADDRESS.fullmatch(self.url)
        if absolute is not None:
            host, path = absolute.groups()
            others = [(name, value) for name, value in self.headers if name != b"host"]
            self.headers[:] = [(b"host", host), *others]  # in place: the scope has this list
            self.url = path if path.startswith(b"/") else b"/" + path

    def _refuse_and_stop(self, error: PasticheError) -> NoReturn:
        """Refuses a request and stops parsing."""
        self._refuse(error)
        raise _Refused

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_upgrade:
            return
        self._is_within_request = False
        self._unparsed_bytes = 0
        self._unset_deadline()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Starts a timeout, because the client does not read its response."""
        super().pause_writing()
        if self._write_timeout is None:
            self._write_timeout = self.loop.call_later(
                self.receive_timeout_seconds, self.transport.abort
            )

    def resume_writing(self) -> None:
        if self._write_timeout is not None:
            self._write_timeout.cancel()
            self._write_timeout = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(MalformedRequest("The request is not valid HTTP/1.1."))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._current_cycle = cycle
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, _disable_chunks(cycle, app) if is_old else app)

    def _is_processing(self) -> bool:
        """Whether a complete request awaits its response."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)

    def _set_deadline(self, seconds: float | None = None) -> None:
        if self._deadline is None:
            wait = self.receive_timeout_seconds if seconds is None else seconds
            self._deadline = self.loop.call_later(wait, self._on_deadline)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        if self._is_within_request and not self.transport.is_closing():
            seconds = self.receive_timeout_seconds
            sentence = f"The request was not received within {seconds:g} seconds."
            self._refuse(RequestTooSlow(sentence))
        else:
            self.transport.close()

    def _refuse(self, error: PasticheError) -> None:
        """Responds with an error, unless another response has begun, and closes the connection."""
        self._is_refused = True
        is_answering = self.cycle is not None and self.cycle.response_started
        if self.pipeline or (is_answering and not self.cycle.response_complete):
            self.transport.abort()
            return
        problem = make_problem_response(error)
        headers = (b"%s: %s\r\n" % each for each in problem.raw_headers)
        lines = (STATUS_LINE[problem.status_code], *headers, b"connection: close\r\n\r\n")
        self.transport.write(b"".join(lines) + bytes(problem.body))
        self.transport.close()


class _Refused(Exception):
    """Stops the parsing of a refused request."""


def _disable_chunks(cycle: RequestResponseCycle, app: ASGI3Application) -> ASGI3Application:
    """Wraps the application for an HTTP/1.0 client, which does not know chunks. A response of
    unknown length ends with the connection."""

    async def run_without_chunks(scope: Scope, receive: Receive, send: Send) -> None:
        is_plain = False

        async def send_without_chunks(message: Message) -> None:
            nonlocal is_plain
            if message["type"] == "http.response.start":
                is_plain = all(name.lower() != b"content-length" for name, _ in message["headers"])
                if is_plain:
                    cycle.chunked_encoding = False
            elif is_plain:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_without_chunks)  # type: ignore[arg-type]  # starlette's and uvicorn's types

    return run_without_chunks  # type: ignore[return-value]  # as above
