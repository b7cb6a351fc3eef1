"""How long a job may take, and how long it is retained, on a real Redis."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared import transitions
from shared.job_store import JOB_KEYS, JobStore, Transition, record_key
from shared.jobs import Job
from shared.transitions import Retention
from tests.shared.test_transitions import (
    RETENTION,
    beat,
    cancel,
    claim,
    claimed,
    due,
    order,
    read_job,
    recover,
    submitted,
    succeed,
)
from tests.waiting import until

LONG_AGO = 1


def set_moment(jobs: JobStore, job_id: str, name: str, milliseconds: int = LONG_AGO) -> None:
    """Moves a moment of a job, as if time had passed."""
    assert jobs.client.hexists(record_key(job_id), name)
    jobs.client.hset(record_key(job_id), name, milliseconds)


def expire(jobs: JobStore, job_id: str) -> transitions.Expired:
    return jobs.run(transitions.expire(job_id, retention=RETENTION))


def test_a_job_that_times_out_while_it_waits_fails(jobs: JobStore) -> None:
    job_id = submitted(jobs, timeout_seconds=0.001)
    until(lambda: due(jobs).late == [job_id])
    assert expire(jobs, job_id) == "timed_out"
    job = read_job(jobs, job_id)
    assert (job.status, job.error_code) == ("failed", "timed_out")
    assert job.error_detail
    assert order(jobs) == due(jobs).late == []


def test_a_job_that_has_timed_out_is_not_claimed(jobs: JobStore) -> None:
    job_id = submitted(jobs, timeout_seconds=60)
    set_moment(jobs, job_id, "timeout_ms")
    assert claim(jobs, job_id) is None
    assert due(jobs).late == [job_id]


def test_a_job_times_out_even_if_an_older_reconciler_does_not_know_of_it(jobs: JobStore) -> None:
    job_id = submitted(jobs, timeout_seconds=60)
    set_moment(jobs, job_id, "timeout_ms")
    jobs.client.delete(JOB_KEYS["deadlines"])
    assert claim(jobs, job_id) is None
    assert due(jobs).late == [job_id]


def test_the_worker_of_a_job_that_times_out_learns_it_at_its_next_heartbeat(
    jobs: JobStore,
) -> None:
    job_id = submitted(jobs, timeout_seconds=60)
    fence = claimed(jobs, job_id)
    assert due(jobs).late == []
    assert beat(jobs, job_id, fence) == "ok"
    set_moment(jobs, job_id, "timeout_ms")
    assert beat(jobs, job_id, fence) == "timed_out"


@pytest.mark.parametrize(
    ("request_end", "answer"),
    [
        (transitions.request_finish, "finish"),
        (lambda job_id: transitions.cancel(job_id, retention=RETENTION), "cancel"),
    ],
)
def test_what_the_client_requests_comes_before_the_timeout(
    request_end: Callable[[str], Transition[str]], answer: str, jobs: JobStore
) -> None:
    job_id = submitted(jobs, timeout_seconds=60)
    fence = claimed(jobs, job_id)
    jobs.run(request_end(job_id))
    set_moment(jobs, job_id, "timeout_ms")
    assert beat(jobs, job_id, fence) == answer


def test_a_picture_that_is_finished_before_its_worker_learns_of_the_timeout_is_stored(
    jobs: JobStore,
) -> None:
    job_id = submitted(jobs, timeout_seconds=60)
    fence = claimed(jobs, job_id)
    set_moment(jobs, job_id, "timeout_ms")
    assert succeed(jobs, job_id, fence) == "ok"
    assert read_job(jobs, job_id).status == "succeeded"


def test_a_job_whose_worker_died_times_out(jobs: JobStore) -> None:
    job_id = submitted(jobs, timeout_seconds=60)
    claimed(jobs, job_id, lease_seconds=0)
    set_moment(jobs, job_id, "timeout_ms")
    assert recover(jobs, job_id) == "queued"
    assert due(jobs).late == [job_id]
    assert expire(jobs, job_id) == "timed_out"


@pytest.mark.parametrize(
    ("deadline", "timeout", "outcome"), [(1, 2, "expired"), (2, 1, "timed_out"), (1, 1, "expired")]
)
def test_of_deadline_and_timeout_the_earlier_one_counts(
    deadline: int, timeout: int, outcome: str, jobs: JobStore
) -> None:
    job_id = submitted(jobs, wait_seconds=60, timeout_seconds=60)
    set_moment(jobs, job_id, "deadline_ms", deadline)
    set_moment(jobs, job_id, "timeout_ms", timeout)
    assert expire(jobs, job_id) == outcome


def test_a_job_that_was_begun_in_time_only_times_out(jobs: JobStore) -> None:
    job_id = submitted(jobs, wait_seconds=60, timeout_seconds=60)
    fence = claimed(jobs, job_id)
    set_moment(jobs, job_id, "deadline_ms")
    jobs.run(transitions.release(job_id, fence, retention=RETENTION))
    assert expire(jobs, job_id) == "unchanged"
    set_moment(jobs, job_id, "timeout_ms")
    assert expire(jobs, job_id) == "timed_out"


def retained(job: Job) -> timedelta:
    """How long a job that is over is retained."""
    assert job.expires_at is not None
    assert job.finished_at is not None
    return job.expires_at - job.finished_at


@pytest.mark.parametrize(
    ("keep", "hours"), [(3600.0, 1), (7200.5, 2.000138888), (1e6, 24), ("until_fetched", 24)]
)
def test_a_job_is_retained_for_as_long_as_its_client_and_the_operator_allow(
    keep: float | str, hours: float, jobs: JobStore
) -> None:
    job_id = submitted(jobs, keep=keep)
    jobs.run(transitions.cancel(job_id, retention=Retention(24, 40)))
    job = read_job(jobs, job_id)
    assert job.keep == keep
    assert retained(job).total_seconds() == pytest.approx(hours * 3600, abs=0.002)


def test_a_job_that_was_fetched_is_retained_a_little_longer_where_its_client_says_so(
    jobs: JobStore,
) -> None:
    fetched, other = submitted(jobs, keep="until_fetched"), submitted(jobs)
    for job_id in (fetched, other):
        succeed(jobs, job_id, claimed(jobs, job_id))
    assert jobs.run(transitions.end_retention(fetched))
    assert not jobs.run(transitions.end_retention(other))
    assert retained(read_job(jobs, fetched)) < timedelta(hours=1) == retained(read_job(jobs, other))
    jobs.run(transitions.end_retention(fetched, remaining_seconds=0))
    until(lambda: due(jobs).old == [fetched])
    assert jobs.run(transitions.delete_past_retention(fetched))


def test_a_job_that_is_fetched_again_is_not_retained_longer(jobs: JobStore) -> None:
    job_id = submitted(jobs, keep="until_fetched")
    succeed(jobs, job_id, claimed(jobs, job_id))
    jobs.run(transitions.end_retention(job_id, remaining_seconds=1))
    expires_at = read_job(jobs, job_id).expires_at
    assert not jobs.run(transitions.end_retention(job_id))
    assert read_job(jobs, job_id).expires_at == expires_at


def test_a_job_that_is_not_over_is_not_deleted_once_it_is_fetched(jobs: JobStore) -> None:
    job_id = submitted(jobs, keep="until_fetched")
    assert not jobs.run(transitions.end_retention(job_id))
    assert read_job(jobs, job_id).expires_at is None


def test_settings_that_are_not_given_are_not_stored(jobs: JobStore) -> None:
    job_id = submitted(jobs, webhook_url="https://example.org/")
    fields = set(jobs.client.hkeys(record_key(job_id)))
    assert not fields & {"keep", "timeout_ms", "webhook_events", "webhook_pending", "stats"}
    job = read_job(jobs, job_id)
    assert (job.keep, job.timeout_at, job.stats) == (None, None, None)
    assert job.webhook is not None
    assert job.webhook.events == ("finished",)


def test_values_that_only_a_newer_version_knows_are_ignored(jobs: JobStore) -> None:
    job_id = submitted(jobs, webhook_url="https://example.org/")
    for name, value in (
        ("keep", "for_ever"),
        ("webhook_events", "started,paused,finished"),
        ("stats", '{"device": "CPU", "precision": "float32", "watts": 7}'),
    ):
        jobs.client.hset(record_key(job_id), name, value)
    job = read_job(jobs, job_id)
    assert job.keep is None
    assert job.webhook is not None
    assert job.webhook.events == ("started", "finished")
    assert job.stats is not None
    assert job.stats.peak_memory_bytes is None
    cancel(jobs, job_id)
    assert retained(read_job(jobs, job_id)) == timedelta(hours=1)


def test_a_job_knows_how_long_it_waited_and_was_painted(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    waiting = read_job(jobs, job_id)
    assert (waiting.waited_seconds, waiting.painted_seconds, waiting.total_seconds) == (None,) * 3
    fence = claimed(jobs, job_id)
    running = read_job(jobs, job_id)
    assert running.waited_seconds is not None
    assert running.painted_seconds is running.total_seconds is None
    succeed(jobs, job_id, fence)
    for name, milliseconds in (("created", 1000), ("started", 3500), ("finished", 10_250)):
        set_moment(jobs, job_id, f"{name}_ms", milliseconds)
    job = read_job(jobs, job_id)
    assert (job.waited_seconds, job.painted_seconds, job.total_seconds) == (2.5, 6.75, 9.25)


def test_a_job_that_ended_while_it_waited_was_never_painted(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    cancel(jobs, job_id)
    job = read_job(jobs, job_id)
    assert job.painted_seconds is None
    assert job.total_seconds is not None
    assert job.waited_seconds == job.total_seconds
