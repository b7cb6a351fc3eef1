"""A lowered number of jobs to retain takes effect though no job ends, even if Redis is full."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from shared import transitions
from shared.blob_store import BlobStore, input_key
from shared.celery_app import create_queue
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore, record_key
from shared.jobs import QueueEntry, new_job_id
from shared.settings import Settings
from shared.transitions import Retention
from tests.conftest import running_redis
from worker.cleanup import Cleanup
from worker.reconciler import Reconciler

RETENTION = Retention(retention_hours=1, grace_seconds=0)


@contextmanager
def reconciling(
    jobs: JobStore, redis_url: str, kept_jobs_per_owner: int = 100, kept_jobs: int = 100
) -> Iterator[Reconciler]:
    """A reconciler with these limits."""
    settings = Settings(
        redis_url=redis_url,
        reconcile_seconds=60,
        kept_jobs_per_owner=kept_jobs_per_owner,
        kept_jobs=kept_jobs,
    )
    queue = create_queue(settings)
    yield Reconciler(settings, jobs, queue, "one")
    queue.close()


@pytest.fixture
def full_redis(tmp_path: Path) -> Iterator[str]:
    """A Redis whose memory a test may limit."""
    with running_redis(tmp_path) as url:
        yield url


def cancel_new_job(jobs: JobStore, owner: str = "ada") -> str:
    """Cancels a new job, which is younger than those before."""
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    inputs = Inputs(input_key(job_id, "content"), (input_key(job_id, "style-0"),))
    entry = QueueEntry("somebody", 100, owner=owner)
    submission = transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=100)
    assert jobs.run(submission) == "queued"
    assert jobs.run(transitions.cancel(job_id, retention=RETENTION)) == "canceled"
    for key in (JOB_KEYS["retained"], f"{JOB_KEYS['retained']}:{owner}"):
        jobs.client.zadd(key, {job_id: jobs.client.zcard(JOB_KEYS["retained"])})
    return job_id


def read_ids(jobs: JobStore, *job_ids: str) -> list[str]:
    """Those that have a record."""
    return [each for each in job_ids if jobs.client.exists(record_key(each))]


def test_the_oldest_jobs_of_an_owner_are_deleted_beyond_a_lowered_limit(
    jobs: JobStore, redis_url: str
) -> None:
    ada = [cancel_new_job(jobs, "ada") for _ in range(4)]
    bob = [cancel_new_job(jobs, "bob") for _ in range(2)]
    with reconciling(jobs, redis_url, kept_jobs_per_owner=2) as reconciler:
        reconciler.round()
    assert read_ids(jobs, *ada, *bob) == [*ada[2:], *bob]


def test_the_oldest_jobs_of_all_owners_are_deleted_beyond_a_lowered_limit(
    jobs: JobStore, redis_url: str
) -> None:
    ended = [cancel_new_job(jobs, owner) for owner in ("ada", "bob", "cid", "ada")]
    with reconciling(jobs, redis_url, kept_jobs=2) as reconciler:
        reconciler.round()
    assert read_ids(jobs, *ended) == ended[2:]
    assert jobs.client.zcard(JOB_KEYS["retained"]) == 2
    assert not jobs.client.exists("jobs:retained:bob")


def test_few_jobs_are_deleted_in_one_round_and_all_in_several(
    jobs: JobStore, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.retention_limits.BATCH_SIZE", 2)
    monkeypatch.setattr("worker.retention_limits.OWNERS", 1)
    ended = [cancel_new_job(jobs, owner) for owner in ("ada", "bob") for _ in range(4)]
    left = []
    with reconciling(jobs, redis_url, kept_jobs_per_owner=1) as reconciler:
        for _ in range(6):
            reconciler.round()
            left.append(len(read_ids(jobs, *ended)))
    assert min(before - after for before, after in zip([8, *left], left, strict=False)) >= 0
    assert max(before - after for before, after in zip([8, *left], left, strict=False)) == 2
    assert read_ids(jobs, *ended) == [ended[3], ended[7]]


def test_a_limit_that_was_not_lowered_deletes_nothing(jobs: JobStore, redis_url: str) -> None:
    ended = [cancel_new_job(jobs) for _ in range(3)]
    with reconciling(jobs, redis_url, kept_jobs_per_owner=3, kept_jobs=3) as reconciler:
        reconciler.round()
    assert read_ids(jobs, *ended) == ended


def test_a_record_that_is_gone_or_damaged_does_not_stop_the_others(
    jobs: JobStore, redis_url: str
) -> None:
    gone, damaged, old, last = (cancel_new_job(jobs) for _ in range(4))
    jobs.client.delete(record_key(gone), record_key(damaged))
    jobs.client.set(record_key(damaged), "text")
    with reconciling(jobs, redis_url, kept_jobs_per_owner=1) as reconciler:
        reconciler.round()
    assert read_ids(jobs, gone, damaged, old, last) == [last]
    assert jobs.client.zrange("jobs:retained:ada", 0, -1) == [last]


def test_a_reconciler_that_starts_while_redis_is_full_deletes_jobs_and_their_pictures(
    full_redis: str, tmp_path: Path
) -> None:
    jobs = JobStore.connect(full_redis)
    blobs = BlobStore.open(tmp_path.as_uri())
    past, old, last = (cancel_new_job(jobs) for _ in range(3))
    jobs.client.hset(record_key(past), "expires_ms", 1)
    jobs.client.zadd(JOB_KEYS["finished"], {past: 1})
    for job_id in (past, old, last):
        blobs.put(input_key(job_id, "content"), b"picture")
    jobs.client.delete(JOB_KEYS["cleanup"])
    jobs.client.config_set("maxmemory", 1)
    with pytest.raises(redis.ResponseError, match="maxmemory"):
        cancel_new_job(jobs)
    with reconciling(jobs, full_redis, kept_jobs=1) as reconciler:
        for _ in range(2):
            assert reconciler.round()
        cleanup = Cleanup(Settings(redis_url=full_redis), jobs, blobs, "one")
        assert cleanup.round()
    assert read_ids(jobs, past, old, last) == [last]
    assert blobs.keys("jobs") == [input_key(last, "content")]
    jobs.client.close()
