"""The lists of an owner's jobs: all, and those in one state."""

import pytest

from shared import job_records, transitions
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore
from shared.jobs import NEXT_STATES, QueueEntry, Status, new_job_id
from shared.transitions import Retention

RETENTION = Retention(retention_hours=1, grace_seconds=40)


def submit(jobs: JobStore, owner: str = "ada") -> str:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry(owner, 100, owner=owner)
    inputs = Inputs("content", ("style",))
    submission = transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=100)
    assert jobs.run(submission) == "queued"
    return job_id


def claim(jobs: JobStore, job_id: str) -> str:
    claim = jobs.run(transitions.claim(job_id, lease_seconds=20))
    assert claim is not None
    return claim.fence


def end(jobs: JobStore, job_id: str, status: Status) -> None:
    """Brings a queued job to its end."""
    if status == "canceled":
        jobs.run(transitions.cancel(job_id, retention=RETENTION))
    elif status == "failed":
        fence = claim(jobs, job_id)
        failure = transitions.fail(
            job_id, fence, code="out_of_memory", fields={}, retention=RETENTION
        )
        jobs.run(failure)
    else:
        fence = claim(jobs, job_id)
        jobs.run(transitions.succeed(job_id, fence, result_key="r", fields={}, retention=RETENTION))


def list_page(
    jobs: JobStore, status: Status | None, before: str = "", limit: int = 100, owner: str = "ada"
) -> tuple[list[str], str | None]:
    call = job_records.list_jobs(owner, before=before, limit=limit, status=status, most=1000)
    page = jobs.run(call)
    return [job.id for job in page.jobs], page.rest


def list_states(jobs: JobStore, job_id: str) -> list[Status]:
    """The states in whose list the job is."""
    return [status for status in NEXT_STATES if job_id in list_page(jobs, status)[0]]


@pytest.mark.parametrize("status", ["canceled", "failed", "succeeded"])
def test_a_job_that_is_over_is_only_in_the_list_of_its_state(
    status: Status, jobs: JobStore
) -> None:
    job_id = submit(jobs)
    end(jobs, job_id, status)
    assert list_states(jobs, job_id) == [status]
    assert jobs.client.zcard(JOB_KEYS["by_status"]) == 1


def test_a_job_that_is_painted_and_returned_moves_between_the_lists(jobs: JobStore) -> None:
    job_id = submit(jobs)
    assert list_states(jobs, job_id) == ["queued"]
    fence = claim(jobs, job_id)
    assert list_states(jobs, job_id) == ["running"]
    jobs.run(transitions.release(job_id, fence, retention=RETENTION))
    assert list_states(jobs, job_id) == ["queued"]
    assert jobs.client.zcard(JOB_KEYS["by_status"]) == 1


def test_a_deleted_job_is_in_no_list(jobs: JobStore) -> None:
    job_id = submit(jobs)
    jobs.run(transitions.delete(job_id, retention=RETENTION))
    assert not jobs.client.exists(JOB_KEYS["index"], JOB_KEYS["by_status"])


def test_the_jobs_in_one_state_are_listed_in_pages_the_newest_first(jobs: JobStore) -> None:
    canceled = []
    for _ in range(5):
        job_id, _other = submit(jobs), submit(jobs)
        end(jobs, job_id, "canceled")
        canceled.append(job_id)
    first, rest = list_page(jobs, "canceled", limit=2)
    assert rest is not None
    assert first + list_page(jobs, "canceled", rest)[0] == canceled[::-1]


def test_a_cursor_of_the_list_of_all_jobs_continues_the_list_of_one_state(
    jobs: JobStore,
) -> None:
    older, newer = submit(jobs), submit(jobs)
    _, rest = list_page(jobs, None, limit=1)
    assert rest is not None
    assert newer not in list_page(jobs, "queued", rest)[0]
    assert list_page(jobs, "queued", rest)[0] == [older]


def test_the_list_of_one_state_has_no_jobs_of_other_owners(jobs: JobStore) -> None:
    own, _others = submit(jobs, "ada"), [submit(jobs, owner) for owner in ("ad", "adam", "bob")]
    assert list_page(jobs, "queued") == ([own], None)
