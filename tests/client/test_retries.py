"""What the client does if the service is unreachable, busy, or loses a response."""

import pytest

from local.supervisor import free_port
from pastiche.client import (
    ApiError,
    Client,
    ConnectionLost,
    ConnectionRestored,
    JobDeleted,
    JobFinished,
    JobUpdated,
    ProgressUpdated,
    RetryPolicy,
    ServiceUnreachable,
)
from pastiche.client.retry_policy import FIRST_PAUSE_SECONDS
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, submitted
from tests.client.fake_servers import http, lossy_proxy, responding
from tests.conftest import RunningApi

NO_RETRIES = RetryPolicy(unreachable_seconds=0, busy_seconds=0, watching_seconds=0)
JOB = http("200 OK", "application/json", b'{"id": "x", "status": "queued"}')


def problem(status: int, code: str, detail: str, retry_after: str) -> bytes:
    body = f'{{"code": "{code}", "detail": "{detail}", "status": {status}}}'
    header = f"Retry-After: {retry_after}"
    return http(f"{status} No", "application/problem+json", body.encode(), header)


def refusal_of_proxy(status: int, *headers: str) -> bytes:
    return http(f"{status} No", "text/html", b"<html>Come back later</html>", *headers)


def test_watching_continues_after_a_broken_connection(api: RunningApi, jobs: JobStore) -> None:
    worker = PlayedWorker.of(submitted(api), jobs, api)
    with lossy_proxy(api.settings.port) as proxy, Client(proxy.url) as client:
        events = client.watch(worker.job_id)
        assert isinstance(next(events), JobUpdated)
        proxy.cut()
        lost, restored = next(events), next(events)
        assert isinstance(lost, ConnectionLost)
        assert lost.reason.startswith(f"{proxy.url} cannot be reached")
        assert isinstance(restored, ConnectionRestored)
        worker.report_progress(20)
        assert any(isinstance(event, ProgressUpdated) for event in events)
        worker.commit()
        assert any(isinstance(event, JobFinished) for event in events)


def test_a_job_that_is_deleted_while_the_connection_is_lost_was_deleted(
    api: RunningApi, client: Client
) -> None:
    job_id = submitted(api)["id"]
    with lossy_proxy(api.settings.port) as proxy, Client(proxy.url) as watching:
        events = watching.watch(job_id)
        next(events)
        proxy.cut()
        assert isinstance(next(events), ConnectionLost)
        client.delete(job_id)
        assert list(events) == [ConnectionRestored(), JobDeleted(job_id)]


def test_a_submission_whose_response_is_lost_is_one_job(api: RunningApi) -> None:
    with lossy_proxy(api.settings.port, lost_responses=1) as proxy, Client(proxy.url) as client:
        job = client.submit(pictures.jpeg(), pictures.png())
        assert [each.id for each in client.list_jobs()] == [job.id]


def test_a_job_is_retried_once_though_the_response_is_lost(api: RunningApi, client: Client) -> None:
    job = client.cancel(submitted(api)["id"])
    with lossy_proxy(api.settings.port, lost_responses=1) as proxy, Client(proxy.url) as unlucky:
        again = unlucky.retry(job)
    assert [each.id for each in client.list_jobs()] == [again.id, job.id]


def test_a_job_is_deleted_though_the_response_is_lost(api: RunningApi, client: Client) -> None:
    job = submitted(api)["id"]
    with lossy_proxy(api.settings.port, lost_responses=1) as proxy, Client(proxy.url) as unlucky:
        unlucky.delete(job)
    assert list(client.list_jobs()) == []


def test_deleting_a_job_that_never_existed_is_an_error(client: Client) -> None:
    with pytest.raises(ApiError):
        client.delete("0" * 32)


def test_a_deletion_that_was_refused_at_first_has_not_deleted_anything() -> None:
    refused = problem(429, "too_many_requests", "Too many requests.", "0")
    missing = problem(404, "job_not_found", "There is no such job.", "0")
    with (
        responding(refused, missing) as url,
        Client(url) as client,
        pytest.raises(ApiError, match="There is no such job"),
    ):
        client.delete("x")


def test_an_unreachable_service_is_reported_in_a_sentence() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    with (
        Client(url, retry_policy=NO_RETRIES) as client,
        pytest.raises(ServiceUnreachable) as caught,
    ):
        client.submit(pictures.jpeg(), pictures.png())
    assert str(caught.value).startswith(f"{url} cannot be reached")
    assert not caught.value.was_sent


def test_watching_ends_when_the_retry_policy_does(api: RunningApi) -> None:
    job = submitted(api)
    with (
        lossy_proxy(api.settings.port, lost_responses=9) as proxy,
        Client(proxy.url, retry_policy=NO_RETRIES) as client,
        pytest.raises(ServiceUnreachable),
    ):
        list(client.watch(job["id"]))


def test_retry_after_of_a_busy_service_is_honoured(caplog: pytest.LogCaptureFixture) -> None:
    busy = problem(503, "queue_full", "The queue is full.", "1")
    with (
        responding(busy) as url,
        Client(url, retry_policy=RetryPolicy(busy_seconds=1.5)) as client,
        pytest.raises(ApiError) as caught,
    ):
        client.submit(pictures.jpeg(), pictures.png())
    assert caught.value.retry_after_seconds == 1
    assert [record.getMessage() for record in caplog.records if "Retrying" in record.msg] == [
        "The queue is full. Retrying in 1.0 s."
    ]


@pytest.mark.parametrize("retry_after", ["40000", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_longer_wait_than_the_policy_allows_is_an_error_at_once(retry_after: str) -> None:
    used_up = problem(429, "quota_used_up", "Used up.", retry_after)
    with responding(used_up) as url, Client(url) as client:
        with pytest.raises(ApiError, match="Used up") as caught:
            client.submit(pictures.jpeg(), pictures.png())
        assert caught.value.retry_after_seconds is not None
        assert caught.value.retry_after_seconds > 30_000


@pytest.mark.parametrize("retry_after", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_retries_without_a_pause_are_limited(retry_after: str) -> None:
    busy = problem(503, "queue_full", "The queue is full.", retry_after)
    policy = RetryPolicy(busy_seconds=2 * FIRST_PAUSE_SECONDS)
    with responding(busy, busy, busy, JOB) as url, Client(url, retry_policy=policy) as client:
        with pytest.raises(ApiError, match="The queue is full"):
            client.get_job("x")
        assert client.get_job("x").id == "x"


@pytest.mark.parametrize("retry_after", ["soon", "-1", "Fri, 31 Dec 2100 23:59:59 +" + 20 * "9"])
def test_an_invalid_retry_after_is_ignored(retry_after: str) -> None:
    busy = problem(503, "queue_full", "The queue is full.", retry_after)
    with responding(busy, JOB) as url, Client(url) as client:
        assert client.get_job("x").id == "x"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_proxy_is_honoured(status: int, caplog: pytest.LogCaptureFixture) -> None:
    busy = refusal_of_proxy(status, "Retry-After: 1")
    policy = RetryPolicy(unreachable_seconds=0, busy_seconds=1)
    with responding(busy, JOB) as url, Client(url, retry_policy=policy) as client:
        assert client.get_job("x").id == "x"
    (retried,) = [each.getMessage() for each in caplog.records if "Retrying" in each.msg]
    assert retried.endswith(f"a proxy responded with {status}. Retrying in 1.0 s.")


def test_too_many_requests_for_a_proxy_are_too_many_for_the_service() -> None:
    with (
        responding(refusal_of_proxy(429)) as url,
        Client(url, retry_policy=NO_RETRIES) as client,
        pytest.raises(ApiError) as caught,
    ):
        client.get_job("x")
    assert (caught.value.code, caught.value.status) == ("too_many_requests", 429)


@pytest.mark.parametrize("status", [429, 503])
def test_watching_continues_after_a_proxy_was_busy(status: int) -> None:
    done = b'event: done\ndata: {"id": "x", "status": "succeeded"}\n\n'
    stream = http("200 OK", "text/event-stream", done)
    busy = refusal_of_proxy(status, "Retry-After: 1")
    with responding(busy, stream) as url, Client(url) as client:
        lost, restored, finished = client.watch("x")
    assert isinstance(lost, ConnectionLost)
    assert lost.retry_in_seconds == 1
    assert isinstance(restored, ConnectionRestored)
    assert isinstance(finished, JobFinished)


def test_a_busy_service_does_not_use_up_the_retries_of_an_unreachable_one() -> None:
    busy = problem(503, "queue_full", "The queue is full.", "0")
    policy = RetryPolicy(unreachable_seconds=0.6, busy_seconds=1)
    with responding(busy, busy, b"", JOB) as url, Client(url, retry_policy=policy) as client:
        assert client.get_job("x").id == "x"


def test_an_error_that_would_not_pass_is_not_retried(caplog: pytest.LogCaptureFixture) -> None:
    conflict = problem(409, "result_not_ready", "Not ready.", "0")
    with responding(conflict, JOB) as url, Client(url) as client:
        with pytest.raises(ApiError, match="Not ready"):
            client.get_job("x")
        assert not [record for record in caplog.records if record.name.startswith("pastiche")]


def test_a_submission_that_is_still_being_stored_is_retried() -> None:
    pending = problem(409, "submission_pending", "Still being stored.", "0")
    with responding(pending, JOB) as url, Client(url) as client:
        assert client.submit(pictures.jpeg(), pictures.png()).id == "x"
