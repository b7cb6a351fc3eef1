"""What the reconciler recovers, expires and deletes, on a real Redis and a real folder."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from pydantic import SecretStr

from shared import transitions, uploaded_pictures
from shared.blob_store import (
    BlobStore,
    checkpoint_key,
    encoded_key,
    input_key,
    preview_key,
    promoted_key,
    result_key,
)
from shared.celery_app import MESSAGES_KEY, create_queue
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore, record_key
from shared.jobs import Job, QueueEntry, new_job_id
from shared.settings import Settings
from shared.transitions import Retention
from shared.uploaded_pictures import (
    PictureContent,
    PictureLimits,
    make_picture_id,
    new_blob_key,
)
from tests.conftest import running, running_redis
from tests.object_store import Bucket, Fault, FaultyProxy
from tests.waiting import until
from worker.cleanup import Cleanup
from worker.reconciler import Reconciler, find_due, run_together


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    # A slow machine must not look like a gap between rounds.
    return Settings(
        redis_url=redis_url,
        data_folder=tmp_path,
        lease_seconds=0.01,
        heartbeat_seconds=0.005,
        reconcile_seconds=60,
    )


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    return BlobStore.open(settings.blob_store_location)


class Parts:
    """The parts of a reconciler that work on jobs and blobs."""

    def __init__(self, reconciler: Reconciler, cleanup: Cleanup) -> None:
        self._reconciler, self._cleanup = reconciler, cleanup

    def round(self) -> bool:
        """Runs a round of each part; whether they lead."""
        leads = self._reconciler.round()
        assert self._cleanup.round() == leads
        return leads


@pytest.fixture
def reconciler(settings: Settings, jobs: JobStore, blobs: BlobStore) -> Iterator[Parts]:
    queue = create_queue(settings)
    yield Parts(Reconciler(settings, jobs, queue, "one"), Cleanup(settings, jobs, blobs, "one"))
    queue.close()


def submitted(jobs: JobStore, blobs: BlobStore, wait_seconds: float | None = None) -> str:
    """A job that waits, without a message."""
    job_id = new_job_id()
    inputs = Inputs(input_key(job_id, "content"), (input_key(job_id, "style-0"),))
    for key in inputs.all():
        blobs.put(key, b"picture")
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry("somebody", 100, wait_seconds=wait_seconds)
    submission = transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=100)
    assert jobs.run(submission) == "queued"
    return job_id


def claimed(jobs: JobStore, job_id: str, lease_seconds: float = 0) -> str:
    claim = jobs.run(transitions.claim(job_id, lease_seconds=lease_seconds))
    assert claim is not None
    return claim.fence


def look(jobs: JobStore, job_id: str) -> Job:
    job = jobs.run(transitions.read(job_id))
    assert job is not None
    return job


def messages(jobs: JobStore) -> int:
    return int(jobs.client.llen(MESSAGES_KEY))


def test_a_job_whose_lease_ran_out_is_announced_again(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = submitted(jobs, blobs)
    claimed(jobs, job_id)
    reconciler.round()
    assert look(jobs, job_id).status == "queued"
    assert messages(jobs) == 1


def test_a_job_that_no_worker_survives_fails(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = submitted(jobs, blobs)
    for _ in range(3):
        claimed(jobs, job_id)
        reconciler.round()
    assert (look(jobs, job_id).status, look(jobs, job_id).error_code) == ("failed", "worker_lost")


def test_a_lost_message_is_sent_again_once(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    submitted(jobs, blobs)
    for _ in range(5):
        reconciler.round()
    assert messages(jobs) == 1


def take_messages(jobs: JobStore) -> int:
    """Removes all messages, as a worker that can paint none of the jobs; how many there were."""
    count = messages(jobs)
    jobs.client.delete(MESSAGES_KEY)
    return count


def test_a_job_that_no_worker_can_paint_is_announced_again_only_after_a_while(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(jobs, blobs)
    found = []
    for _ in range(6):
        reconciler.round()
        found.append(take_messages(jobs))
    assert found == [0, 1, 0, 0, 0, 0]
    monkeypatch.setattr("worker.reconciler.ANNOUNCE_AGAIN_SECONDS", 0.0)
    reconciler.round()
    assert take_messages(jobs) == 1


def test_behind_jobs_that_no_worker_can_paint_a_lost_message_is_sent_again_at_once(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    for _ in range(3):
        submitted(jobs, blobs)
    for _ in range(2):
        reconciler.round()
    assert take_messages(jobs) == 3
    submitted(jobs, blobs)
    for _ in range(2):
        reconciler.round()
    assert take_messages(jobs) == 1


def test_a_job_without_a_message_is_logged_once(
    reconciler: Parts,
    jobs: JobStore,
    blobs: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("worker.reconciler.ANNOUNCE_AGAIN_SECONDS", 0.0)
    job_ids = {submitted(jobs, blobs) for _ in range(2)}
    for _ in range(6):
        reconciler.round()
        take_messages(jobs)
    logged = [each.getMessage() for each in caplog.records if "had no message" in each.message]
    assert {each.split()[1].rstrip(":") for each in logged} == job_ids
    assert len(logged) == len(job_ids)


def test_a_job_past_its_deadline_expires(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = submitted(jobs, blobs, wait_seconds=0.001)
    until(lambda: reconciler.round() and look(jobs, job_id).status == "expired")


def test_jobs_are_recovered_and_expire_while_redis_is_full(
    settings: Settings, blobs: BlobStore, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as url:
        jobs = JobStore.connect(url)
        queue = create_queue(settings.model_copy(update={"redis_url": SecretStr(url)}))
        reconciler = Reconciler(settings, jobs, queue, "one")
        waiting = submitted(jobs, blobs)
        assert reconciler.round()
        lost, late = submitted(jobs, blobs), submitted(jobs, blobs, wait_seconds=0.001)
        claimed(jobs, lost)
        until(lambda: jobs.run(find_due(limit=9)).late == [late])
        jobs.client.config_set("maxmemory", 1)
        assert reconciler.round()
        found = [look(jobs, each).status for each in (waiting, lost, late)]
        assert found == ["queued", "queued", "expired"]
        jobs.client.config_set("maxmemory", 0)
        reconciler.round()
        assert messages(jobs) == 2
        queue.close()
        jobs.client.close()


def test_a_job_past_its_retention_is_deleted_with_its_blobs(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id, retained = submitted(jobs, blobs), submitted(jobs, blobs)
    fence = claimed(jobs, job_id, lease_seconds=20)
    blobs.put(result_key(job_id, fence), b"picture")
    over = transitions.succeed(
        job_id, fence, result_key=result_key(job_id, fence), fields={}, retention=Retention(0, 0)
    )
    jobs.run(over)
    until(lambda: reconciler.round() and not blobs.keys(f"jobs/{job_id}"))
    assert not jobs.client.exists(record_key(job_id))
    assert blobs.keys(f"jobs/{retained}")


def test_blobs_that_workers_left_are_deleted_once_a_job_is_over_and_its_pictures_stay(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = submitted(jobs, blobs)
    late = claimed(jobs, job_id)
    reconciler.round()
    fence = claimed(jobs, job_id, lease_seconds=20)
    for key in (result_key(job_id, late), result_key(job_id, fence), checkpoint_key(job_id, late)):
        blobs.put(key, b"bytes")
    over = transitions.succeed(
        job_id, fence, result_key=result_key(job_id, fence), fields={}, retention=Retention(1, 0)
    )
    jobs.run(over)
    reconciler.round()
    job = look(jobs, job_id)
    assert sorted(blobs.keys(f"jobs/{job_id}")) == sorted([*job.inputs.all(), job.result_key or ""])


def finished_preview(jobs: JobStore, blobs: BlobStore) -> tuple[str, str, str]:
    """A canceled job, its preview, and the copy that is about to be its result."""
    job_id = submitted(jobs, blobs)
    fence = claimed(jobs, job_id, lease_seconds=20)
    shown, finished = preview_key(job_id, fence), promoted_key(job_id, fence)
    fields = {"preview_key": shown, "preview_iteration": "3"}
    jobs.run(transitions.confirm_cancel(job_id, fence, fields=fields, retention=Retention(1, 0)))
    for key in (shown, finished):
        blobs.put(key, b"picture")
    return job_id, shown, finished


def test_a_preview_that_is_about_to_be_the_result_stays(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id, shown, finished = finished_preview(jobs, blobs)
    reconciler.round()
    assert jobs.run(transitions.promote_preview(job_id, finished)) == "ok"
    reconciler.round()
    assert sorted(blobs.keys(f"jobs/{job_id}")) == sorted([shown, finished])
    assert not jobs.client.exists(JOB_KEYS["cleanup"])


def test_a_preview_that_did_not_become_the_result_is_deleted_later(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id, shown, finished = finished_preview(jobs, blobs)
    reconciler.round()
    assert finished in blobs.keys(f"jobs/{job_id}")
    assert blobs.folder is not None
    os.utime(blobs.folder / finished, (1, 1))
    reconciler.round()
    assert blobs.keys(f"jobs/{job_id}") == [shown]


def test_a_copy_of_a_result_that_is_being_written_stays_while_there_is_a_record(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = submitted(jobs, blobs)
    fence = claimed(jobs, job_id, lease_seconds=20)
    result = result_key(job_id, fence)
    blobs.put(result, b"picture")
    over = transitions.succeed(
        job_id, fence, result_key=result, fields={}, retention=Retention(1, 0)
    )
    jobs.run(over)
    assert blobs.folder is not None
    copy = blobs.folder / encoded_key(result, "webp")
    young, old = (copy.with_name(f"{copy.name}#{number}") for number in (1, 2))
    for piece in (young, old):
        piece.parent.mkdir(exist_ok=True)
        piece.write_bytes(b"half")
    os.utime(old, (1, 1))
    reconciler.round()
    assert (young.exists(), old.exists()) == (True, False)
    jobs.run(transitions.delete(job_id, retention=Retention(1, 0)))
    reconciler.round()
    assert not young.exists()


def test_pictures_whose_record_never_came_are_deleted(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transitions, "SUBMISSION_GRACE_SECONDS", 0)
    job_id = new_job_id()
    jobs.run(transitions.begin_submission(job_id))
    blobs.put(input_key(job_id, "content"), b"picture")
    reconciler.round()
    assert blobs.keys(f"jobs/{job_id}") == []
    assert jobs.client.keys("*") == ["leader:reconciler"]


def test_blobs_that_a_worker_wrote_after_its_job_was_deleted_are_deleted(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = submitted(jobs, blobs)
    fence = claimed(jobs, job_id, lease_seconds=20)
    jobs.run(transitions.delete(job_id, retention=Retention(1, 0)))
    blobs.put(checkpoint_key(job_id, fence), b"bytes")
    reconciler.round()
    assert blobs.keys(f"jobs/{job_id}") == []


def test_a_damaged_record_is_logged_and_stops_nothing(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, other = submitted(jobs, blobs), submitted(jobs, blobs)
    for each in (damaged, other):
        jobs.run(transitions.cancel(each, retention=Retention(1, 0)))
    jobs.client.hdel(record_key(damaged), "options")
    reconciler.round()
    assert f"The record of job {damaged} cannot be read." in caplog.text
    assert not jobs.client.exists(JOB_KEYS["cleanup"])


def test_a_job_whose_blobs_cannot_be_deleted_is_cleaned_up_after_the_others(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.cleanup.BATCH_SIZE", 1)
    stuck, other = sorted(new_job_id() for _ in range(2))
    for job_id in (stuck, other):
        jobs.client.zadd(JOB_KEYS["cleanup"], {job_id: 1})
        blobs.put(checkpoint_key(job_id, "1-a"), b"bytes")
    assert blobs.folder is not None
    folder = blobs.folder / "jobs" / stuck
    moved = folder.rename(folder.with_name("moved"))
    folder.symlink_to(folder)  # cannot be listed
    for _ in range(2):
        reconciler.round()
    assert blobs.keys(f"jobs/{other}") == []
    folder.unlink()
    moved.rename(folder)
    jobs.client.zadd(JOB_KEYS["cleanup"], {stuck: 1}, xx=True)
    reconciler.round()
    assert blobs.keys(f"jobs/{stuck}") == []


def replace_record(jobs: JobStore, job_id: str) -> None:
    """Replaces the record by a key that is not a hash."""
    jobs.client.delete(record_key(job_id))
    jobs.client.set(record_key(job_id), "text")


def test_a_key_that_does_not_hold_a_record_is_deleted_and_the_round_continues(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    running, old = submitted(jobs, blobs), submitted(jobs, blobs)
    late = submitted(jobs, blobs, wait_seconds=0.001)
    claimed(jobs, running)
    jobs.run(transitions.cancel(old, retention=Retention(0, 0)))
    other = submitted(jobs, blobs)
    claimed(jobs, other)
    for each in (running, late, old):
        replace_record(jobs, each)
    until(lambda: reconciler.round() and not jobs.client.exists(JOB_KEYS["cleanup"]))
    assert look(jobs, other).status == "queued"
    assert blobs.keys("jobs") == blobs.keys(f"jobs/{other}")


def test_a_canceled_job_s_inputs_are_deleted_soon_and_its_preview_stays(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    canceled, running = submitted(jobs, blobs), submitted(jobs, blobs)
    jobs.run(transitions.cancel(canceled, retention=Retention(1, 0)))
    fence = claimed(jobs, running, lease_seconds=20)
    shown = preview_key(running, fence)
    blobs.put(shown, b"picture")
    fields = {"preview_key": shown, "preview_iteration": "3"}
    jobs.run(transitions.confirm_cancel(running, fence, fields=fields, retention=Retention(1, 0)))
    reconciler.round()
    assert blobs.keys("jobs") == [shown]
    assert look(jobs, canceled).status == "canceled"


def test_submitting_and_canceling_repeatedly_retains_no_more_jobs_than_the_limit(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    for _ in range(20):
        retention = Retention(1, 0, jobs_per_owner=3)
        jobs.run(transitions.cancel(submitted(jobs, blobs), retention=retention))
    until(lambda: reconciler.round() and len(jobs.client.keys("job:*")) == 3)
    until(lambda: reconciler.round() and blobs.keys("jobs") == [])


def test_inputs_that_are_a_list_stop_nothing(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, other = submitted(jobs, blobs), submitted(jobs, blobs)
    for each in (damaged, other):
        jobs.run(transitions.cancel(each, retention=Retention(1, 0)))
    jobs.client.hset(record_key(damaged), "inputs", "[]")
    reconciler.round()
    assert f"The record of job {damaged} cannot be read." in caplog.text
    assert not jobs.client.exists(JOB_KEYS["cleanup"])


def test_pictures_that_a_newer_version_knows_stay(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    job_id = submitted(jobs, blobs)
    fence = claimed(jobs, job_id, lease_seconds=20)
    sketch = input_key(job_id, "sketch-0")
    blobs.put(sketch, b"picture")
    inputs = {"content": input_key(job_id, "content"), "style": [], "sketch": [sketch]}
    jobs.client.hset(record_key(job_id), "inputs", json.dumps(inputs))
    failure = transitions.fail(
        job_id, fence, code="out_of_memory", fields={}, retention=Retention(1, 0)
    )
    jobs.run(failure)
    reconciler.round()
    assert sketch in blobs.keys(f"jobs/{job_id}")


def test_when_one_part_fails_the_others_end_too() -> None:
    closing = Event()

    def waits() -> None:
        closing.wait()

    def fails() -> None:
        raise KeyError

    assert not run_together([waits, fails], closing)


def test_all_parts_end_at_shutdown() -> None:
    closing = Event()

    def waits() -> None:
        closing.wait()

    closing.set()
    assert run_together([waits, waits], closing)


def test_blobs_of_an_emptied_redis_are_deleted(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore, tmp_path: Path
) -> None:
    submitted(jobs, blobs)
    jobs.client.flushall()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (0, 0))
    reconciler.round()
    assert not any(path.exists() for path in files)


def test_a_store_that_does_not_answer_does_not_delay_the_recovery_of_lost_jobs(
    settings: Settings, jobs: JobStore, blobs: BlobStore, bucket: Bucket, store: FaultyProxy
) -> None:
    environment = bucket.environment(store.url) | {
        "PASTICHE_REDIS_URL": settings.redis_location,
        "PASTICHE_RECONCILE_SECONDS": "0.1",
        "AWS_READ_TIMEOUT": "1 h",
    }
    command = [sys.executable, "-m", "worker.reconciler"]
    with running(command, environment), store.failing(Fault("", hangs=True)):
        jobs.run(transitions.cancel(submitted(jobs, blobs), retention=Retention(1, 0)))
        store.wait_for_faults()
        lost = submitted(jobs, blobs)
        claimed(jobs, lost)
        until(lambda: look(jobs, lost).status == "queued")


def test_of_several_only_the_one_that_leads_acts(
    settings: Settings, jobs: JobStore, blobs: BlobStore
) -> None:
    queue = create_queue(settings)
    first, second = (
        Parts(Reconciler(settings, jobs, queue, name), Cleanup(settings, jobs, blobs, name))
        for name in ("first", "second")
    )
    assert first.round()
    assert not second.round()
    queue.close()


def test_a_round_deletes_uploaded_pictures_that_have_expired(
    reconciler: Parts, jobs: JobStore, blobs: BlobStore
) -> None:
    picture_id = make_picture_id("ada", "digest")
    key = new_blob_key(picture_id)
    jobs.run(uploaded_pictures.begin_upload(picture_id, "ada", key))
    blobs.put(key, b"picture")
    content = PictureContent("digest", 96, 64, 7, is_transparent=False)
    limits = PictureLimits(retention_hours=0, per_owner=1, in_all=1)
    storing = uploaded_pictures.store(
        picture_id, "ada", name="", content=content, blob=key, limits=limits
    )
    assert jobs.run(storing) is not None
    reconciler.round()
    assert blobs.keys("pictures") == []
