"""Pictures whose files a client sends directly to the object store, to a signed URL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api import keys
from pastiche.client import Client, RetryPolicy, ServiceUnreachable
from shared.blob_store import BlobStore
from shared.direct_uploads import URL_SECONDS, upload_blob_key
from shared.job_store import JobStore
from shared.uploaded_pictures import UNUSED
from tests import pictures
from tests.api.access.test_access import code
from tests.api.conftest import Start
from tests.api.pictures.uploading import coloured, unused_blobs, upload
from tests.conftest import RunningApi
from tests.object_store import Bucket, Fault, FaultyProxy
from worker.picture_cleanup import delete_expired

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service_process(
    start: Start, store: FaultyProxy, shared_bucket: Bucket
) -> Iterator[RunningApi]:
    environment = shared_bucket.environment(store.url)
    limits = {"PASTICHE_UPLOAD_LIMIT_MEGABYTES": "1", "PASTICHE_KEPT_PICTURES_PER_OWNER": "3"}
    with start(
        **environment, **limits, PASTICHE_KEYS_REQUIRED="true", PASTICHE_DIRECT_UPLOADS="true"
    ) as api:
        yield api


@pytest.fixture
def service(service_process: RunningApi, shared_bucket: Bucket, jobs: JobStore) -> RunningApi:
    """An API with an empty bucket, and a caller with a key."""
    shared_bucket.delete(*shared_bucket.keys)
    key = keys.create(jobs.client, "ada")
    service_process.http.headers["Authorization"] = f"Bearer {key}"
    return service_process


def begin(service: RunningApi, **fields: str) -> dict[str, Any]:
    response = service.http.post("/pictures/uploads", json=fields)
    assert response.status_code == 200, response.text
    begun = response.json()
    assert isinstance(begun, dict)
    return begun


def send(upload: dict[str, Any], file: bytes) -> None:
    assert upload["method"] == "PUT"
    httpx.put(upload["url"], content=file, trust_env=False).raise_for_status()


def complete(service: RunningApi, upload: dict[str, Any]) -> httpx.Response:
    return service.http.post(upload["links"]["complete"])


def sent(service: RunningApi, file: bytes, **fields: str) -> dict[str, Any]:
    """An upload whose file is in the store."""
    upload = begin(service, **fields)
    send(upload, file)
    return upload


def test_a_file_that_was_sent_to_the_store_becomes_a_picture(
    service: RunningApi, shared_bucket: Bucket
) -> None:
    response = complete(service, sent(service, pictures.jpeg(), name="My holiday"))
    assert response.status_code == 201
    picture = response.json()
    assert (picture["name"], picture["width"], picture["height"]) == ("My holiday", 96, 64)
    assert response.headers["location"] == f"/pictures/{picture['id']}"
    (key,) = shared_bucket.keys
    assert key.startswith(f"pictures/{picture['id']}-")
    files = {"content": picture["reference"], "style": picture["reference"]}
    assert service.http.post("/jobs", json=files).status_code == 202


def test_the_python_client_sends_a_file_to_the_store_without_its_key(
    service: RunningApi, store: FaultyProxy
) -> None:
    key = service.http.headers["Authorization"].removeprefix("Bearer ")
    with Client(str(service.http.base_url), key) as pastiche:
        picture = pastiche.upload_picture(pictures.jpeg(), name="My holiday", direct=True)
        assert pastiche.upload_picture(pictures.jpeg()).id == picture.id
    assert (picture.name, picture.width, picture.height) == ("My holiday", 96, 64)
    *_, headers = (headers for request, headers in store.requests if request.startswith("PUT"))
    assert key not in str(headers)


def test_the_python_client_reports_a_store_that_fails(
    service: RunningApi, store: FaultyProxy
) -> None:
    key = service.http.headers["Authorization"].removeprefix("Bearer ")
    impatient = RetryPolicy(unreachable_seconds=0.0)
    with Client(str(service.http.base_url), key, retry_policy=impatient) as pastiche:
        sends = store.failing(Fault("PUT .*/uploads/", status=500))
        refused = pytest.raises(ServiceUnreachable, match=r"store at .* responded with 500")
        with sends, refused:
            pastiche.upload_picture(pictures.jpeg(), direct=True)


def test_it_is_the_same_picture_as_one_sent_to_the_api(service: RunningApi) -> None:
    picture = upload(service, pictures.jpeg()).json()
    response = complete(service, sent(service, pictures.jpeg()))
    assert (response.status_code, response.json()["id"]) == (200, picture["id"])


def test_the_key_is_not_needed_at_the_store_and_is_needed_to_complete(
    service: RunningApi, jobs: JobStore
) -> None:
    upload = sent(service, pictures.jpeg())
    bob = {"Authorization": f"Bearer {keys.create(jobs.client, 'bob')}"}
    refused = service.http.post(upload["links"]["complete"], headers=bob)
    assert code(refused) == (404, "upload_not_found")
    assert complete(service, upload).status_code == 201


@pytest.mark.parametrize("upload_id", ["0" * 32, "x", "a%2Fb"])
def test_an_upload_that_does_not_exist_is_not_found(upload_id: str, service: RunningApi) -> None:
    refused = service.http.post(f"/pictures/uploads/{upload_id}/complete")
    assert refused.status_code == 404


def test_an_upload_is_completed_only_once_its_file_was_sent(service: RunningApi) -> None:
    upload = begin(service)
    assert code(complete(service, upload)) == (409, "nothing_uploaded")
    send(upload, pictures.jpeg())
    assert complete(service, upload).status_code == 201


@pytest.mark.parametrize(
    ("file", "status", "fault"),
    [
        (b"", 422, "empty_file"),
        (b"no picture", 415, "picture_unknown"),
        (pictures.jpeg()[:500], 422, "picture_broken"),
        (bytes(1_000_001), 413, "file_too_large"),
    ],
    ids=["empty", "no picture", "truncated", "too large"],
)
def test_a_file_that_is_refused_is_deleted_and_another_may_be_sent(
    file: bytes, status: int, fault: str, service: RunningApi, shared_bucket: Bucket
) -> None:
    upload = sent(service, file)
    refused = complete(service, upload)
    assert refused.status_code == status
    assert [(each["field"], each["code"]) for each in refused.json()["errors"]] == [
        ("picture", fault)
    ]
    assert shared_bucket.keys == []
    send(upload, pictures.jpeg())
    assert complete(service, upload).status_code == 201


def test_a_file_that_is_too_large_is_not_read(service: RunningApi, store: FaultyProxy) -> None:
    assert begin(service)["max_bytes"] == 1_000_000
    upload = sent(service, bytes(5_000_000))
    store.requests.clear()
    complete(service, upload)
    assert not [name for name, _ in store.requests if name.startswith("GET")]


def test_completing_again_returns_the_same_picture(service: RunningApi) -> None:
    upload = sent(service, pictures.jpeg())
    first, again = complete(service, upload), complete(service, upload)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


def test_completing_twice_at_the_same_time_creates_one_picture(
    service: RunningApi, shared_bucket: Bucket
) -> None:
    upload = sent(service, pictures.jpeg())
    with ThreadPoolExecutor() as callers:
        responses = list(callers.map(lambda _: complete(service, upload), range(4)))
    succeeded = [each for each in responses if each.is_success]
    assert succeeded
    assert {each.json()["id"] for each in succeeded} == {
        each["id"] for each in service.http.get("/pictures").json()["pictures"]
    }
    assert len(shared_bucket.keys) == 1


def test_an_abandoned_upload_is_deleted_when_its_time_is_over(
    service: RunningApi, shared_bucket: Bucket, jobs: JobStore
) -> None:
    upload = sent(service, pictures.jpeg())
    key = upload_blob_key(upload["id"])
    assert unused_blobs(jobs) == shared_bucket.keys == [key]
    blobs = BlobStore.open(shared_bucket.location)
    delete_expired(jobs, blobs, retry_seconds=600)
    assert shared_bucket.keys == [key]
    jobs.client.zadd(UNUSED, {key: 1})
    delete_expired(jobs, blobs, retry_seconds=600)
    assert shared_bucket.keys == unused_blobs(jobs) == []


def test_a_file_that_is_sent_again_after_completion_is_deleted_too(
    service: RunningApi, shared_bucket: Bucket, jobs: JobStore
) -> None:
    upload = sent(service, pictures.jpeg())
    complete(service, upload)
    send(upload, pictures.jpeg())
    assert upload_blob_key(upload["id"]) in set(shared_bucket.keys) & set(unused_blobs(jobs))


def test_all_records_of_an_upload_expire(service: RunningApi, jobs: JobStore) -> None:
    upload = begin(service)
    assert jobs.client.pttl(f"upload:{{{upload['id']}}}") > 0
    assert jobs.client.pttl("pictures:uploads:ada") > 0


def test_uploads_that_may_still_be_written_are_limited(service: RunningApi, jobs: JobStore) -> None:
    first, *_ = [begin(service) for _ in range(3)]
    refused = service.http.post("/pictures/uploads", json={})
    assert code(refused) == (429, "too_many_uploads")
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    send(first, coloured("red"))
    complete(service, first)
    assert code(service.http.post("/pictures/uploads", json={})) == (429, "too_many_uploads")
    now = int(jobs.client.time()[0]) * 1000
    until = jobs.client.zscore("pictures:uploads:ada", first["id"])
    assert until is not None
    assert now < until <= now + 1000 * URL_SECONDS + 1000
    jobs.client.zadd("pictures:uploads:ada", {first["id"]: now - 1})
    begin(service)


def test_stored_pictures_are_limited_as_those_sent_to_the_api(service: RunningApi) -> None:
    upload(service, coloured("red"))
    for colour in ("green", "blue", "white"):
        complete(service, sent(service, coloured(colour)))
    assert len(service.http.get("/pictures").json()["pictures"]) == 3


@pytest.mark.parametrize(
    ("body", "field"), [({"nmae": "x"}, "nmae"), ({"name": 101 * "x"}, "name"), (None, "body")]
)
def test_an_invalid_body_is_refused(body: object, field: str, service: RunningApi) -> None:
    refused = service.http.post("/pictures/uploads", json=body)
    assert code(refused) == (422, "invalid_fields")
    assert refused.json()["errors"][0]["field"] == field


def test_while_the_store_fails_nothing_is_lost(service: RunningApi, store: FaultyProxy) -> None:
    upload = sent(service, pictures.jpeg())
    with store.failing(Fault("", status=500)):
        assert code(complete(service, upload)) == (503, "storage_unavailable")
    assert complete(service, upload).status_code == 201


def test_a_file_that_is_cut_off_on_its_way_is_refused(
    service: RunningApi, store: FaultyProxy
) -> None:
    upload = sent(service, pictures.jpeg())
    with store.failing(Fault("GET .*/uploads/", is_truncated=True)):
        assert code(complete(service, upload)) == (503, "storage_unavailable")
    assert complete(service, upload).status_code == 201


def test_a_store_in_a_folder_accepts_no_direct_uploads(api: RunningApi) -> None:
    refused = api.http.post("/pictures/uploads", json={})
    assert code(refused) == (409, "no_direct_uploads")
    assert api.blobs == []
