"""The client on an event loop."""

import anyio
import anyio.lowlevel
import pytest

from pastiche.client import ApiError, AsyncClient, Event, JobFinished, JobUpdated
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, submitted
from tests.client.fake_servers import http, responding
from tests.conftest import RunningApi


def test_it_paints_several_at_once(api: RunningApi, jobs: JobStore) -> None:
    painted: list[bytes] = []

    def commit(event: Event) -> None:
        if isinstance(event, JobUpdated) and event.job.attempt == 0:
            PlayedWorker.of({"id": event.job.id}, jobs, api).commit()

    async def paint(client: AsyncClient) -> None:
        picture = await client.paint(pictures.jpeg(), pictures.png(), on_event=commit)
        painted.append(picture)

    async def paint_two() -> None:
        async with AsyncClient(str(api.http.base_url)) as client, anyio.create_task_group() as two:
            two.start_soon(paint, client)
            two.start_soon(paint, client)

    anyio.run(paint_two)
    assert [picture[:4] for picture in painted] == [b"\x89PNG", b"\x89PNG"]


def test_a_job_without_a_picture_cannot_be_finished(api: RunningApi) -> None:
    job_id = submitted(api)["id"]

    async def finish() -> None:
        async with AsyncClient(str(api.http.base_url)) as client:
            await client.finish(job_id)

    with pytest.raises(ApiError, match="no picture of it to keep"):
        anyio.run(finish)


def test_it_iterates_over_events_and_jobs(api: RunningApi) -> None:
    job_id = submitted(api)["id"]

    async def watch() -> list[Event]:
        async with AsyncClient(str(api.http.base_url)) as client:
            assert [job.id async for job in client.list_jobs()] == [job_id]
            await client.cancel(job_id)
            return [event async for event in client.watch(job_id)]

    (event,) = anyio.run(watch)
    assert isinstance(event, JobFinished)
    assert event.job.status == "canceled"


def test_it_retries_a_request_without_blocking_the_event_loop() -> None:
    busy = http("503 No", "application/json", b'{"code": "x", "detail": "y"}', "Retry-After: 1")
    job = http("200 OK", "application/json", b'{"id": "x", "status": "queued"}')
    order: list[str] = []

    async def get_job(client: AsyncClient) -> None:
        order.append((await client.get_job("x")).id)

    async def run() -> None:
        with responding(busy, job) as url:
            async with AsyncClient(url) as client, anyio.create_task_group() as tasks:
                tasks.start_soon(get_job, client)
                await anyio.lowlevel.checkpoint()
                order.append("meanwhile")

    anyio.run(run)
    assert order == ["meanwhile", "x"]
