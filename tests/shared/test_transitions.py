"""Every change of a job's record, on a real Redis: what it compares and what it sets."""

from collections.abc import Callable

import pytest

from shared import transitions
from shared.job_store import JobStore
from shared.jobs import NEXT, Inputs, Job, new_job_id

INPUTS = Inputs("jobs/x/inputs/content.png", ("jobs/x/inputs/style-0.png",))


def submitted(jobs: JobStore, queue_limit: int = 10) -> str:
    job_id = new_job_id()
    outcome = jobs.run(transitions.submit(job_id, {"size": 256}, INPUTS, queue_limit=queue_limit))
    assert outcome == "queued"
    return job_id


def look(jobs: JobStore, job_id: str) -> Job:
    job = jobs.run(transitions.look(job_id))
    assert job is not None
    return job


def claim(
    jobs: JobStore, job_id: str, lease_seconds: float = 20, lost_limit: int = 3
) -> transitions.Claim:
    return jobs.run(
        transitions.claim(
            job_id, lease_seconds=lease_seconds, lost_limit=lost_limit, retention_hours=1
        )
    )


def claimed(jobs: JobStore, job_id: str, lease_seconds: float = 20) -> int:
    fence = claim(jobs, job_id, lease_seconds).fence
    assert fence is not None
    return fence


def beat(jobs: JobStore, job_id: str, fence: int, **news: str) -> transitions.Answer:
    return jobs.run(transitions.heartbeat(job_id, fence, lease_seconds=20, news=news))


def succeed(jobs: JobStore, job_id: str, fence: int) -> transitions.Kept:
    key = f"results/{fence}.png"
    return jobs.run(transitions.succeed(job_id, fence, result_key=key, news={}, retention_hours=1))


def cancel(jobs: JobStore, job_id: str) -> transitions.Canceled:
    return jobs.run(transitions.cancel(job_id, retention_hours=1))


def test_a_submitted_job_waits_with_its_options_and_inputs(jobs: JobStore) -> None:
    job = look(jobs, submitted(jobs))
    assert (job.status, job.version, job.attempt, job.fence) == ("queued", 1, 0, 0)
    assert (job.options, job.inputs) == ({"size": 256}, INPUTS)


def test_jobs_wait_in_the_order_that_they_came(jobs: JobStore) -> None:
    ids = [submitted(jobs) for _ in range(3)]
    assert [look(jobs, each).queue_position for each in ids] == [0, 1, 2]


def test_a_full_queue_takes_no_more_and_keeps_nothing(jobs: JobStore) -> None:
    submitted(jobs, queue_limit=1)
    refused = new_job_id()
    assert jobs.run(transitions.submit(refused, {}, INPUTS, queue_limit=1)) == "full"
    assert jobs.run(transitions.look(refused)) is None


def test_a_claim_takes_the_job_out_of_the_queue(jobs: JobStore) -> None:
    first, second = submitted(jobs), submitted(jobs)
    assert claimed(jobs, first) == 1
    job = look(jobs, first)
    assert (job.status, job.attempt, job.queue_position) == ("running", 1, None)
    assert job.started_at is not None
    assert look(jobs, second).queue_position == 0


def test_a_job_is_claimed_once(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    claimed(jobs, job_id)
    assert claim(jobs, job_id).refusal == "held"


def test_an_unknown_job_and_one_that_is_over_cannot_be_claimed(jobs: JobStore) -> None:
    assert claim(jobs, new_job_id()).refusal == "unknown"
    job_id = submitted(jobs)
    cancel(jobs, job_id)
    assert claim(jobs, job_id).refusal == "over"


def test_a_job_whose_lease_ran_out_is_claimed_again_with_a_higher_fence(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    first = claimed(jobs, job_id, lease_seconds=0)
    second = claimed(jobs, job_id)
    assert second == first + 1
    assert look(jobs, job_id).attempt == 2


def test_a_worker_whose_fence_has_moved_on_can_change_nothing(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    late = claimed(jobs, job_id, lease_seconds=0)
    claimed(jobs, job_id)
    before = look(jobs, job_id)
    failed = transitions.fail(job_id, late, code="x", detail="x", retention_hours=1)
    assert beat(jobs, job_id, late, progress="{}") == "lost"
    assert succeed(jobs, job_id, late) == "lost"
    assert jobs.run(failed) == "lost"
    assert jobs.run(transitions.stop(job_id, late, retention_hours=1)) == "lost"
    assert jobs.run(transitions.release(job_id, late)) == "lost"
    assert look(jobs, job_id) == before


def test_a_job_that_kills_its_workers_fails_after_three(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    for _ in range(3):
        claimed(jobs, job_id, lease_seconds=0)
    assert claim(jobs, job_id).refusal == "worker_lost"
    job = look(jobs, job_id)
    assert (job.status, job.error_code) == ("failed", "worker_lost")
    assert job.error_detail


def test_giving_a_job_back_is_no_lost_attempt(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    for _ in range(10):
        assert jobs.run(transitions.release(job_id, claimed(jobs, job_id))) == "ok"
    assert look(jobs, job_id).status == "queued"


def test_a_job_given_back_waits_at_its_old_place(jobs: JobStore) -> None:
    first = submitted(jobs)
    fence = claimed(jobs, first)
    second = submitted(jobs)
    jobs.run(transitions.release(first, fence))
    assert look(jobs, first).queue_position == 0
    assert look(jobs, second).queue_position == 1


def test_a_heartbeat_renews_the_lease(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    assert beat(jobs, job_id, fence) == "ok"
    assert claim(jobs, job_id).refusal == "held"


def test_news_are_a_new_version_and_a_bare_heartbeat_is_not(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    version = look(jobs, job_id).version
    beat(jobs, job_id, fence)
    assert look(jobs, job_id).version == version
    beat(jobs, job_id, fence, backbone_name="whitened")
    assert look(jobs, job_id).version == version + 1


def test_a_commit_makes_the_one_result_visible(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert succeed(jobs, job_id, fence) == "ok"
    job = look(jobs, job_id)
    assert (job.status, job.result_key) == ("succeeded", f"results/{fence}.png")
    assert job.finished_at is not None
    assert job.expires_at is not None
    assert (job.expires_at - job.finished_at).total_seconds() == pytest.approx(3600)


def test_a_commit_whose_answer_was_lost_can_be_said_again(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert [succeed(jobs, job_id, fence) for _ in range(2)] == ["ok", "ok"]
    assert look(jobs, job_id).version == 3


def test_canceling_a_running_job_is_told_at_the_next_heartbeat(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    assert [cancel(jobs, job_id), cancel(jobs, job_id)] == ["asked", "asked"]
    assert beat(jobs, job_id, fence) == "cancel"
    assert jobs.run(transitions.stop(job_id, fence, retention_hours=1)) == "ok"
    assert look(jobs, job_id).status == "canceled"


def test_canceling_a_job_whose_worker_fell_silent_ends_it_at_once(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    assert cancel(jobs, job_id) == "canceled"
    assert succeed(jobs, job_id, fence) == "lost"


def test_a_job_that_its_client_canceled_is_not_painted_again(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id)
    cancel(jobs, job_id)
    jobs.run(transitions.heartbeat(job_id, fence, lease_seconds=0, news={}))
    assert claim(jobs, job_id).refusal == "canceled"
    assert look(jobs, job_id).status == "canceled"


def test_canceling_what_is_over_or_unknown_changes_nothing(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    succeed(jobs, job_id, claimed(jobs, job_id))
    before = look(jobs, job_id)
    assert cancel(jobs, job_id) == "over"
    assert cancel(jobs, new_job_id()) == "unknown"
    assert look(jobs, job_id) == before


def test_an_erased_job_is_gone_from_the_queue_too(jobs: JobStore) -> None:
    job_id = submitted(jobs)
    assert jobs.run(transitions.erase(job_id))
    assert not jobs.run(transitions.erase(job_id))
    assert jobs.run(transitions.look(job_id)) is None
    assert jobs.client.keys("*") == []


WAYS: dict[str, Callable[[JobStore, str, int], object]] = {
    "running": lambda jobs, job_id, _: claim(jobs, job_id, lease_seconds=0),
    "queued": lambda jobs, job_id, fence: jobs.run(transitions.release(job_id, fence)),
    "succeeded": succeed,
    "failed": lambda jobs, job_id, fence: jobs.run(
        transitions.fail(job_id, fence, code="x", detail="x", retention_hours=1)
    ),
    "canceled": lambda jobs, job_id, _: cancel(jobs, job_id),
}


@pytest.mark.parametrize("over", ["succeeded", "failed", "canceled"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_leads_out_of_a_state_that_is_over(over: str, way: str, jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    WAYS[over](jobs, job_id, fence)
    before = look(jobs, job_id)
    assert before.status == over
    WAYS[way](jobs, job_id, fence)
    assert look(jobs, job_id) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_running_job_goes_where_the_table_says(way: str, jobs: JobStore) -> None:
    job_id = submitted(jobs)
    fence = claimed(jobs, job_id, lease_seconds=0)
    WAYS[way](jobs, job_id, fence)
    assert look(jobs, job_id).status == way
    assert way in NEXT["running"]
