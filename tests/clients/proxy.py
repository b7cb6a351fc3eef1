"""A faulty proxy between a client and the API."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Literal

import httpx

from tests.conftest import RunningApi

Fault = Literal["lose", "hold", "stall"]
"""What happens to a response: it is lost, or it is delayed until the proxy is released, completely
or, if it stalls, after its head."""

_REQUEST_HEADERS = ("Accept", "Content-Type", "Idempotency-Key", "Last-Event-ID")
_RESPONSE_HEADERS = ("Content-Type", "Content-Length", "Retry-After")


class Proxy(ThreadingHTTPServer):
    """
    Attributes:
        faults: by how a path ends, the faults of the next responses to its requests.
        hides_streams: whether it answers for the service where events are requested.
        requests: the method and the path of each request so far.
    """

    daemon_threads = True

    def __init__(self, target: httpx.URL, *, hides_streams: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.hides_streams = target, hides_streams
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[str] = []
        self.released = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_fault(self, path: str) -> Fault | None:
        """Takes the next fault of a path."""
        for end, faults in self.faults.items():
            if path.endswith(end) and faults:
                return faults.pop(0)
        return None


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        if self.server.hides_streams and self.path.endswith("/events"):
            page = httpx.Response(200, html="<p>One moment, please.</p>")
            self._send_head(page)
            self.wfile.write(page.content)
        else:
            self._forward()

    def do_POST(self) -> None:
        self._forward()

    def do_DELETE(self) -> None:
        self._forward()

    def _forward(self) -> None:
        fault = self.server.next_fault(self.path)
        self.server.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: self.headers[name] for name in _REQUEST_HEADERS if name in self.headers}
        headers["Accept-Encoding"] = "identity"
        url, timeout = self.server.target.join(self.path), httpx.Timeout(None)
        with (
            suppress(OSError),  # a client may have gone meanwhile
            httpx.stream(
                self.command, url, content=body, headers=headers, timeout=timeout
            ) as response,
        ):
            if fault == "lose":
                return
            if fault == "hold":
                self.server.released.wait()
            self._send_head(response)
            if fault == "stall":
                self.server.released.wait()
            for chunk in response.iter_raw():
                self.wfile.write(chunk)

    def _send_head(self, response: httpx.Response) -> None:
        self.send_response(response.status_code)
        for name in _RESPONSE_HEADERS:
            if name in response.headers:
                self.send_header(name, response.headers[name])
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:
        """Logs nothing."""


@contextmanager
def proxying(api: RunningApi, *, hides_streams: bool = False) -> Iterator[Proxy]:
    """A running proxy."""
    with Proxy(api.http.base_url, hides_streams=hides_streams) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.released.set()
            proxy.shutdown()
