"""A service that goes away, comes back, or loses an answer on the way."""

from pathlib import Path

import pytest

from local.ports import free_port
from pastiche.client import (
    Advanced,
    Client,
    ConnectionBack,
    ConnectionLost,
    Finished,
    Patience,
    Refused,
    Unreachable,
)
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.worker import PlayedWorker, submitted
from tests.client.wires import answering, http, losing
from tests.conftest import RunningApi, running_api

IMPATIENT = Patience(unreachable_seconds=0, busy_seconds=0, watching_seconds=0)


def test_a_job_is_watched_through_a_service_that_goes_and_comes_back(
    redis_url: str, jobs: JobStore, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    with running_api(settings) as api, Client(str(api.http.base_url)) as client:
        worker = PlayedWorker.of(submitted(api), jobs, api)
        events = client.watch(worker.job_id)
        next(events)
        api.process.terminate()
        assert isinstance(next(events), ConnectionLost)
        api.process.wait(20)
        worker.tell(20)
        with running_api(settings):
            assert any(isinstance(event, ConnectionBack) for event in events)
            assert any(isinstance(event, Advanced) for event in events)
            worker.commit()
            assert any(isinstance(event, Finished) for event in events)


def test_a_submission_whose_answer_is_lost_is_one_job(api: RunningApi) -> None:
    with losing(api.settings.port, answers=1) as url, Client(url) as client:
        job = client.submit(pictures.jpeg(), pictures.png())
        assert [each.id for each in client.jobs()] == [job.id]


def test_what_would_be_done_twice_is_not_sent_twice(api: RunningApi, client: Client) -> None:
    job = client.cancel(submitted(api)["id"])
    with (
        losing(api.settings.port, answers=1) as url,
        Client(url) as unlucky,
        pytest.raises(Unreachable) as caught,
    ):
        unlucky.retry(job)
    assert caught.value.was_sent
    assert len(list(client.jobs())) == 2


def test_nobody_there_is_told_in_a_sentence() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    with Client(url, patience=IMPATIENT) as client, pytest.raises(Unreachable) as caught:
        client.submit(pictures.jpeg(), pictures.png())
    assert str(caught.value).startswith(f"{url} cannot be reached")
    assert not caught.value.was_sent


def test_patience_with_a_lost_stream_ends(api: RunningApi) -> None:
    job = submitted(api)
    with (
        losing(api.settings.port, answers=9) as url,
        Client(url, patience=IMPATIENT) as client,
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
