"""A service that goes away, comes back, or loses an answer on the way."""

import pytest

from local.ports import free_port
from pastiche.client import (
    Advanced,
    Changed,
    Client,
    ConnectionBack,
    ConnectionLost,
    Finished,
    Patience,
    Refused,
    Unreachable,
)
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, submitted
from tests.client.wires import answering, http, proxied
from tests.conftest import RunningApi

IMPATIENT = Patience(unreachable_seconds=0, busy_seconds=0, watching_seconds=0)


def test_a_job_is_watched_through_a_connection_that_breaks(api: RunningApi, jobs: JobStore) -> None:
    worker = PlayedWorker.of(submitted(api), jobs, api)
    with proxied(api.settings.port) as proxy, Client(proxy.url) as client:
        events = client.watch(worker.job_id)
        assert isinstance(next(events), Changed)
        proxy.cut()
        lost, back = next(events), next(events)
        assert isinstance(lost, ConnectionLost)
        assert lost.reason.startswith(f"{proxy.url} cannot be reached")
        assert isinstance(back, ConnectionBack)
        worker.tell(20)
        assert any(isinstance(event, Advanced) for event in events)
        worker.commit()
        assert any(isinstance(event, Finished) for event in events)


def test_a_submission_whose_answer_is_lost_is_one_job(api: RunningApi) -> None:
    with proxied(api.settings.port, lost_answers=1) as proxy, Client(proxy.url) as client:
        job = client.submit(pictures.jpeg(), pictures.png())
        assert [each.id for each in client.jobs()] == [job.id]


def test_a_job_is_done_again_once_though_the_answer_is_lost(
    api: RunningApi, client: Client
) -> None:
    job = client.cancel(submitted(api)["id"])
    with proxied(api.settings.port, lost_answers=1) as proxy, Client(proxy.url) as unlucky:
        again = unlucky.retry(job)
    assert [each.id for each in client.jobs()] == [again.id, job.id]


def test_a_job_is_erased_though_the_answer_is_lost(api: RunningApi, client: Client) -> None:
    job = submitted(api)["id"]
    with proxied(api.settings.port, lost_answers=1) as proxy, Client(proxy.url) as unlucky:
        unlucky.delete(job)
    assert list(client.jobs()) == []


def test_a_job_that_was_not_there_at_first_cannot_be_erased(client: Client) -> None:
    with pytest.raises(Refused):
        client.delete("0" * 32)


def test_nobody_there_is_told_in_a_sentence() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    with Client(url, patience=IMPATIENT) as client, pytest.raises(Unreachable) as caught:
        client.submit(pictures.jpeg(), pictures.png())
    assert str(caught.value).startswith(f"{url} cannot be reached")
    assert not caught.value.was_sent


def test_patience_with_a_lost_stream_ends(api: RunningApi) -> None:
    job = submitted(api)
    with (
        proxied(api.settings.port, lost_answers=9) as proxy,
        Client(proxy.url, patience=IMPATIENT) as client,
        pytest.raises(Unreachable),
    ):
        list(client.watch(job["id"]))


def test_a_busy_service_is_asked_again_when_it_says(caplog: pytest.LogCaptureFixture) -> None:
    problem = b'{"code": "queue_full", "detail": "The queue is full.", "status": 503}'
    busy = http("503 No", "application/problem+json", problem, "Retry-After: 1")
    patience = Patience(busy_seconds=1.5)
    with (
        answering(busy) as url,
        Client(url, patience=patience) as client,
        pytest.raises(Refused) as caught,
    ):
        client.submit(pictures.jpeg(), pictures.png())
    assert caught.value.retry_after_seconds == 1
    assert [record.getMessage() for record in caplog.records if "again" in record.msg] == [
        "The queue is full. Trying again in 1.0 s."
    ]


def test_a_wait_of_hours_is_not_waited_for() -> None:
    problem = b'{"code": "quota_used_up", "detail": "Used up.", "status": 429}'
    used_up = http("429 No", "application/problem+json", problem, "Retry-After: 40000")
    with answering(used_up) as url, Client(url) as client, pytest.raises(Refused, match="Used up"):
        client.submit(pictures.jpeg(), pictures.png())
