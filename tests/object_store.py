"""A real server that speaks S3, and a proxy in front of it that does what bad networks do."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import obstore
from obstore.store import S3Store

from tests.waiting import until

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "an-access-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
    "AWS_REGION": "eu-central-1",
}

_PREFIX = "pictures-of/pastiche"

_HOP_BY_HOP = frozenset({"connection", "date", "server", "transfer-encoding"})


@dataclass(frozen=True)
class Bucket:
    """A bucket of a running server.

    Attributes:
        server_url: of the server.
        name: of the bucket.
    """

    server_url: str
    name: str

    @property
    def location(self) -> str:
        """The URL of the blob store."""
        return f"s3://{self.name}/{_PREFIX}"

    def environment(self, url: str) -> dict[str, str]:
        """The variables with which a service stores its pictures here.

        Args:
            url: of the server, or of a proxy in front of it.
        """
        return aws_variables(url) | {"PASTICHE_BLOB_STORE_URL": self.location}

    @property
    def keys(self) -> list[str]:
        """The keys of all blobs, in their order."""
        return sorted(blob["path"] for blob in obstore.list(self._store).collect())

    def delete(self, *keys: str) -> None:
        """Deletes blobs behind the service's back."""
        obstore.delete(self._store, keys)

    @property
    def _store(self) -> S3Store:
        return S3Store(
            self.name,
            prefix=_PREFIX,
            endpoint=self.server_url,
            region=CREDENTIALS["AWS_REGION"],
            access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )


def aws_variables(url: str) -> dict[str, str]:
    """The variables that a blob store in a bucket of this server needs."""
    return CREDENTIALS | {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}


def make_bucket(server_url: str) -> Bucket:
    """A new bucket, which no other test has."""
    bucket = Bucket(server_url, f"pastiche-{uuid4().hex}")
    httpx.put(f"{server_url}/{bucket.name}", trust_env=False).raise_for_status()
    return bucket


def server_command(port: int) -> list[str]:
    """The command that starts the server."""
    return [sys.executable, "-m", "moto.server", "--port", str(port)]


def server_answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Fault:
    """What happens to requests instead of what should, or how late that happens.

    Attributes:
        of: a regular expression for `METHOD /path` of those requests.
        status: they are answered with this error, and not forwarded.
        hangs: nothing happens until the fault ends; then the connection is closed.
        is_truncated: the connection breaks in the middle of the response.
        delay_seconds: how much later the response begins; its second half comes as late again.
        times: how often; None for as long as the fault lasts.
    """

    of: str
    status: int | None = None
    hangs: bool = False
    is_truncated: bool = False
    delay_seconds: float = 0
    times: int | None = None

    def meets(self, name: str, times_before: int) -> bool:
        """Whether it happens to this request."""
        return re.search(self.of, name) is not None and times_before != self.times


class FaultyProxy(ThreadingHTTPServer):
    """Forwards every request to a server, except those that have a fault.

    Attributes:
        requests: what was received, `METHOD /path` without the query, each with its headers.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.fault: Fault | None = None
        self.faults = 0
        self.fault_ended = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Injects a fault while the context lives."""
        self.fault, self.faults = fault, 0
        self.fault_ended.clear()
        try:
            yield
        finally:
            self.fault = None
            self.fault_ended.set()

    def wait_for_faults(self, count: int = 1) -> None:
        """Until so many requests have met the fault."""
        until(lambda: self.faults >= count)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client hung up."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        name = f"{self.command} {self.path.partition('?')[0]}"
        self.server.requests.append((name, dict(self.headers.items())))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault
        if fault is None or not fault.meets(name, self.server.faults):
            self._respond(body)
            return
        self.server.faults += 1
        if fault.hangs:
            self.server.fault_ended.wait()
            self.close_connection = True
        elif fault.status is None:
            self._respond(body, fault)
        else:
            self.send_response(fault.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward

    def _respond(self, body: bytes, fault: Fault | None = None) -> None:
        target = self.server.target
        assert target.hostname is not None
        connection = HTTPConnection(target.hostname, target.port)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            self._relay(connection.getresponse(), fault or Fault(""))
        finally:
            connection.close()

    def _relay(self, response: HTTPResponse, fault: Fault) -> None:
        content = response.read()
        self._pause(fault)
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(content) // 2 if fault.is_truncated or fault.delay_seconds else len(content)
        with suppress(ConnectionError):
            self.wfile.write(content[:half])
            if not fault.is_truncated:
                self._pause(fault)
                self.wfile.write(content[half:])
        if fault.is_truncated:
            self.close_connection = True

    def _pause(self, fault: Fault) -> None:
        """Waits as long as the fault delays a response, or until it ends."""
        self.server.fault_ended.wait(fault.delay_seconds)

    def log_message(self, format: str, *_: object) -> None:
        """Logs nothing."""


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """A running proxy."""
    with FaultyProxy(target) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.fault_ended.set()
        proxy.shutdown()
