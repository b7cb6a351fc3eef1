"""A proxy in front of a real Redis, which can lose replies."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer
from threading import Thread

from local import redis_server

_CHUNK_BYTES = 65_536


class Proxy(ThreadingUnixStreamServer):
    """
    Attributes:
        lost: a part of a request. The next request that contains it is executed, but its reply
            never arrives.
        drops: how often every connection that was open lost all further replies without a sign.
    """

    daemon_threads = True

    def __init__(self, path: Path, target: str) -> None:
        super().__init__(str(path), _Handler)
        self.url = f"unix://{path}"
        self.target = target
        self.lost: bytes | None = None
        self.drops = 0


class _Handler(BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        self._loses_replies, self._drops = False, self.server.drops
        with socket.socket(socket.AF_UNIX) as redis:
            redis.connect(self.server.target)
            replies = Thread(target=self._forward_replies, args=(redis,), daemon=True)
            replies.start()
            while data := self.request.recv(_CHUNK_BYTES):
                if self.server.lost is not None and self.server.lost in data:
                    self.server.lost, self._loses_replies = None, True
                redis.sendall(data)
            with suppress(OSError):
                redis.shutdown(socket.SHUT_RDWR)
            replies.join()

    def _forward_replies(self, redis: socket.socket) -> None:
        with suppress(OSError):
            while data := redis.recv(_CHUNK_BYTES):
                if not self._loses_replies and self._drops == self.server.drops:
                    self.request.sendall(data)


@contextmanager
def proxying(folder: Path, redis_url: str) -> Iterator[Proxy]:
    """A running proxy on a socket for this folder, in front of the server at a `unix://` URL."""
    with (
        redis_server.socket_for(folder) as path,
        Proxy(path, redis_url.removeprefix("unix://")) as proxy,
    ):
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
