"""Submissions that are repeated, waited for, tried out (dry runs), retried or continued."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.submissions.idempotency import make_idempotency_key, reserve
from shared import transitions
from shared.job_store import JobStore
from shared.transitions import Retention
from shared.workers import Worker, register_worker
from tests import pictures
from tests.api.conftest import Start
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi
from tests.redis.proxy import proxying
from tests.waiting import until


def submit(api: RunningApi, content: bytes | None = None, **headers: str) -> httpx.Response:
    files = {"content": content or pictures.jpeg(), "style": pictures.png()}
    return api.http.post("/jobs", files=files, headers=headers)


def submit_with_key(api: RunningApi, key: str, content: bytes | None = None) -> httpx.Response:
    return submit(api, content, **{"Idempotency-Key": key})


def test_the_same_submission_with_the_same_key_is_the_same_job(
    api: RunningApi, jobs: JobStore
) -> None:
    first, again = submit_with_key(api, "a"), submit_with_key(api, "a")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["location"] == first.headers["location"]
    assert len(jobs.client.keys("job:*")) == 1


def test_another_submission_with_the_same_key_is_refused(api: RunningApi) -> None:
    submit_with_key(api, "a")
    refused = submit_with_key(api, "a", pictures.jpeg(100, 80))
    assert (refused.status_code, refused.json()["code"]) == (422, "another_submission")


def test_the_same_submission_without_a_key_or_with_another_is_another_job(api: RunningApi) -> None:
    answers = [submit_with_key(api, "a"), submit_with_key(api, "b"), submit(api)]
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_many_submissions_at_once_with_one_key_are_one_job(api: RunningApi, jobs: JobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit_with_key(api, "a"), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({a.json()["id"] for a in answers if a.status_code == 202}) == 1
    assert len(jobs.client.keys("job:*")) == 1


def test_a_refused_submission_leaves_its_key_free(api: RunningApi) -> None:
    assert submit_with_key(api, "a", b"no picture").status_code == 415
    assert submit_with_key(api, "a").status_code == 202


def test_after_a_job_was_deleted_its_key_creates_a_new_job(api: RunningApi) -> None:
    first = submit_with_key(api, "a").json()
    api.http.delete(first["links"]["self"])
    second = submit_with_key(api, "a")
    assert second.status_code == 202
    assert second.json()["id"] != first["id"]
    assert submit_with_key(api, "a").json()["id"] == second.json()["id"]
    assert submit_with_key(api, "a", pictures.jpeg(100, 80)).json()["code"] == "another_submission"


def test_many_submissions_at_once_with_the_key_of_a_deleted_job_are_one_job(
    api: RunningApi, jobs: JobStore
) -> None:
    api.http.delete(submit_with_key(api, "a").json()["links"]["self"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit_with_key(api, "a"), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len(jobs.client.keys("job:*")) == 1


def test_after_a_retry_was_deleted_its_key_creates_a_new_job(api: RunningApi) -> None:
    job = submitted(api)
    api.http.post(job["links"]["cancel"])
    headers = {"Idempotency-Key": "a"}
    first = api.http.post(f"/jobs/{job['id']}/retry", headers=headers).json()
    api.http.delete(first["links"]["self"])
    assert api.http.post(f"/jobs/{job['id']}/retry", headers=headers).status_code == 202


def test_after_its_retention_the_key_of_a_job_creates_a_new_job(
    api: RunningApi, jobs: JobStore
) -> None:
    first = submit_with_key(api, "a").json()
    jobs.run(transitions.cancel(first["id"], retention=Retention(0, 0)))
    second = submit_with_key(api, "a")
    assert second.status_code == 202
    assert second.json()["id"] != first["id"]


def test_a_full_queue_leaves_the_key_free(api: RunningApi, jobs: JobStore) -> None:
    jobs.client.zadd("queue:waiting", {str(number): 0 for number in range(10_000)})
    assert submit_with_key(api, "a").status_code == 503
    jobs.client.delete("queue:waiting")
    assert submit_with_key(api, "a").status_code == 202


@pytest.mark.slow
def test_a_key_is_free_again_if_the_reply_to_its_reservation_is_lost(
    start: Start, redis_url: str, jobs: JobStore, tmp_path: Path
) -> None:
    reservation = reserve(make_idempotency_key("ada", "a"), "fingerprint").text
    script = jobs.client.script_load(reservation)
    with (
        proxying(tmp_path, redis_url) as proxy,
        start(PASTICHE_REDIS_URL=proxy.url) as api,
    ):
        proxy.lost = script.encode()
        assert submit_with_key(api, "a").json()["code"] == "redis_unavailable"
        assert submit_with_key(api, "a").status_code == 202


@pytest.mark.parametrize("key", ["", "a" * 256, "tab\there"])
def test_an_invalid_key_is_refused(key: str, api: RunningApi, jobs: JobStore) -> None:
    assert errors_of(submit_with_key(api, key)) == {"Idempotency-Key": "invalid_value"}
    assert_nothing_left(api, jobs)


def test_a_submission_that_waits_is_answered_when_the_job_is_over(
    api: RunningApi, jobs: JobStore
) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(submit, api, Prefer="respond-async, wait=30")
        until(lambda: api.http.get("/jobs").json()["jobs"])
        (job,) = api.http.get("/jobs").json()["jobs"]
        PlayedWorker.of(job, jobs, api).commit()
        answer = waiting.result(20)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=30"


def submit_and_commit(
    api: RunningApi, jobs: JobStore, headers: Mapping[str, str]
) -> httpx.Response:
    """The response to a submission that waits, of a job that succeeds meanwhile."""
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    waits = {"Prefer": "wait=60", **headers}
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(api.http.post, "/jobs", files=files, headers=waits)
        until(lambda: api.http.get("/jobs").json()["jobs"])
        PlayedWorker.of(api.http.get("/jobs").json()["jobs"][0], jobs, api).commit()
        return waiting.result(20)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("image/png", "image/png"),
        ("image/*", "image/png"),
        ("image/jpg", "image/jpeg"),
        ("image/webp, application/json;q=0.5", "image/webp"),
    ],
)
def test_a_client_that_waits_and_accepts_images_receives_the_picture(
    accept: str, media_type: str, api: RunningApi, jobs: JobStore
) -> None:
    response = submit_and_commit(api, jobs, {"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    location = response.headers["content-location"]
    assert location == f"/jobs/{response.headers['x-job-id']}/result"
    assert response.content == api.http.get(location, headers={"Accept": accept}).content


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, image/png"])
def test_a_client_that_accepts_json_as_well_receives_the_job(
    accept: str, api: RunningApi, jobs: JobStore
) -> None:
    assert submit_and_commit(api, jobs, {"Accept": accept}).json()["status"] == "succeeded"


def test_ranges_and_etags_do_not_count_for_the_picture_of_a_submission(
    api: RunningApi, jobs: JobStore
) -> None:
    headers = {"Accept": "image/png", "Range": "bytes=0-3", "If-None-Match": "*"}
    response = submit_and_commit(api, jobs, headers)
    assert response.status_code == 200
    assert response.content.startswith(b"\x89PNG\r\n")


def test_a_client_that_accepts_images_receives_the_job_while_it_is_not_over(
    api: RunningApi,
) -> None:
    response = submit(api, Prefer="wait=1", Accept="image/png")
    assert (response.status_code, response.json()["status"]) == (202, "queued")


def test_a_submission_that_has_waited_long_enough_is_answered_with_the_job(api: RunningApi) -> None:
    answer = submit(api, Prefer="wait=1")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_an_unknown_preference_is_ignored(api: RunningApi) -> None:
    answer = submit(api, Prefer="wait=soon")
    assert (answer.status_code, "preference-applied" in answer.headers) == (202, False)


def test_a_dry_run_estimates_a_job_and_stores_nothing(api: RunningApi, jobs: JobStore) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    answer = api.http.post("/jobs?dry_run=1", files=files, data={"size": 64})
    assert answer.status_code == 200
    estimate = answer.json()
    assert (estimate["dry_run"], estimate["options"]["size"]) == (True, 64)
    assert (estimate["queue_position"], estimate["eta_seconds"]) == (0, None)
    assert estimate["megapixel_iterations"] > 0
    assert_nothing_left(api, jobs)


def test_a_dry_run_knows_the_queue_and_the_workers(api: RunningApi, jobs: JobStore) -> None:
    times = ((1, 0.1), (10**6, 0.1))
    worker = Worker("one", "whitened", "CPU", 10**9, 1e6, iteration_seconds=times)
    jobs.run(register_worker(worker, ttl_seconds=60))
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    form = {"iterations": 40}
    alone = api.http.post("/jobs?dry_run=1", files=files, data=form).json()
    assert alone["eta_seconds"] == pytest.approx(4.0)
    api.http.post("/jobs", files=files, data=form)
    behind = api.http.post("/jobs?dry_run=1", files=files, data=form).json()
    assert behind["queue_position"] == 1
    ahead = alone["megapixel_iterations"]  # a second for each million
    assert behind["eta_seconds"] == pytest.approx(4.0 + ahead, abs=0.1)


def test_a_dry_run_of_a_sweep_estimates_all_of_its_jobs(api: RunningApi, jobs: JobStore) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    one = api.http.post("/jobs?dry_run=1", files=files).json()
    answer = api.http.post("/sweeps?dry_run=1", files=files, data={"seed": "1,2,3"})
    assert answer.status_code == 200
    assert (one["jobs"], answer.json()["jobs"]) == (1, 3)
    each = one["megapixel_iterations"]
    assert answer.json()["megapixel_iterations"] == pytest.approx(3 * each, abs=0.01)
    assert_nothing_left(api, jobs)


def test_a_dry_run_reports_errors(api: RunningApi) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    answer = api.http.post("/jobs?dry_run=1", files=files, data={"size": "huge"})
    assert errors_of(answer) == {"size": "invalid_value"}


def test_a_job_that_is_over_can_be_retried(api: RunningApi) -> None:
    job = submitted(api, size=64, seed=5, priority="high")
    api.http.post(job["links"]["cancel"])
    answer = api.http.post(f"/jobs/{job['id']}/retry")
    again = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, again["links"]["self"])
    assert again["id"] != job["id"]
    assert (again["options"], again["priority"]) == (job["options"], "high")
    api.http.delete(job["links"]["self"])
    assert sorted(path.name for path in api.blobs) == ["content-0", "style-0"]


def test_with_a_key_a_job_is_retried_once(api: RunningApi) -> None:
    jobs = [submitted(api) for _ in range(2)]
    for job in jobs:
        api.http.post(job["links"]["cancel"])
    first, second, other = (
        api.http.post(f"/jobs/{job['id']}/retry", headers={"Idempotency-Key": "once"})
        for job in (jobs[0], jobs[0], jobs[1])
    )
    assert (first.json()["id"], second.status_code) == (second.json()["id"], 202)
    assert (other.status_code, other.json()["code"]) == (422, "another_submission")


def test_a_job_that_is_not_over_cannot_be_retried(api: RunningApi) -> None:
    job = submitted(api)
    answer = api.http.post(f"/jobs/{job['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_over")
    sentence = "Only a job that is over can be retried; this one is queued."
    assert answer.json()["detail"] == sentence


def test_a_job_continues_another_without_its_pictures(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api, size=64)
    PlayedWorker.of(job, jobs, api).commit(pictures.png(96, 64))
    answer = api.http.post("/jobs", files={"start": (None, job["id"]), "size": (None, "128")})
    assert answer.status_code == 202, answer.text
    later = answer.json()
    assert (later["options"]["start"], later["options"]["size"]) == ("image", 128)
    mine = sorted(path.name for path in api.blobs if later["id"] in path.parts)
    assert mine == ["content-0", "start_image-0", "style-0"]


def test_a_job_has_the_pictures_of_another_except_those_that_are_sent(api: RunningApi) -> None:
    earlier = submitted(api)["id"]
    form = {"pictures_of": (None, earlier), "style": ("s.png", pictures.png(40, 40))}
    answer = api.http.post("/jobs", files=form)
    assert answer.status_code == 202, answer.text
    assert answer.json()["options"]["start"] == "content"
    stored = {
        path.name: path.read_bytes() for path in api.blobs if answer.json()["id"] in path.parts
    }
    before = {path.name: path.read_bytes() for path in api.blobs if earlier in path.parts}
    assert stored["content-0"] == before["content-0"]
    assert stored["style-0"] != before["style-0"]


@pytest.mark.parametrize(
    ("named", "code"), [("../etc/passwd", "invalid_value"), (32 * "0", "job_not_found")]
)
def test_pictures_of_an_unknown_job_are_refused(api: RunningApi, named: str, code: str) -> None:
    answer = api.http.post("/jobs", files={"pictures_of": (None, named)})
    assert errors_of(answer) == {"pictures_of": code}


def test_a_job_continues_another_with_a_new_style(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api, size=64)
    PlayedWorker.of(job, jobs, api).commit(pictures.png(96, 64))
    style = pictures.jpeg(50, 40)
    answer = api.http.post("/jobs", files={"style": style}, data={"start": job["id"]})
    assert answer.status_code == 202, answer.text


def test_a_start_is_a_job_or_a_picture_and_not_both(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit(pictures.png(96, 64))
    answer = api.http.post(
        "/jobs", files={"start_image": pictures.png()}, data={"start": job["id"]}
    )
    assert errors_of(answer) == {"start_image": "repeated_field"}


def ids(answer: httpx.Response) -> list[str]:
    return [job["id"] for job in answer.json()["jobs"]]


def test_an_owner_s_jobs_are_listed_newest_first_page_by_page(api: RunningApi) -> None:
    made = [submitted(api)["id"] for _ in range(5)][::-1]
    found, cursor = [], None
    while True:
        parameters: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = api.http.get("/jobs", params=parameters)
        found += ids(answer)
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert found == made


def test_a_list_may_have_only_the_jobs_of_one_state(api: RunningApi) -> None:
    first, second = submitted(api), submitted(api)
    api.http.post(first["links"]["cancel"])
    assert ids(api.http.get("/jobs", params={"status": "canceled"})) == [first["id"]]
    assert ids(api.http.get("/jobs", params={"status": "queued"})) == [second["id"]]


@pytest.mark.parametrize(
    ("parameter", "value"), [("limit", "0"), ("limit", "101"), ("status", "lost"), ("cursor", "x")]
)
def test_an_invalid_query_for_the_list_is_refused(
    parameter: str, value: str, api: RunningApi
) -> None:
    answer = api.http.get("/jobs", params={parameter: value})
    assert list(errors_of(answer)) == [parameter]


def test_a_webhook_is_listed_on_the_job(api: RunningApi) -> None:
    job = submitted(api, webhook_url="https://example.org/hook")
    assert job["webhook"] == {
        "url": "https://example.org/hook",
        "events": ["finished"],
        "status": "waiting",
        "tries": 0,
        "tried_at": None,
        "error": None,
        "again_at": None,
    }
    assert submitted(api)["webhook"] is None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://10.0.0.1/",
        "https://a..b/",
        "https://example.org:0/",
        f"https://example.org/{16_000 * 'a'}",
    ],
)
def test_an_invalid_webhook_address_is_refused(url: str, api: RunningApi, jobs: JobStore) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    answer = api.http.post("/jobs", files=files, data={"webhook_url": url})
    assert errors_of(answer) == {"webhook_url": "invalid_value"}
    assert_nothing_left(api, jobs)


def test_a_request_has_an_id_that_is_stored_with_its_job(api: RunningApi, jobs: JobStore) -> None:
    answer = submit(api, None, **{"X-Request-ID": "my-request.1"})
    assert answer.headers["x-request-id"] == "my-request.1"
    job = jobs.run(transitions.read(answer.json()["id"]))
    assert job is not None
    assert job.request_id == "my-request.1"


def test_without_tracing_a_job_has_no_trace(api: RunningApi, jobs: JobStore) -> None:
    answer = submit(api, None, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    job = jobs.run(transitions.read(answer.json()["id"]))
    assert job is not None
    assert job.traceparent is None


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>"])
def test_an_invalid_request_id_is_replaced(given: str, api: RunningApi) -> None:
    answer = api.http.get("/livez", headers={"X-Request-ID": given})
    assert len(answer.headers["x-request-id"]) == 32
