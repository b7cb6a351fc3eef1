"""A job as a stream of events, as a client reads it over HTTP."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from local.supervisor import free_port
from shared import transitions
from shared.job_store import CHANGED, JobStore, record_key
from shared.settings import Settings
from tests.api.worker import RETENTION, PlayedWorker, submitted
from tests.conftest import RunningApi, running_api
from tests.redis.proxy import proxying
from tests.waiting import until


@dataclass(frozen=True)
class Event:
    """One event, as it was received."""

    name: str
    id: str
    data: Any


@contextmanager
def stream(api: RunningApi, job: dict[str, Any], **headers: str) -> Iterator[Iterator[Event]]:
    """The events of a job, as they arrive."""
    with api.http.stream("GET", job["links"]["events"], headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield read(response)


def read(response: httpx.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


def until_event(events: Iterator[Event], name: str) -> Event:
    return next(event for event in events if event.name == name)


def test_a_stream_reports_a_job_from_its_start_to_its_end(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    with stream(api, job) as events:
        assert next(events).data["status"] == "queued"
        worker = PlayedWorker.of(job, jobs, api)
        assert next(events).data["status"] == "running"
        worker.report_progress(iteration=7)
        progress = next(events)
        assert (progress.name, progress.data["iteration"]) == ("progress", 7)
        assert progress.data["losses"]["total"] == 3.75
        worker.show(iteration=7)
        shown = next(events)
        assert shown.data["url"] == f"/jobs/{job['id']}/preview?iteration=7"
        worker.commit()
        done = next(events)
        assert (done.name, done.data["status"]) == ("done", "succeeded")
        assert next(events, None) is None


def test_the_id_of_an_event_is_the_version_of_the_job(api: RunningApi) -> None:
    job = submitted(api)
    with stream(api, job) as events:
        assert next(events).id == str(job["version"])


def test_progress_is_sent_at_most_twice_a_second_and_only_the_newest(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    began = monotonic()
    with stream(api, job) as events:
        until_event(events, "status")
        for iteration in range(1, 51):
            worker.report_progress(iteration)
        iterations = [until_event(events, "progress").data["iteration"]]
        while iterations[-1] != 50:
            iterations.append(until_event(events, "progress").data["iteration"])
    assert len(iterations) <= 2 + 2 * (monotonic() - began)


def test_the_end_is_sent_at_once_while_progress_is_delayed(api: RunningApi, jobs: JobStore) -> None:
    """Several tries: on a slow machine, the progress may be due before the end is known."""
    for _ in range(5):
        job = submitted(api)
        worker = PlayedWorker.of(job, jobs, api)
        with stream(api, job) as events:
            worker.report_progress(1)
            until_event(events, "progress")
            worker.report_progress(2)
            worker.commit()
            names = [each.name for each in events]
        if names == ["done"]:
            return
    pytest.fail("The end always came after the progress that was held back.")


def test_a_stream_of_a_job_that_is_over_says_so_and_ends(api: RunningApi) -> None:
    job = submitted(api)
    api.http.post(job["links"]["cancel"])
    with stream(api, job) as events:
        assert [(each.name, each.data["status"]) for each in events] == [("done", "canceled")]


def test_a_client_that_reconnects_receives_the_present_state_of_the_job(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).report_progress(iteration=9)
    with stream(api, job, **{"Last-Event-ID": "1"}) as events:
        assert next(events).data["iteration"] == 9


def test_a_deleted_job_ends_its_streams(api: RunningApi) -> None:
    job = submitted(api)
    with stream(api, job) as events:
        next(events)
        api.http.delete(job["links"]["self"])
        assert [each.name for each in events] == ["gone"]


def test_a_job_that_moves_up_in_the_queue_is_reported(api: RunningApi, jobs: JobStore) -> None:
    first, second = submitted(api), submitted(api)
    with stream(api, second) as events:
        assert next(events).data["queue_position"] == 1
        jobs.run(transitions.cancel(first["id"], retention=RETENTION))
        assert next(events).data["queue_position"] == 0


def test_there_is_no_stream_of_a_job_that_does_not_exist(api: RunningApi) -> None:
    response = api.http.get(f"/jobs/{'0' * 32}/events")
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


@pytest.fixture
def own_api(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[RunningApi]:
    """An API process that the test may stop."""
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    with running_api(settings) as api:
        yield api


def test_an_api_that_shuts_down_ends_its_streams(own_api: RunningApi) -> None:
    job = submitted(own_api)
    with stream(own_api, job) as events:
        next(events)
        own_api.process.send_signal(signal.SIGTERM)
        assert list(events) == []
    own_api.process.wait(60)


def test_the_end_of_a_job_arrives_after_a_lost_connection_to_redis(
    own_api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(own_api)
    worker = PlayedWorker.of(job, jobs, own_api)
    with ThreadPoolExecutor(1) as pool, stream(own_api, job) as events:
        worker.report_progress(iteration=1)
        until_event(events, "progress")  # by now, it has read the job
        own_api.process.send_signal(signal.SIGSTOP)  # it cannot reconnect before the job is over
        jobs.client.client_kill_filter(_type="pubsub")
        worker.commit()
        own_api.process.send_signal(signal.SIGCONT)
        assert pool.submit(until_event, events, "done").result(20).data["status"] == "succeeded"


@pytest.mark.slow
def test_a_stream_continues_although_a_network_drops_the_connection_to_redis(
    redis_url: str, jobs: JobStore, tmp_path: Path
) -> None:
    with proxying(tmp_path / "proxy", redis_url) as proxy:
        settings = Settings(
            redis_url=proxy.url, data_folder=tmp_path / "data", port=free_port("127.0.0.1", 0)
        )
        with running_api(settings) as api:
            job = submitted(api)
            worker = PlayedWorker.of(job, jobs, api)
            with ThreadPoolExecutor(1) as pool, stream(api, job) as events:
                worker.report_progress(iteration=1)
                until_event(events, "progress")
                proxy.drops += 1
                worker.commit()
                done = pool.submit(until_event, events, "done").result(60)
                assert done.data["status"] == "succeeded"


def test_streams_continue_after_an_unreadable_message(own_api: RunningApi, jobs: JobStore) -> None:
    job = submitted(own_api)
    worker = PlayedWorker.of(job, jobs, own_api)
    with ThreadPoolExecutor(1) as pool, stream(own_api, job) as events:
        next(events)
        jobs.client.publish(CHANGED, b"\xff is not UTF-8")
        worker.commit()
        assert pool.submit(until_event, events, "done").result(20).data["status"] == "succeeded"


def test_a_stream_ends_if_the_record_is_damaged_and_the_next_request_says_so(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    with stream(api, job) as events:
        next(events)
        jobs.client.hset(record_key(job["id"]), "options", '{"size": "large"}')
        api.http.post(job["links"]["cancel"])
        assert list(events) == []
    answer = api.http.get(job["links"]["events"])
    assert (answer.status_code, answer.json()["code"]) == (500, "record_damaged")


@pytest.mark.slow
def test_a_client_that_disconnects_is_noticed(api: RunningApi) -> None:
    until(lambda: api.open_streams == 0)
    with stream(api, submitted(api)) as events:
        next(events)
        assert api.open_streams == 1
    until(lambda: api.open_streams == 0)


@pytest.mark.slow
def test_hundreds_of_streams_open_at_once(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    limits = httpx.Limits(max_connections=None)
    with (
        httpx.Client(base_url=api.http.base_url, timeout=60, limits=limits) as http,
        ThreadPoolExecutor(300) as pool,
    ):

        def wait_for_end(_: int) -> str:
            with http.stream("GET", job["links"]["events"]) as response:
                return str(until_event(read(response), "done").data["status"])

        streams = [pool.submit(wait_for_end, number) for number in range(300)]
        api.http.post(job["links"]["cancel"])
        assert {stream.result(60) for stream in streams} == {"canceled"}
