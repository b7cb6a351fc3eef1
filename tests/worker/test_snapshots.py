"""When an attempt stores checkpoints and previews, and which checkpoint the next one loads."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import IO

import pytest

from shared import transitions
from shared.blob_store import BlobStore, checkpoint_key
from shared.inputs import Inputs
from shared.job_store import JobStore
from shared.jobs import Job, QueueEntry, new_job_id
from shared.progress import Losses, Progress
from worker import snapshots as module
from worker.snapshots import Checkpoints, Previews, run_once

PROGRESS = Progress(
    iteration=1, iterations=2, scale=1, scales=1, work=0.5, eta_seconds=None, losses={"total": 1.0}
)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open(tmp_path.as_uri())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by hand."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def submitted(jobs: JobStore) -> Job:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    inputs, entry = Inputs("content", ("style",)), QueueEntry("somebody", 100)
    jobs.run(transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=9))
    job = jobs.run(transitions.read(job_id))
    assert job is not None
    return job


def writing(text: bytes) -> Callable[[IO[bytes]], None]:
    def save(file: IO[bytes]) -> None:
        file.write(text)

    return save


def test_checkpoints_are_due_at_an_interval(blobs: BlobStore, clock: list[float]) -> None:
    checkpoints = Checkpoints("job", "1-a", blobs, interval_seconds=8)
    assert not checkpoints.is_due
    clock[0] += 8
    assert checkpoints.is_due
    checkpoints.store(writing(b"state"))
    assert not checkpoints.is_due


def test_a_checkpoint_that_takes_long_to_store_is_due_less_often(
    blobs: BlobStore, clock: list[float]
) -> None:
    checkpoints = Checkpoints("job", "1-a", blobs, interval_seconds=8)

    def slowly(file: IO[bytes]) -> None:
        clock[0] += 1

    checkpoints.store(slowly)
    clock[0] += 1 / module.MAX_TIME_SHARE - 0.1
    assert not checkpoints.is_due
    clock[0] += 0.2
    assert checkpoints.is_due


def test_checkpoints_that_fail_slowly_leave_most_of_the_time_for_painting(
    blobs: BlobStore, clock: list[float]
) -> None:
    checkpoints = Checkpoints("job", "1-a", blobs, interval_seconds=8)

    def fail_slowly(_: IO[bytes]) -> None:
        clock[0] += 30
        raise MemoryError

    checkpoints.store(fail_slowly)
    clock[0] += 30 / module.MAX_FAILED_TIME_SHARE - 0.1
    assert not checkpoints.is_due
    clock[0] += 0.2
    assert checkpoints.is_due


def test_a_preview_that_fails_slowly_is_soon_due_again(
    blobs: BlobStore, jobs: JobStore, clock: list[float]
) -> None:
    previews = Previews(submitted(jobs), "1-a", blobs, interval_seconds=2)

    def fail_slowly() -> bytes:
        clock[0] += 30
        raise OSError("the store does not answer")

    previews.store(fail_slowly)
    clock[0] += 30 / module.MAX_FAILED_TIME_SHARE - 0.1
    assert not previews.is_due
    clock[0] += 0.2
    assert previews.is_due


def test_loss_curves_that_fail_slowly_do_not_delay_the_next_preview_for_long(
    blobs: BlobStore, jobs: JobStore, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    previews = Previews(submitted(jobs), "1-a", blobs, interval_seconds=2)
    previews.add_losses(PROGRESS, {}, run_once)

    def fail_slowly(_: Losses) -> bytes:
        clock[0] += 30
        raise OSError("the store does not answer")

    monkeypatch.setattr(Losses, "to_json", fail_slowly)
    assert "preview_key" in previews.store(lambda: b"preview")
    clock[0] += 30 / module.MAX_FAILED_TIME_SHARE + 0.1
    assert previews.is_due


def test_the_next_attempt_loads_the_newest_checkpoint_first(
    blobs: BlobStore, tmp_path: Path
) -> None:
    """Whatever the alphabetical order of their names."""
    for fence, stored_at in (("3-c", 300), ("1-a", 200), ("2-b", 100)):
        Checkpoints("job", fence, blobs, 8).store(writing(fence.encode()))
        os.utime(tmp_path / checkpoint_key("job", fence), (stored_at, stored_at))
    earlier = Checkpoints("job", "4-d", blobs, 8).load_earlier(run_once)
    assert list(earlier) == [b"3-c", b"1-a", b"2-b"]


def test_too_little_memory_loses_the_checkpoint_and_not_the_job(
    blobs: BlobStore, clock: list[float]
) -> None:
    def fail(_: IO[bytes]) -> None:
        raise MemoryError

    checkpoints = Checkpoints("job", "1-a", blobs, 8)
    checkpoints.store(fail)
    clock[0] += 8
    assert checkpoints.is_due
    assert list(checkpoints.load_earlier(run_once)) == []


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory.")])
def test_too_little_memory_loses_the_preview_and_not_the_job(
    error: Exception, blobs: BlobStore, jobs: JobStore
) -> None:
    def fail() -> bytes:
        raise error

    previews = Previews(submitted(jobs), "1-a", blobs, 2)
    assert previews.store(fail) == {}
    assert list(previews.store(lambda: b"preview")) == ["preview_key"]


def test_a_checkpoint_that_fails_halfway_leaves_the_one_before(
    blobs: BlobStore, clock: list[float]
) -> None:
    def fail(file: IO[bytes]) -> None:
        file.write(bytes(5_000_000))
        raise MemoryError

    checkpoints = Checkpoints("job", "1-a", blobs, 8)
    checkpoints.store(writing(b"whole"))
    checkpoints.store(fail)
    assert list(checkpoints.load_earlier(run_once)) == [b"whole"]


def test_a_store_that_refuses_a_blob_does_not_keep_the_writing_thread_alive(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Event()

    def write(file: IO[bytes]) -> None:
        try:
            for _ in range(100):
                file.write(bytes(1_000_000))
        finally:
            ended.set()

    def refuse(_: BlobStore, key: str, blob: Iterator[bytes]) -> None:
        next(blob)
        raise OSError("the disk is full")

    monkeypatch.setattr(BlobStore, "put", refuse)
    Checkpoints("job", "1-a", blobs, 8).store(write)
    assert ended.wait(10)


def test_an_attempt_deletes_its_own_checkpoint_or_all(blobs: BlobStore) -> None:
    first, second = (Checkpoints("job", fence, blobs, 8) for fence in ("1-a", "2-b"))
    first.store(writing(b"first"))
    second.store(writing(b"second"))
    second.delete_own()
    assert blobs.keys("jobs/job") == [checkpoint_key("job", "1-a")]
    second.delete_all()
    assert blobs.keys("jobs/job") == []
