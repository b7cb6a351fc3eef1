"""Results in an object store: sent by the API or by the store itself, even if the store fails."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import randbytes
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from api import keys
from local.supervisor import free_port
from pastiche.client import Client
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.access.test_access import code
from tests.api.conftest import Start
from tests.api.worker import PlayedWorker, submitted
from tests.clients.programs import run
from tests.conftest import RunningApi, running_api
from tests.object_store import Bucket, Fault, FaultyProxy
from tests.page.conftest import opened

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "api.log"


@contextmanager
def serving(
    redis_url: str, folder: Path, bucket: Bucket, environment: dict[str, str]
) -> Iterator[RunningApi]:
    """An API that sends results itself, with a log in its folder."""
    settings = Settings(
        redis_url=redis_url,
        data_folder=folder,
        port=free_port("127.0.0.1", 0),
        blob_store_url=bucket.location,
    )
    with (folder / "api.log").open("wb") as out, running_api(settings, out, **environment) as api:
        yield api


@pytest.fixture(scope="module")
def service(
    redis_url: str, store: FaultyProxy, shared_bucket: Bucket, log: Path
) -> Iterator[RunningApi]:
    environment = shared_bucket.environment(store.url)
    with serving(redis_url, log.parent, shared_bucket, environment) as api:
        yield api


@pytest.fixture
def impatient_service(
    redis_url: str, store: FaultyProxy, shared_bucket: Bucket, tmp_path: Path
) -> Iterator[RunningApi]:
    """A service with a short timeout for a store that hangs."""
    environment = shared_bucket.environment(store.url) | {"AWS_READ_TIMEOUT": "2 s"}
    with serving(redis_url, tmp_path, shared_bucket, environment) as api:
        yield api


@pytest.fixture(scope="module")
def redirecting(start: Start, store: FaultyProxy, shared_bucket: Bucket) -> Iterator[RunningApi]:
    """An API that lets the store send results."""
    environment = shared_bucket.environment(store.url)
    with start(**environment, PASTICHE_RESULT_REDIRECT_SECONDS="60") as api:
        yield api


def paint(
    api: RunningApi, jobs: JobStore, picture: bytes | None = None, **fields: Any
) -> dict[str, Any]:
    """A job that has succeeded."""
    job = submitted(api, **fields)
    PlayedWorker.of(job, jobs, api).commit(picture or pictures.png())
    return job


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_result_is_sent_from_the_store(format: str, service: RunningApi, jobs: JobStore) -> None:
    job = paint(service, jobs)
    response = service.http.get(f"{job['links']['result']}?format={format}")
    assert (response.status_code, response.headers["content-type"]) == (200, f"image/{format}")
    assert f'pastiche-{job["id"]}.{format}"' in response.headers["content-disposition"]
    part = service.http.get(response.url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, response.content[10:20])


def test_a_deleted_job_leaves_nothing_in_the_store(
    service: RunningApi, jobs: JobStore, shared_bucket: Bucket
) -> None:
    job = paint(service, jobs)
    assert any(job["id"] in key for key in shared_bucket.keys)
    service.http.delete(job["links"]["self"]).raise_for_status()
    assert not any(job["id"] in key for key in shared_bucket.keys)


def assert_only_pictures_are_refused(
    fault: Fault, api: RunningApi, jobs: JobStore, store: FaultyProxy
) -> None:
    """Checks what is refused while the store has this fault, and that nothing is afterwards."""
    job = paint(api, jobs)
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    with store.failing(fault):
        refused = [
            api.http.get(job["links"]["result"]),
            api.http.post("/jobs", files=files),
            api.http.post("/pictures", files={"picture": pictures.jpeg()}),
        ]
        assert api.http.get(job["links"]["self"]).status_code == 200
    assert [code(response) for response in refused] == 3 * [(503, "storage_unavailable")]
    assert {response.headers["content-type"] for response in refused} == {
        "application/problem+json"
    }
    assert {response.headers["retry-after"] for response in refused} == {"5"}
    assert [each["id"] for each in api.http.get("/jobs").json()["jobs"]] == [job["id"]]
    assert api.http.get("/pictures").json()["pictures"] == []
    assert api.http.get(job["links"]["result"]).content == pictures.png()
    assert "Traceback" not in (api.settings.data_folder / "api.log").read_text()


@pytest.mark.parametrize("status", [500, 503])
def test_while_the_store_fails_pictures_are_refused_with_503_and_nothing_else_is(
    status: int, service: RunningApi, jobs: JobStore, store: FaultyProxy
) -> None:
    assert_only_pictures_are_refused(Fault("", status=status), service, jobs, store)


def test_while_the_store_hangs_pictures_are_refused_with_503_and_nothing_else_is(
    impatient_service: RunningApi, jobs: JobStore, store: FaultyProxy
) -> None:
    assert_only_pictures_are_refused(Fault("", hangs=True), impatient_service, jobs, store)


def test_what_is_deleted_while_the_store_fails_is_not_reported_as_missing(
    service: RunningApi, jobs: JobStore, store: FaultyProxy
) -> None:
    job = submitted(service)
    with Client(str(service.http.base_url)) as client:
        picture = client.upload_picture(pictures.jpeg())
        with store.failing(Fault("", status=503)):
            client.delete(job["id"])
            client.delete_picture(picture)
        assert list(client.list_jobs()) == []
        assert list(client.list_pictures()) == []


def test_a_response_that_the_store_breaks_off_is_too_short_and_can_be_repeated(
    service: RunningApi, jobs: JobStore, store: FaultyProxy, log: Path
) -> None:
    picture = randbytes(3_000_000)
    job = paint(service, jobs, picture)
    with store.failing(Fault("GET .*/results/", is_truncated=True)):
        with pytest.raises(httpx.RemoteProtocolError):
            service.http.get(job["links"]["result"])
        assert store.faults > 1
    assert service.http.get(job["links"]["result"]).content == picture
    assert "Storage: a response was cut off: Generic S3 error" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_response_that_the_store_breaks_off_once_is_sent_whole(
    service: RunningApi, jobs: JobStore, store: FaultyProxy
) -> None:
    picture = randbytes(3_000_000)
    job = paint(service, jobs, picture)
    with store.failing(Fault("GET .*/results/", is_truncated=True, times=1)):
        assert service.http.get(job["links"]["result"]).content == picture
        assert store.faults == 1


def test_a_result_is_redirected_to_the_store(
    redirecting: RunningApi, jobs: JobStore, store: FaultyProxy
) -> None:
    job = paint(redirecting, jobs)
    response = redirecting.http.get(job["links"]["result"])
    assert (response.status_code, response.content) == (307, b"")
    location = urlsplit(response.headers["location"])
    assert f"{location.scheme}://{location.netloc}" == store.url
    assert parse_qs(location.query)["X-Amz-Expires"] == ["60"]
    assert "no-store" in response.headers["cache-control"]
    sent = httpx.get(response.headers["location"], trust_env=False)
    assert (sent.status_code, sent.headers["content-type"]) == (200, "image/png")
    assert f'pastiche-{job["id"]}.png"' in sent.headers["content-disposition"]


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_copy_that_is_deleted_within_an_hour_is_not_redirected(
    format: str, redirecting: RunningApi, jobs: JobStore
) -> None:
    job = paint(redirecting, jobs)
    response = redirecting.http.get(f"{job['links']['result']}?format={format}")
    assert (response.status_code, response.headers["content-type"]) == (200, f"image/{format}")


def test_a_range_is_sent_by_the_store(redirecting: RunningApi, jobs: JobStore) -> None:
    job = paint(redirecting, jobs)
    headers = {"Range": "bytes=10-19"}
    part = redirecting.http.get(job["links"]["result"], headers=headers, follow_redirects=True)
    assert (part.status_code, part.content) == (206, pictures.png()[10:20])


def test_what_a_signed_url_does_not_allow_is_not_redirected(
    redirecting: RunningApi, jobs: JobStore
) -> None:
    head = redirecting.http.head(paint(redirecting, jobs)["links"]["result"])
    assert (head.status_code, head.headers["content-type"]) == (200, "image/png")
    assert head.headers["content-length"] == str(len(pictures.png()))


def test_a_client_that_has_the_result_is_not_redirected(
    redirecting: RunningApi, service: RunningApi, jobs: JobStore
) -> None:
    path = paint(redirecting, jobs)["links"]["result"]
    headers = {"If-None-Match": service.http.get(path).headers["etag"]}
    assert redirecting.http.get(path, headers=headers).status_code == 304


def test_a_result_that_ends_the_retention_is_sent_by_the_api(
    redirecting: RunningApi, jobs: JobStore
) -> None:
    job = paint(redirecting, jobs, keep="until_fetched")
    assert redirecting.http.get(job["links"]["result"]).content == pictures.png()


def test_a_submission_that_waits_gets_its_picture_from_the_api(
    redirecting: RunningApi, jobs: JobStore
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    headers = {"Idempotency-Key": "once", "Prefer": "wait=1", "Accept": "image/png"}
    job = redirecting.http.post("/jobs", files=files, headers=headers).json()
    PlayedWorker.of(job, jobs, redirecting).commit(pictures.png())
    again = redirecting.http.post("/jobs", files=files, headers=headers)
    assert (again.status_code, again.content) == (200, pictures.png())


def test_a_result_that_the_store_has_lost_is_not_redirected(
    redirecting: RunningApi, jobs: JobStore, shared_bucket: Bucket
) -> None:
    job = paint(redirecting, jobs)
    shared_bucket.delete(*(key for key in shared_bucket.keys if job["id"] in key))
    assert code(redirecting.http.get(job["links"]["result"])) == (410, "result_lost")


@pytest.fixture
def guarded(
    start: Start, store: FaultyProxy, shared_bucket: Bucket, jobs: JobStore
) -> Iterator[RunningApi]:
    """The same API if it requires keys."""
    environment = shared_bucket.environment(store.url)
    more = {"PASTICHE_RESULT_REDIRECT_SECONDS": "60", "PASTICHE_KEYS_REQUIRED": "true"}
    with start(**environment, **more) as api:
        api.http.headers["Authorization"] = f"Bearer {keys.create(jobs.client, 'ada')}"
        store.requests.clear()
        yield api


def key_of(api: RunningApi) -> str:
    return api.http.headers["Authorization"].removeprefix("Bearer ")


def headers_of_reads(store: FaultyProxy) -> str:
    """The headers of all requests that read results from the store; there is at least one."""
    headers = [sent for name, sent in store.requests if re.search("GET .*/results/", name)]
    assert headers
    return str(headers)


def test_the_python_client_follows_and_does_not_send_its_key_to_the_store(
    guarded: RunningApi, jobs: JobStore, store: FaultyProxy
) -> None:
    job, key = paint(guarded, jobs), key_of(guarded)
    with Client(str(guarded.http.base_url), key) as client:
        assert client.result(job["id"]) == pictures.png()
    assert "pastiche-client" in headers_of_reads(store)
    assert key not in headers_of_reads(store)


@pytest.mark.usefixtures("node_packages")
def test_the_javascript_client_follows_and_does_not_send_its_key_to_the_store(
    guarded: RunningApi, jobs: JobStore, store: FaultyProxy, tmp_path: Path
) -> None:
    job, key = paint(guarded, jobs), key_of(guarded)
    for name in ("photo.jpg", "painting.jpg"):
        (tmp_path / name).write_bytes(pictures.jpeg())
    source = f"""
        const service = new Pastiche(process.argv[1], {{ key: "{key}" }});
        const picture = await service.result("{job["id"]}");
        console.log(picture.type, picture.size);
    """
    lines = run(source, str(guarded.http.base_url), tmp_path)
    assert lines == [f"image/png {len(pictures.png())}"]
    assert key not in headers_of_reads(store)


def test_the_page_shows_and_downloads_what_the_store_sends(
    redirecting: RunningApi, jobs: JobStore, store: FaultyProxy, browser: Browser
) -> None:
    job = paint(redirecting, jobs)
    store.requests.clear()
    with opened(browser, f"{redirecting.http.base_url}/#job={job['id']}") as page:
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert Path(download.value.path()).read_bytes().startswith(b"\xff\xd8")
    assert any(re.search(r"GET .*\.webp", name) for name, _ in store.requests)
