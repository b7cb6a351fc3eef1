"""Which pictures a caller may read, and how many are retained for how long."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api import keys
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.conftest import Start
from tests.api.pictures.uploading import coloured, unused_blobs, upload, uploaded
from tests.conftest import RunningApi, running_api

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def guarded_process(start: Start) -> Iterator[RunningApi]:
    with start(PASTICHE_KEYS_REQUIRED="true", PASTICHE_KEPT_PICTURES="4") as api:
        yield api


@pytest.fixture
def guarded(guarded_process: RunningApi, jobs: JobStore) -> RunningApi:
    """An API that requires keys and stores 4 pictures, with no picture in its records."""
    return guarded_process


def key_of(owner: str, jobs: JobStore) -> dict[str, str]:
    """The header of a new key."""
    return {"Authorization": f"Bearer {keys.create(jobs.client, owner)}"}


def test_without_a_key_nothing_is_stored(guarded: RunningApi, jobs: JobStore) -> None:
    response = upload(guarded)
    assert (response.status_code, response.json()["code"]) == (401, "key_missing")
    assert guarded.http.get("/styles").status_code == 401
    assert jobs.client.keys("*") == []


def test_another_s_picture_is_one_that_does_not_exist_on_every_route(
    guarded: RunningApi, jobs: JobStore
) -> None:
    ada, bob = key_of("ada", jobs), key_of("bob", jobs)
    picture = upload(guarded, headers=ada).json()
    walked = 0
    for path, methods in guarded.http.get("/openapi.json").json()["paths"].items():
        if "{picture_id}" not in path:
            continue
        for method in methods:
            answers = [
                guarded.http.request(method, path.replace("{picture_id}", name), headers=bob)
                for name in (picture["id"], "0" * 32)
            ]
            assert {each.json()["code"] for each in answers} == {"picture_not_found"}
            walked += 1
    assert walked >= 4
    assert guarded.http.get("/pictures", headers=bob).json()["pictures"] == []
    assert guarded.http.get(picture["links"]["self"], headers=ada).status_code == 200


def test_another_s_picture_cannot_be_named(guarded: RunningApi, jobs: JobStore) -> None:
    ada, bob = key_of("ada", jobs), key_of("bob", jobs)
    picture = upload(guarded, headers=ada, name="Blue").json()
    parts = {"content": (None, picture["reference"]), "style": (None, picture["reference"])}
    response = guarded.http.post("/jobs", files=parts, headers=bob)
    assert {each["code"] for each in response.json()["errors"]} == {"picture_not_found"}
    references = [
        {
            style["reference"]
            for style in guarded.http.get("/styles", headers=owner).json()["styles"]
        }
        for owner in (ada, bob)
    ]
    assert references[0] - references[1] == {picture["reference"]}


def test_the_same_picture_of_two_owners_is_two_pictures(
    guarded: RunningApi, jobs: JobStore
) -> None:
    ada, bob = key_of("ada", jobs), key_of("bob", jobs)
    first, second = upload(guarded, headers=ada), upload(guarded, headers=bob)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    guarded.http.delete(first.json()["links"]["self"], headers=ada)
    assert guarded.http.get(second.json()["links"]["file"], headers=bob).status_code == 200


def test_beyond_the_limit_of_all_owners_the_longest_unused_is_deleted_first(
    guarded: RunningApi, jobs: JobStore
) -> None:
    ada, bob = key_of("ada", jobs), key_of("bob", jobs)
    blue, red = (upload(guarded, coloured(each), ada).json() for each in ("blue", "red"))
    upload(guarded, coloured("blue"), ada)  # used again
    for colour in ("lime", "teal", "tan"):
        upload(guarded, coloured(colour), bob)
    status = {
        each["id"]: guarded.http.get(each["links"]["self"], headers=ada).status_code
        for each in (blue, red)
    }
    assert status == {blue["id"]: 200, red["id"]: 404}
    assert len(unused_blobs(jobs)) == 1


def test_beyond_the_limit_of_an_owner_its_longest_unused_is_deleted_first(
    start: Start, jobs: JobStore
) -> None:
    with start(PASTICHE_KEPT_PICTURES_PER_OWNER="2") as api:
        blue, red = uploaded(api, coloured("blue")), uploaded(api, coloured("red"))
        parts = {"content": (None, blue["reference"]), "style": (None, blue["reference"])}
        assert api.http.post("/jobs?dry_run=1", files=parts).status_code == 200
        lime = uploaded(api, coloured("lime"))
        listed = [each["id"] for each in api.http.get("/pictures").json()["pictures"]]
        assert listed == [lime["id"], blue["id"]]
        assert unused_blobs(jobs) != []
        assert api.http.get(red["links"]["file"]).status_code == 404


def test_pictures_expire(start: Start, jobs: JobStore) -> None:
    with start(PASTICHE_PICTURE_RETENTION_HOURS="0.0000001") as api:
        picture = upload(api).json()
        assert api.http.get(picture["links"]["self"]).status_code == 404


def test_uploads_count_among_the_requests(start: Start, jobs: JobStore) -> None:
    with start(PASTICHE_REQUESTS_PER_MINUTE="2") as api:
        answers = [upload(api) for _ in range(3)]
        assert [each.status_code for each in answers] == [201, 200, 429]


def test_while_redis_is_unreachable_nothing_is_stored(tmp_path: Path) -> None:
    settings = Settings(
        redis_url=f"unix://{tmp_path}/none", data_folder=tmp_path, port=free_port("127.0.0.1", 0)
    )
    with running_api(settings) as api:
        response = api.http.post("/pictures", files={"picture": pictures.jpeg()})
        assert (response.status_code, response.json()["code"]) == (503, "redis_unavailable")
        assert int(response.headers["retry-after"]) > 0
        assert api.blobs == []
