"""A server on this machine that pictures are fetched from; it answers as it is set to."""

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

Pieces = Iterable[bytes]


@dataclass
class Remote:
    """A running server.

    Attributes:
        answers: what it sends for each path, byte by byte; for any other path a 404.
        requests: the heads of the requests so far.
    """

    port: int
    answers: dict[str, Callable[[], Pieces]] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, path: str, *pieces: bytes) -> str:
        """Answers a path with these bytes; its URL."""
        self.answers[path] = lambda: pieces
        return self.url + path


def answer(body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole response; its length may be a lie."""
    size = len(body) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {size}", *lines, "", ""))
    return head.encode("latin-1") + body


def redirect(location: str) -> bytes:
    """A response that sends its client elsewhere."""
    return answer(b"", f"Location: {location}", status="302 Found")


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Remote]:
    """A server until the end of the context; whoever connects to it is recorded."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            remote.requests.append(head)
            path = head.split(b" ")[1].decode() if b" " in head else ""
            pieces = remote.answers.get(path, lambda: [answer(b"", status="404 Not Found")])
            with suppress(OSError):  # the client hung up
                for piece in pieces():
                    self.wfile.write(piece)

    class Server(ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up early is nobody's error."""

    with Server(("127.0.0.1", 0), Handler) as server:
        remote = Remote(server.server_address[1])
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield remote
        server.shutdown()
