"""Reading, changing, canceling and deleting jobs."""

import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from shared import job_store, transitions
from shared.errors import FAILURES
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore
from shared.jobs import QueueEntry, new_job_id
from shared.transitions import Retention
from shared.workers import Worker, register_worker
from tests import pictures
from tests.api.worker import PROGRESS, submitted
from tests.conftest import RunningApi
from tests.redis_commands import record_commands


def claim_job(job: dict[str, Any], jobs: JobStore) -> str:
    """Claims a job as a worker would; the fence of the claim."""
    claim = jobs.run(transitions.claim(job["id"], lease_seconds=20))
    assert claim is not None
    return claim.fence


def report_progress(job: dict[str, Any], fence: str, jobs: JobStore) -> None:
    fields = {"progress": PROGRESS.to_json(), "backbone_name": "whitened"}
    jobs.run(transitions.heartbeat(job["id"], fence, lease_seconds=20, fields=fields))


def test_a_job_that_was_handed_over_waits_again_and_says_why(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    claim = jobs.run(transitions.claim(job["id"], lease_seconds=20, worker="host-1"))
    assert claim is not None
    handed_over = transitions.hand_over(
        job["id"], claim.fence, code="out_of_memory", lost_limit=3, fields={}
    )
    assert jobs.run(handed_over)
    found = api.http.get(job["links"]["self"])
    shown = found.json()
    assert (shown["status"], shown["attempt"], shown["error"]) == ("queued", 1, None)
    assert shown["failed_attempts"] == ["out_of_memory"]
    assert shown["version"] > job["version"]
    assert "host-1" not in found.text


def test_a_job_that_waits_says_how_many_wait_before_it(api: RunningApi) -> None:
    positions = [submitted(api)["queue_position"] for _ in range(3)]
    assert positions == [0, 1, 2]


def test_a_running_job_reports_its_progress(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    report_progress(job, claim_job(job, jobs), jobs)
    seen = api.http.get(job["links"]["self"]).json()
    assert (seen["status"], seen["attempt"], seen["queue_position"]) == ("running", 1, None)
    assert (seen["iteration"], seen["iterations"], seen["scale"]) == (126, 300, "2/3")
    assert (seen["progress"], seen["eta_seconds"]) == (pytest.approx(0.42), 9.5)
    assert seen["losses"] == PROGRESS.losses
    assert seen["backbone"] == {"name": "whitened", "sha256": None}


def test_a_request_with_the_etag_has_no_body_until_the_job_changes(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    etag = api.http.get(job["links"]["self"]).headers["etag"]
    again = api.http.get(job["links"]["self"], headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    claim_job(job, jobs)
    changed = api.http.get(job["links"]["self"], headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.json()["version"] == 2


def test_a_job_says_when_to_retry_until_it_is_over(api: RunningApi) -> None:
    job = submitted(api)
    assert api.http.get(job["links"]["self"]).headers["retry-after"] == "1"
    over = api.http.post(job["links"]["cancel"])
    assert "retry-after" not in over.headers


@pytest.mark.parametrize("name", ["nothing", "0" * 32, "..%2f..%2fetc", "a" * 300])
@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")]
)
def test_an_unknown_job_is_not_found(method: str, rest: str, name: str, api: RunningApi) -> None:
    response = api.http.request(method, f"/jobs/{name}{rest}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_a_job_that_waits_is_canceled_at_once(api: RunningApi) -> None:
    job = submitted(api)
    response = api.http.post(job["links"]["cancel"])
    assert response.status_code == 200
    assert response.json()["status"] == "canceled"
    assert response.json()["finished_at"] is not None


def test_a_running_job_is_requested_to_stop(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    fence = claim_job(job, jobs)
    response = api.http.post(job["links"]["cancel"])
    assert (response.status_code, response.json()["status"]) == (202, "running")
    beat = transitions.heartbeat(job["id"], fence, lease_seconds=20, fields={})
    assert jobs.run(beat).answer == "cancel"


def test_canceling_what_is_over_changes_nothing(api: RunningApi) -> None:
    job = submitted(api)
    first = api.http.post(job["links"]["cancel"]).json()
    assert api.http.post(job["links"]["cancel"]).json() == first


def test_a_deleted_job_leaves_nothing_behind(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    response = api.http.delete(job["links"]["self"])
    assert (response.status_code, response.content) == (204, b"")
    assert api.blobs == []
    assert not jobs.client.exists(job_store.record_key(job["id"]), JOB_KEYS["waiting"])
    assert api.http.get(job["links"]["self"]).status_code == 404
    assert api.http.delete(job["links"]["self"]).status_code == 404


def test_the_worker_of_a_deleted_job_learns_of_the_deletion(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    fence = claim_job(job, jobs)
    api.http.delete(job["links"]["self"])
    beat = transitions.heartbeat(job["id"], fence, lease_seconds=20, fields={})
    assert jobs.run(beat).answer == "lost"


def test_a_failed_job_says_why(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    fence = claim_job(job, jobs)
    retention = Retention(retention_hours=1, grace_seconds=40)
    jobs.run(
        transitions.fail(job["id"], fence, code="out_of_memory", fields={}, retention=retention)
    )
    seen = api.http.get(job["links"]["self"]).json()
    assert seen["status"] == "failed"
    assert seen["error"] == {"code": "out_of_memory", "detail": FAILURES["out_of_memory"]}


def test_a_job_past_its_retention_is_gone(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    jobs.run(
        transitions.cancel(job["id"], retention=Retention(retention_hours=-1, grace_seconds=40))
    )
    for path in (job["links"]["self"], job["links"]["result"]):
        assert api.http.get(path).status_code == 410


def test_a_full_queue_says_when_to_retry(api: RunningApi, jobs: JobStore) -> None:
    jobs.client.zadd(JOB_KEYS["waiting"], {new_job_id(): 1 for _ in range(10_000)})
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    response = api.http.post("/jobs", files=files)
    assert response.status_code == 503
    assert response.json()["code"] == "queue_full"
    assert int(response.headers["retry-after"]) > 0
    assert api.blobs == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/jobs", 405), ("GET", "/jobs/a/b/c", 404)],
)
def test_the_framework_s_own_errors_are_problems_too(
    method: str, path: str, status: int, api: RunningApi
) -> None:
    response = api.http.request(method, path)
    assert response.status_code == status == response.json()["status"]
    assert response.headers["content-type"] == "application/problem+json"


def change_weights(api: RunningApi, job: dict[str, Any], **weights: Any) -> httpx.Response:
    return api.http.patch(job["links"]["self"], json=weights)


def test_the_weights_of_a_waiting_job_can_be_changed(api: RunningApi) -> None:
    job = submitted(api)
    response = change_weights(api, job, style_weight=0.9)
    assert response.status_code == 200
    assert response.json()["options"] == job["options"] | {"style_weight": 0.9}
    assert response.json()["version"] == job["version"] + 1


@pytest.mark.parametrize("digits", [400, 4000])
def test_a_weight_with_very_many_digits_is_refused_by_name(api: RunningApi, digits: int) -> None:
    path = submitted(api)["links"]["self"]
    body = f'{{"style_weight": 1{digits * "0"}}}'
    response = api.http.patch(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert error["field"] == "style_weight"


def test_the_worker_of_a_running_job_hears_of_its_new_weights(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    fence = claim_job(job, jobs)
    change_weights(api, job, content_weight=0.2)
    reply = jobs.run(transitions.heartbeat(job["id"], fence, lease_seconds=20, fields={}))
    assert reply.options is not None
    assert reply.options["content_weight"] == 0.2


def rewrite(job: dict[str, Any], jobs: JobStore, name: str, **more: Any) -> None:
    """Adds to a JSON object in a job's record, and changes its spacing."""
    record = job_store.record_key(job["id"])
    values = json.loads(jobs.client.hget(record, name) or "{}") | more
    jobs.client.hset(record, name, json.dumps(values, indent=1))


def test_weights_are_changed_however_the_options_are_spaced(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    rewrite(job, jobs, "options")
    response = change_weights(api, job, style_weight=0.9)
    assert response.status_code == 200
    assert response.json()["options"] == job["options"] | {"style_weight": 0.9}


def test_weights_that_others_keep_changing_are_tried_a_few_times_alone(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    # No other count is ever written so: to the script it is always another than the API's.
    jobs.client.hset(job_store.record_key(job["id"]), "reweighed", "01")
    response = change_weights(api, job, style_weight=0.9)
    assert (response.status_code, response.json()["code"]) == (409, "changed_meanwhile")


def test_a_job_of_a_newer_version_is_listed_changed_canceled_and_deleted(
    api: RunningApi, jobs: JobStore
) -> None:
    other, job = submitted(api), submitted(api)
    rewrite(job, jobs, "options", brush=3)
    listed = api.http.get("/jobs").json()["jobs"]
    assert [each["id"] for each in listed] == [job["id"], other["id"]]
    assert listed[0]["options"] == job["options"]
    assert change_weights(api, job, style_weight=0.9).status_code == 200
    options = jobs.client.hget(job_store.record_key(job["id"]), "options")
    assert json.loads(options or "{}")["brush"] == 3
    assert api.http.post(job["links"]["cancel"]).json()["status"] == "canceled"
    assert api.http.post(f"/jobs/{job['id']}/retry").status_code == 202
    assert api.http.delete(job["links"]["self"]).status_code == 204


@pytest.mark.parametrize(
    ("field", "value"), [("inputs", "[]"), ("options", "[]"), ("options", '{"size": "large"}')]
)
def test_a_damaged_record_breaks_no_list(
    field: str, value: str, api: RunningApi, jobs: JobStore
) -> None:
    other, damaged = submitted(api), submitted(api)
    jobs.client.hset(job_store.record_key(damaged["id"]), field, value)
    listed = api.http.get("/jobs").json()["jobs"]
    assert [each["id"] for each in listed] == [other["id"]]
    answer = api.http.get(damaged["links"]["self"])
    assert (answer.status_code, answer.json()["code"]) == (500, "record_damaged")


def test_a_backbone_that_only_a_newer_version_knows_is_reported(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    jobs.client.hset(job_store.record_key(job["id"]), "backbone_name", "vgg11")
    (listed,) = api.http.get("/jobs").json()["jobs"]
    assert listed["backbone"]["name"] == "vgg11"
    assert api.http.get(job["links"]["self"]).json()["backbone"]["name"] == "vgg11"


def test_progress_that_makes_no_sense_breaks_neither_the_list_nor_a_stream(
    api: RunningApi, jobs: JobStore
) -> None:
    other, damaged = submitted(api), submitted(api)
    progress = json.loads(PROGRESS.to_json()) | {"iterations": 0}
    for name, value in (("progress", json.dumps(progress)), ("status", "running")):
        jobs.client.hset(job_store.record_key(damaged["id"]), name, value)
    assert [each["id"] for each in api.http.get("/jobs").json()["jobs"]] == [other["id"]]
    for link in ("self", "events"):
        answer = api.http.get(damaged["links"][link])
        assert (answer.status_code, answer.json()["code"]) == (500, "record_damaged")


def test_an_unreadable_report_of_a_worker_breaks_no_request(
    api: RunningApi, jobs: JobStore
) -> None:
    newer = {"name": "n", "backbone": "whitened", "device": "CPU", "most_pixels": 10**9, "fans": 2}
    for name, about in (("n", json.dumps(newer)), ("broken", "[]"), ("worse", "no JSON")):
        jobs.client.hset("{workers}:about", name, about)
        jobs.client.zadd("{workers}:seen", {name: "inf"})
    assert submitted(api)["status"] == "queued"
    workers = api.http.get("/readyz").json()["workers"]
    assert [worker["name"] for worker in workers] == ["n"]


def test_a_state_that_few_jobs_have_is_found_in_one_round_trip(
    api: RunningApi, jobs: JobStore
) -> None:
    canceled = submitted(api)
    api.http.post(canceled["links"]["cancel"])
    for _ in range(1100):
        job_id = new_job_id()
        latest_ms = jobs.run(transitions.begin_submission(job_id))
        entry, inputs = QueueEntry("somebody", 100), Inputs("content", ("style",))
        jobs.run(transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=2000))
    api.http.get("/jobs", params={"status": "failed"})  # Redis knows the script now
    pages: list[httpx.Response] = []
    commands = record_commands(
        jobs.client, lambda: pages.append(api.http.get("/jobs", params={"status": "canceled"}))
    )
    listed = pages[0].json()
    assert [each["id"] for each in listed["jobs"]] == [canceled["id"]]
    assert listed["next_cursor"] is None
    assert commands == ["EVALSHA"]


def test_the_weights_of_a_job_that_is_over_cannot_be_changed(api: RunningApi) -> None:
    job = submitted(api)
    api.http.post(job["links"]["cancel"])
    response = change_weights(api, job, style_weight=0.9)
    assert (response.status_code, response.json()["code"]) == (409, "job_over")


@pytest.mark.parametrize(
    ("weights", "field"),
    [
        ({"style_weight": -1}, "style_weight"),
        ({"tv_weight": "much"}, "tv_weight"),
        ({"content_weight": 0, "style_weight": 0}, "style_weight"),
        ({"size": 64}, "size"),
    ],
)
def test_weights_that_cannot_be_used_are_named_and_change_nothing(
    weights: dict[str, Any], field: str, api: RunningApi
) -> None:
    job = submitted(api)
    response = change_weights(api, job, **weights)
    assert response.status_code == 422
    assert field in [each["field"] for each in response.json()["errors"]]
    assert api.http.get(job["links"]["self"]).json() == job


def test_a_waiting_job_says_when_its_picture_is_expected(api: RunningApi, jobs: JobStore) -> None:
    """All workers paint the jobs before it, and one worker paints the job itself."""
    assert submitted(api)["eta_seconds"] is None
    jobs.client.flushall()
    entry = QueueEntry("somebody", work=1_000_000)
    inputs = Inputs("jobs/x/inputs/content.png", ("jobs/x/inputs/style-0.png",))
    before = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(before))
    jobs.run(transitions.submit(before, latest_ms, {"size": 256}, inputs, entry, queue_limit=10))
    for name in ("one", "other"):
        times = ((1, 0.1), (10**6, 0.1))
        worker = Worker(name, "whitened", "CPU", 10**9, 50_000.0, iteration_seconds=times)
        jobs.run(register_worker(worker, ttl_seconds=60))
    job = submitted(api, iterations=40)
    assert job["eta_seconds"] == pytest.approx(1_000_000 / 100_000 + 40 * 0.1, abs=0.1)


def test_priority_and_deadline_are_shown_on_the_job(api: RunningApi) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    job = api.http.post("/jobs", files=files, data={"priority": "high", "deadline": 60}).json()
    assert job["priority"] == "high"
    waits = datetime.fromisoformat(job["deadline_at"]) - datetime.fromisoformat(job["created_at"])
    assert waits.total_seconds() == pytest.approx(60, abs=0.1)


@pytest.mark.parametrize(
    ("field", "value"), [("priority", "urgent"), ("deadline", "0"), ("deadline", "soon")]
)
def test_an_invalid_priority_or_deadline_is_refused_by_name(
    field: str, value: str, api: RunningApi
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    response = api.http.post("/jobs", files=files, data={field: value})
    assert response.status_code == 422
    assert [each["field"] for each in response.json()["errors"]] == [field]
