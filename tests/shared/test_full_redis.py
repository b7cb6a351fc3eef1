"""What workers write while Redis is full and refuses commands that could need more memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import transitions
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore
from shared.jobs import Job, QueueEntry, new_job_id
from shared.workers import Worker, list_workers, register_worker
from tests.conftest import running_redis


@pytest.fixture
def own_jobs(tmp_path: Path) -> Iterator[JobStore]:
    """The records in a Redis of their own, which can be filled."""
    with running_redis(tmp_path) as url:
        store = JobStore.connect(url)
        yield store
        store.client.close()


def fill(jobs: JobStore) -> None:
    jobs.client.config_set("maxmemory", 1)


def claimed(jobs: JobStore, lease_seconds: float) -> transitions.Claim:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    inputs, entry = Inputs("content", ("style",)), QueueEntry("somebody", 100)
    jobs.run(transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=9))
    claim = jobs.run(transitions.claim(job_id, lease_seconds=lease_seconds))
    assert claim is not None
    return claim


def read_job(jobs: JobStore, job_id: str) -> Job:
    job = jobs.run(transitions.read(job_id))
    assert job is not None
    return job


def test_a_heartbeat_renews_the_lease_while_redis_is_full(own_jobs: JobStore) -> None:
    claim = claimed(own_jobs, lease_seconds=0)
    lease_ms = own_jobs.client.zscore(JOB_KEYS["running"], claim.job_id)
    fill(own_jobs)
    beat = transitions.heartbeat(
        claim.job_id, claim.fence, lease_seconds=60, fields={"preview_iteration": "3"}, remaining=9
    )
    assert own_jobs.run(beat).answer == "ok"
    assert (own_jobs.client.zscore(JOB_KEYS["running"], claim.job_id) or 0) > (lease_ms or 0)
    assert read_job(own_jobs, claim.job_id).preview_iteration == 3


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_a_job_is_ended_by_its_worker_while_redis_is_full(status: str, own_jobs: JobStore) -> None:
    retention = transitions.Retention(retention_hours=1, grace_seconds=0)
    claim = claimed(own_jobs, lease_seconds=60)
    ends = {
        "succeeded": transitions.succeed(
            claim.job_id, claim.fence, result_key="r", fields={}, retention=retention
        ),
        "failed": transitions.fail(
            claim.job_id, claim.fence, code="time_limit", fields={}, retention=retention
        ),
        "canceled": transitions.confirm_cancel(
            claim.job_id, claim.fence, fields={}, retention=retention
        ),
    }
    fill(own_jobs)
    assert own_jobs.run(ends[status]) == "ok"
    assert read_job(own_jobs, claim.job_id).status == status


@pytest.mark.parametrize("is_known", [True, False])
def test_a_worker_counts_as_alive_while_redis_is_full(is_known: bool, own_jobs: JobStore) -> None:
    worker = Worker("one", "whitened", "CPU", 1)
    if is_known:
        own_jobs.run(register_worker(worker, ttl_seconds=0))
    fill(own_jobs)
    own_jobs.run(register_worker(worker, ttl_seconds=60))
    assert own_jobs.run(list_workers()) == [worker]
