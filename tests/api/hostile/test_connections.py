"""What arrives on a connection before, after and instead of a request."""

import socket
import struct
from contextlib import ExitStack
from itertools import repeat

import pytest

from tests.api.hostile.forms import END, pair
from tests.api.hostile.sockets import (
    connected,
    head,
    is_held,
    receive_all,
    receive_for,
    receive_for_drops,
    status_of,
)
from tests.api.hostile.target import Target
from tests.processes import needs_proc
from tests.waiting import until

pytestmark = pytest.mark.slow

FORM = "Content-Type: multipart/form-data; boundary=x"
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
A_MEGABYTE = b"x" * 1_000_000


def is_a_problem(said: bytes, code: str) -> bool:
    return b"application/problem+json" in said and f'"code":"{code}"'.encode() in said


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Content-Length: 5", "Transfer-Encoding: chunked"], id="length and chunks"),
        pytest.param(["Transfer-Encoding: chunked", "Content-Length: 5"], id="chunks and length"),
        pytest.param(["Content-Length: 5", "Content-Length: 6"], id="two lengths"),
        pytest.param(["Content-Length: 5, 6"], id="a list of lengths"),
        pytest.param(["Content-Length: +5"], id="a length with a sign"),
        pytest.param(["Content-Length: -5"], id="a length below zero"),
        pytest.param(["Content-Length: 0x5"], id="a length in hexadecimal"),
        pytest.param(["Content-Length: 5 5"], id="a length with a space"),
        pytest.param(["Content-Length: " + "9" * 5000], id="a length of 5000 digits"),
        pytest.param(["Transfer-Encoding: xchunked"], id="unknown encoding"),
        pytest.param(["Transfer-Encoding: chunked, identity"], id="chunked is not last"),
        pytest.param(["Transfer-Encoding: identity"], id="identity"),
        pytest.param(["Transfer-Encoding : chunked"], id="a space before the colon"),
        pytest.param(["Transfer-Encoding:\x0bchunked"], id="a vertical tab"),
        pytest.param(["X: 1\r\n Transfer-Encoding: chunked"], id="a folded line"),
        pytest.param(["X: 1\nTransfer-Encoding: chunked"], id="a bare line feed"),
        pytest.param(["X: 1\rTransfer-Encoding: chunked"], id="a bare carriage return"),
        pytest.param(["X: a\0b"], id="a null byte"),
        pytest.param(["no colon"], id="no colon"),
        pytest.param([": no name"], id="no name"),
    ],
)
def test_a_head_that_two_servers_could_read_differently_is_answered_once(
    lines: list[str], target: Target
) -> None:
    said = receive_for(target, head(*lines) + b"0\r\n\r\n" + SMUGGLED)
    assert status_of(said) in (400, 415)
    assert b"alive" not in said


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), id="HTTP/2"),
        pytest.param(b"CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n", id="CONNECT"),
        pytest.param(b"GET /jobs/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", id="a path in bytes"),
        pytest.param(b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n", id="half an address"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", id="HTTP/9.9"),
        pytest.param(b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", id="an unknown method"),
        pytest.param(b"EHLO example.org\r\n", id="SMTP"),
        pytest.param(b"*1\r\n$8\r\nFLUSHALL\r\n", id="Redis"),
        pytest.param(bytes(1000), id="null bytes"),
    ],
)
def test_what_is_no_request_is_answered_with_a_problem(said: bytes, target: Target) -> None:
    answer = receive_for(target, said)
    assert status_of(answer) == 400
    assert is_a_problem(answer, "malformed_request")


@pytest.mark.parametrize(
    "chunk", [b"-1\r\n", b"g\r\n", b"F" * 17 + b"\r\n", b"\r\n", b"5\r\nab\r\n"]
)
def test_a_chunk_that_lies_about_its_size_is_refused(chunk: bytes, target: Target) -> None:
    said = receive_for(target, head(FORM, "Transfer-Encoding: chunked") + chunk + b"\r\n" * 8)
    assert status_of(said) == 400


def test_a_body_longer_than_its_length_is_never_read_as_a_request(target: Target) -> None:
    body = pair() + END
    said = receive_for(target, head(FORM, f"Content-Length: {len(body)}") + body + SMUGGLED)
    assert status_of(said) == 200


def test_a_body_shorter_than_its_length_times_out(short_timeout_target: Target) -> None:
    said = receive_for(short_timeout_target, head(FORM, "Content-Length: 1000000") + pair() + END)
    assert status_of(said) == 408
    assert is_a_problem(said, "request_too_slow")


def test_a_body_that_arrives_too_slowly_times_out(short_timeout_target: Target) -> None:
    start = head(FORM, "Content-Length: 1000000") + pair()
    assert status_of(receive_for_drops(short_timeout_target, start, b"x")) == 408


def test_a_body_that_ends_with_its_connection_leaves_nothing(target: Target) -> None:
    with connected(target) as connection:
        connection.sendall(head(FORM, "Content-Length: 1000000") + pair())
        connection.shutdown(socket.SHUT_WR)
        assert receive_all(connection) == b""


def test_a_head_that_arrives_too_slowly_times_out(short_timeout_target: Target) -> None:
    said = receive_for_drops(short_timeout_target, b"GET /livez HTTP/1.1\r\n", b"X-Slow: 1\r\n")
    assert status_of(said) == 408


def test_a_connection_that_sends_nothing_times_out(short_timeout_target: Target) -> None:
    assert receive_for(short_timeout_target) == b""


def test_empty_lines_keep_no_connection_open(short_timeout_target: Target) -> None:
    assert receive_for_drops(short_timeout_target, b"", b"\r\n") == b""


def test_a_change_that_ends_with_its_connection_leaves_nothing(target: Target) -> None:
    lines = ("Content-Type: application/json", "Content-Length: 100")
    with connected(target) as connection:
        connection.sendall(head(*lines, method="PATCH", path="/jobs/x") + b'{"style_weight":')
        connection.shutdown(socket.SHUT_WR)
        assert receive_all(connection) == b""


@needs_proc
@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"GET /", id="address"),
        pytest.param(b"GET /livez HTTP/1.1\r\nX", id="name"),
        pytest.param(b"GET /livez HTTP/1.1\r\nX: ", id="value"),
    ],
)
def test_a_head_without_end_is_refused_and_not_held_in_memory(start: bytes, target: Target) -> None:
    before = target.memory_bytes
    said = receive_for(target, start, repeat(A_MEGABYTE, 100))
    assert said == b"" or is_a_problem(said, "head_too_large")
    assert target.memory_bytes - before < 20_000_000


@needs_proc
@pytest.mark.parametrize("start", [b"GET /livez HTTP/1.1\r\n", head("Transfer-Encoding: chunked")])
def test_headers_without_end_are_refused_and_not_held_in_memory(
    start: bytes, target: Target
) -> None:
    before = target.memory_bytes
    trailer = b"0\r\n" if b"chunked" in start else b""
    receive_for(target, start + trailer, repeat(b"X-Header: 1\r\n" * 10_000, 300))
    assert target.memory_bytes - before < 20_000_000


@needs_proc
def test_pipelined_requests_are_not_held_in_memory(target: Target) -> None:
    before = target.memory_bytes
    receive_for(target, b"", repeat(SMUGGLED * 10_000, 100))
    assert target.memory_bytes - before < 60_000_000


def test_a_hundred_connections_that_send_half_a_form_block_no_others(
    short_timeout_target: Target,
) -> None:
    with ExitStack() as held:
        connections = [held.enter_context(connected(short_timeout_target)) for _ in range(100)]
        for connection in connections:
            connection.sendall(head(FORM, "Content-Length: 1000000") + pair())
        assert short_timeout_target.try_out().status_code == 200
        assert {status_of(receive_all(connection)) for connection in connections} == {408}


@needs_proc
def test_responses_that_no_client_reads_are_not_held_in_memory(
    short_timeout_target: Target,
) -> None:
    with connected(short_timeout_target) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60)
        until(lambda: is_held(connection))
        until(lambda: not is_held(connection))


@needs_proc
def test_a_client_that_disconnects_before_its_responses_is_no_error(target: Target) -> None:
    with connected(target) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60)
        until(lambda: is_held(connection))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
