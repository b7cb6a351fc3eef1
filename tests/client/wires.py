"""What may stand at the other end of a wire: a proxy that loses things, and what is no Pastiche."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer
from threading import Thread

PIECE_BYTES = 1 << 16


class Proxy(ThreadingTCPServer):
    """Hands on what comes, but loses the first answers: their connections end without a word.

    Attributes:
        to_lose: how many answers are still to be lost.
    """

    daemon_threads = True

    def __init__(self, port: int, to_lose: int) -> None:
        self.service = ("127.0.0.1", port)
        self.to_lose = to_lose
        self.open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _HandingOn)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def cut(self) -> None:
        """Breaks the connections that there are."""
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.open.clear()


class _HandingOn(BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Proxy)
        self.server.open.append(self.request)
        with socket.create_connection(self.server.service) as service:
            Thread(target=_copy, args=(self.request, service), daemon=True).start()
            answer = service.recv(PIECE_BYTES)
            if self.server.to_lose > 0:
                self.server.to_lose -= 1
                return
            with suppress(OSError):
                self.request.sendall(answer)
            _copy(service, self.request)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)


@contextmanager
def proxied(port: int, *, lost_answers: int = 0) -> Iterator[Proxy]:
    """A proxy before a service, which loses this many answers."""
    with Proxy(port, lost_answers) as proxy, _serving(proxy):
        yield proxy


@contextmanager
def answering(words: bytes) -> Iterator[str]:
    """The address of something that answers every request with the same words."""

    class Saying(StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(words)
            self.connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                while self.connection.recv(PIECE_BYTES):
                    pass

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Saying) as server, _serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def http(status: str, media_type: str, body: bytes, *more: str) -> bytes:
    """An answer in HTTP, after which the connection ends."""
    head = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *more,
    )
    return "\r\n".join((*head, "", "")).encode() + body


@contextmanager
def _serving(server: ThreadingTCPServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
