"""Blobs that no record refers to: deleted once they are old, and never before."""

import os
from datetime import timedelta
from pathlib import Path
from time import time

import pytest

from shared import transitions
from shared.blob_store import BlobStore, encoded_key, input_key, result_key
from shared.inputs import Inputs
from shared.job_store import JobStore
from shared.jobs import QueueEntry, new_job_id
from worker.blob_cleanup import BlobCleanup

HOUR = 3600
RETENTION = timedelta(hours=5)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open(tmp_path.as_uri())


def put(blobs: BlobStore, key: str, age_seconds: float) -> Path:
    """Stores a blob of this age; its file."""
    blobs.put(key, b"bytes")
    assert blobs.folder is not None
    return aged(blobs.folder / key, age_seconds)


def aged(path: Path, age_seconds: float) -> Path:
    os.utime(path, (time() - age_seconds, time() - age_seconds))
    return path


def known_job(jobs: JobStore) -> str:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry("somebody", 100)
    submission = transitions.submit(
        job_id, latest_ms, {}, Inputs("content", ("style",)), entry, queue_limit=9
    )
    assert jobs.run(submission) == "queued"
    return job_id


def sweep(jobs: JobStore, blobs: BlobStore) -> None:
    BlobCleanup(jobs, blobs, RETENTION, RETENTION).step()


def test_blobs_without_a_record_are_deleted_past_the_retention(
    jobs: JobStore, blobs: BlobStore, tmp_path: Path
) -> None:
    put(blobs, input_key(new_job_id(), "content"), 6 * HOUR)
    put(blobs, result_key(new_job_id(), "1-a"), 6 * HOUR)
    sweep(jobs, blobs)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_younger_blobs_stay_for_a_redis_that_comes_back(jobs: JobStore, blobs: BlobStore) -> None:
    path = put(blobs, input_key(new_job_id(), "content"), 4 * HOUR)
    sweep(jobs, blobs)
    assert path.exists()


def test_blobs_of_a_job_with_a_record_stay(jobs: JobStore, blobs: BlobStore) -> None:
    path = put(blobs, input_key(known_job(jobs), "content"), 100 * HOUR)
    sweep(jobs, blobs)
    assert path.exists()


def test_copied_pictures_of_a_job_that_is_about_to_begin_stay(
    jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = new_job_id()
    jobs.run(transitions.begin_submission(job_id))
    path = put(blobs, input_key(job_id, "content"), 100 * HOUR)
    sweep(jobs, blobs)
    assert path.exists()


def test_copies_in_other_formats_last_an_hour(jobs: JobStore, blobs: BlobStore) -> None:
    result = result_key(known_job(jobs), "1-a")
    stored = put(blobs, result, 2 * HOUR)
    old = put(blobs, encoded_key(result, "webp"), 2 * HOUR)
    young = put(blobs, encoded_key(result, "jpeg"), HOUR / 2)
    sweep(jobs, blobs)
    assert (stored.exists(), old.exists(), young.exists()) == (True, False, True)


def test_blobs_that_a_check_of_the_store_left_are_deleted(jobs: JobStore, blobs: BlobStore) -> None:
    path = put(blobs, "checks/a", 2 * HOUR)
    sweep(jobs, blobs)
    assert not path.exists()


def test_incomplete_files_of_dead_writers_are_deleted(jobs: JobStore, blobs: BlobStore) -> None:
    folder = put(blobs, input_key(known_job(jobs), "content"), 0).parent
    old, young = folder / "style-0#1", folder / "style-1#1"
    for path in (old, young):
        path.write_bytes(b"half")
    aged(old, 2 * HOUR)
    sweep(jobs, blobs)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_blob_that_cannot_be_deleted_does_not_end_the_search(
    jobs: JobStore, blobs: BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [put(blobs, input_key(new_job_id(), "content"), 6 * HOUR) for _ in range(5)]
    (listed, *others) = paths

    class HalfDeleted(BlobStore):
        """A blob store in which a blob becomes a folder after it was listed."""

        def delete(self, *keys: str) -> None:
            if not listed.is_dir():
                listed.unlink()
                listed.mkdir()
            super().delete(*keys)

    sweep(jobs, HalfDeleted(blobs.store, blobs.folder))
    assert [path.exists() for path in others] == [False] * 4
    assert "1 old blobs cannot be deleted" in caplog.text


def test_files_of_other_programs_stay(jobs: JobStore, blobs: BlobStore) -> None:
    paths = [put(blobs, key, 100 * HOUR) for key in ("jobs/notes/x", "backup/x", "x")]
    sweep(jobs, blobs)
    assert all(path.exists() for path in paths)


def test_a_large_store_is_searched_step_by_step(
    jobs: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.blob_store.PAGE_BLOBS", 10)
    monkeypatch.setattr("worker.blob_cleanup.STEP_SECONDS", 0.0)
    paths = [put(blobs, input_key(new_job_id(), "content"), 6 * HOUR) for _ in range(40)]
    steps = BlobCleanup(jobs, blobs, RETENTION, RETENTION)
    steps.step()
    assert any(path.exists() for path in paths)
    for _ in range(200):
        steps.step()
    assert not any(path.exists() for path in paths)


def test_a_step_ends_in_the_middle_of_a_page_where_deleting_is_slow(
    jobs: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.blob_cleanup.STEP_SECONDS", 0.0)
    encoded = encoded_key(result_key(known_job(jobs), "1-a"), "webp")
    keys = [encoded, *(input_key(new_job_id(), "content") for _ in range(3))]
    paths = [put(blobs, key, 6 * HOUR) for key in keys]
    steps = BlobCleanup(jobs, blobs, RETENTION, RETENTION)
    left = []
    for _ in paths:
        steps.step()
        left.append(sum(path.exists() for path in paths))
    assert left == [3, 2, 1, 0]


def test_the_next_search_starts_only_after_the_interval(jobs: JobStore, blobs: BlobStore) -> None:
    sweeps = BlobCleanup(jobs, blobs, RETENTION, RETENTION)
    sweeps.step()
    path = put(blobs, input_key(new_job_id(), "content"), 6 * HOUR)
    sweeps.step()
    assert path.exists()
