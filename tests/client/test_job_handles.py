"""Job handles, which wait for their job by themselves."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, replace
from io import BytesIO

import anyio
import pytest
from PIL import Image

from pastiche.client import AsyncClient, Client, Event, Job, JobHandle, JobUnsuccessful, JobUpdated
from pastiche.client.models import parse
from shared.job_store import JobStore
from tests import pictures
from tests.api.jobs.test_finishing import start_with_preview
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi


def test_a_job_that_was_submitted_is_waited_for(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    def commit(event: Event) -> None:
        if isinstance(event, JobUpdated) and event.job.attempt == 0:
            PlayedWorker.of({"id": event.job.id}, jobs, api).commit()

    job = client.submit(pictures.jpeg(), pictures.png())
    done = job.wait(on_event=commit)
    assert (done.id, done.status) == (job.id, "succeeded")
    assert done.wait() is done


def test_the_result_of_a_job_is_waited_for(client: Client, api: RunningApi, jobs: JobStore) -> None:
    def commit(event: Event) -> None:
        if isinstance(event, JobUpdated) and event.job.attempt == 0:
            PlayedWorker.of({"id": event.job.id}, jobs, api).commit(png(40, 30))

    job = client.submit(pictures.jpeg(), pictures.png())
    assert job.result(on_event=commit).format == "png"
    assert client.get_job(job).result("webp").format == "webp"


def test_a_job_that_is_canceled_has_no_result(client: Client, api: RunningApi) -> None:
    job = client.cancel(submitted(api)["id"])
    for wait in (job.wait, job.result):
        with pytest.raises(JobUnsuccessful, match="canceled"):
            wait()


def test_a_job_that_was_canceled_and_then_finished_has_its_last_preview_as_result(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    job, worker = start_with_preview(api, jobs)
    worker.stop()
    finished = client.finish(job["id"])
    assert finished.status == "canceled"
    assert Image.open(BytesIO(finished.result())).size == (48, 32)


def test_every_job_of_the_client_is_a_handle(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    job_id = submitted(api)["id"]
    listed = list(client.list_jobs())
    updated = client.update_weights(job_id, style_weight=0.9)
    again = client.retry(client.cancel(job_id))
    assert {type(each) for each in (*listed, updated, again)} == {JobHandle}


def test_a_handle_has_the_fields_of_its_job_and_not_its_client(
    client: Client, api: RunningApi
) -> None:
    job = client.get_job(submitted(api)["id"])
    assert isinstance(job, Job)
    assert job.raw["id"] == asdict(job)["id"] == job.id
    assert "client" not in repr(job).lower()


def test_a_handle_equals_a_plain_job_with_the_same_fields(client: Client, api: RunningApi) -> None:
    job = client.get_job(submitted(api)["id"])
    plain = parse(Job, json.dumps(job.raw))
    other = parse(Job, json.dumps({**job.raw, "priority": "low"}))
    assert type(plain) is Job
    assert plain == job == plain
    assert {plain, job, client.get_job(job)} == {job}
    assert other != job != other
    assert job != job.id


@pytest.mark.parametrize(
    "make_copy",
    [copy.copy, copy.deepcopy, replace, lambda job: pickle.loads(pickle.dumps(job))],  # noqa: S301  # what it pickled itself
    ids=["copy", "deepcopy", "replace", "pickle"],
)
def test_a_copy_of_a_handle_says_that_it_cannot_be_waited_for(
    make_copy: Callable[[JobHandle], JobHandle], client: Client, api: RunningApi
) -> None:
    job = make_copy(client.get_job(submitted(api)["id"]))
    for wait in (job.wait, job.result):
        with pytest.raises(RuntimeError, match="copy without a client: fetch it with get_job"):
            wait()


def test_a_job_is_waited_for_on_an_event_loop(api: RunningApi, jobs: JobStore) -> None:
    def commit(event: Event) -> None:
        if isinstance(event, JobUpdated) and event.job.attempt == 0:
            PlayedWorker.of({"id": event.job.id}, jobs, api).commit()

    async def submit_and_wait() -> tuple[str, bytes]:
        async with AsyncClient(str(api.http.base_url)) as client:
            job = await client.submit(pictures.jpeg(), pictures.png())
            done = await job.wait(on_event=commit)
            return done.status, await job.result()

    status, picture = anyio.run(submit_and_wait)
    assert (status, picture[:4]) == ("succeeded", b"\x89PNG")
