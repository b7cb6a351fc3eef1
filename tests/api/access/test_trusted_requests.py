"""What a page of another site can make a browser send to a service that requires no keys."""

from pathlib import Path

import pytest

from api.access.trusted_requests import warn_of_open_service
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests.api.access.test_access import code, submit
from tests.api.worker import submitted
from tests.conftest import RunningApi, running_api


@pytest.mark.parametrize("host", ["evil", "evil.example:8000", "localhost.evil.example", "127.1"])
def test_a_name_that_is_not_ours_is_refused(host: str, api: RunningApi) -> None:
    job = submitted(api)
    for method, path in (("GET", "/jobs"), ("DELETE", job["links"]["self"]), ("GET", "/")):
        answer = api.http.request(method, path, headers={"Host": host})
        assert code(answer) == (403, "host_not_allowed")
    assert api.http.get(job["links"]["self"]).is_success


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:80", "api.localhost:1", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7"],
)
def test_loopback_names_and_addresses_are_answered(host: str, api: RunningApi) -> None:
    assert api.http.get("/jobs", headers={"Host": host}).is_success


def test_probes_are_answered_under_any_name(api: RunningApi) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert api.http.get(path, headers={"Host": "api:8000"}).is_success


def test_the_operator_may_allow_more_names(redis_url: str, jobs: JobStore, tmp_path: Path) -> None:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    with running_api(settings, PASTICHE_ALLOWED_HOSTS="studio.example, Other.Example") as api:
        statuses = [
            api.http.get("/jobs", headers={"Host": host}).status_code
            for host in ("studio.example", "other.example:443", "third.example")
        ]
    assert statuses == [200, 200, 403]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_page_of_another_site_changes_nothing(
    headers: dict[str, str], api: RunningApi, jobs: JobStore
) -> None:
    assert code(submit(api, headers)) == (403, "cross_site_request")
    assert jobs.client.keys("*") == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_typed_addresses_submit(site: str, api: RunningApi) -> None:
    assert submit(api, {"Sec-Fetch-Site": site}).status_code == 202


def test_a_page_of_our_own_submits_in_an_old_browser(api: RunningApi) -> None:
    origin = str(api.http.base_url).rstrip("/")
    assert submit(api, {"Origin": origin}).status_code == 202


def test_no_page_of_another_site_can_show_our_pictures(api: RunningApi) -> None:
    for path in ("/jobs", "/", "/web/style.css", "/nowhere"):
        header = api.http.get(path).headers["cross-origin-resource-policy"]
        assert header == "same-origin", path


@pytest.mark.parametrize(
    ("host", "published", "warns"),
    [
        ("0.0.0.0", None, True),
        ("0.0.0.0", "", True),
        ("127.0.0.1", None, False),
        ("0.0.0.0", "127.0.0.1", False),
        ("0.0.0.0", "[::1]", False),
        ("0.0.0.0", "0.0.0.0", True),
    ],
)
def test_an_open_service_is_warned_of_at_its_start(
    host: str, published: str | None, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_open_service(Settings(host=host, published_host=published))
    assert ("no keys are required" in caplog.text) is warns
    warn_of_open_service(Settings(host=host, published_host=published, keys_required=True))
    assert len(caplog.records) == warns
