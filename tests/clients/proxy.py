"""A proxy between a client and the API that does what bad ones do."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx

from tests.conftest import RunningApi


class Proxy(ThreadingHTTPServer):
    """
    Attributes:
        lost: the paths of requests whose next response is lost on its way back.
        hides_streams: whether it answers for the service where events are requested.
    """

    daemon_threads = True

    def __init__(self, target: httpx.URL, lost: set[str], *, hides_streams: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.lost, self.hides_streams = target, lost, hides_streams

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        if self.server.hides_streams and self.path.endswith("/events"):
            self._respond(httpx.Response(200, html="<p>One moment, please.</p>"))
        else:
            self._forward()

    def do_POST(self) -> None:
        self._forward()

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        names = ("Content-Type", "Idempotency-Key")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        url = self.server.target.join(self.path)
        response = httpx.request(self.command, url, content=body, headers=headers)
        if self.path in self.server.lost:
            self.server.lost.remove(self.path)
        else:
            self._respond(response)

    def _respond(self, response: httpx.Response) -> None:
        self.send_response(response.status_code)
        self.send_header("Content-Type", response.headers["content-type"])
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    def log_message(self, format: str, *_: object) -> None:
        """Logs nothing."""


@contextmanager
def proxying(api: RunningApi, *lost: str, hides_streams: bool = False) -> Iterator[Proxy]:
    """A running proxy."""
    with Proxy(api.http.base_url, set(lost), hides_streams=hides_streams) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
