"""Connections of strangers: what one may send before it is a request, and how long it may take.

uvicorn leaves both to a proxy in front, and there may be none.
"""

import asyncio
import logging
import re
from time import monotonic
from typing import Any, ClassVar

import httptools
from starlette.types import Message, Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from api.open_files import connections_limit
from api.problems import problem_of
from shared.errors import (
    HeadTooLarge,
    MalformedRequest,
    PasticheError,
    RequestTooSlow,
    TooManyConnections,
)
from shared.settings import Settings

log = logging.getLogger(__name__)

_LARGEST_HEAD_BYTES = 64 * 1024
_MOST_IN_LINE = 64
"""How many requests a connection may send before the first of them is answered."""

_WARN_AGAIN_SECONDS = 60.0
"""At most so often is it logged that there are too many connections."""

_RETRY_SECONDS = 5

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+,;=-]+)(:[0-9]*)?")
"""What a Host header may be (RFC 9110, section 7.2)."""

_ABSOLUTE_ADDRESS = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)

_UPGRADE_HEADERS = frozenset({b"upgrade", b"http2-settings"})


def connection_of(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol that uvicorn is to speak."""

    class TimedConnection(_Connection):
        receive_timeout_seconds = settings.receive_timeout_seconds
        first_byte_timeout_seconds = min(
            settings.first_byte_timeout_seconds, settings.receive_timeout_seconds
        )
        silent = SilentConnections(connections_limit(settings))

    return TimedConnection


class SilentConnections:
    """The connections of a process: how many there may be, and which of them have said nothing.

    Args:
        limit: how many connections there may be at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._silent: dict[_Connection, None] = {}  # the longest silent first
        self._warn_at = 0.0

    def add(self, connection: "_Connection", open_connections: int) -> bool:
        """Whether a new connection has a place; one that has said nothing yet makes room for it.

        Args:
            open_connections: how many there are, this one among them.
        """
        if open_connections > self._limit:
            self._warn()
            if not self._silent:
                return False
            next(iter(self._silent)).drop()
        self._silent[connection] = None
        return True

    def discard(self, connection: "_Connection") -> None:
        """The connection has said something, or is gone."""
        self._silent.pop(connection, None)

    def _warn(self) -> None:
        if monotonic() >= self._warn_at:
            self._warn_at = monotonic() + _WARN_AGAIN_SECONDS
            log.warning(
                "There are %d connections, as many as there may be: silent ones are closed, or new "
                "ones refused. PASTICHE_CONNECTIONS_LIMIT sets how many there may be.",
                self._limit,
            )


class _Connection(HttpToolsProtocol):
    """HTTP/1.1, with limits on what has not become a request yet."""

    receive_timeout_seconds: ClassVar[float]
    first_byte_timeout_seconds: ClassVar[float]
    silent: ClassVar[SilentConnections]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_within_request = False
        self._fruitless_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None
        self._is_silent = True
        self._is_refused = False
        self._is_upgrade = False

    # uvicorn narrows the argument of asyncio's protocol in the same way.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.silent.add(self, len(self.connections)):
            self._set_deadline(self.first_byte_timeout_seconds)
        else:
            sentence = "There are too many connections just now. Please try again."
            self._refuse(TooManyConnections(sentence, retry_after_seconds=_RETRY_SECONDS))

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        self.silent.discard(self)
        self.resume_writing()
        # uvicorn tells the last request alone: one before it would go on writing to nobody.
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._is_silent:
            self._is_silent = False
            self.silent.discard(self)
            self._unset_deadline()
        self._fruitless_bytes += len(data)
        self._parse(data)
        if self.transport.is_closing():
            return
        if self._fruitless_bytes > _LARGEST_HEAD_BYTES:
            self._refuse(HeadTooLarge(f"At most {_LARGEST_HEAD_BYTES} bytes come before a body."))
        elif len(self.pipeline) > _MOST_IN_LINE:
            self.transport.abort()
        elif self._is_waited_for():
            self._unset_deadline()
        else:
            self._set_deadline()

    def drop(self) -> None:
        """Hangs up on a client that has said nothing, to make room for another."""
        self.silent.discard(self)
        self.connections.discard(self)
        self.transport.abort()

    def _parse(self, data: bytes) -> None:
        """Reads bytes as requests. One that asks for another protocol is read as if it did not
        (RFC 9110, section 7.8): the parser, which would take what follows for that protocol, is
        replaced by one that has read the same head without the wish."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self._is_upgrade = False
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                if not self._is_refused:
                    self.send_400_response("")
                return

    def _head_without_upgrade(self) -> bytes:
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
        self._fruitless_bytes = 0
        if self.parser.get_method() == b"CONNECT":
            raise self._refused(MalformedRequest("This is no proxy."))
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise self._refused(MalformedRequest("Send HTTP/1.1."))
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and version != "1.0"):
            raise self._refused(MalformedRequest("A request needs one Host header."))
        self._read_absolute_address()
        if not all(_HOST.fullmatch(value) for name, value in self.headers if name == b"host"):
            raise self._refused(MalformedRequest("The Host header is no name or address."))
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
            self.headers[:] = [(b"host", host), *others]  # the scope has this very list
            self.url = path if path.startswith(b"/") else b"/" + path

    def _refused(self, error: PasticheError) -> Exception:
        """Refuses a request; what is to be raised, so that no more of it is parsed."""
        self._refuse(error)
        return _Refused()

    def on_body(self, body: bytes) -> None:
        self._fruitless_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_upgrade:
            return
        self._is_within_request = False
        self._fruitless_bytes = 0
        self._unset_deadline()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not read what it asked for, and may not have it kept for ever."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.receive_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(MalformedRequest("This is no HTTP/1.1 request that can be read."))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, _unchunked(cycle, app) if is_old else app)

    def _is_waited_for(self) -> bool:
        """Whether a request came in as a whole and is not answered yet."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)

    def _set_deadline(self, seconds: float | None = None) -> None:
        if self._deadline is None:
            wait = self.receive_timeout_seconds if seconds is None else seconds
            self._deadline = self.loop.call_later(wait, self._too_late)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        if self._is_within_request and not self.transport.is_closing():
            sentence = f"A request has {self.receive_timeout_seconds:g} seconds to come in."
            self._refuse(RequestTooSlow(sentence))
        else:
            self.transport.close()

    def _refuse(self, error: PasticheError) -> None:
        """Answers, where no other answer is on its way, and hangs up."""
        self._is_refused = True
        is_answering = self.cycle is not None and self.cycle.response_started
        if self.pipeline or (is_answering and not self.cycle.response_complete):
            self.transport.abort()
            return
        problem = problem_of(error)
        headers = (b"%s: %s\r\n" % each for each in problem.raw_headers)
        lines = (STATUS_LINE[problem.status_code], *headers, b"connection: close\r\n\r\n")
        self.transport.write(b"".join(lines) + bytes(problem.body))
        self.transport.close()


class _Refused(Exception):
    """Ends the parsing of a request that was refused."""


def _unchunked(cycle: RequestResponseCycle, app: ASGI3Application) -> ASGI3Application:
    """The application for a client of HTTP/1.0, which knows no chunks: an answer of unknown length
    ends with the connection."""

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        is_plain = False

        async def sending(message: Message) -> None:
            nonlocal is_plain
            if message["type"] == "http.response.start":
                is_plain = all(name.lower() != b"content-length" for name, _ in message["headers"])
                if is_plain:
                    cycle.chunked_encoding = False
            elif is_plain:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, sending)  # type: ignore[arg-type]  # starlette's and uvicorn's types

    return plain  # type: ignore[return-value]  # as above
