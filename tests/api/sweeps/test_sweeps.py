"""Sweeps: a job for each combination of options, read, canceled and deleted together, and their
contact sheet."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from api.submissions.idempotency import make_idempotency_key, reserve
from api.sweeps import store
from api.sweeps.store import Sweep
from local.supervisor import free_port
from shared.job_store import JOB_KEYS, JobStore, record_key
from shared.jobs import new_job_id
from shared.settings import Settings
from shared.transitions import IdempotencyKey
from tests import pictures
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.api.worker import PlayedWorker, png
from tests.conftest import RunningApi, running_api


def submit_sweep(
    api: RunningApi, headers: dict[str, str] | None = None, **fields: Any
) -> httpx.Response:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    return api.http.post("/sweeps", files=files, data=fields, headers=headers)


def test_a_sweep_has_a_job_for_each_combination(api: RunningApi) -> None:
    answer = submit_sweep(api, style_weight="0.2, 0.8", seed="1,2,3", size=64)
    assert answer.status_code == 202
    sweep = answer.json()
    assert answer.headers["location"] == sweep["links"]["self"]
    values = [member["values"] for member in sweep["jobs"]]
    assert values == [
        {"style_weight": weight, "seed": seed} for weight in (0.2, 0.8) for seed in (1, 2, 3)
    ]
    for member in sweep["jobs"]:
        assert member["job"]["options"].items() >= member["values"].items()
        assert (member["job"]["status"], member["job"]["options"]["size"]) == ("queued", 64)


def test_a_sweep_can_be_read_again(api: RunningApi) -> None:
    sweep = submit_sweep(api, seed="1,2").json()
    assert api.http.get(sweep["links"]["self"]).json() == sweep
    assert not sweep["is_over"]


def test_its_jobs_are_jobs_like_any_other(api: RunningApi) -> None:
    sweep = submit_sweep(api, seed="1,2").json()
    for member in sweep["jobs"]:
        assert api.http.get(f"/jobs/{member['id']}").json() == member["job"]


def test_canceling_a_sweep_cancels_all_its_jobs(api: RunningApi) -> None:
    sweep = api.http.post(submit_sweep(api, seed="1,2").json()["links"]["cancel"]).json()
    assert [member["job"]["status"] for member in sweep["jobs"]] == ["canceled", "canceled"]
    assert sweep["is_over"]


@pytest.mark.parametrize("options", ["[]", '{"size": "large"}'])
def test_a_damaged_job_is_missing_from_its_sweep_and_breaks_no_other(
    options: str, api: RunningApi, jobs: JobStore
) -> None:
    sweep = submit_sweep(api, seed="1,2").json()
    damaged, other = sweep["jobs"]
    jobs.client.hset(record_key(damaged["id"]), "options", options)
    seen = api.http.get(sweep["links"]["self"])
    assert seen.status_code == 200
    assert [each["job"] for each in seen.json()["jobs"]] == [None, other["job"]]
    canceled = api.http.post(sweep["links"]["cancel"])
    assert canceled.status_code == 200
    assert canceled.json()["jobs"][1]["job"]["status"] == "canceled"


def test_deleting_a_sweep_leaves_nothing(api: RunningApi, jobs: JobStore) -> None:
    sweep = submit_sweep(api, seed="1,2").json()
    assert api.http.delete(sweep["links"]["self"]).status_code == 204
    assert api.http.get(sweep["links"]["self"]).json()["code"] == "sweep_not_found"
    assert api.blobs == []
    of_all = {"paint", "_kombu.binding.paint", JOB_KEYS["cleanup"], JOB_KEYS["counters"]}
    assert set(jobs.client.keys("*")) <= of_all


def test_a_sweep_that_does_not_exist_is_not_found(api: RunningApi) -> None:
    for name in ("0" * 32, "x"):
        assert api.http.get(f"/sweeps/{name}").json()["code"] == "sweep_not_found"


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"style_weight": "0.2,much"}, {"style_weight": "invalid_value"}),
        ({"seed": "1,,2"}, {"seed": "invalid_value"}),
        ({"size": "64,128"}, {"size": "invalid_value"}),
        (
            {"seed": ",".join(map(str, range(13))), "style_weight": "0.1,0.2,0.3,0.4,0.5"},
            {"seed": "too_many_values", "style_weight": "too_many_values"},
        ),
    ],
)
def test_an_invalid_sweep_is_refused_by_the_name_of_its_field(
    fields: dict[str, Any], faults: dict[str, str], api: RunningApi, jobs: JobStore
) -> None:
    assert errors_of(submit_sweep(api, **fields)) == faults
    assert_nothing_left(api, jobs)


def test_a_queue_without_space_for_the_last_job_accepts_none(
    api: RunningApi, jobs: JobStore
) -> None:
    jobs.client.zadd("queue:waiting", {str(number): 0 for number in range(9_999)})
    assert submit_sweep(api, seed="1,2").json()["code"] == "queue_full"
    assert (api.blobs, jobs.client.keys("job:*"), jobs.client.keys("sweep:*")) == ([], [], [])


def test_the_same_sweep_with_the_same_key_is_the_same_sweep(api: RunningApi) -> None:
    first, again = (
        submit_sweep(api, {"Idempotency-Key": "a"}, seed="1,2").json() for _ in range(2)
    )
    assert first["id"] == again["id"]


def test_after_a_sweep_was_deleted_its_key_creates_a_new_sweep(api: RunningApi) -> None:
    first = submit_sweep(api, {"Idempotency-Key": "a"}, seed="1,2").json()
    api.http.delete(first["links"]["self"])
    second = submit_sweep(api, {"Idempotency-Key": "a"}, seed="1,2")
    assert second.status_code == 202
    assert second.json()["id"] != first["id"]


def test_an_idempotency_key_is_deleted_with_its_sweep(api: RunningApi, jobs: JobStore) -> None:
    sweep = submit_sweep(api, {"Idempotency-Key": "a"}, seed="1,2").json()
    assert len(jobs.client.keys("idempotency:*")) == 1
    api.http.delete(sweep["links"]["self"])
    assert jobs.client.keys("idempotency:*") == []


def test_there_are_no_more_idempotency_keys_than_sweeps_retained(
    api: RunningApi, jobs: JobStore
) -> None:
    settings = Settings(
        redis_url=api.settings.redis_url,
        data_folder=api.settings.data_folder,
        port=free_port("127.0.0.1", 0),
    )
    with running_api(settings, PASTICHE_KEPT_JOBS_PER_OWNER="2") as strict:
        for number in range(5):
            sweep = submit_sweep(strict, {"Idempotency-Key": str(number)}, seed="1,2").json()
            strict.http.post(sweep["links"]["cancel"])
        assert len(jobs.client.keys("sweep:*")) == 2
        assert len(jobs.client.keys("idempotency:*")) == 2
        again = submit_sweep(strict, {"Idempotency-Key": "4"}, seed="1,2").json()
        assert again["id"] == sweep["id"]


def test_a_sweep_whose_key_another_request_has_reserved_is_not_stored(jobs: JobStore) -> None:
    first = make_idempotency_key("ada", "key")
    jobs.run(reserve(first, "fingerprint"))
    late = IdempotencyKey(first.redis_key, "another token", 60)
    sweep = Sweep(new_job_id(), "ada", datetime.now(UTC), 1, ())
    limits = {"retention_seconds": 60, "sweeps_per_owner": 9, "sweeps_in_all": 9}
    assert not jobs.run(store.put(sweep, **limits, idempotency_key=late))
    assert jobs.client.keys("sweep*") == []
    assert jobs.run(store.put(sweep, **limits, idempotency_key=first))
    assert jobs.run(reserve(first, "fingerprint")).job_id == sweep.id


def test_the_newest_sweeps_of_one_owner_and_of_all_are_retained(jobs: JobStore) -> None:
    def store_sweep(owner: str, per_owner: int = 10, in_all: int = 10) -> Sweep:
        sweep = Sweep(new_job_id(), owner, datetime.now(UTC), 1, ())
        jobs.run(
            store.put(sweep, retention_seconds=60, sweeps_per_owner=per_owner, sweeps_in_all=in_all)
        )
        return sweep

    def are_stored(*several: Sweep) -> list[bool]:
        return [bool(jobs.client.exists(store.make_sweep_key(sweep.id))) for sweep in several]

    first, bob, second, third = (
        store_sweep("ada"),
        store_sweep("bob"),
        store_sweep("ada"),
        store_sweep("ada", per_owner=2),
    )
    assert are_stored(first, bob, second, third) == [False, True, True, True]
    fourth = store_sweep("cid", in_all=2)
    assert are_stored(bob, second, third, fourth) == [False, False, True, True]
    assert jobs.run(store.delete(fourth))
    assert not jobs.client.exists("sweeps:retained:cid")


def test_the_key_of_a_job_is_refused_for_a_sweep(api: RunningApi) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    key = {"Idempotency-Key": "once"}
    assert api.http.post("/jobs", files=files, headers=key).status_code == 202
    answer = api.http.post("/sweeps", files=files, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "another_submission")


def test_a_contact_sheet_shows_the_pictures_finished_so_far(
    api: RunningApi, jobs: JobStore
) -> None:
    sweep = submit_sweep(api, style_weight="0.2,0.8", seed="1,2,3").json()
    empty = sheet(api, sweep)
    PlayedWorker.of(sweep["jobs"][4], jobs, api).commit(png(100, 75))
    one = sheet(api, sweep)
    assert empty.size == one.size
    assert empty.size[0] > empty.size[1]
    cell = one.size[0] // 3, one.size[1] // 2
    middle = (cell[0] + 40, cell[1] + 30)
    assert one.getpixel(middle) == (0, 128, 128)
    assert empty.getpixel(middle) != (0, 128, 128)


def sheet(api: RunningApi, sweep: dict[str, Any]) -> Image.Image:
    response = api.http.get(sweep["links"]["sheet"], params={"cell": 100})
    assert response.headers["content-type"] == "image/png"
    return Image.open(BytesIO(response.content)).convert("RGB")


def test_a_contact_sheet_that_has_not_changed_is_not_sent_again(
    api: RunningApi, jobs: JobStore
) -> None:
    sweep = submit_sweep(api, seed="1,2").json()
    etag = api.http.get(sweep["links"]["sheet"]).headers["etag"]
    known = {"If-None-Match": etag}
    assert api.http.get(sweep["links"]["sheet"], headers=known).status_code == 304
    PlayedWorker.of(sweep["jobs"][0], jobs, api).commit()
    assert api.http.get(sweep["links"]["sheet"], headers=known).status_code == 200


def test_a_contact_sheet_is_sent_in_the_format_that_is_requested(api: RunningApi) -> None:
    sweep = submit_sweep(api, seed="1,2").json()
    for format in ("jpeg", "webp"):
        response = api.http.get(sweep["links"]["sheet"], params={"format": format})
        assert response.headers["content-type"] == f"image/{format}"
