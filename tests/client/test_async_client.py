"""The same client on an event loop: every method is there, and flows come to their ends."""

import inspect

import anyio
import pytest

from pastiche.client import AsyncClient, Changed, Client, Event, Finished, Refused
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi


def test_it_has_every_method_of_the_synchronous_one_with_the_same_arguments() -> None:
    for name, method in vars(Client).items():
        if name.startswith("_") or name == "close" or not callable(method):
            continue
        there = inspect.signature(getattr(AsyncClient, name)).parameters
        assert there == inspect.signature(method).parameters, name


def test_it_paints_several_at_once(api: RunningApi, jobs: JobStore) -> None:
    painted: list[bytes] = []

    def play(event: Event) -> None:
        if isinstance(event, Changed) and event.job.attempt == 0:
            PlayedWorker.of({"id": event.job.id}, jobs, api).commit()

    async def paint(client: AsyncClient) -> None:
        painted.append(await client.paint(pictures.jpeg(), pictures.png(), watch=play))

    async def paint_two() -> None:
        async with AsyncClient(str(api.http.base_url)) as client, anyio.create_task_group() as two:
            two.start_soon(paint, client)
            two.start_soon(paint, client)

    anyio.run(paint_two)
    assert [picture[:4] for picture in painted] == [b"\x89PNG", b"\x89PNG"]


def test_a_job_without_a_picture_cannot_be_finished(api: RunningApi) -> None:
    job_id = submitted(api)["id"]

    async def finished() -> None:
        async with AsyncClient(str(api.http.base_url)) as client:
            await client.finish(job_id)

    with pytest.raises(Refused, match="no picture of it to keep"):
        anyio.run(finished)


def test_it_iterates_over_events_and_jobs(api: RunningApi) -> None:
    job_id = submitted(api)["id"]

    async def watched() -> list[Event]:
        async with AsyncClient(str(api.http.base_url)) as client:
            assert [job.id async for job in client.jobs()] == [job_id]
            await client.cancel(job_id)
            return [event async for event in client.watch(job_id)]

    (event,) = anyio.run(watched)
    assert isinstance(event, Finished)
    assert event.job.status == "canceled"
