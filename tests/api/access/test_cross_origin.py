"""Pages of other origins that an operator allows use the API from a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect
from pydantic import ValidationError

from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.access.test_access import code, submit
from tests.api.worker import PlayedWorker
from tests.conftest import RunningApi, running_api
from tests.page.conftest import opened
from tests.waiting import until

APP = "https://app.example"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Headers": "idempotency-key, prefer"}


@contextmanager
def allowing(origins: str, redis_url: str, folder: Path) -> Iterator[RunningApi]:
    settings = Settings(redis_url=redis_url, data_folder=folder, port=free_port("127.0.0.1", 0))
    with running_api(settings, PASTICHE_CORS_ORIGINS=origins) as api:
        yield api


@pytest.fixture
def open_api(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[RunningApi]:
    with allowing(f"{APP}/, http://other.example:8080", redis_url, tmp_path) as api:
        yield api


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_preflight_allows_our_methods_and_headers(method: str, open_api: RunningApi) -> None:
    headers = PREFLIGHT | {"Access-Control-Request-Method": method}
    response = open_api.http.options("/jobs", headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == APP
    assert method in response.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "headers",
    [
        PREFLIGHT | {"Access-Control-Request-Method": "BREW"},
        PREFLIGHT | {"Access-Control-Request-Method": "GET", "Origin": "https://evil.example"},
    ],
)
def test_a_preflight_of_what_is_not_allowed_is_refused(
    headers: dict[str, str], open_api: RunningApi
) -> None:
    response = open_api.http.options("/jobs", headers=headers)
    assert response.status_code == 400
    assert response.text.startswith("Disallowed CORS")


def test_an_allowed_page_submits_and_reads_our_headers(open_api: RunningApi) -> None:
    response = submit(open_api, {"Origin": APP, "Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 202
    assert response.headers["access-control-allow-origin"] == APP
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Location", "Retry-After", "X-Job-Id", "X-Request-ID"} <= set(exposed)


def test_an_allowed_page_reads_errors(open_api: RunningApi) -> None:
    response = open_api.http.post("/jobs", headers={"Origin": APP})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (415, APP)


def test_pages_of_other_origins_are_refused(open_api: RunningApi) -> None:
    response = submit(open_api, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert code(response) == (403, "cross_site_request")
    assert "access-control-allow-origin" not in response.headers


def test_without_the_setting_no_origin_is_allowed(api: RunningApi) -> None:
    response = api.http.get("/jobs", headers={"Origin": APP})
    assert "access-control-allow-origin" not in response.headers


def test_an_asterisk_allows_every_origin(redis_url: str, jobs: JobStore, tmp_path: Path) -> None:
    with allowing("*", redis_url, tmp_path) as api:
        response = submit(api, {"Origin": "https://any.example", "Sec-Fetch-Site": "cross-site"})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (202, "*")


@pytest.mark.parametrize("origins", ["app.example", "https://app.example/page", "ftp://a.example"])
def test_what_is_not_an_origin_is_refused_at_start(origins: str) -> None:
    with pytest.raises(ValidationError, match="is not an origin such as https:"):
        Settings(cors_origins=origins)


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *_: object) -> None:
        """Logs nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves the files of a folder on another port, which makes it another origin."""
    files = partial(QuietFiles, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def other_origin() -> Iterator[str]:
    """Serves the examples."""
    with serving(Path("examples")) as origin:
        yield origin


def test_a_page_of_another_origin_submits_watches_and_shows_the_picture(
    browser: Browser, other_origin: str, redis_url: str, jobs: JobStore, tmp_path: Path
) -> None:
    photograph, painting = tmp_path / "photograph.jpg", tmp_path / "painting.png"
    photograph.write_bytes(pictures.jpeg(160, 120))
    painting.write_bytes(pictures.png(120, 120))
    with allowing(other_origin, redis_url, tmp_path / "data") as api:
        url = f"{other_origin}/other-origin.html?service={api.http.base_url}"
        with opened(browser, url) as page:
            page.locator("[name=content]").set_input_files(photograph)
            page.locator("[name=style]").set_input_files(painting)
            page.get_by_role("button", name="Paint", exact=True).click()
            until(lambda: api.http.get("/jobs").json()["jobs"])
            worker = PlayedWorker.of(api.http.get("/jobs").json()["jobs"][0], jobs, api)
            worker.report_progress(7)
            expect(page.get_by_role("status")).to_have_text("Iteration 7")
            worker.commit()
            expect(page.get_by_role("status")).to_have_text("succeeded")
            expect(page.locator("img")).to_have_js_property("complete", value=True)
            until(lambda: page.locator("img").evaluate("image => image.naturalWidth") > 0)


def test_the_page_of_another_origin_is_under_forty_lines() -> None:
    assert len(Path("examples/other-origin.html").read_text("utf-8").splitlines()) < 40
