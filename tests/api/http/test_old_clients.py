"""Old and unusual clients, over real sockets: HTTP/1.0, `Expect`, and what they send in paths."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.job_store import JobStore
from tests import pictures
from tests.api.http.test_http import exchange, head, status
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi


@contextmanager
def connected(api: RunningApi, sent: bytes) -> Iterator[socket.socket]:
    """A connection over which these bytes were sent."""
    with socket.create_connection(("127.0.0.1", api.settings.port), 30) as connection:
        connection.sendall(sent)
        yield connection


def make_form(api: RunningApi) -> tuple[bytes, str, str]:
    """A form with two pictures, and the headers that describe it."""
    request = api.http.build_request(
        "POST", "/jobs", files={"content": pictures.jpeg(), "style": pictures.png()}
    )
    form = request.read()
    content_type = f"Content-Type: {request.headers['content-type']}"
    return form, content_type, f"Content-Length: {len(form)}"


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_events_arrive_over_http_1_0_while_the_job_runs(
    connection: str, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    request = head(f"Connection: {connection}", request=f"GET {job['links']['events']} HTTP/1.0")
    with connected(api, request) as client, client.makefile("rb") as lines:
        headers = b"".join(iter(lines.readline, b"\r\n")).lower()
        assert b"transfer-encoding" not in headers
        assert b"connection: close" in headers
        assert lines.readline() == b"retry: 1000\n"
        worker = PlayedWorker.of(job, jobs, api)
        worker.report_progress(7)
        while lines.readline() != b"event: progress\n":
            pass
        worker.commit()
        rest = lines.read()  # until the API closes the connection
    assert rest.rpartition(b"event: ")[2].startswith(b"done\n")


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_form_is_accepted_over_http_1_0(connection: str, api: RunningApi) -> None:
    form, *headers = make_form(api)
    request = head(*headers, f"Connection: {connection}", request="POST /jobs HTTP/1.0")
    said = exchange(api, request + form)
    assert status(said) == 202
    assert b"content-length: " in said.lower()


def test_a_result_over_http_1_0_is_complete(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit()
    expected = api.http.get(job["links"]["result"]).content
    said = exchange(api, head(request=f"GET {job['links']['result']} HTTP/1.0"))
    headers, _, body = said.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in headers.lower()
    assert body == expected


def test_head_of_events_over_http_1_0_ends(api: RunningApi) -> None:
    path = submitted(api)["links"]["events"]
    said = exchange(api, head(request=f"HEAD {path} HTTP/1.0"))
    assert status(said) == 200
    assert said.endswith(b"\r\n\r\n")


def test_a_client_that_expects_100_continue_receives_it_before_it_sends_the_body(
    api: RunningApi,
) -> None:
    form, *headers = make_form(api)
    lines = ("Host: localhost", "Connection: close", "Expect: 100-continue", *headers)
    with connected(api, head(*lines, request="POST /jobs HTTP/1.1")) as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(form)
        said = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert status(said) == 202


@pytest.mark.parametrize(
    ("length", "encoding", "expected"), [(10**9, "identity", 413), (1000, "gzip", 415)]
)
def test_a_body_that_will_be_refused_is_not_requested(
    length: int, encoding: str, expected: int, api: RunningApi
) -> None:
    lines = (
        "Host: localhost",
        "Connection: close",
        "Expect: 100-continue",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {length}",
        f"Content-Encoding: {encoding}",
    )
    with connected(api, head(*lines, request="POST /jobs HTTP/1.1")) as client:
        said = client.recv(1 << 16)
    assert status(said) == expected
    assert b"100 Continue" not in said


def test_curl_sends_a_large_file_after_100_continue(api: RunningApi, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    large, style = tmp_path / "large.png", tmp_path / "style.png"
    Image.fromarray(noise).save(large)
    style.write_bytes(pictures.png())
    command = ["curl", "-sv", "-H", "Expect: 100-continue", f"{api.http.base_url}/jobs"]
    command += ["-F", f"content=@{large}", "-F", f"style=@{style}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "HTTP/1.1 100 Continue" in ended.stderr
    assert json.loads(ended.stdout)["status"] == "queued"


def test_a_slash_at_the_end_of_any_path_is_ignored(api: RunningApi, jobs: JobStore) -> None:
    files = [("content", pictures.jpeg()), ("style", pictures.png())]
    sweep = api.http.post("/batches/", files=files).json()
    job = sweep["jobs"][0]["job"]
    worker = PlayedWorker.of(job, jobs, api)
    worker.show(4)
    worker.commit()
    picture = api.http.post("/pictures", files={"picture": pictures.jpeg()}).json()
    ids = {"job_id": job["id"], "sweep_id": sweep["id"], "picture_id": picture["id"]}
    document = api.http.get("/openapi.json").json()
    paths = [path for path, methods in document["paths"].items() if "get" in methods]
    for path in (*paths, "/docs", "/openapi.json", "/llms.txt"):
        path = path.format(**ids, reference="example:wave")
        plain, slash = api.http.get(path), api.http.get(f"{path}/")
        assert plain.status_code == slash.status_code, path
        assert plain.headers["content-type"] == slash.headers["content-type"]


def test_a_whole_number_may_have_a_point_in_a_query(api: RunningApi) -> None:
    assert api.http.get("/jobs", params={"limit": "10.0"}).status_code == 200
