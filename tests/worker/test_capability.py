"""What a worker can paint now, and which jobs it claims for that."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pastiche.memory import Memory
from pastiche.options import Options
from shared import transitions
from shared.blob_store import BlobStore
from shared.inputs import Inputs
from shared.job_store import JobStore
from shared.jobs import new_job_id
from shared.queue import create_queue
from shared.settings import Settings
from shared.transitions import Place
from shared.workers import list_workers
from tests.waiting import until
from worker.capability import Capability, FreeMemory
from worker.claims import next_attempt
from worker.closing import Closing
from worker.presence import Presence
from worker.studio import Studio
from worker.summons import Summons

GIB = 2**30

OpenStudio = Callable[[Callable[[], int]], Studio]


@pytest.fixture
def open_studio(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[OpenStudio]:
    """A worker without weights whose free memory is what it is given; it paints nothing."""
    settings = Settings(
        redis_url=redis_url, data_folder=tmp_path, weights_folder=tmp_path / "weights"
    )
    blobs = BlobStore.open(settings.blob_store_location)
    with ExitStack() as stack:

        def open_one(measure: Callable[[], int]) -> Studio:
            capability = Capability("one", "CPU", "float32", settings, FreeMemory(measure))
            queue = create_queue(settings)
            studio = Studio(settings, jobs, blobs, queue, Closing(), Summons(jobs), capability)
            stack.callback(queue.close)
            stack.callback(studio.closing.set)
            return studio

        yield open_one


@pytest.fixture(autouse=True)
def _measured_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.capability.FRESH_SECONDS", 0.0)


def submitted(jobs: JobStore, side: int, image_bytes: int = 0, **options: Any) -> str:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    place = Place("somebody", 100, pixels=side * side, image_bytes=image_bytes)
    submission = transitions.submit(
        job_id, latest_ms, options, Inputs("content", ("style",)), place, queue_limit=9
    )
    assert jobs.run(submission) == "queued"
    return job_id


def claimed(studio: Studio) -> str | None:
    """The job that it claims."""
    with next_attempt(studio) as attempt:
        return None if attempt is None else attempt.job.id


def test_of_two_unlike_workers_each_claims_what_its_memory_suffices_for(
    open_studio: OpenStudio, jobs: JobStore
) -> None:
    small, large = open_studio(lambda: GIB), open_studio(lambda: 8 * GIB)
    wide = submitted(jobs, 1400, precision="float32")
    narrow = submitted(jobs, 1400, precision="bfloat16")
    heavy = submitted(jobs, 256, image_bytes=GIB)
    assert [claimed(small), claimed(small)] == [narrow, None]
    assert [claimed(large), claimed(large), claimed(large)] == [wide, heavy, None]


def test_a_worker_claims_by_the_memory_that_it_has_now(
    open_studio: OpenStudio, jobs: JobStore
) -> None:
    free = GIB
    studio = open_studio(lambda: free)
    job_id = submitted(jobs, 2000)
    assert claimed(studio) is None
    free = 8 * GIB
    assert claimed(studio) == job_id
    free = GIB
    submitted(jobs, 2000)
    assert claimed(studio) is None


def test_it_announces_the_memory_that_it_claims_by(
    open_studio: OpenStudio, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.presence.EVERY_SECONDS", 0.01)
    free = GIB
    studio = open_studio(lambda: free)
    Presence(studio, lambda: 7).start()
    until(lambda: [each.free_bytes for each in jobs.run(list_workers())] == [GIB])
    free = 2 * GIB
    until(lambda: [each.free_bytes for each in jobs.run(list_workers())] == [2 * GIB])
    (worker,) = jobs.run(list_workers())
    most = Memory(2 * GIB, None, "float32").most_pixels(Options(), "whitened")
    assert worker.most_pixels == most
    assert (worker.memory_bytes, worker.computed_in) == (7, "float32")


def test_while_a_job_is_painted_the_memory_is_what_it_was_before() -> None:
    free = 5
    memory = FreeMemory(lambda: free)
    assert memory.bytes() == 5
    with memory.painting():
        free = 1
        assert memory.bytes() == 5
    assert memory.bytes() == 1


def test_memory_is_measured_at_most_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.capability.FRESH_SECONDS", 60.0)
    measured: list[int] = []

    def measure() -> int:
        measured.append(1)
        return len(measured)

    memory = FreeMemory(measure)
    assert [memory.bytes() for _ in range(5)] == [1] * 5
    with memory.painting():
        pass
    assert memory.bytes() == 2
