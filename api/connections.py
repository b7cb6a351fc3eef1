"""Connections of strangers: what one may send before it is a request, and how long it may take.

uvicorn leaves both to a proxy in front, and there may be none.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from api.problems import problem_of
from shared.errors import HeadTooLarge, MalformedRequest, PasticheError, RequestTooSlow
from shared.settings import Settings

_LARGEST_HEAD_BYTES = 64 * 1024
_MOST_IN_LINE = 64
"""How many requests a connection may send before the first of them is answered."""


def connection_of(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol that uvicorn is to speak."""

    class TimedConnection(_Connection):
        receive_timeout_seconds = settings.receive_timeout_seconds

    return TimedConnection


class _Connection(HttpToolsProtocol):
    """HTTP/1.1, with limits on what has not become a request yet."""

    receive_timeout_seconds: ClassVar[float]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_within_request = False
        self._fruitless_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None

    # uvicorn narrows the argument of asyncio's protocol in the same way.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        self.resume_writing()
        # uvicorn tells the last request alone: one before it would go on writing to nobody.
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._fruitless_bytes += len(data)
        super().data_received(data)
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

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_within_request = True

    def on_headers_complete(self) -> None:
        self._fruitless_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._fruitless_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
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
        super()._start_asgi_task(cycle, app)

    def _is_waited_for(self) -> bool:
        """Whether a request came in as a whole and is not answered yet."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)

    def _set_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.receive_timeout_seconds, self._too_late)

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
        is_answering = self.cycle is not None and self.cycle.response_started
        if self.pipeline or (is_answering and not self.cycle.response_complete):
            self.transport.abort()
            return
        problem = problem_of(error)
        headers = (b"%s: %s\r\n" % each for each in problem.raw_headers)
        lines = (STATUS_LINE[problem.status_code], *headers, b"connection: close\r\n\r\n")
        self.transport.write(b"".join(lines) + bytes(problem.body))
        self.transport.close()
