"""`timeout`, `keep` and the events of a webhook, over HTTP."""

import socket
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.job_store import JobStore, record_key
from tests import pictures
from tests.api.submissions.test_submit import assert_nothing_left, errors_of, submit
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi
from tests.waiting import until

URL = "https://example.org/hook"


def look(api: RunningApi, job: dict[str, Any]) -> dict[str, Any]:
    seen = api.http.get(job["links"]["self"]).json()
    assert isinstance(seen, dict)
    return seen


def span(job: dict[str, Any], begin: str, end: str) -> timedelta:
    return datetime.fromisoformat(job[end]) - datetime.fromisoformat(job[begin])


def test_a_job_says_how_long_it_may_take_and_how_long_it_is_retained(api: RunningApi) -> None:
    job = submitted(api, timeout="90.5", keep="7200")
    assert span(job, "created_at", "timeout_at") == timedelta(seconds=90.5)
    assert job["keep"] == 7200
    plain = submitted(api)
    assert (plain["timeout_at"], plain["keep"]) == (None, None)
    assert submitted(api, keep="until_fetched")["keep"] == "until_fetched"


@pytest.mark.parametrize(
    "fields",
    [
        {"keep": "3599"},
        {"keep": "604801"},
        {"keep": "9999999999"},
        {"keep": "forever"},
        {"timeout": "0"},
        {"timeout": "-1"},
        {"timeout": "inf"},
        {"webhook_url": URL, "webhook_events": "ended"},
        {"webhook_url": URL, "webhook_events": "started,,finished"},
    ],
    ids=str,
)
def test_an_invalid_setting_is_refused(
    fields: dict[str, str], api: RunningApi, jobs: JobStore
) -> None:
    (name,) = fields.keys() - {"webhook_url"}
    assert errors_of(submit(api, None, None, **fields)) == {name: "invalid_value"}
    assert_nothing_left(api, jobs)


def test_a_job_that_is_to_be_retained_too_long_is_refused_with_the_operator_s_limit(
    api: RunningApi,
) -> None:
    (error,) = submit(api, keep="1e7").json()["errors"]
    assert error["detail"] == (
        "This must be a number between 3600 and 604800 seconds, or until_fetched, not “1e7”."
    )


def test_events_without_an_address_are_refused(api: RunningApi, jobs: JobStore) -> None:
    assert errors_of(submit(api, webhook_events="finished")) == {"webhook_url": "missing_value"}
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize("given", ["started,finished", ["finished", "started"]])
def test_the_events_of_a_webhook_are_listed_on_the_job(
    given: str | list[str], api: RunningApi
) -> None:
    webhook = submitted(api, webhook_url=URL, webhook_events=given)["webhook"]
    assert (webhook["events"], webhook["status"]) == (["started", "finished"], "waiting")


def test_a_webhook_without_an_event_is_unused(api: RunningApi) -> None:
    job = submitted(api, webhook_url=URL, webhook_events="started")
    api.http.post(job["links"]["cancel"])
    assert look(api, job)["webhook"]["status"] == "unused"


def test_a_retry_may_take_as_long_and_is_retained_as_long(api: RunningApi) -> None:
    job = submitted(api, timeout="90.5", keep="until_fetched")
    api.http.post(job["links"]["cancel"])
    again = api.http.post(f"{job['links']['self']}/retry").json()
    assert span(again, "created_at", "timeout_at") == timedelta(seconds=90.5)
    assert again["keep"] == "until_fetched"


def test_the_settings_of_a_sweep_are_those_of_each_of_its_jobs(api: RunningApi) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    fields = {"style_weight": "0.2,0.8", "timeout": "60", "keep": "3600"}
    sweep = api.http.post("/sweeps", files=files, data=fields).json()
    found = [member["job"] for member in sweep["jobs"]]
    assert [job["keep"] for job in found] == [3600, 3600]
    assert all(span(job, "created_at", "timeout_at").total_seconds() == 60 for job in found)


def painted(api: RunningApi, jobs: JobStore, **fields: str) -> dict[str, Any]:
    """A job that has succeeded."""
    job = submitted(api, **fields)
    PlayedWorker.of(job, jobs, api).commit(pictures.png())
    return job


def is_to_be_deleted(api: RunningApi, job: dict[str, Any]) -> bool:
    """Whether its retention ends earlier than the operator's limit."""
    return span(look(api, job), "finished_at", "expires_at") < timedelta(hours=1)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_job_that_is_retained_until_it_is_fetched_is_deleted_soon_after(
    format: str, api: RunningApi, jobs: JobStore
) -> None:
    job = painted(api, jobs, keep="until_fetched")
    assert not is_to_be_deleted(api, job)
    assert api.http.get(job["links"]["result"], params={"format": format}).is_success
    until(lambda: is_to_be_deleted(api, job))
    assert api.http.get(job["links"]["result"]).is_success  # if the end of the first one was lost


def test_a_job_is_fetched_by_its_submission_if_that_waits_for_the_picture(
    api: RunningApi, jobs: JobStore
) -> None:
    job = painted(api, jobs, keep="until_fetched")
    again = api.http.post(
        f"{job['links']['self']}/retry", headers={"Idempotency-Key": "again"}
    ).json()
    PlayedWorker.of(again, jobs, api).commit(pictures.png())
    headers = {"Idempotency-Key": "again", "Prefer": "wait=1", "Accept": "image/png"}
    answer = api.http.post(f"{job['links']['self']}/retry", headers=headers)
    assert answer.headers["x-job-id"] == again["id"]
    until(lambda: is_to_be_deleted(api, again))


def test_a_part_of_the_result_or_its_headers_do_not_count_as_fetched(
    api: RunningApi, jobs: JobStore
) -> None:
    job = painted(api, jobs, keep="until_fetched")
    path = job["links"]["result"]
    assert api.http.head(path).is_success
    assert api.http.get(path, headers={"Range": "bytes=0-"}).status_code == 206
    assert api.http.get(path, headers={"If-None-Match": "*"}).status_code == 304
    assert not is_to_be_deleted(api, job)


def test_a_client_that_disconnects_has_not_fetched_the_result(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api, keep="until_fetched")
    PlayedWorker.of(job, jobs, api).commit(bytes(50_000_000))
    address = (api.http.base_url.host, api.http.base_url.port or 80)
    head = f"GET {job['links']['result']} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert api.http.get(job["links"]["result"], headers={"Range": "bytes=0-9"}).is_success
    assert not is_to_be_deleted(api, job)


def test_a_result_is_retained_if_nothing_else_is_requested(api: RunningApi, jobs: JobStore) -> None:
    job = painted(api, jobs)
    api.http.get(job["links"]["result"])
    assert span(look(api, job), "finished_at", "expires_at") == timedelta(hours=1)


def test_a_result_says_how_long_it_took(api: RunningApi, jobs: JobStore) -> None:
    job = painted(api, jobs)
    for name, moment in (("created", 1000), ("started", 3500), ("finished", 10_250)):
        jobs.client.hset(record_key(job["id"]), f"{name}_ms", moment)
    jobs.client.hincrby(record_key(job["id"]), "version", 1)
    path = job["links"]["result"]
    timing = api.http.get(path).headers["server-timing"]
    assert timing == "waited;dur=2500, painted;dur=6750"
    encoded = api.http.get(path, params={"format": "webp"}).headers["server-timing"]
    assert encoded.startswith(f"{timing}, encode;dur=")
    assert look(api, job)["timings"] == {
        "waited_seconds": 2.5,
        "painted_seconds": 6.75,
        "total_seconds": 9.25,
    }


def test_a_job_says_what_its_worker_measures(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    names = ("device", "precision", "iterations_per_second", "peak_memory_bytes")
    assert [job[name] for name in names] == [None] * 4
    stats = (
        '{"device": "CPU, 2 threads", "precision": "float32", "iterations_per_second": 3.5,'
        ' "peak_memory_bytes": 400000000}'
    )
    PlayedWorker.of(job, jobs, api).report_progress(stats=stats)
    job = look(api, job)
    assert [job[name] for name in names] == ["CPU, 2 threads", "float32", 3.5, 400_000_000]
