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
"""What no answer takes: a hang."""


@contextmanager
def connected(target: Target) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", target.port), TIMEOUT_SECONDS) as connection:
        yield connection


def is_held(connection: socket.socket) -> bool:
    """Whether the API holds its end: one that it let go of has no inode any more."""
    ours = f":{connection.getsockname()[1]:04X}"
    ends = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    return any(end[2].endswith(ours) and end[9] != "0" for end in ends)


def said_on(connection: socket.socket) -> bytes:
    """All that the API says until it hangs up; TimeoutError where it never does."""
    said = b""
    try:
        while piece := connection.recv(1 << 16):
            said += piece
    except ConnectionError:  # hung up while there was more to read from us
        pass
    return said


def said_to(target: Target, start: bytes = b"", rest: Iterable[bytes] = ()) -> bytes:
    """All that the API says to these bytes until it hangs up."""
    with connected(target) as connection:
        poured(connection, chain([start], rest))
        return said_on(connection)


def said_to_drops(target: Target, start: bytes, drop: bytes) -> bytes:
    """All that the API says to these bytes and a drop ten times a second, which end when it
    answers or hangs up; AssertionError where it never does."""
    with connected(target) as connection:
        connection.sendall(start)
        late = monotonic() + TIMEOUT_SECONDS
        while not select([connection], [], [], 0.1)[0]:
            assert monotonic() < late, "The API waits for ever."
            poured(connection, [drop])
        return said_on(connection)


def poured(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    """Sends until all is sent, or nobody takes it any more."""
    try:
        for piece in pieces:
            connection.sendall(piece)
    except ConnectionError:
        pass


def status_of(said: bytes) -> int:
    """Of the one answer; AssertionError where it is none, or several."""
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", said)
    assert len(statuses) == 1, said[:2000]
    return int(statuses[0])


def head(*lines: str, method: str = "POST", path: str = "/jobs?dry_run=1") -> bytes:
    """The head of a request with these lines more, after whose answer the API is to hang up."""
    return "\r\n".join(
        (f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", "")
    ).encode("latin-1")
