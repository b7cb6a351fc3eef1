"""Pictures by URL: fetched over real HTTP, within limits of address, size and time."""

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from typing import Any

import anyio
import httpcore
import httpx
import pytest

from api.submissions.remote_pictures import MAX_CONCURRENT, MAX_REDIRECTS, RemotePictures
from local.supervisor import free_port
from shared.errors import InvalidFields, TooManyFetches
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.conftest import RunningApi, running_api
from tests.remote import Pieces, Remote, answer, redirect, serving
from tests.waiting import pause, until

TIMEOUT_SECONDS = 3.0
LIMIT_MEGABYTES = 2

PUBLIC = "93.184.215.14"


@pytest.fixture(scope="module")
def fetching_process(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApi]:
    """An API that may fetch from this machine, with limits that are soon reached."""
    settings = Settings(
        redis_url=redis_url,
        data_folder=tmp_path_factory.mktemp("data"),
        port=free_port("127.0.0.1", 0),
    )
    limits = {
        "PASTICHE_PICTURE_URLS_ANYWHERE": "true",
        "PASTICHE_PICTURE_URL_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "PASTICHE_UPLOAD_LIMIT_MEGABYTES": str(LIMIT_MEGABYTES),
        # A proxy of the environment is not used: nobody listens there.
        "http_proxy": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    with running_api(settings, **limits) as api:
        yield api


@pytest.fixture
def fetching(fetching_process: RunningApi, jobs: JobStore) -> Iterator[RunningApi]:
    yield fetching_process
    assert_nothing_left(fetching_process, jobs)


@pytest.fixture
def remote() -> Iterator[Remote]:
    with serving() as remote:
        yield remote


def submit(api: RunningApi, content: str, **values: Any) -> httpx.Response:
    """Sends a dry run, of which nothing is stored, with one picture by its URL."""
    files = {"style": pictures.png()}
    return api.http.post("/jobs?dry_run=1", data={"content": content, **values}, files=files)


def test_a_picture_is_fetched_and_stored_like_an_upload(
    fetching_process: RunningApi, remote: Remote, jobs: JobStore
) -> None:
    url = remote.serve("/photo", answer(pictures.jpeg(), "Content-Type: text/plain"))
    http = fetching_process.http
    job = http.post("/jobs", json={"content": url, "style": [url, url]})
    assert job.status_code == 202, job.text
    (content,) = [path for path in fetching_process.blobs if path.name.startswith("content")]
    fetched = content.read_bytes()
    http.delete(job.json()["links"]["self"])
    job = http.post("/jobs", files={"content": pictures.jpeg(), "style": pictures.png()})
    (content,) = [path for path in fetching_process.blobs if path.name.startswith("content")]
    assert content.read_bytes() == fetched
    http.delete(job.json()["links"]["self"])


def test_a_url_that_is_given_twice_is_fetched_once(fetching: RunningApi, remote: Remote) -> None:
    url = remote.serve("/photo", answer(pictures.jpeg()))
    form = {"content": "example:wave", "style": [url, url]}
    assert fetching.http.post("/jobs?dry_run=1", json=form).status_code == 200
    assert len(remote.requests) == 1


@pytest.mark.parametrize("path", ["/jobs", "/sweeps"])
def test_the_same_submission_is_accepted_once_after_its_url_has_expired(
    fetching_process: RunningApi, remote: Remote, path: str
) -> None:
    http = fetching_process.http
    url = remote.serve("/photo", answer(pictures.jpeg()))
    submission = {"content": url, "style": url}
    headers = {"Idempotency-Key": "once"}
    first = http.post(path, json=submission, headers=headers)
    assert first.status_code == 202, first.text
    remote.serve("/photo", answer(b"", status="403 Forbidden"))
    again = http.post(path, json=submission, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    http.delete(first.json()["links"]["self"]).raise_for_status()


def test_a_request_has_no_cookies_and_no_credentials(fetching: RunningApi, remote: Remote) -> None:
    cookie = answer(b"", "Set-Cookie: a=b", "Location: /photo", status="302 Found")
    remote.serve("/photo", answer(pictures.jpeg()))
    assert submit(fetching, remote.serve("/", cookie)).status_code == 200
    assert [head.split(b"\r\n")[0] for head in remote.requests] == [
        b"GET / HTTP/1.1",
        b"GET /photo HTTP/1.1",
    ]
    heads = b"".join(remote.requests).lower()
    assert b"cookie" not in heads
    assert b"authorization" not in heads


def test_a_body_without_a_length_is_fetched(fetching: RunningApi, remote: Remote) -> None:
    url = remote.serve("/", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", pictures.jpeg())
    assert submit(fetching, url).status_code == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(fetching: RunningApi, remote: Remote, status: int) -> None:
    remote.serve("/photo", answer(pictures.jpeg()))
    url = remote.serve("/", answer(b"", "Location: photo", status=f"{status} Elsewhere"))
    assert submit(fetching, url).status_code == 200


def test_as_many_redirects_as_allowed_are_followed(fetching: RunningApi, remote: Remote) -> None:
    remote.serve("/0", answer(pictures.jpeg()))
    for number in range(1, MAX_REDIRECTS + 2):
        remote.serve(f"/{number}", redirect(f"{remote.url}/{number - 1}"))
    assert submit(fetching, f"{remote.url}/{MAX_REDIRECTS}").status_code == 200
    response = submit(fetching, f"{remote.url}/{MAX_REDIRECTS + 1}")
    assert errors_of(response) == {"content": "url_refused"}


def never_ending() -> Pieces:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    yield from repeat(bytes(65_536))


def dripping() -> Pieces:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    for byte in pictures.jpeg():
        yield bytes([byte])
        pause(0.2)


def silent() -> Pieces:
    pause(3 * TIMEOUT_SECONDS)
    yield b""


def dripping_head() -> Pieces:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(100):
        yield b"X-%d: 1\r\n" % number
        pause(0.2)


def continuing() -> Pieces:
    for _ in range(100):
        yield b"HTTP/1.1 100 Continue\r\n\r\n"
        pause(0.2)


BIG = LIMIT_MEGABYTES * 1_000_000 + 1

BAD_ANSWERS: dict[str, tuple[Callable[[], Pieces], int, str]] = {
    "404": (lambda: [answer(pictures.jpeg(), status="404 Not Found")], 422, "url_refused"),
    "500": (lambda: [answer(b"", status="500 Broken")], 422, "url_refused"),
    "206": (lambda: [answer(pictures.jpeg(), status="206 Partial")], 422, "url_refused"),
    "302 to nowhere": (lambda: [answer(b"", status="302 Found")], 422, "url_refused"),
    "a loop": (lambda: [redirect("/")], 422, "url_refused"),
    "a redirect to a file": (lambda: [redirect("file:///etc/passwd")], 422, "url_not_allowed"),
    "a redirect to a data URI": (lambda: [redirect("data:,a")], 422, "url_not_allowed"),
    "a redirect with a password": (
        lambda: [redirect("http://a:b@127.0.0.1/")],
        422,
        "url_not_allowed",
    ),
    "a redirect to no URL": (lambda: [redirect("http://[a/")], 422, "url_not_allowed"),
    "HTML": (lambda: [answer(b"<!doctype html><h1>Hello</h1>")], 415, "picture_unknown"),
    "nothing": (lambda: [answer(b"")], 422, "empty_file"),
    "a compressed body": (
        lambda: [answer(b"\x1f\x8b" + bytes(100), "Content-Encoding: gzip")],
        415,
        "picture_unknown",
    ),
    "a file that is too large": (lambda: [answer(bytes(BIG))], 413, "file_too_large"),
    "a length that is too large": (lambda: [answer(b"a", length=10**18)], 413, "file_too_large"),
    "an endless body": (never_ending, 413, "file_too_large"),
    "a length that is too short": (
        lambda: [answer(pictures.jpeg(), length=100)],
        422,
        "picture_broken",
    ),
    "a length that is too long": (
        lambda: [answer(pictures.jpeg(), length=100_000)],
        422,
        "url_unreachable",
    ),
    "an endless head": (
        lambda: [b"HTTP/1.1 200 OK\r\nX: ", *repeat(b"a" * 1000, 1000)],
        422,
        "url_unreachable",
    ),
    "no HTTP": (lambda: [b"220 mail.example ESMTP\r\n"], 422, "url_unreachable"),
    "an end at once": (lambda: [], 422, "url_unreachable"),
}


SLOW_ANSWERS: dict[str, tuple[Callable[[], Pieces], int, str]] = {
    "a slow body": (dripping, 422, "url_unreachable"),
    "a slow head": (dripping_head, 422, "url_unreachable"),
    "100 again and again": (continuing, 422, "url_unreachable"),
    "silence": (silent, 422, "url_unreachable"),
}


@pytest.mark.parametrize(
    ("pieces", "status", "code"),
    [
        *(pytest.param(*each, id=name) for name, each in BAD_ANSWERS.items()),
        *(pytest.param(*each, id=n, marks=pytest.mark.slow) for n, each in SLOW_ANSWERS.items()),
    ],
)
def test_an_unusable_response_is_an_error_of_its_field(
    fetching: RunningApi, remote: Remote, pieces: Callable[[], Pieces], status: int, code: str
) -> None:
    remote.answers["/"] = pieces
    response = submit(fetching, f"{remote.url}/")
    assert errors_of(response) == {"content": code}
    assert response.status_code == status


def test_an_address_where_nobody_listens_is_unreachable(fetching: RunningApi) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        response = submit(fetching, f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert errors_of(response) == {"content": "url_unreachable"}


def test_a_host_that_does_not_exist_is_unreachable(fetching: RunningApi) -> None:
    response = submit(fetching, "https://pictures.invalid/")
    assert errors_of(response) == {"content": "url_unreachable"}


def test_a_certificate_that_nobody_trusts_is_an_error(fetching: RunningApi, tmp_path: Path) -> None:
    with serving(make_tls(tmp_path)) as remote:
        remote.serve("/", answer(pictures.jpeg()))
        response = submit(fetching, f"https://127.0.0.1:{remote.port}/")
        assert remote.requests == []
    assert errors_of(response) == {"content": "url_unreachable"}


def test_the_errors_of_all_urls_are_named_at_once(fetching: RunningApi, remote: Remote) -> None:
    urls = {"content": f"{remote.url}/1", "style": [f"{remote.url}/2", "http://a:b@example.org/"]}
    response = fetching.http.post("/jobs", json=urls)
    errors = [(error["field"], error["code"]) for error in response.json()["errors"]]
    assert errors == [
        ("content", "url_refused"),
        ("style", "url_refused"),
        ("style", "url_not_allowed"),
    ]


def test_nothing_is_fetched_for_a_submission_with_other_errors(
    fetching: RunningApi, remote: Remote
) -> None:
    url = remote.serve("/", answer(pictures.jpeg()))
    assert errors_of(submit(fetching, url, size="1")) == {"size": "invalid_value"}
    assert remote.requests == []


def test_the_pictures_of_a_submission_have_a_limit_together(
    fetching: RunningApi, remote: Remote
) -> None:
    urls = [remote.serve(f"/{each}", answer(bytes(BIG - 1))) for each in range(4)]
    response = fetching.http.post("/jobs", json={"content": urls[0], "style": urls})
    assert response.status_code == 413
    assert set(errors_of(response).values()) == {"file_too_large"}
    assert f"{2 * LIMIT_MEGABYTES} MB together" in response.text


def test_a_file_and_a_url_for_the_same_field_are_refused_by_name(
    fetching: RunningApi, remote: Remote
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    response = fetching.http.post("/jobs", data={"content": f"{remote.url}/"}, files=files)
    assert errors_of(response) == {"content": "repeated_field"}
    assert "either as a file or as a text" in response.text
    assert remote.requests == []


def test_a_file_and_a_url_may_be_two_styles(fetching: RunningApi, remote: Remote) -> None:
    url = remote.serve("/", answer(pictures.jpeg()))
    files = [("content", pictures.jpeg()), ("style", pictures.png())]
    response = fetching.http.post("/jobs?dry_run=1", data={"style": url}, files=files)
    assert response.status_code == 200, response.text


def test_urls_are_refused_where_the_operator_does_not_allow_them(
    redis_url: str, tmp_path: Path, remote: Remote
) -> None:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    with running_api(
        settings, PASTICHE_PICTURE_URLS="false", PASTICHE_PICTURE_URLS_ANYWHERE="true"
    ) as api:
        response = submit(api, f"{remote.url}/")
    assert errors_of(response) == {"content": "url_not_allowed"}
    assert remote.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "HTTPS://127.0.0.1:{port}/",
        "https://localhost:{port}/",
        "https://localhost.:{port}/",
        "https://[::1]:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://[::ffff:7f00:1]:{port}/",
        "https://0.0.0.0:{port}/",
        "https://127.1:{port}/",
        "https://2130706433:{port}/",
        "https://0x7f000001:{port}/",
        "https://017700000001:{port}/",
        "https://127.0.0.1%2f@example.org:{port}/",
        "https://example.org@127.0.0.1:{port}/",
        "https://127.0.0.1:{port}\\@example.org/",
        "https://①②⑦.⓪.⓪.①:{port}/",
        "https:127.0.0.1:{port}/",
        "https:///127.0.0.1:{port}/",
        f"https://{socket.gethostname()}:{{port}}/",
    ],
)
def test_no_request_is_sent_to_a_private_address(api: RunningApi, jobs: JobStore, url: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        response = submit(api, url.format(port=listener.getsockname()[1]))
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert errors_of(response)["content"] in ("url_not_allowed", "url_unreachable")
    assert_nothing_left(api, jobs)


def make_tls(folder: Path) -> ssl.SSLContext:
    """What a server for pictures.example needs; the certificate is in the folder."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=pictures.example", "-out", str(certificate)]
    command += ["-addext", "subjectAltName=DNS:pictures.example", "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def public_remote(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Remote, RemotePictures, list[str]]]:
    """A server at https://pictures.example/, which has a public address as far as this process
    knows; what fetches from it; and the addresses that are connected to."""
    connected: list[str] = []
    connect = httpcore.SyncBackend.connect_tcp

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        address = {"pictures.example": PUBLIC, "inside.example": "10.0.0.1"}[host]
        return [(None, None, None, "", (address, port))]

    def connect_here(network: Any, host: str, port: int, *rest: Any) -> httpcore.NetworkStream:
        connected.append(host)
        assert host == PUBLIC
        return connect(network, "127.0.0.1", server.port, *rest)

    with serving(make_tls(folder)) as server:
        monkeypatch.setattr("shared.public_network.getaddrinfo", resolve)
        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_here)
        authority = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
        monkeypatch.setattr(httpcore, "default_ssl_context", lambda: authority)
        yield server, RemotePictures(Settings()), connected


def test_a_picture_is_fetched_over_tls_from_a_public_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with public_remote(tmp_path, monkeypatch) as (remote, remote_pictures, connected):
        remote.serve("/", answer(pictures.jpeg()))
        target = tmp_path / "target"
        anyio.run(remote_pictures.fetch, "content", "https://pictures.example/", target)
        assert target.read_bytes() == pictures.jpeg()
        assert connected == [PUBLIC]


@pytest.mark.parametrize(
    "location",
    [
        "https://inside.example/",
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "//169.254.169.254/latest/meta-data/",
        "http://pictures.example/",
    ],
)
def test_a_redirect_to_a_private_address_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    with public_remote(tmp_path, monkeypatch) as (remote, remote_pictures, connected):
        remote.serve("/", redirect(location))
        with pytest.raises(InvalidFields) as refused:
            anyio.run(
                remote_pictures.fetch, "content", "https://pictures.example/", tmp_path / "target"
            )
        assert [error.code for error in refused.value.errors] == ["url_not_allowed"]
        assert connected == [PUBLIC]


def test_only_some_pictures_are_fetched_at_once_and_the_others_have_a_time_limit(
    tmp_path: Path,
) -> None:
    remote_pictures = RemotePictures(Settings(picture_urls_anywhere=True), wait_limit_seconds=0.5)
    with socket.create_server(("127.0.0.1", 0), backlog=2 * MAX_CONCURRENT) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        async def fetch(number: int) -> None:
            with suppress(InvalidFields):
                await remote_pictures.fetch("content", url, tmp_path / str(number))

        async def fill_up() -> None:
            async with anyio.create_task_group() as tasks:
                for number in range(MAX_CONCURRENT):
                    tasks.start_soon(fetch, number)
                connections: list[socket.socket] = []
                while len(connections) < MAX_CONCURRENT:
                    connections.append((await anyio.to_thread.run_sync(silent.accept))[0])
                with pytest.raises(TooManyFetches):
                    await remote_pictures.fetch("content", url, tmp_path / "late")
                for connection in connections:
                    connection.close()

        anyio.run(fill_up)


def test_a_resolver_that_does_not_answer_delays_a_submission_no_longer_than_a_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = False

    def resolve(*_: Any, **__: Any) -> list[Any]:
        until(lambda: is_over)
        raise OSError

    monkeypatch.setattr("shared.public_network.getaddrinfo", resolve)
    settings = Settings(picture_url_timeout_seconds=0.1)
    remote_pictures = RemotePictures(settings, wait_limit_seconds=600)

    async def fetch() -> None:
        nonlocal is_over
        with pytest.raises(InvalidFields) as refused:
            await remote_pictures.fetch("content", "https://pictures.example/", tmp_path / "a")
        is_over = True
        assert [error.code for error in refused.value.errors] == ["url_unreachable"]

    anyio.run(fetch)
