"""`POST /jobs/{id}/finish`: stop a job, and make the picture so far its result."""

import json
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from pastiche.picture_settings import find_settings
from shared import transitions
from shared.blob_store import preview_key
from shared.job_store import JobStore
from shared.pictures import encode_preview
from tests import pictures
from tests.api.worker import RETENTION, PlayedWorker, submitted
from tests.conftest import RunningApi

PAIR = {"content": pictures.jpeg(), "style": pictures.png()}


def finish(api: RunningApi, job: dict[str, Any]) -> httpx.Response:
    return api.http.post(f"{job['links']['self']}/finish")


def cancel(api: RunningApi, job: dict[str, Any]) -> httpx.Response:
    return api.http.post(job["links"]["cancel"])


def start_with_preview(api: RunningApi, jobs: JobStore) -> tuple[dict[str, Any], PlayedWorker]:
    """A running job with a preview."""
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    worker.show(4)
    key = preview_key(worker.job_id, worker.fence)
    worker.blobs.put(key, encode_preview(pictures.photograph(48, 32)))
    return job, worker


def send_heartbeat(worker: PlayedWorker) -> str:
    beat = transitions.heartbeat(worker.job_id, worker.fence, lease_seconds=20, fields={})
    return worker.jobs.run(beat).answer


def test_the_worker_of_a_running_job_is_requested_to_commit(
    api: RunningApi, jobs: JobStore
) -> None:
    job, worker = start_with_preview(api, jobs)
    answers = [finish(api, job), finish(api, job)]
    assert [each.status_code for each in answers] == [202, 202]
    assert send_heartbeat(worker) == "finish"
    worker.commit()
    done = finish(api, job)
    assert (done.status_code, done.json()["status"]) == (200, "succeeded")


def test_a_job_that_is_about_to_be_canceled_cannot_be_finished(
    api: RunningApi, jobs: JobStore
) -> None:
    job, worker = start_with_preview(api, jobs)
    assert cancel(api, job).status_code == 202
    refused = finish(api, job)
    assert (refused.status_code, refused.json()["code"]) == (409, "cancel_requested")
    assert send_heartbeat(worker) == "cancel"
    worker.stop()
    assert finish(api, job).json()["status"] == "canceled"


def test_a_job_that_is_about_to_succeed_cannot_be_canceled(api: RunningApi, jobs: JobStore) -> None:
    job, worker = start_with_preview(api, jobs)
    assert finish(api, job).status_code == 202
    refused = cancel(api, job)
    assert (refused.status_code, refused.json()["code"]) == (409, "finish_requested")
    assert send_heartbeat(worker) == "finish"
    worker.commit()
    assert cancel(api, job).json()["status"] == "succeeded"


def test_a_job_that_is_about_to_succeed_can_be_deleted(api: RunningApi, jobs: JobStore) -> None:
    job, worker = start_with_preview(api, jobs)
    finish(api, job)
    assert api.http.delete(job["links"]["self"]).status_code == 204
    assert send_heartbeat(worker) == "lost"


def test_of_many_requests_to_cancel_and_to_finish_the_first_one_counts(
    api: RunningApi, jobs: JobStore
) -> None:
    job, worker = start_with_preview(api, jobs)
    with ThreadPoolExecutor(8) as threads:
        requests = [threads.submit(way, api, job) for way in 8 * (cancel, finish)]
    statuses = [each.result().status_code for each in requests]
    cancels, finishes = set(statuses[::2]), set(statuses[1::2])
    if send_heartbeat(worker) == "cancel":
        assert (cancels, finishes) == ({202}, {409})
    else:
        assert (cancels, finishes) == ({409}, {202})


def test_a_canceled_job_keeps_its_last_preview_as_its_result(
    api: RunningApi, jobs: JobStore
) -> None:
    job, worker = start_with_preview(api, jobs)
    worker.stop()
    finished = finish(api, job)
    assert (finished.status_code, finished.json()["status"]) == (200, "canceled")
    result = api.http.get(job["links"]["result"])
    assert Image.open(BytesIO(result.content)).size == (48, 32)
    settings = json.loads(find_settings(result.content) or "")
    assert (settings["options"], settings["job"]) == (job["options"], job["id"])
    assert finish(api, job).json() == finished.json()
    following = api.http.post("/jobs", data={"start": job["id"]}, files=PAIR)
    assert following.status_code == 202, following.text


def test_finishing_a_job_many_times_at_once_leaves_one_result(
    api: RunningApi, jobs: JobStore
) -> None:
    job, worker = start_with_preview(api, jobs)
    # A queued job has no fence: each request chooses a key of its own.
    jobs.run(transitions.release(worker.job_id, worker.fence, retention=RETENTION))
    cancel(api, job)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: finish(api, job), range(8)))
    assert {each.status_code for each in answers} == {200}
    assert api.http.get(job["links"]["result"]).is_success
    assert len(worker.blobs.keys(f"jobs/{job['id']}/results")) == 1


def test_a_job_without_a_picture_has_none_to_keep(api: RunningApi) -> None:
    job = submitted(api)
    refused = finish(api, job)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_result")
    api.http.post(job["links"]["cancel"])
    assert finish(api, job).json()["code"] == "no_result"


def test_a_preview_that_is_gone_cannot_be_kept(api: RunningApi, jobs: JobStore) -> None:
    job, worker = start_with_preview(api, jobs)
    worker.stop()
    worker.blobs.delete(preview_key(worker.job_id, worker.fence))
    assert finish(api, job).json()["code"] == "no_result"


def test_a_preview_that_is_damaged_cannot_be_kept(api: RunningApi, jobs: JobStore) -> None:
    job, worker = start_with_preview(api, jobs)
    worker.stop()
    worker.blobs.put(preview_key(worker.job_id, worker.fence), b"no picture")
    refused = finish(api, job)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_result")


def test_a_store_that_refuses_the_picture_is_named_in_the_error(
    api: RunningApi, jobs: JobStore
) -> None:
    job, worker = start_with_preview(api, jobs)
    worker.stop()
    in_the_way = api.settings.data_folder / "blobs/jobs" / job["id"] / "results"
    in_the_way.write_bytes(b"")
    refused = finish(api, job)
    assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
