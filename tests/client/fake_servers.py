"""Servers that stand in for the service: a proxy that loses responses, and fixed responses."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer
from threading import Thread

CHUNK_BYTES = 1 << 16


class Proxy(ThreadingTCPServer):
    """Forwards requests, but loses the first responses: it closes their connections instead.

    Attributes:
        responses_to_lose: how many responses are still to be lost.
    """

    daemon_threads = True

    def __init__(self, port: int, responses_to_lose: int) -> None:
        self.service = ("127.0.0.1", port)
        self.responses_to_lose = responses_to_lose
        self.connections: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Forward)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def cut(self) -> None:
        """Breaks all connections."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()


class _Forward(BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Proxy)
        self.server.connections.append(self.request)
        with socket.create_connection(self.server.service) as service:
            Thread(target=_copy, args=(self.request, service), daemon=True).start()
            response = service.recv(CHUNK_BYTES)
            if self.server.responses_to_lose > 0:
                self.server.responses_to_lose -= 1
                return
            with suppress(OSError):
                self.request.sendall(response)
            _copy(service, self.request)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            target.sendall(chunk)


@contextmanager
def lossy_proxy(port: int, *, lost_responses: int = 0) -> Iterator[Proxy]:
    """A proxy in front of a service that loses this many responses."""
    with Proxy(port, lost_responses) as proxy, _serving(proxy):
        yield proxy


@contextmanager
def responding(*responses: bytes) -> Iterator[str]:
    """Runs a server that sends these responses in turn, and then repeats the last one. For an empty
    response it closes the connection. Yields its address."""
    left = list(responses)

    class Respond(StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            with suppress(OSError):  # a client may close the connection early
                self.wfile.write(left.pop(0) if len(left) > 1 else left[0])
                self.connection.shutdown(socket.SHUT_WR)
                while self.connection.recv(CHUNK_BYTES):
                    pass

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Respond) as server, _serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def http(status: str, media_type: str, body: bytes, *headers: str) -> bytes:
    """An HTTP response, after which the connection ends."""
    head = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
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
