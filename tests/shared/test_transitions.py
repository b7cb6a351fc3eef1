"""Every change of a job's record, on a real Redis: what it compares and what it sets."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from api.submissions.idempotency import make_idempotency_key, reserve
from pastiche.option_warnings import OptionWarning
from shared import job_records, job_store, transitions
from shared.celery_app import MESSAGES_KEY
from shared.errors import RecordDamaged
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore, Transition, record_key
from shared.jobs import NEXT_STATES, Job, QueueEntry, Waiting, new_job_id
from shared.transitions import Retention, Submitted
from tests.waiting import until
from worker import cleanup, reconciler

INPUTS = Inputs("jobs/x/inputs/content.png", ("jobs/x/inputs/style-0.png",))


RETENTION = Retention(retention_hours=1, grace_seconds=40)


def submission_of(
    jobs: JobStore, job_id: str, options: dict[str, Any], entry: QueueEntry, **limits: Any
) -> Transition[Submitted]:
    """The submission of a job whose pictures were begun."""
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    return transitions.submit(job_id, latest_ms, options, INPUTS, entry, **limits)


def submitted(
    jobs: JobStore, queue_limit: int = 10, caller: str = "somebody", work: int = 100, **fields: Any
) -> str:
    job_id, entry = new_job_id(), QueueEntry(caller, work, **fields)
    submission = submission_of(jobs, job_id, {"size": 256}, entry, queue_limit=queue_limit)
    assert jobs.run(submission) == "queued"
    return job_id


def read_job(jobs: JobStore, job_id: str) -> Job:
    job = jobs.run(transitions.read(job_id))
    assert job is not None
    return job


def claim(jobs: JobStore, job_id: str, lease_seconds: float = 20) -> str | None:
    claim = jobs.run(transitions.claim(job_id, lease_seconds=lease_seconds))
    return None if claim is None else claim.fence


def claimed(jobs: JobStore, job_id: str, lease_seconds: float = 20) -> str:
    fence = claim(jobs, job_id, lease_seconds)
    assert fence is not None
    return fence


def recover(
    jobs: JobStore, job_id: str, lost_limit: int = 3, limit_seconds: float = 3600
) -> transitions.Recovered:
    return jobs.run(
        transitions.recover(
            job_id, lost_limit=lost_limit, lease_limit_seconds=limit_seconds, retention=RETENTION
        )
    )


def beat(jobs: JobStore, job_id: str, fence: str, **fields: str) -> str:
    heard = jobs.run(transitions.heartbeat(job_id, fence, lease_seconds=20, fields=fields))
    return heard.answer


def succeed(jobs: JobStore, job_id: str, fence: str) -> transitions.Committed:
    key = f"results/{fence}.png"
    return jobs.run(
        transitions.succeed(job_id, fence, result_key=key, fields={}, retention=RETENTION)
    )


def failed(jobs: JobStore, job_id: str, fence: str) -> transitions.Committed:
    failure = transitions.fail(job_id, fence, code="out_of_memory", fields={}, retention=RETENTION)
    return jobs.run(failure)


def stopped(jobs: JobStore, job_id: str, fence: str) -> transitions.Committed:
    return jobs.run(transitions.confirm_cancel(job_id, fence, fields={}, retention=RETENTION))


def cancel(jobs: JobStore, job_id: str) -> transitions.Canceled:
    return jobs.run(transitions.cancel(job_id, retention=RETENTION))


def delete(jobs: JobStore, job_id: str) -> bool:
    return jobs.run(transitions.delete(job_id, retention=RETENTION))


def order(jobs: JobStore) -> list[str]:
    """The jobs that wait, first to last."""
    return job_records.list_waiting(jobs, 100)


def due(jobs: JobStore) -> reconciler.Due:
    return jobs.run(reconciler.find_due(limit=100))


def due_cleanups(jobs: JobStore) -> dict[str, float]:
    return jobs.run(cleanup.list_due(limit=100))


def test_a_job_that_is_released_after_its_client_canceled_it_is_over(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert cancel(jobs, job_id) == "requested"
    assert jobs.run(transitions.release(job_id, fence, retention=RETENTION)) == "ok"
    assert read_job(jobs, job_id).status == "canceled"
    assert order(jobs) == []


def test_a_key_does_not_return_a_job_that_was_never_queued(jobs: JobStore) -> None:
    idempotency_key = make_idempotency_key("ada", "key")
    jobs.run(reserve(idempotency_key, "form"))
    job_id, entry = new_job_id(), QueueEntry("somebody", 100)
    jobs.run(submission_of(jobs, job_id, {}, entry, queue_limit=9, idempotency_key=idempotency_key))
    jobs.run(transitions.delete(job_id, retention=RETENTION, idempotency_key=idempotency_key))
    assert jobs.run(reserve(idempotency_key, "form")).state == "new"


def test_a_caller_whose_turns_are_past_is_not_stored(jobs: JobStore) -> None:
    first, *_ = (submitted(jobs, caller=caller) for caller in ("ada", "bob", "bob"))
    claim(jobs, first)
    assert not jobs.client.hexists(JOB_KEYS["turns"], "1:ada")
    assert jobs.client.hexists(JOB_KEYS["turns"], "1:bob")


def test_a_caller_whose_only_job_was_canceled_is_forgotten_once_its_turn_is_past(
    jobs: JobStore,
) -> None:
    canceled = submitted(jobs, caller="ada")
    first, _ = (submitted(jobs, caller="bob") for _ in range(2))
    cancel(jobs, canceled)
    assert jobs.client.hexists(JOB_KEYS["turns"], "1:ada")
    claim(jobs, first)
    assert not jobs.client.hexists(JOB_KEYS["turns"], "1:ada")
    assert jobs.client.hexists(JOB_KEYS["turns"], "1:bob")


def test_a_submitted_job_waits_with_its_options_and_inputs(jobs: JobStore) -> None:
    job = read_job(jobs, submitted(jobs))
    assert (job.status, job.version, job.attempt, job.fence) == ("queued", 1, 0, None)
    assert (job.options, job.inputs) == ({"size": 256}, INPUTS)


@pytest.mark.parametrize("request_id", [None, "my-request"])
@pytest.mark.parametrize("traceparent", [None, f"00-{'a' * 32}-{'b' * 16}-01"])
def test_a_record_has_the_request_and_the_trace_that_it_comes_from(
    jobs: JobStore, request_id: str | None, traceparent: str | None
) -> None:
    job = read_job(jobs, submitted(jobs, request_id=request_id, traceparent=traceparent))
    assert (job.request_id, job.traceparent) == (request_id, traceparent)


def test_jobs_wait_in_the_order_that_they_came(jobs: JobStore) -> None:
    ids = [submitted(jobs) for _ in range(3)]
    assert [read_job(jobs, each).queue_position for each in ids] == [0, 1, 2]


def test_a_full_queue_refuses_jobs_and_stores_nothing_of_them(jobs: JobStore) -> None:
    submitted(jobs, queue_limit=1)
    refused, entry = new_job_id(), QueueEntry("somebody", 100)
    assert jobs.run(submission_of(jobs, refused, {}, entry, queue_limit=1)) == "full"
    assert jobs.run(transitions.read(refused)) is None


def test_a_claim_takes_the_job_out_of_the_queue(jobs: JobStore) -> None:
    first, second = submitted(jobs), submitted(jobs)
    assert claimed(jobs, first)
    job = read_job(jobs, first)
    assert (job.status, job.attempt, job.queue_position) == ("running", 1, None)
    assert job.started_at is not None
    assert read_job(jobs, second).queue_position == 0


def test_a_job_is_claimed_once(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    claimed(jobs, job_id)
    assert claim(jobs, job_id) is None


def test_an_unknown_job_and_one_that_is_over_cannot_be_claimed(jobs: JobStore) -> None:
    assert claim(jobs, new_job_id()) is None
    job_id = submitted(jobs)
    cancel(jobs, job_id)
    assert claim(jobs, job_id) is None


def test_a_job_whose_lease_ran_out_is_queued_again_at_its_old_place(jobs: JobStore) -> None:
    lost, other = submitted(jobs), submitted(jobs)
    claimed(jobs, lost, lease_seconds=0)
    assert due(jobs).lost == [lost]
    assert recover(jobs, lost) == "queued"
    assert order(jobs) == [lost, other]
    claimed(jobs, lost)
    assert read_job(jobs, lost).attempt == 2


def test_a_job_whose_worker_lives_is_not_recovered(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    claimed(jobs, job_id)
    assert due(jobs).lost == []
    assert recover(jobs, job_id) == "held"
    assert read_job(jobs, job_id).status == "running"


def test_two_claims_never_have_the_same_fence(jobs: JobStore) -> None:
    """Even if Redis has lost its last second of writes, and counts an attempt twice."""
    job_id = submitted(jobs)
    before = jobs.client.dump(record_key(job_id)) or b""
    one = claimed(jobs, job_id)
    jobs.client.restore(record_key(job_id), 0, before, replace=True)
    assert claimed(jobs, job_id) != one


def test_a_worker_whose_fence_has_moved_on_can_change_nothing(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    late = claimed(jobs, job_id, lease_seconds=0)
    recover(jobs, job_id)
    claimed(jobs, job_id)
    before = read_job(jobs, job_id)
    assert beat(jobs, job_id, late, progress="{}") == "lost"
    assert succeed(jobs, job_id, late) == "lost"
    assert failed(jobs, job_id, late) == "lost"
    assert stopped(jobs, job_id, late) == "lost"
    assert jobs.run(transitions.release(job_id, late, retention=RETENTION)) == "lost"
    assert read_job(jobs, job_id) == before


def test_a_job_that_kills_its_workers_fails_after_three(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    outcomes = []
    for _ in range(3):
        claimed(jobs, job_id, lease_seconds=0)
        outcomes.append(recover(jobs, job_id))
    assert outcomes == ["queued", "queued", "worker_lost"]
    job = read_job(jobs, job_id)
    assert (job.status, job.error_code) == ("failed", "worker_lost")
    assert job.error_detail


def test_an_attempt_that_took_too_long_fails_with_the_time_limit(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    claimed(jobs, job_id, lease_seconds=0)
    assert recover(jobs, job_id, limit_seconds=0) == "time_limit"
    job = read_job(jobs, job_id)
    assert (job.status, job.error_code) == ("failed", "time_limit")


def lost_with(jobs: JobStore, job_id: str, left: int) -> transitions.Recovered:
    """Claims the job, reports that this much work is left, and loses the worker."""
    fence = claimed(jobs, job_id)
    beat = transitions.heartbeat(job_id, fence, lease_seconds=0, fields={}, remaining=left)
    jobs.run(beat)
    return recover(jobs, job_id)


def test_lost_attempts_that_made_progress_each_time_do_not_count(jobs: JobStore) -> None:
    job_id = submitted(jobs, work=1000)
    outcomes = [lost_with(jobs, job_id, left) for left in (900, 700, 500, 300, 100)]
    assert outcomes == ["queued"] * 5


def test_lost_attempts_that_ended_at_about_the_same_place_count(jobs: JobStore) -> None:
    job_id = submitted(jobs, work=1000)
    outcomes = [lost_with(jobs, job_id, left) for left in (500, 495, 505)]
    assert outcomes == ["queued", "queued", "worker_lost"]


def test_a_lost_attempt_that_came_less_far_does_not_make_the_next_one_count_as_progress(
    jobs: JobStore,
) -> None:
    job_id = submitted(jobs, work=1000)
    outcomes = [lost_with(jobs, job_id, left) for left in (500, 700, 500)]
    assert outcomes == ["queued", "queued", "worker_lost"]


def test_lost_attempts_that_together_made_progress_do_not_count(jobs: JobStore) -> None:
    job_id = submitted(jobs, work=1000)
    outcomes = [lost_with(jobs, job_id, left) for left in (500, 490, 480, 470, 460)]
    assert outcomes == ["queued"] * 5


REQUEUED: dict[str, Callable[[JobStore, str, str], object]] = {
    "recovered": lambda jobs, job_id, _: recover(jobs, job_id),
    "released": lambda jobs, job_id, fence: jobs.run(
        transitions.release(job_id, fence, retention=RETENTION)
    ),
    "handed over": lambda jobs, job_id, fence: jobs.run(
        transitions.hand_over(job_id, fence, code="out_of_memory", lost_limit=3, fields={})
    ),
}


@pytest.mark.parametrize("way", REQUEUED)
@pytest.mark.parametrize("field", ["claimed_ms", "created_ms", "place", "lost", "work"])
def test_a_running_job_with_a_damaged_record_waits_again(
    field: str, way: str, jobs: JobStore
) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    jobs.client.hset(record_key(job_id), mapping={"lost_left": 101, field: "many"})
    REQUEUED[way](jobs, job_id, fence)
    assert order(jobs) == [job_id]
    assert jobs.client.hget(record_key(job_id), "status") == "queued"


def test_a_heartbeat_of_a_job_with_a_damaged_record_says_what_its_client_requests(
    jobs: JobStore,
) -> None:
    job_id = submitted(jobs, webhook_url="https://example.org", webhook_events=("progress",))
    fence = claimed(jobs, job_id)
    jobs.client.hset(record_key(job_id), "webhook_progress_ms", "many")
    cancel(jobs, job_id)
    beat = transitions.heartbeat(job_id, fence, lease_seconds=20, fields={}, iterations=1)
    assert jobs.run(beat).answer == "cancel"


def test_a_picture_is_committed_to_a_record_without_its_start(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    jobs.client.hdel(record_key(job_id), "started_ms")
    assert succeed(jobs, job_id, fence) == "ok"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inputs", "[]"),
        ("inputs", "null"),
        ("inputs", '{"style": ["a"]}'),
        ("inputs", '{"content": 1, "style": []}'),
        ("options", "[]"),
        ("options", "no JSON"),
        ("warnings", '["text"]'),
        ("progress", "[1]"),
        ("progress", "{}"),
        ("created_ms", "99999999999999999999"),
        ("lane", "7"),
        ("version", "one"),
    ],
)
def test_a_damaged_field_is_a_damaged_record(field: str, value: str, jobs: JobStore) -> None:
    job_id = submitted(jobs)
    jobs.client.hset(record_key(job_id), field, value)
    with pytest.raises(RecordDamaged):
        read_job(jobs, job_id)


def test_the_known_fields_of_a_newer_version_s_record_are_read(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    record = record_key(job_id)
    inputs = {"content": "c", "style": ["s"], "sketch": "k", "depths": ["d"]}
    fields = {"options": {"size": 256, "brush": 3}, "inputs": inputs, "progress": NEWER_PROGRESS}
    jobs.client.hset(record, mapping={name: json.dumps(value) for name, value in fields.items()})
    job = read_job(jobs, job_id)
    assert not job.is_known
    assert job.read_options().size == 256
    assert job.options["brush"] == 3
    assert (job.inputs.content, job.inputs.style) == ("c", ("s",))
    assert job.blobs == {"c", "s", "k", "d"}
    assert job.progress is not None
    assert job.progress.iteration == 5


NEWER_PROGRESS: dict[str, Any] = {
    "iteration": 5,
    "iterations": 10,
    "scale": 1,
    "scales": 1,
    "work": 0.5,
    "eta_seconds": None,
    "losses": {"content": 1.0, "style": 2.0, "tv": 0.5, "total": 3.5},
    "watts": 7,
}


def test_a_key_that_does_not_hold_a_record_is_deleted(jobs: JobStore) -> None:
    job_id, whole = submitted(jobs), submitted(jobs)
    jobs.client.delete(record_key(job_id))
    jobs.client.set(record_key(job_id), "text")
    assert [jobs.run(transitions.delete_damaged(each)) for each in (job_id, whole)] == [True, False]
    assert order(jobs) == [whole]
    assert jobs.client.zscore(JOB_KEYS["cleanup"], job_id) is not None


def test_a_released_job_does_not_count_as_a_lost_attempt(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    for _ in range(10):
        assert (
            jobs.run(transitions.release(job_id, claimed(jobs, job_id), retention=RETENTION))
            == "ok"
        )
    assert read_job(jobs, job_id).status == "queued"


def test_a_released_job_waits_at_its_old_place(jobs: JobStore) -> None:
    first = submitted(jobs)
    fence = claimed(jobs, first)
    second = submitted(jobs)
    jobs.run(transitions.release(first, fence, retention=RETENTION))
    assert read_job(jobs, first).queue_position == 0
    assert read_job(jobs, second).queue_position == 1


def test_a_released_job_has_what_its_worker_reported_last(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    fields = {"losses_key": "jobs/x/losses"}
    assert jobs.run(transitions.release(job_id, fence, fields=fields, retention=RETENTION)) == "ok"
    assert read_job(jobs, job_id).losses_key == "jobs/x/losses"


def test_a_heartbeat_renews_the_lease(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    assert beat(jobs, job_id, fence) == "ok"
    assert due(jobs).lost == []


def test_a_heartbeat_with_fields_is_a_new_version_and_one_without_is_not(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    version = read_job(jobs, job_id).version
    beat(jobs, job_id, fence)
    assert read_job(jobs, job_id).version == version
    beat(jobs, job_id, fence, backbone_name="whitened")
    assert read_job(jobs, job_id).version == version + 1


def test_a_commit_makes_the_one_result_visible(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert succeed(jobs, job_id, fence) == "ok"
    job = read_job(jobs, job_id)
    assert (job.status, job.result_key) == ("succeeded", f"results/{fence}.png")
    assert job.finished_at is not None
    assert job.expires_at is not None
    assert (job.expires_at - job.finished_at).total_seconds() == pytest.approx(3600)


def test_a_commit_whose_reply_was_lost_can_be_repeated(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert [succeed(jobs, job_id, fence) for _ in range(2)] == ["ok", "ok"]
    assert read_job(jobs, job_id).version == 3


def test_the_next_heartbeat_reports_that_a_job_was_canceled(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert [cancel(jobs, job_id), cancel(jobs, job_id)] == ["requested", "requested"]
    assert beat(jobs, job_id, fence) == "cancel"
    assert stopped(jobs, job_id, fence) == "ok"
    assert read_job(jobs, job_id).status == "canceled"


def test_canceling_a_job_whose_lease_ran_out_ends_it_at_once(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    assert cancel(jobs, job_id) == "canceled"
    assert succeed(jobs, job_id, fence) == "lost"


def test_a_job_that_its_client_canceled_is_not_painted_again(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    cancel(jobs, job_id)
    jobs.run(transitions.heartbeat(job_id, fence, lease_seconds=0, fields={}))
    assert recover(jobs, job_id) == "canceled"
    assert read_job(jobs, job_id).status == "canceled"


def test_a_job_that_fails_after_its_client_canceled_it_is_canceled(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert cancel(jobs, job_id) == "requested"
    assert [failed(jobs, job_id, fence) for _ in range(2)] == ["ok", "ok"]
    job = read_job(jobs, job_id)
    assert (job.status, job.error_code, job.error_detail) == ("canceled", None, None)
    counters = jobs.client.hgetall(JOB_KEYS["counters"])
    assert counters["over:canceled"] == "1"
    assert "over:failed" not in counters


def test_canceling_a_job_that_is_over_or_unknown_changes_nothing(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    succeed(jobs, job_id, claimed(jobs, job_id))
    before = read_job(jobs, job_id)
    assert cancel(jobs, job_id) == "over"
    assert cancel(jobs, new_job_id()) == "unknown"
    assert read_job(jobs, job_id) == before


def test_a_deleted_job_leaves_the_queue(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    assert delete(jobs, job_id)
    assert not delete(jobs, job_id)
    assert jobs.run(transitions.read(job_id)) is None
    assert set(jobs.client.keys("*")) == {JOB_KEYS["cleanup"], JOB_KEYS["counters"]}


def test_callers_take_turns(jobs: JobStore) -> None:
    many = [submitted(jobs, caller="busy") for _ in range(5)]
    one = submitted(jobs, caller="patient")
    assert order(jobs) == [many[0], one, *many[1:]]


def test_a_caller_who_comes_late_waits_for_no_more_than_the_turn_that_is_painted(
    jobs: JobStore,
) -> None:
    many = [submitted(jobs, caller="busy") for _ in range(6)]
    for each in many[:3]:
        claimed(jobs, each)
    one = submitted(jobs, caller="patient")
    assert order(jobs) == [many[3], one, *many[4:]]


def test_a_higher_priority_goes_first_whatever_the_turn(jobs: JobStore) -> None:
    low, normal = submitted(jobs, priority="low"), submitted(jobs)
    high = [submitted(jobs, priority="high") for _ in range(2)]
    assert order(jobs) == [*high, normal, low]


def test_a_waiting_job_knows_how_much_is_painted_before_it(jobs: JobStore) -> None:
    first, second, third = (submitted(jobs, work=work) for work in (1000, 300, 50))
    fence = claimed(jobs, first)
    jobs.run(transitions.heartbeat(first, fence, lease_seconds=20, fields={}, remaining=400))
    assert read_job(jobs, first).waiting is None
    assert read_job(jobs, second).waiting == Waiting(0, work_ahead=400, work_left=300)
    assert read_job(jobs, third).waiting == Waiting(1, work_ahead=700, work_left=50)


def test_the_work_of_jobs_far_ahead_is_estimated_by_the_mean(jobs: JobStore) -> None:
    for _ in range(job_records.EXACT + 20):
        submitted(jobs, queue_limit=1000, work=100)
    last = submitted(jobs, queue_limit=1000, work=100)
    waiting = read_job(jobs, last).waiting
    assert waiting is not None
    assert waiting.work_ahead == pytest.approx(100 * (job_records.EXACT + 20))


def test_work_left_is_deleted_with_its_job(jobs: JobStore) -> None:
    one, other = submitted(jobs), submitted(jobs)
    succeed(jobs, one, claimed(jobs, one))
    cancel(jobs, other)
    assert not jobs.client.exists("queue:work", "queue:turns", "queue:running", JOB_KEYS["waiting"])


def test_a_job_past_its_deadline_expires_and_is_not_painted(jobs: JobStore) -> None:
    job_id = submitted(jobs, wait_seconds=0.001)
    until(lambda: due(jobs).late == [job_id])
    assert claim(jobs, job_id) is None
    assert jobs.run(transitions.expire(job_id, retention=RETENTION)) == "expired"
    assert read_job(jobs, job_id).status == "expired"
    assert order(jobs) == []


def test_a_job_that_is_painted_in_time_does_not_expire(jobs: JobStore) -> None:
    job_id = submitted(jobs, wait_seconds=60)
    assert jobs.run(transitions.expire(job_id, retention=RETENTION)) == "unchanged"
    claimed(jobs, job_id)
    assert due(jobs).late == []
    assert jobs.run(transitions.expire(job_id, retention=RETENTION)) == "unchanged"


def test_a_job_that_was_begun_in_time_does_not_expire_when_it_is_released(
    jobs: JobStore,
) -> None:
    job_id = submitted(jobs, wait_seconds=60)
    jobs.run(transitions.release(job_id, claimed(jobs, job_id), retention=RETENTION))
    assert jobs.client.zcard(JOB_KEYS["deadlines"]) == 0
    jobs.client.hset(record_key(job_id), "deadline_ms", 1)  # long ago
    assert jobs.run(transitions.expire(job_id, retention=RETENTION)) == "unchanged"
    assert claim(jobs, job_id)


def test_a_job_past_its_retention_is_deleted_and_its_cleanup_is_due(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    jobs.run(transitions.cancel(job_id, retention=Retention(0, 40)))
    until(lambda: due(jobs).old == [job_id])
    assert jobs.run(transitions.delete_past_retention(job_id))
    assert jobs.run(transitions.read(job_id)) is None
    assert list(due_cleanups(jobs)) == [job_id]


def test_a_job_within_its_retention_is_not_deleted(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    cancel(jobs, job_id)
    assert due(jobs).old == []
    assert not jobs.run(transitions.delete_past_retention(job_id))
    assert read_job(jobs, job_id).status == "canceled"


def test_pictures_whose_record_never_comes_are_due_for_cleanup(jobs: JobStore) -> None:
    came, lost = submitted(jobs), new_job_id()
    jobs.run(transitions.begin_submission(lost))
    assert jobs.client.zrange(JOB_KEYS["cleanup"], 0, -1) == [lost]
    assert read_job(jobs, came).status == "queued"


def test_a_record_that_comes_after_its_cleanup_was_due_is_refused(jobs: JobStore) -> None:
    late, entry = new_job_id(), QueueEntry("somebody", 100)
    submission = submission_of(jobs, late, {}, entry, queue_limit=10)
    jobs.client.delete(JOB_KEYS["cleanup"])
    assert jobs.run(submission) == "late"
    assert jobs.run(transitions.read(late)) is None


def test_a_record_that_comes_after_its_deletion_is_refused(jobs: JobStore) -> None:
    """This happens if a connection hangs, the API deletes the job over another one, and the first
    connection then delivers its request."""
    overtaken, entry = new_job_id(), QueueEntry("somebody", 100)
    submission = submission_of(jobs, overtaken, {}, entry, queue_limit=10)
    jobs.run(transitions.delete(overtaken, retention=RETENTION))
    assert jobs.run(submission) == "late"
    assert jobs.run(transitions.read(overtaken)) is None


def test_a_begun_submission_whose_reply_was_lost_can_be_repeated(jobs: JobStore) -> None:
    beginning = transitions.begin_submission(new_job_id())
    assert jobs.run(beginning) == jobs.run(beginning)


def test_a_submission_or_claim_whose_reply_was_lost_can_be_repeated(jobs: JobStore) -> None:
    job_id, entry = new_job_id(), QueueEntry("somebody", 100)
    submission = submission_of(jobs, job_id, {}, entry, queue_limit=10)
    assert [jobs.run(submission) for _ in range(2)] == ["queued", "queued"]
    claim_ = transitions.claim(job_id, lease_seconds=20)
    one, other = (jobs.run(claim_) for _ in range(2))
    assert one == other
    assert read_job(jobs, job_id).attempt == 1


def test_a_claim_of_several_jobs_takes_the_first_that_is_queued(jobs: JobStore) -> None:
    running, first, second = (submitted(jobs) for _ in range(3))
    claimed(jobs, running)
    claim_ = jobs.run(transitions.claim(running, first, second, lease_seconds=20))
    assert claim_ is not None
    assert claim_.job is not None
    assert (claim_.job_id, claim_.job.id, claim_.job.fence) == (first, first, claim_.fence)
    assert order(jobs) == [second]


def test_a_repeated_claim_of_several_jobs_takes_no_second_one(jobs: JobStore) -> None:
    first, second = submitted(jobs), submitted(jobs)
    fence = claimed(jobs, first)
    claim_ = transitions.claim(first, second, lease_seconds=20)
    assert jobs.run(claim_) == jobs.run(claim_)
    jobs.run(transitions.release(first, fence, retention=RETENTION))
    repeated = jobs.run(claim_)
    assert repeated is not None
    assert repeated.job_id == second
    assert order(jobs) == [first]


def test_a_cleanup_that_became_due_again_is_not_marked_as_done(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    jobs.run(transitions.delete(job_id, retention=Retention(1, 0)))
    (due_ms,) = due_cleanups(jobs).values()
    jobs.run(transitions.mark_cleaned(job_id, due_ms - 1))
    assert due_cleanups(jobs)
    jobs.run(transitions.mark_cleaned(job_id, due_ms))
    assert not due_cleanups(jobs)


def test_jobs_without_a_message_are_counted(jobs: JobStore) -> None:
    submitted(jobs), submitted(jobs)
    jobs.client.rpush(MESSAGES_KEY, "one")
    assert due(jobs).unannounced == 1


def test_new_weights_are_reported_once(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    new_options = {"size": 256, "style_weight": 0.9}
    assert jobs.run(transitions.update_weights(job_id, 0, new_options)) == "ok"
    beats = transitions.heartbeat(job_id, fence, lease_seconds=20, fields={})
    assert jobs.run(beats) == transitions.HeartbeatReply("ok", 1, new_options)
    beats = transitions.heartbeat(job_id, fence, lease_seconds=20, fields={}, weight_updates=1)
    assert jobs.run(beats) == transitions.HeartbeatReply("ok")
    assert read_job(jobs, job_id).options == new_options


def test_warnings_are_stored_with_the_job_and_replaced_with_its_weights(jobs: JobStore) -> None:
    warnings = [OptionWarning("tv_norm", "weight_is_zero", "tv_weight is 0.")]
    job_id = submitted(jobs)
    assert read_job(jobs, job_id).warnings == ()
    jobs.run(transitions.update_weights(job_id, 0, {"size": 1}, warnings))
    assert read_job(jobs, job_id).warnings == tuple(warnings)
    jobs.run(transitions.update_weights(job_id, 1, {"size": 2}, []))
    assert read_job(jobs, job_id).warnings == ()


def test_weights_are_not_updated_over_another_update_nor_once_the_job_is_over(
    jobs: JobStore,
) -> None:
    job_id = submitted(jobs)
    jobs.run(transitions.update_weights(job_id, 0, {"size": 1}))
    assert jobs.run(transitions.update_weights(job_id, 0, {"size": 2})) == "changed"
    cancel(jobs, job_id)
    assert jobs.run(transitions.update_weights(job_id, 1, {"size": 2})) == "over"
    assert read_job(jobs, job_id).options == {"size": 1}


def test_a_running_job_s_worker_is_woken_by_a_request(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    claimed(jobs, job_id)
    with jobs.client.pubsub() as channel:  # type: ignore[no-untyped-call]
        channel.subscribe(job_store.wake_up_channel(job_id))
        until(lambda: channel.get_message(timeout=1))
        cancel(jobs, job_id)
        assert until(lambda: channel.get_message(timeout=1))


def test_one_reconciler_leads_until_its_lease_runs_out(jobs: JobStore) -> None:
    def leads(name: str, lease_seconds: float = 20) -> bool:
        return jobs.run(reconciler.lead(name, lease_seconds=lease_seconds))

    assert leads("one")
    assert not leads("other")
    assert leads("one", lease_seconds=0.001)
    until(lambda: leads("other"))


@pytest.mark.parametrize("field", ["version", "options", "inputs", "created_ms", "attempt"])
def test_a_damaged_record_raises_an_error(field: str, jobs: JobStore) -> None:
    job_id = submitted(jobs)
    jobs.client.hdel(record_key(job_id), field)
    with pytest.raises(RecordDamaged, match=job_id):
        jobs.run(transitions.read(job_id))


def test_a_record_from_before_there_were_priorities_can_be_read_and_painted(
    jobs: JobStore,
) -> None:
    job_id = submitted(jobs)
    jobs.client.hdel(record_key(job_id), "lane", "turn", "work", "caller")
    assert read_job(jobs, job_id).priority == "normal"
    assert succeed(jobs, job_id, claimed(jobs, job_id)) == "ok"


def test_a_job_whose_record_is_gone_leaves_the_queue(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    jobs.client.delete(record_key(job_id))
    assert claim(jobs, job_id) is None
    assert order(jobs) == []


WAYS: dict[str, Callable[[JobStore, str, str], object]] = {
    "running": lambda jobs, job_id, _: claim(jobs, job_id, lease_seconds=0),
    "queued": lambda jobs, job_id, fence: jobs.run(
        transitions.release(job_id, fence, retention=RETENTION)
    ),
    "succeeded": succeed,
    "failed": failed,
    "canceled": lambda jobs, job_id, _: cancel(jobs, job_id),
}


@pytest.mark.parametrize("over", ["succeeded", "failed", "canceled"])
@pytest.mark.parametrize("way", WAYS)
def test_a_final_state_never_changes(over: str, way: str, jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    WAYS[over](jobs, job_id, fence)
    before = read_job(jobs, job_id)
    assert before.status == over
    WAYS[way](jobs, job_id, fence)
    assert read_job(jobs, job_id) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_running_job_changes_state_as_documented(way: str, jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    WAYS[way](jobs, job_id, fence)
    assert read_job(jobs, job_id).status == way
    assert way in NEXT_STATES["running"]


def in_flight(jobs: JobStore) -> dict[str, str]:
    found = jobs.client.hgetall("queue:inflight")
    return {str(owner): str(count) for owner, count in found.items()}


def test_the_jobs_in_flight_of_an_owner_are_limited(jobs: JobStore) -> None:
    def submit(owner: str) -> transitions.Submitted:
        job_id, entry = new_job_id(), QueueEntry("somebody", 100, owner=owner)
        return jobs.run(submission_of(jobs, job_id, {}, entry, queue_limit=10, in_flight_limit=2))

    assert [submit("ada"), submit("ada"), submit("ada")] == ["queued", "queued", "busy"]
    assert submit("bob") == "queued"
    jobs.run(transitions.cancel(order(jobs)[0], retention=RETENTION))
    assert submit("ada") == "queued"


@pytest.mark.parametrize("end", [succeed, failed, stopped])
def test_a_job_is_in_flight_until_it_is_over(
    end: Callable[[JobStore, str, str], transitions.Committed], jobs: JobStore
) -> None:
    job_id = submitted(jobs, owner="ada")
    fence = claimed(jobs, job_id)
    assert in_flight(jobs) == {"ada": "1"}
    end(jobs, job_id, fence)
    assert in_flight(jobs) == {}
    delete(jobs, job_id)
    assert in_flight(jobs) == {}


def listed(jobs: JobStore, owner: str, before: str = "", limit: int = 10) -> job_records.JobPage:
    call = job_records.list_jobs(owner, before=before, limit=limit, status=None, most=1000)
    return jobs.run(call)


def canceled(jobs: JobStore, retention: Retention, owner: str = "ada") -> str:
    """Cancels a new job, which ends later than every other by Redis's clock in milliseconds."""
    job_id = submitted(jobs, owner=owner)
    jobs.run(transitions.cancel(job_id, retention=retention))
    ended = milliseconds(jobs)
    until(lambda: milliseconds(jobs) > ended)
    return job_id


def milliseconds(jobs: JobStore) -> int:
    seconds, microseconds = jobs.client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def past(jobs: JobStore, *job_ids: str) -> list[bool]:
    """Which of these jobs are past their retention."""
    return [each in due(jobs).old for each in job_ids]


def test_the_newest_jobs_of_one_owner_are_retained(jobs: JobStore) -> None:
    retention = Retention(1, 40, jobs_per_owner=2)
    bob = canceled(jobs, retention, owner="bob")
    ended = [canceled(jobs, retention) for _ in range(4)]
    assert past(jobs, bob, *ended) == [False, True, True, False, False]


def test_a_job_that_is_no_longer_retained_has_another_version(jobs: JobStore) -> None:
    retention = Retention(1, 40, jobs_per_owner=1)
    first = canceled(jobs, retention)
    before = read_job(jobs, first).version
    canceled(jobs, retention)
    assert read_job(jobs, first).version == before + 1


def test_the_newest_jobs_of_all_owners_are_retained(jobs: JobStore) -> None:
    retention = Retention(1, 40, jobs_in_all=2)
    ended = [canceled(jobs, retention, owner=owner) for owner in ("ada", "bob", "cid")]
    assert past(jobs, *ended) == [True, False, False]


def test_jobs_without_a_picture_are_deleted_before_those_that_have_one(jobs: JobStore) -> None:
    retention = Retention(1, 40, jobs_per_owner=2)
    painted = submitted(jobs, owner="ada")
    fence = claimed(jobs, painted)
    jobs.run(transitions.succeed(painted, fence, result_key="r", fields={}, retention=retention))
    ended = [canceled(jobs, retention) for _ in range(3)]
    assert past(jobs, painted, *ended) == [False, True, True, False]


def test_a_job_that_is_no_longer_retained_is_deleted_and_does_not_count(jobs: JobStore) -> None:
    retention = Retention(1, 40, jobs_per_owner=1)
    first, second = canceled(jobs, retention), canceled(jobs, retention)
    assert first in due(jobs).old
    assert jobs.run(transitions.delete_past_retention(first))
    assert jobs.client.zrange("jobs:retained:ada", 0, -1) == [second]
    delete(jobs, second)
    assert not jobs.client.exists(JOB_KEYS["retained"], "jobs:retained:ada")


def test_a_job_whose_key_was_damaged_does_not_come_back_when_its_retention_ends(
    jobs: JobStore,
) -> None:
    retention = Retention(1, 40, jobs_per_owner=1)
    damaged = canceled(jobs, retention)
    jobs.client.delete(record_key(damaged))
    jobs.client.set(record_key(damaged), "text")
    assert jobs.run(transitions.delete_damaged(damaged))
    last = canceled(jobs, retention)
    assert jobs.client.keys("job:*") == [record_key(last)]
    assert jobs.client.zrange("jobs:retained:ada", 0, -1) == [last]


def test_an_idempotency_key_is_deleted_with_its_job(jobs: JobStore) -> None:
    key = make_idempotency_key("ada", "key")
    jobs.run(reserve(key, "fingerprint"))
    job_id, entry = new_job_id(), QueueEntry("somebody", 100, owner="ada")
    jobs.run(submission_of(jobs, job_id, {}, entry, queue_limit=9, idempotency_key=key))
    assert jobs.client.exists(key.redis_key)
    delete(jobs, job_id)
    assert not jobs.client.exists(key.redis_key)


def ids(listed: job_records.JobPage) -> list[str]:
    return [job.id for job in listed.jobs]


def test_an_owner_s_jobs_are_listed_the_newest_first(jobs: JobStore) -> None:
    first, _, third = (submitted(jobs, owner=owner) for owner in ("ada", "bob", "ada"))
    assert ids(listed(jobs, "ada")) == [third, first]
    assert ids(listed(jobs, "ad")) == []


def test_a_list_continues_after_any_of_its_jobs(jobs: JobStore) -> None:
    submitted_ids = [submitted(jobs, owner="ada") for _ in range(5)]
    page = listed(jobs, "ada", limit=2)
    rest = listed(jobs, "ada", before=page.rest or "")
    assert ids(page) + ids(rest) == submitted_ids[::-1]
    assert rest.rest is None


def test_a_listed_job_is_the_same_as_a_read_one(jobs: JobStore) -> None:
    for _ in range(3):
        submitted(jobs, owner="ada")
    assert listed(jobs, "ada").jobs == [read_job(jobs, each) for each in reversed(order(jobs))]


def test_a_deleted_job_is_not_listed(jobs: JobStore) -> None:
    job_id = submitted(jobs, owner="ada")
    delete(jobs, job_id)
    assert ids(listed(jobs, "ada")) == []


def test_a_list_leaves_out_records_that_cannot_be_read(jobs: JobStore) -> None:
    damaged, no_hash, whole = (submitted(jobs, owner="ada") for _ in range(3))
    jobs.client.hset(record_key(damaged), "inputs", "[]")
    jobs.client.delete(record_key(no_hash))
    jobs.client.set(record_key(no_hash), "text")
    found = listed(jobs, "ada")
    assert ids(found) == [whole]
    assert found.damaged == [f"The record of job {damaged} cannot be read."]
