"""The real Caddy with the Caddyfile of production, in front of a real API."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from local.supervisor import free_port
from shared.errors import BodyTooLarge
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.worker import submitted
from tests.conftest import RunningApi, running, running_api
from tests.deploy.conftest import ROOT
from tests.deploy.programs import find_program, missing_program
from tests.waiting import until

pytestmark = pytest.mark.slow

CADDYFILE = ROOT / "deploy/caddy/Caddyfile"
FIRST_THAT_RETRIES_BODIES = (2, 11, 2)
REQUESTS_PER_MINUTE = 50


@pytest.fixture(scope="module")
def api(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API as in production: it trusts the addresses that its proxy names."""
    folder = tmp_path_factory.mktemp("data")
    settings = Settings(redis_url=redis_url, data_folder=folder, port=free_port("127.0.0.1", 0))
    limit = str(REQUESTS_PER_MINUTE)
    proxied = {"FORWARDED_ALLOW_IPS": "*", "PASTICHE_REQUESTS_PER_MINUTE": limit}
    with running_api(settings, **proxied) as running_one:
        yield running_one


@pytest.fixture(scope="module")
def caddy(api: RunningApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client that talks to Caddy."""
    with running_caddy(CADDYFILE, api, tmp_path_factory.mktemp("caddy")) as http:
        yield http


@contextmanager
def running_caddy(caddyfile: Path, api: RunningApi, folder: Path) -> Iterator[httpx.Client]:
    """A client that talks to Caddy. Without TLS: it would need a port below 1024."""
    url = f"http://localhost:{free_port('127.0.0.1', 0)}"
    environment = {
        "CADDY_ADMIN": f"unix/{folder}/admin",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "PASTICHE_DOMAIN": url,
        "PASTICHE_API_NAME": "localhost",
        "PASTICHE_API_PORT": str(api.settings.port),
        "PASTICHE_BODY_LIMIT": "1MB",
    }
    command = [caddy_program(), "run", "--config", str(caddyfile)]
    with (
        (folder / "log").open("wb") as log,
        running([*command, "--adapter", "caddyfile"], environment, log),
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        until(lambda: _serves(http))
        yield http


def caddy_program() -> str:
    program = find_program("caddy")
    if program is None:
        pytest.skip(missing_program("caddy"))
    return program


@pytest.fixture(autouse=True)
def _no_jobs(jobs: JobStore) -> None:
    """None from an earlier test, and no requests that count against a limit."""


def _serves(http: httpx.Client) -> bool:
    try:
        return http.get("/livez").is_success
    except httpx.TransportError:
        return False


def test_a_job_is_submitted_and_read(caddy: httpx.Client) -> None:
    files = {"content": pictures.jpeg(160, 120), "style": pictures.png(120, 120)}
    response = caddy.post("/jobs", files=files)
    assert response.status_code == 202
    assert caddy.get(response.headers["location"]).json()["status"] == "queued"


def test_events_are_not_buffered(caddy: httpx.Client, api: RunningApi) -> None:
    job = submitted(api)
    with caddy.stream("GET", job["links"]["events"]) as response:
        lines = response.iter_lines()
        assert any('"status":"queued"' in line.replace(" ", "") for line in lines)
        caddy.post(job["links"]["cancel"]).raise_for_status()
        assert any('"status":"canceled"' in line.replace(" ", "") for line in lines)


def test_a_stream_ends_with_its_client(caddy: httpx.Client, api: RunningApi) -> None:
    job = submitted(api)
    with caddy.stream("GET", job["links"]["events"]) as response:
        next(response.iter_lines())
        assert api.open_streams == 1
    until(lambda: api.open_streams == 0)


def test_caddy_stops_although_an_event_stream_lasts(api: RunningApi, tmp_path: Path) -> None:
    job = submitted(api)
    with ExitStack() as stream, running_caddy(CADDYFILE, api, tmp_path) as http:
        url = f"{str(http.base_url).rstrip('/')}{job['links']['events']}"
        lines = stream.enter_context(httpx.stream("GET", url, timeout=60)).iter_lines()
        assert next(lines)


def test_a_body_beyond_the_limit_is_refused(caddy: httpx.Client) -> None:
    files = {"content": bytes(2_000_000), "style": pictures.png(120, 120)}
    response = caddy.post("/jobs", files=files)
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"]) == (413, 413)
    assert (problem["code"], problem["title"]) == (BodyTooLarge.code, BodyTooLarge.title)


def test_the_rest_of_a_body_beyond_the_limit_is_not_read_as_a_request(caddy: httpx.Client) -> None:
    files = {"content": bytes(2_000_000), "style": pictures.png(120, 120)}
    response = caddy.post("/jobs", files=files)
    assert (response.status_code, response.headers["connection"]) == (413, "close")


def test_a_body_beyond_the_limit_takes_no_replica_out_of_service(caddy: httpx.Client) -> None:
    files = {"content": bytes(2_000_000), "style": pictures.png(120, 120)}
    assert caddy.post("/jobs", files=files).status_code == 413
    assert caddy.get("/livez").status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_metrics_are_not_public(path: str, caddy: httpx.Client, api: RunningApi) -> None:
    assert caddy.get(path).status_code == 404
    assert api.http.get(path).is_success


def test_a_client_cannot_choose_the_address_that_limits_count(caddy: httpx.Client) -> None:
    statuses = {
        caddy.get("/jobs", headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
        for number in range(REQUESTS_PER_MINUTE + 1)
    }
    assert 429 in statuses


def test_a_submission_is_tried_again_where_a_replica_is_down(
    api: RunningApi, tmp_path: Path
) -> None:
    down, up = free_port("127.0.0.1", 0), api.settings.port
    replicas = f"to 127.0.0.1:{down} 127.0.0.1:{up}\n\t\tlb_policy round_robin"
    caddyfile = tmp_path / "Caddyfile"
    text = CADDYFILE.read_text("utf-8")
    caddyfile.write_text(re.sub(r"dynamic a \{.*?\n\t\t\}", replicas, text, flags=re.DOTALL))
    files = {"content": pictures.jpeg(160, 120), "style": pictures.png(120, 120)}
    with running_caddy(caddyfile, api, tmp_path) as http:
        assert [http.post("/jobs", files=files).status_code for _ in range(3)] == [202] * 3


def test_compose_has_a_caddy_that_tries_submissions_again() -> None:
    compose = (ROOT / "docker-compose.production.yml").read_text("utf-8")
    (image,) = re.findall(r"library/caddy:(\S+)", compose)
    version = re.match(r"(\d+)\.(\d+)\.(\d+)", image)
    assert version is not None, image
    assert tuple(map(int, version.groups())) >= FIRST_THAT_RETRIES_BODIES


def test_compose_sets_the_variables_of_the_caddyfile() -> None:
    caddyfile = CADDYFILE.read_text("utf-8")
    compose = (ROOT / "docker-compose.production.yml").read_text("utf-8")
    for name in ("PASTICHE_DOMAIN", "PASTICHE_BODY_LIMIT"):
        assert f"{{${name}:" in caddyfile
        assert f"\n      {name}: " in compose
