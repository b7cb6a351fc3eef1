"""A job that one worker cannot paint, and another can."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from shared import transitions
from shared.blob_store import BlobStore
from shared.celery_app import MESSAGES_KEY, create_queue
from shared.errors import WORKER_FAILURES, FailureCode
from shared.inputs import Inputs
from shared.job_store import JobStore
from shared.jobs import BackboneUsed, FailedAttempt, Job, QueueEntry, new_job_id
from shared.settings import Settings
from shared.workers import register_worker
from tests.conftest import running_redis
from worker.attempt import PaintingFailed, WorkerShutdown
from worker.context import Capability, FreeMemory, Shutdown, WorkerContext
from worker.lease import WakeUps
from worker.measurements import Measurements
from worker.tasks import next_attempt

GIB = 2**30

Start = Callable[..., WorkerContext]


@pytest.fixture
def start(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[Start]:
    """Registers a worker that paints nothing, and returns its context."""
    settings = Settings(
        redis_url=redis_url, data_folder=tmp_path, weights_folder=tmp_path / "weights"
    )
    blobs = BlobStore.open(settings.blob_store_location)
    with ExitStack() as stack:

        def start_one(name: str, free_bytes: int = 8 * GIB, instance: str = "") -> WorkerContext:
            free_memory = FreeMemory(lambda: free_bytes)
            capability = Capability(
                name, "CPU", "float32", settings, free_memory, instance=instance
            )
            jobs.run(register_worker(capability.worker(), ttl_seconds=60))
            queue = create_queue(settings)
            stack.callback(queue.close)
            # It shuts down, so that it does not pause after a message for another worker.
            shutdown = Shutdown()
            shutdown.set()
            wake_ups = WakeUps(jobs)
            return WorkerContext(settings, jobs, blobs, queue, shutdown, wake_ups, capability)

        yield start_one


def submitted(jobs: JobStore) -> str:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry("somebody", 100, pixels=1400 * 1400)
    submission = transitions.submit(
        job_id, latest_ms, {}, Inputs("content", ("style",)), entry, queue_limit=9
    )
    assert jobs.run(submission) == "queued"
    return job_id


def read_job(jobs: JobStore, job_id: str) -> Job:
    job = jobs.run(transitions.read(job_id))
    assert job is not None
    return job


def fail(context: WorkerContext, error: Exception) -> str | None:
    """Lets a worker claim a job, and ends the attempt with this error; the job."""
    job_id = None
    with next_attempt(context) as attempt:
        if attempt is not None:
            job_id = attempt.job.id
            raise error
    return job_id


def claimed(context: WorkerContext) -> str | None:
    """The job that a worker claims and releases at once."""
    return fail(context, WorkerShutdown())


def expire_registration(jobs: JobStore, name: str) -> None:
    jobs.client.zadd("{workers}:seen", {name: 1})


@pytest.mark.parametrize("code", sorted(WORKER_FAILURES))
def test_a_job_that_fails_on_one_worker_is_queued_for_another(
    code: FailureCode, start: Start, jobs: JobStore
) -> None:
    one, other = start("one"), start("other")
    job_id = submitted(jobs)
    assert fail(one, PaintingFailed(code)) == job_id
    job = read_job(jobs, job_id)
    assert (job.status, job.error_code) == ("queued", None)
    assert job.failed_attempts == (FailedAttempt(code, "one"),)
    assert jobs.client.llen(MESSAGES_KEY) == 1
    assert claimed(one) is None
    assert claimed(other) == job_id
    assert read_job(jobs, job_id).attempt == 2


def test_a_job_with_an_unexpected_error_is_queued_for_another_worker(
    start: Start, jobs: JobStore
) -> None:
    one, other = start("one"), start("other")
    job_id = submitted(jobs)
    fail(one, RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert read_job(jobs, job_id).failed_attempts == (FailedAttempt("internal_error", "one"),)
    assert claimed(other) == job_id


def fail_with(context: WorkerContext, backbone: BackboneUsed) -> None:
    """Lets the worker claim a job, report its network, and run out of memory."""
    with next_attempt(context) as attempt:
        assert attempt is not None
        attempt.report_backbone(backbone, Measurements("CPU", "float32", lambda: None))
        raise PaintingFailed("out_of_memory")


def test_a_record_names_the_network_of_the_newest_attempt_alone(
    start: Start, jobs: JobStore
) -> None:
    one, other = start("one"), start("other")
    job_id = submitted(jobs)
    fail_with(one, BackboneUsed("vgg16", "1" * 64))
    assert read_job(jobs, job_id).backbone == BackboneUsed("vgg16", "1" * 64)
    fail_with(other, BackboneUsed("whitened", None))
    assert read_job(jobs, job_id).backbone == BackboneUsed("whitened", None)


def test_a_job_fails_when_every_worker_has_tried_it(start: Start, jobs: JobStore) -> None:
    one, other = start("one"), start("other")
    job_id = submitted(jobs)
    fail(one, PaintingFailed("out_of_memory"))
    fail(other, PaintingFailed("storage_failed"))
    job = read_job(jobs, job_id)
    assert (job.status, job.error_code) == ("failed", "storage_failed")


def test_a_job_fails_when_no_other_worker_can_paint_it(start: Start, jobs: JobStore) -> None:
    one = start("one")
    start("small", GIB)
    job_id = submitted(jobs)
    fail(one, PaintingFailed("internal_error"))
    assert read_job(jobs, job_id).status == "failed"


def test_a_job_fails_on_as_many_workers_as_attempts_are_allowed(
    start: Start, jobs: JobStore
) -> None:
    one, two, three, _ = (start(name) for name in ("one", "two", "three", "four"))
    job_id = submitted(jobs)
    fail(one, PaintingFailed("internal_error"))
    fail(two, PaintingFailed("internal_error"))
    assert read_job(jobs, job_id).status == "queued"
    fail(three, PaintingFailed("internal_error"))
    assert read_job(jobs, job_id).status == "failed"


@pytest.mark.parametrize("code", ["painting_diverged", "layer_missing", "time_limit", "timed_out"])
def test_a_job_fails_at_once_for_a_reason_that_every_worker_would_have(
    code: FailureCode, start: Start, jobs: JobStore
) -> None:
    one, _ = start("one"), start("other")
    job_id = submitted(jobs)
    fail(one, PaintingFailed(code))
    job = read_job(jobs, job_id)
    assert (job.status, job.error_code) == ("failed", code)


def test_a_job_that_was_canceled_is_not_queued_for_another_worker(
    start: Start, jobs: JobStore
) -> None:
    one, _ = start("one"), start("other")
    job_id = submitted(jobs)
    with next_attempt(one) as attempt:
        assert attempt is not None
        jobs.run(transitions.cancel(job_id, retention=one.retention))
        raise PaintingFailed("internal_error")
    assert read_job(jobs, job_id).status == "canceled"


def recover(context: WorkerContext, job_id: str, lost_limit: int = 3) -> transitions.Recovered:
    """As the reconciler does, once the lease has run out."""
    recovered = transitions.recover(
        job_id, lost_limit=lost_limit, lease_limit_seconds=3600, retention=context.retention
    )
    return context.jobs.run(recovered)


def lose(context: WorkerContext, job_id: str) -> None:
    """Lets the worker claim a job and be killed, and the reconciler recover the job."""
    identity = context.capability.identity
    assert context.jobs.run(transitions.claim(job_id, lease_seconds=0, worker=identity))
    assert recover(context, job_id) == "queued"


def test_a_job_whose_worker_was_killed_is_left_to_another_worker(
    start: Start, jobs: JobStore
) -> None:
    one, other = start("one"), start("other")
    job_id = submitted(jobs)
    lose(one, job_id)
    assert read_job(jobs, job_id).failed_attempts == (FailedAttempt("worker_lost", "one"),)
    assert claimed(one) is None
    assert claimed(other) == job_id


def register_as(context: WorkerContext, *, is_painting: bool | None) -> None:
    """Registers the worker again; None as one of version 0.2.0."""
    worker = replace(context.capability.worker(), is_painting=is_painting)
    context.jobs.run(register_worker(worker, ttl_seconds=60))


def test_a_job_whose_worker_was_killed_does_not_wait_for_one_that_is_busy(
    start: Start, jobs: JobStore
) -> None:
    one, other = start("one"), start("other")
    register_as(other, is_painting=True)
    job_id = submitted(jobs)
    lose(one, job_id)
    assert claimed(one) == job_id


def test_the_last_attempt_is_left_to_a_worker_that_has_not_tried_the_job(
    start: Start, jobs: JobStore
) -> None:
    one, other = start("one"), start("other")
    register_as(other, is_painting=True)
    job_id = submitted(jobs)
    lose(one, job_id)
    lose(one, job_id)
    assert claimed(one) is None
    assert claimed(other) == job_id


def test_a_job_is_not_left_to_a_worker_of_version_0_2_0(start: Start, jobs: JobStore) -> None:
    one, old = start("one"), start("old")
    register_as(old, is_painting=None)
    job_id = submitted(jobs)
    lose(one, job_id)
    assert fail(one, PaintingFailed("internal_error")) == job_id
    assert read_job(jobs, job_id).status == "failed"


@pytest.mark.parametrize("way", ["handed over", "released", "recovered"])
def test_a_job_is_queued_again_while_redis_is_full(way: str, tmp_path: Path) -> None:
    retention = transitions.Retention(retention_hours=1, grace_seconds=0)
    fields = {"preview_iteration": "3"}
    with running_redis(tmp_path) as url:
        jobs = JobStore.connect(url)
        job_id = submitted(jobs)
        claim = jobs.run(transitions.claim(job_id, lease_seconds=0, worker="one"))
        assert claim is not None
        jobs.client.config_set("maxmemory", 1)
        if way == "handed over":
            assert jobs.run(
                transitions.hand_over(
                    job_id, claim.fence, code="internal_error", lost_limit=3, fields=fields
                )
            )
        elif way == "released":
            jobs.run(transitions.release(job_id, claim.fence, fields=fields, retention=retention))
        else:
            recovered = transitions.recover(
                job_id, lost_limit=3, lease_limit_seconds=3600, retention=retention
            )
            assert jobs.run(recovered) == "queued"
        assert read_job(jobs, job_id).status == "queued"
        jobs.client.close()


def test_a_painting_process_does_not_try_again_what_its_predecessor_failed_at(
    start: Start, jobs: JobStore
) -> None:
    predecessor = start("host-1-7", instance="host-1")
    job_id = submitted(jobs)
    other = start("other")
    lose(predecessor, job_id)
    assert claimed(start("host-1-8", instance="host-1")) is None
    assert claimed(other) == job_id


def test_a_worker_tries_a_job_again_when_the_others_are_gone(start: Start, jobs: JobStore) -> None:
    one, _ = start("one"), start("other")
    job_id = submitted(jobs)
    lose(one, job_id)
    expire_registration(jobs, "other")
    assert claimed(one) == job_id


def test_a_worker_tries_a_job_again_that_all_workers_have_tried(
    start: Start, jobs: JobStore
) -> None:
    one, other = start("one"), start("other")
    job_id = submitted(jobs)
    lose(one, job_id)
    lose(other, job_id)
    assert claimed(one) == job_id


def test_a_worker_that_shuts_down_has_not_failed(start: Start, jobs: JobStore) -> None:
    one, _ = start("one"), start("other")
    job_id = submitted(jobs)
    assert claimed(one) == job_id
    assert claimed(one) == job_id
    assert read_job(jobs, job_id).failed_attempts == ()


def test_a_claim_of_a_worker_of_version_0_2_0_can_be_lost(start: Start, jobs: JobStore) -> None:
    one = start("one")
    job_id = submitted(jobs)
    jobs.run(transitions.claim(job_id, lease_seconds=0))
    assert recover(one, job_id) == "queued"
    assert read_job(jobs, job_id).failed_attempts == ()
    assert claimed(one) == job_id


def test_a_record_names_each_failed_worker_once_and_not_more_than_sixteen(
    start: Start, jobs: JobStore
) -> None:
    one = start("one")
    job_id = submitted(jobs)
    for number in [*range(20), 19]:
        jobs.run(transitions.claim(job_id, lease_seconds=0, worker=f"worker-{number}"))
        assert recover(one, job_id, lost_limit=100) == "queued"
    named = [each.worker for each in read_job(jobs, job_id).failed_attempts]
    assert named == [f"worker-{number}" for number in range(4, 20)]
