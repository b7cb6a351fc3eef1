"""The security headers of every response."""

from pathlib import Path

import pytest

from local.supervisor import free_port
from shared.settings import Settings
from tests.api.worker import submitted
from tests.conftest import RunningApi, running_api


@pytest.mark.parametrize("path", ["/livez", "/no/such/path", "/openapi.json", "/jobs", "/metrics"])
def test_no_browser_guesses_the_type_of_a_response(path: str, api: RunningApi) -> None:
    headers = api.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"


def test_no_other_site_may_read_what_our_pages_may(api: RunningApi) -> None:
    job = submitted(api)
    answer = api.http.get(job["links"]["self"], headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_documentation_runs_its_own_script_and_no_other(api: RunningApi) -> None:
    policy = api.http.get("/docs").headers["content-security-policy"]
    assert "script-src 'self';" in policy


def test_the_page_runs_its_own_files_and_no_other(api: RunningApi) -> None:
    policy = api.http.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy


def test_the_page_knows_how_large_an_upload_may_be(redis_url: str, tmp_path: Path) -> None:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    with running_api(settings, PASTICHE_UPLOAD_LIMIT_MEGABYTES="7") as api:
        assert '<meta name="upload-limit-megabytes" content="7">' in api.http.get("/").text
