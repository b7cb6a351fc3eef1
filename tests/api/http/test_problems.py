"""Internal errors, and what a client receives of them."""

import asyncio
import errno
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from api.http import problems
from api.http.middleware import UnexpectedErrors
from api.sweeps.store import make_sweep_key
from local.supervisor import free_port
from shared.blob_store import BlobStoreFailed
from shared.job_store import JobStore
from shared.settings import Settings
from tests.api.http.test_http import exchange, head, status
from tests.api.ops.test_metrics import samples
from tests.api.worker import submitted
from tests.conftest import RunningApi, running_api

ORIGIN = "https://app.example"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BlobStoreFailed(errno.EIO, "broken"), 503, "storage_unavailable"),
        (BlobStoreFailed(errno.ENOSPC, "full"), 507, "storage_full"),
        (OSError(errno.ENOSPC, "full"), 507, "storage_full"),
        (PermissionError(errno.EPERM, "not the store"), 500, "internal_error"),
        (FileNotFoundError(errno.ENOENT, "not the store"), 500, "internal_error"),
        (ConnectionResetError("not the store"), 500, "internal_error"),
    ],
)
def test_what_the_system_refuses_is_the_store_s_only_where_the_store_says_so(
    error: OSError, status: int, code: str
) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    response = asyncio.run(get(app))
    assert (response.status_code, response.json()["code"]) == (status, code)


async def get(app: FastAPI, *, raise_app_exceptions: bool = False) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=raise_app_exceptions)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.get("/")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def logged_api(redis_url: str, jobs: JobStore, log: Path, tmp_path: Path) -> Iterator[RunningApi]:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    environment = {"PASTICHE_CORS_ORIGINS": ORIGIN, "PASTICHE_LOG_FORMAT": "json"}
    with log.open("wb") as out, running_api(settings, out, **environment) as api:
        yield api


def logged_tracebacks(log: Path, request_id: str) -> list[str]:
    """The tracebacks that were logged for this request."""
    *whole, _ = log.read_text().split("\n")
    lines = map(json.loads, whole)
    return [each["exc_info"] for each in lines if each.get("request_id") == request_id]


def test_an_unforeseen_error_is_answered_counted_and_logged_like_any_other(
    logged_api: RunningApi, jobs: JobStore, log: Path
) -> None:
    sweep = "0" * 32
    jobs.client.set(make_sweep_key(sweep), "not JSON")
    response = logged_api.http.get(f"/sweeps/{sweep}", headers={"Origin": ORIGIN})
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    counted = samples(logged_api)
    labels = ("GET", "/sweeps/{sweep_id}", "500")
    assert counted["pastiche_http_request_seconds_count", labels] == 1
    (traceback,) = logged_tracebacks(log, response.headers["x-request-id"])
    assert "JSONDecodeError" in traceback


def test_an_unforeseen_error_breaks_off_a_response_that_has_begun(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()
    app.add_middleware(UnexpectedErrors)

    async def send_and_fail() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("broken")

    @app.get("/")
    async def respond() -> StreamingResponse:
        return StreamingResponse(send_and_fail())

    with pytest.raises(RuntimeError, match="broken"):  # the server closes the connection
        asyncio.run(get(app, raise_app_exceptions=True))
    assert [record.message for record in caplog.records] == ["Unexpected error"]


@pytest.mark.parametrize(
    "request_line", ["PATCH /jobs/{id} HTTP/1.1", "POST /pictures/uploads HTTP/1.1"]
)
def test_json_that_is_too_large_is_refused_as_such(request_line: str, api: RunningApi) -> None:
    lines = ("Host: localhost", "Connection: close", "Content-Type: application/json")
    request = request_line.format(id=submitted(api)["id"])
    said = exchange(api, head(*lines, "Content-Length: 1000000000", request=request))
    assert status(said) == 413
    assert b'"code":"body_too_large"' in said


@pytest.mark.parametrize(
    "weights", [r'{"style_weight": "\ud800"}', r'{"\ud800": 1}'], ids=["value", "name"]
)
def test_half_a_surrogate_pair_is_quoted_as_a_question_mark(weights: str, api: RunningApi) -> None:
    headers = {"Content-Type": "application/json"}
    response = api.http.patch(submitted(api)["links"]["self"], content=weights, headers=headers)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert "?" in error["field"] + error["detail"]
