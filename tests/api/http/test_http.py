"""HTTP as the RFCs specify it: methods, upgrades, HTTP/1.0, hosts, and how connections end."""

import re
import socket
from typing import Any

import pytest

from shared.job_store import JobStore
from tests import pictures
from tests.api.events.test_events import stream, until_event
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi


def exchange(api: RunningApi, sent: bytes) -> bytes:
    """Everything that the API sends in response to these bytes until it closes the connection."""
    with socket.create_connection(("127.0.0.1", api.settings.port), 30) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def status(said: bytes) -> int:
    found = re.findall(rb"HTTP/1\.1 (\d{3}) ", said)
    assert len(found) == 1, said[:2000]
    return int(found[0])


def head(*lines: str, request: str = "GET /jobs HTTP/1.1") -> bytes:
    return "\r\n".join((request, *lines, "", "")).encode()


def test_head_is_answered_wherever_get_is(api: RunningApi, jobs: JobStore) -> None:
    pair = {"content": pictures.jpeg(), "style": pictures.png()}
    sweep = api.http.post("/batches", files=pair).json()
    job = sweep["jobs"][0]["job"]
    worker = PlayedWorker.of(job, jobs, api)
    worker.show(4)
    worker.commit()
    picture = api.http.post("/pictures", files={"picture": pictures.jpeg()}).json()
    document = api.http.get("/openapi.json").json()
    paths = [path for path, methods in document["paths"].items() if "get" in methods]
    ids = {"job_id": job["id"], "sweep_id": sweep["id"], "picture_id": picture["id"]}
    paths = [path.format(**ids, reference="example:wave") for path in paths]
    for path in (*paths, "/", "/docs", "/openapi.json", "/llms.txt", "/web/style.css"):
        answers = [api.http.request(method, path) for method in ("HEAD", "GET")]
        assert answers[0].status_code == answers[1].status_code, path
        assert answers[0].content == b""
        assert answers[0].headers["content-type"] == answers[1].headers["content-type"]


def test_head_of_events_does_not_wait_for_their_end(api: RunningApi) -> None:
    answer = api.http.head(submitted(api)["links"]["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_what_is_allowed_on_a_path_includes_head(api: RunningApi) -> None:
    assert api.http.put("/jobs").headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.2", "websocket"])
@pytest.mark.parametrize("encoding", ["length", "chunks"])
def test_an_upgrade_is_ignored_and_the_body_read(
    protocol: str, encoding: str, api: RunningApi
) -> None:
    body = api.http.build_request(
        "POST", "/", files={"content": pictures.jpeg(), "style": pictures.png()}
    )
    form = body.read()
    length = {
        "length": f"Content-Length: {len(form)}",
        "chunks": "Transfer-Encoding: chunked",
    }[encoding]
    if encoding == "chunks":
        form = b"%x\r\n%s\r\n0\r\n\r\n" % (len(form), form)
    lines = (
        "Host: localhost",
        f"Content-Type: {body.headers['content-type']}",
        length,
        "Connection: Upgrade, HTTP2-Settings, close",
        f"Upgrade: {protocol}",
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    )
    said = exchange(api, head(*lines, request="POST /jobs HTTP/1.1") + form)
    assert status(said) == 202, said


def test_a_connection_can_be_used_after_an_ignored_upgrade(api: RunningApi) -> None:
    upgrade = head("Host: localhost", "Connection: Upgrade", "Upgrade: h2c")
    last = head("Host: localhost", "Connection: close")
    said = exchange(api, upgrade + last)
    assert said.count(b"HTTP/1.1 200 OK") == 2


def test_a_request_over_http_1_1_has_one_host(api: RunningApi) -> None:
    assert status(exchange(api, head("Connection: close"))) == 400
    assert status(exchange(api, head("Host: localhost", "Host: localhost"))) == 400


@pytest.mark.parametrize(
    "host", ["", " ", "[", "@", "localhost/x", "evil@localhost", "localhost, evil", "a b", "x:y"]
)
def test_a_host_that_is_no_name_is_refused(host: str, api: RunningApi) -> None:
    assert status(exchange(api, head(f"Host: {host}", "Connection: close"))) == 400


@pytest.mark.parametrize(
    ("address", "host", "expected"),
    [
        ("http://localhost/jobs", "evil", 200),
        ("http://localhost", "localhost", 200),
        ("http://localhost?limit=1", "localhost", 200),
        ("HTTP://[::1]:80/jobs?limit=1", "evil", 200),
        ("http://evil/jobs", "localhost", 403),
        ("http://evil@localhost/jobs", "localhost", 400),
        ("http:///jobs", "localhost", 400),
    ],
)
def test_a_request_to_an_absolute_address_is_to_its_host(
    address: str, host: str, expected: int, api: RunningApi
) -> None:
    request = f"GET {address} HTTP/1.1"
    assert status(exchange(api, head(f"Host: {host}", "Connection: close", request=request))) == (
        expected
    )


def test_another_version_of_http_is_refused(api: RunningApi) -> None:
    assert status(exchange(api, head("Host: localhost", request="GET /jobs HTTP/2.0"))) == 400


def test_a_request_over_http_1_0_needs_no_host(api: RunningApi) -> None:
    assert status(exchange(api, head(request="GET /livez HTTP/1.0"))) == 200


def test_events_over_http_1_0_are_not_chunked_and_end_with_the_connection(
    api: RunningApi, jobs: JobStore
) -> None:
    job = finished(api, jobs)
    request = f"GET {job['links']['events']} HTTP/1.0"
    said = exchange(api, head(request=request))
    headers, _, body = said.partition(b"\r\n\r\n")
    assert b"chunked" not in headers.lower()
    assert body.startswith(b"retry: 1000\n\nevent: done\n")
    assert body.endswith(b"\n\n")


def test_an_event_source_does_not_reconnect_after_the_last_event(
    api: RunningApi, jobs: JobStore
) -> None:
    job = finished(api, jobs)
    with stream(api, job) as events:
        last = until_event(events, "done").id
    again = api.http.get(job["links"]["events"], headers={"Last-Event-ID": last})
    assert (again.status_code, again.content) == (204, b"")
    with stream(api, job, **{"Last-Event-ID": "1"}) as events:
        assert until_event(events, "done").id == last


def finished(api: RunningApi, jobs: JobStore) -> dict[str, Any]:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit()
    return job
