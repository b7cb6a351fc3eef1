"""The lists of jobs by state, after a process of an older version has changed jobs."""

from pathlib import Path

import pytest

from shared import job_records, transitions
from shared.celery_app import create_queue
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore, record_key
from shared.jobs import NOBODY, QueueEntry, Status, new_job_id
from shared.settings import Settings
from shared.transitions import Retention
from worker.list_repair import repair
from worker.reconciler import Reconciler

RETENTION = Retention(retention_hours=1, grace_seconds=40)


def submit(jobs: JobStore) -> str:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry, inputs = QueueEntry("somebody", 100), Inputs("content", ("style",))
    submission = transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=100)
    assert jobs.run(submission) == "queued"
    return job_id


def cancel(jobs: JobStore, job_id: str) -> None:
    assert jobs.run(transitions.cancel(job_id, retention=RETENTION)) == "canceled"


def list_ids(jobs: JobStore, status: Status | None = None) -> list[str]:
    page = jobs.run(job_records.list_jobs(NOBODY, before="", limit=100, status=status, most=1000))
    return [job.id for job in page.jobs]


def count_entries(jobs: JobStore) -> list[int]:
    """The numbers of entries in the list of all jobs, and in the lists by state."""
    return [jobs.client.zcard(JOB_KEYS[name]) for name in ("index", "by_status")]


def repair_all(jobs: JobStore, limit: int = 100) -> None:
    """Checks both lists from beginning to end, at least once."""
    checked = ("", "")
    for _ in range(20):
        checked = jobs.run(repair(*checked, limit=limit))


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_jobs_that_are_in_no_list_of_their_state_are_added(limit: int, jobs: JobStore) -> None:
    waiting, canceled = [submit(jobs) for _ in range(3)], [submit(jobs) for _ in range(2)]
    for job_id in canceled:
        cancel(jobs, job_id)
    jobs.client.delete(JOB_KEYS["by_status"])
    repair_all(jobs, limit)
    assert list_ids(jobs, "queued") == waiting[::-1]
    assert list_ids(jobs, "canceled") == canceled[::-1]


def test_a_job_leaves_the_list_of_a_state_that_it_no_longer_has(jobs: JobStore) -> None:
    job_id = submit(jobs)
    jobs.client.hset(record_key(job_id), "status", "canceled")
    repair_all(jobs)
    assert list_ids(jobs, "canceled") == [job_id]
    assert count_entries(jobs) == [1, 1]


def test_jobs_without_a_record_leave_all_lists(jobs: JobStore) -> None:
    deleted, other = submit(jobs), submit(jobs)
    jobs.client.delete(record_key(deleted))
    repair_all(jobs)
    assert list_ids(jobs) == list_ids(jobs, "queued") == [other]
    assert count_entries(jobs) == [1, 1]


def test_a_key_that_does_not_hold_a_record_stops_no_repair(jobs: JobStore) -> None:
    damaged, other = submit(jobs), submit(jobs)
    jobs.client.delete(record_key(damaged), JOB_KEYS["by_status"])
    jobs.client.lpush(record_key(damaged), "not a record")
    repair_all(jobs)
    assert list_ids(jobs, "queued") == [other]


def test_the_reconciler_repairs_the_lists(jobs: JobStore, redis_url: str, tmp_path: Path) -> None:
    job_id = submit(jobs)
    jobs.client.delete(JOB_KEYS["by_status"])
    settings = Settings(redis_url=redis_url, data_folder=tmp_path)
    queue = create_queue(settings)
    assert Reconciler(settings, jobs, queue, "one").round()
    queue.close()
    assert list_ids(jobs, "queued") == [job_id]
