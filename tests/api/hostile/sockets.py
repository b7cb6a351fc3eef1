"""Bytes on a connection, as no HTTP client would send them."""

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from select import select
from time import monotonic

from tests.api.hostile.target import Target

TIMEOUT_SECONDS = 30.0
"""Longer than any response takes: after this, the API counts as hanging."""


@contextmanager
def connected(target: Target) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", target.port), TIMEOUT_SECONDS) as connection:
        yield connection


def is_held(connection: socket.socket) -> bool:
    """Whether the API still has its end open: a closed one has no inode any more."""
    ours = f":{connection.getsockname()[1]:04X}"
    ends = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    return any(end[2].endswith(ours) and end[9] != "0" for end in ends)


def receive_all(connection: socket.socket) -> bytes:
    """Everything that the API sends until it closes the connection.

    Raises:
        TimeoutError: it does not close the connection.
    """
    said = b""
    try:
        while piece := connection.recv(1 << 16):
            said += piece
    except ConnectionError:  # closed while there was more to read from us
        pass
    return said


def receive_for(target: Target, start: bytes = b"", rest: Iterable[bytes] = ()) -> bytes:
    """Everything that the API sends in response to these bytes until it closes the connection."""
    with connected(target) as connection:
        send_all(connection, chain([start], rest))
        return receive_all(connection)


def receive_for_drops(target: Target, start: bytes, drop: bytes) -> bytes:
    """Everything that the API sends in response to these bytes, and then to a drop ten times a
    second until it answers or closes the connection.

    Raises:
        AssertionError: it does neither.
    """
    with connected(target) as connection:
        connection.sendall(start)
        late = monotonic() + TIMEOUT_SECONDS
        while not select([connection], [], [], 0.1)[0]:
            assert monotonic() < late, "The API waits forever."
            send_all(connection, [drop])
        return receive_all(connection)


def send_all(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    """Sends all pieces, or as many as the API reads before it closes the connection."""
    try:
        for piece in pieces:
            connection.sendall(piece)
    except ConnectionError:
        pass


def status_of(said: bytes) -> int:
    """The status of the only response.

    Raises:
        AssertionError: there is none, or there are several.
    """
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", said)
    assert len(statuses) == 1, said[:2000]
    return int(statuses[0])


def head(*lines: str, method: str = "POST", path: str = "/jobs?dry_run=1") -> bytes:
    """The head of a request with these further lines. It asks the API to close the connection after
    the response."""
    return "\r\n".join(
        (f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", "")
    ).encode("latin-1")
