"""Which uploaded pictures and blobs the reconciler deletes, and which it does not."""

import os
from datetime import timedelta
from pathlib import Path
from time import time

import pytest

from shared import uploaded_pictures
from shared.blob_store import BlobStore
from shared.job_store import JobStore
from shared.uploaded_pictures import (
    UNDELETED,
    UNUSED,
    PictureContent,
    PictureLimits,
    UploadedPicture,
    make_picture_id,
    new_blob_key,
    record_key,
)
from worker.blob_cleanup import BlobCleanup
from worker.picture_cleanup import delete_expired

HOUR = 3600
RETENTION = timedelta(hours=5)
LIMITS = PictureLimits(retention_hours=5, per_owner=10, in_all=10)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open(tmp_path.as_uri())


def stored(jobs: JobStore, blobs: BlobStore, digest: str = "a") -> UploadedPicture:
    picture_id = make_picture_id("ada", digest)
    blob = new_blob_key(picture_id)
    jobs.run(uploaded_pictures.begin_upload(picture_id, "ada", blob))
    blobs.put(blob, b"bytes")
    content = PictureContent(digest, 96, 64, 5, is_transparent=False)
    storing = uploaded_pictures.store(
        picture_id, "ada", name="", content=content, blob=blob, limits=LIMITS
    )
    upload = jobs.run(storing)
    assert upload is not None
    return upload.picture


def expire(jobs: JobStore, picture: UploadedPicture) -> None:
    jobs.client.hset(record_key(picture.id), "expires_ms", 1)
    jobs.client.zadd("pictures:expiry", {picture.id: 1})


def begun_long_ago(jobs: JobStore, blobs: BlobStore) -> str:
    """The blob of an upload whose process died before it wrote the record."""
    blob = new_blob_key(make_picture_id("ada", "lost"))
    jobs.client.zadd(UNUSED, {blob: 1})
    blobs.put(blob, b"bytes")
    return blob


def store_late(jobs: JobStore, blob: str) -> object:
    """Tries to store the record of this upload after all; None if it is refused."""
    storing = uploaded_pictures.store(
        make_picture_id("ada", "lost"),
        "ada",
        name="",
        content=PictureContent("lost", 96, 64, 5, is_transparent=False),
        blob=blob,
        limits=LIMITS,
    )
    return jobs.run(storing)


def aged(blobs: BlobStore, key: str, age_seconds: float) -> Path:
    assert blobs.folder is not None
    path = blobs.folder / key
    os.utime(path, (time() - age_seconds, time() - age_seconds))
    return path


def delete_due(jobs: JobStore, blobs: BlobStore) -> None:
    delete_expired(jobs, blobs, retry_seconds=600)


def search(jobs: JobStore, blobs: BlobStore) -> None:
    BlobCleanup(jobs, blobs, RETENTION, RETENTION).step()


def test_an_expired_picture_is_deleted_whole(jobs: JobStore, blobs: BlobStore) -> None:
    expire(jobs, stored(jobs, blobs))
    delete_due(jobs, blobs)
    assert blobs.keys("pictures") == []
    assert jobs.client.keys("*") == []


def test_a_picture_that_has_not_expired_stays(jobs: JobStore, blobs: BlobStore) -> None:
    picture = stored(jobs, blobs)
    expire(jobs, stored(jobs, blobs, "b"))
    delete_due(jobs, blobs)
    assert blobs.keys("pictures") == [picture.blob]
    assert jobs.run(uploaded_pictures.read(picture.id, "ada")) == picture


def test_the_blob_of_an_upload_that_was_never_finished_is_deleted(
    jobs: JobStore, blobs: BlobStore
) -> None:
    begun_long_ago(jobs, blobs)
    delete_due(jobs, blobs)
    assert blobs.keys("pictures") == []
    assert jobs.client.keys("*") == []


def test_the_blob_of_an_upload_that_has_just_begun_stays(jobs: JobStore, blobs: BlobStore) -> None:
    picture_id = make_picture_id("ada", "new")
    blob = new_blob_key(picture_id)
    jobs.run(uploaded_pictures.begin_upload(picture_id, "ada", blob))
    blobs.put(blob, b"bytes")
    aged(blobs, blob, 100 * HOUR)
    delete_due(jobs, blobs)
    search(jobs, blobs)
    assert blobs.keys("pictures") == [blob]


def test_an_upload_that_took_too_long_is_not_stored(jobs: JobStore, blobs: BlobStore) -> None:
    blob = begun_long_ago(jobs, blobs)
    assert store_late(jobs, blob) is None
    assert jobs.client.keys("*") == [UNUSED]


def test_a_store_that_fails_is_tried_again(jobs: JobStore, blobs: BlobStore) -> None:
    picture = stored(jobs, blobs)
    expire(jobs, picture)
    assert blobs.folder is not None
    path = blobs.folder / picture.blob
    path.unlink()
    path.mkdir()  # cannot be deleted as a file
    delete_due(jobs, blobs)
    assert jobs.client.zrange(UNDELETED, 0, -1) == [picture.blob]
    path.rmdir()
    jobs.client.zadd(UNDELETED, {picture.blob: 1})
    delete_due(jobs, blobs)
    assert jobs.client.keys("*") == []


def test_a_blob_that_cannot_be_deleted_does_not_stop_the_others(
    jobs: JobStore, blobs: BlobStore
) -> None:
    first, second = sorted(begun_long_ago(jobs, blobs) for _ in range(2))
    assert blobs.folder is not None
    path = blobs.folder / first
    path.unlink()
    path.mkdir()  # cannot be deleted as a file
    delete_due(jobs, blobs)
    assert jobs.client.zrange(UNDELETED, 0, -1) == [first]
    assert not (blobs.folder / second).exists()


def test_blobs_that_cannot_be_deleted_are_tried_after_the_others(
    jobs: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.picture_cleanup.BATCH_SIZE", 1)
    first, second = sorted(begun_long_ago(jobs, blobs) for _ in range(2))
    assert blobs.folder is not None
    (blobs.folder / first).unlink()
    (blobs.folder / first).mkdir()  # cannot be deleted as a file
    for _ in range(2):
        delete_due(jobs, blobs)
    assert not (blobs.folder / second).exists()


def test_a_picture_is_not_stored_with_a_blob_whose_deletion_has_failed(
    jobs: JobStore, blobs: BlobStore
) -> None:
    """The deletion may have succeeded although it was reported as failed."""
    blob = begun_long_ago(jobs, blobs)
    assert blobs.folder is not None
    (blobs.folder / blob).unlink()
    (blobs.folder / blob).mkdir()
    delete_due(jobs, blobs)
    assert store_late(jobs, blob) is None


def test_pictures_that_take_long_to_delete_are_left_to_the_next_round(
    jobs: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.picture_cleanup.DELETE_SECONDS", 0.0)
    for _ in range(3):
        begun_long_ago(jobs, blobs)
    left = []
    for _ in range(3):
        delete_due(jobs, blobs)
        left.append((len(blobs.keys("pictures")), jobs.client.zcard(UNUSED)))
    assert left == [(2, 2), (1, 1), (0, 0)]


def test_a_record_that_is_damaged_does_not_stop_the_others(
    jobs: JobStore, blobs: BlobStore
) -> None:
    damaged, other = stored(jobs, blobs), stored(jobs, blobs, "b")
    for picture in (damaged, other):
        expire(jobs, picture)
    jobs.client.set(record_key(damaged.id), "no hash")
    delete_due(jobs, blobs)
    assert blobs.keys("pictures") == [damaged.blob]


def test_an_old_blob_that_no_picture_uses_is_found_in_the_whole_store(
    jobs: JobStore, blobs: BlobStore
) -> None:
    picture = stored(jobs, blobs)
    aged(blobs, picture.blob, 6 * HOUR)
    search(jobs, blobs)
    assert blobs.keys("pictures") == [picture.blob]
    jobs.client.flushall()
    search(jobs, blobs)
    assert blobs.keys("pictures") == []


def test_a_younger_blob_stays_for_a_redis_that_comes_back(jobs: JobStore, blobs: BlobStore) -> None:
    picture = stored(jobs, blobs)
    aged(blobs, picture.blob, 4 * HOUR)
    jobs.client.flushall()
    search(jobs, blobs)
    assert blobs.keys("pictures") == [picture.blob]
