"""Webhooks of a job's start and progress: their order, their number, and what is retried."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pastiche.client.webhooks import verify
from pastiche.job_settings import WebhookEvent
from shared import transitions
from shared.inputs import Inputs
from shared.job_store import JobStore, record_key
from shared.jobs import QueueEntry, new_job_id
from shared.transitions import Retention
from shared.webhook_keys import get_private_key, make_public_key
from tests.api.worker import PROGRESS
from tests.stack import served
from tests.waiting import until
from tests.worker.webhooks import Receiver, bring_forward, delivered, stored_webhook
from worker.webhooks import Deliveries, note_delivery, take_delivery

RETENTION = Retention(retention_hours=1, grace_seconds=40)


def submitted(jobs: JobStore, url: str, *events: WebhookEvent) -> str:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry("somebody", 100, owner="ada", webhook_url=url, webhook_events=events)
    submission = transitions.submit(
        job_id, latest_ms, {}, Inputs("content", ("style",)), entry, queue_limit=9
    )
    assert jobs.run(submission) == "queued"
    return job_id


def claimed(jobs: JobStore, job_id: str) -> str:
    claim = jobs.run(transitions.claim(job_id, lease_seconds=20))
    assert claim is not None
    return claim.fence


def paint(jobs: JobStore, job_id: str, fence: str, iteration: int) -> None:
    """Sends a heartbeat after an iteration."""
    fields = {"progress": replace(PROGRESS, iteration=iteration).to_json()}
    jobs.run(
        transitions.heartbeat(job_id, fence, lease_seconds=20, fields=fields, iterations=iteration)
    )


def wait_for_progress(jobs: JobStore, job_id: str) -> None:
    """Changes the stored times as if progress were due again."""
    jobs.client.hset(record_key(job_id), "webhook_progress_ms", 1)


def finish(jobs: JobStore, job_id: str, fence: str) -> None:
    succeeded = transitions.succeed(job_id, fence, result_key="r", fields={}, retention=RETENTION)
    assert jobs.run(succeeded) == "ok"


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.got]


def types(receiver: Receiver) -> list[str]:
    return [body["type"] for body in bodies(receiver)]


def deliver_all(deliveries: Deliveries) -> None:
    """Delivers everything that is due, and what becomes due after it."""
    while delivered(deliveries):
        pass


def test_start_progress_and_end_are_reported_in_this_order(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    job_id = submitted(jobs, receiver.url, "started", "progress", "finished")
    deliver_all(deliveries)
    assert receiver.got == []
    fence = claimed(jobs, job_id)
    paint(jobs, job_id, fence, 30)
    deliver_all(deliveries)
    finish(jobs, job_id, fence)
    deliver_all(deliveries)
    assert types(receiver) == ["job.started", "job.progress", "job.succeeded"]
    assert [body["data"]["status"] for body in bodies(receiver)] == [
        *("running", "running"),
        "succeeded",
    ]
    assert bodies(receiver)[1]["data"]["progress"] == 30 / PROGRESS.iterations
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 3
    webhook = stored_webhook(jobs, job_id)
    assert (webhook.pending, webhook.tries, webhook.error) == ((), 1, None)


def test_each_is_signed_with_the_owner_s_private_key(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, "started", "finished"))
    finish(jobs, job_id, fence)
    deliver_all(deliveries)
    public_key = make_public_key(jobs.run(get_private_key("ada")))
    payloads = [verify(public_key, headers, body) for headers, body in receiver.got]
    assert [payload.type for payload in payloads] == ["job.started", "job.succeeded"]


def test_only_the_requested_events_are_reported(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    for events in (("started",), ("progress",), ("finished",)):
        job_id = submitted(jobs, receiver.url, *events)
        fence = claimed(jobs, job_id)
        paint(jobs, job_id, fence, 30)
        deliver_all(deliveries)
        finish(jobs, job_id, fence)
        deliver_all(deliveries)
    assert types(receiver) == ["job.started", "job.progress", "job.succeeded"]


def test_only_the_first_claim_is_a_start(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    job_id = submitted(jobs, receiver.url, "started")
    for _ in range(2):
        fence = claimed(jobs, job_id)
        deliver_all(deliveries)
        jobs.run(transitions.release(job_id, fence, retention=RETENTION))
    assert types(receiver) == ["job.started"]


def test_progress_is_reported_only_once_in_a_while(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, "progress"))
    for iteration in (1, 2, 3):
        paint(jobs, job_id, fence, iteration)
        deliver_all(deliveries)
    wait_for_progress(jobs, job_id)
    paint(jobs, job_id, fence, 4)
    deliver_all(deliveries)
    assert [body["data"]["iteration"] for body in bodies(receiver)] == [1, 4]


def test_newer_progress_replaces_what_was_not_delivered(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, "progress"))
    for iteration in (10, 20, 30):
        paint(jobs, job_id, fence, iteration)
        wait_for_progress(jobs, job_id)
    deliver_all(deliveries)
    assert [body["data"]["iteration"] for body in bodies(receiver)] == [30]


def test_progress_that_does_not_arrive_is_not_retried(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [500]
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, "progress", "finished"))
    paint(jobs, job_id, fence, 10)
    deliver_all(deliveries)
    bring_forward(jobs)
    deliver_all(deliveries)
    assert types(receiver) == ["job.progress"]
    assert stored_webhook(jobs, job_id).error == "The address answered 500."
    finish(jobs, job_id, fence)
    deliver_all(deliveries)
    assert types(receiver) == ["job.progress", "job.succeeded"]


def test_progress_waits_for_a_start_that_is_retried(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [500, 503]
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, "started", "progress"))
    for iteration in (10, 20):
        deliver_all(deliveries)
        paint(jobs, job_id, fence, iteration)
        bring_forward(jobs)
        assert stored_webhook(jobs, job_id).again_at is not None
    deliver_all(deliveries)
    assert types(receiver) == 3 * ["job.started"] + ["job.progress"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got[:3]}) == 1


def test_a_start_that_did_not_arrive_is_tried_once_more_before_the_end(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [500, 500]
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, "started", "finished"))
    deliver_all(deliveries)
    finish(jobs, job_id, fence)
    deliver_all(deliveries)
    assert types(receiver) == ["job.started", "job.started", "job.succeeded"]
    assert stored_webhook(jobs, job_id).tries == 1


def test_the_end_is_retried_after_the_other_events(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [204, 500]
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, "started", "finished"))
    deliver_all(deliveries)
    finish(jobs, job_id, fence)
    deliver_all(deliveries)
    webhook = stored_webhook(jobs, job_id)
    assert (webhook.tries, webhook.error) == (1, "The address answered 500.")
    bring_forward(jobs)
    deliver_all(deliveries)
    assert types(receiver) == ["job.started", "job.succeeded", "job.succeeded"]
    assert (stored_webhook(jobs, job_id).tries, stored_webhook(jobs, job_id).error) == (2, None)


def test_progress_that_was_not_delivered_before_the_end_is_dropped(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    fence = claimed(
        jobs, job_id := submitted(jobs, receiver.url, "started", "progress", "finished")
    )
    paint(jobs, job_id, fence, 10)
    finish(jobs, job_id, fence)
    deliver_all(deliveries)
    assert types(receiver) == ["job.started", "job.succeeded"]


@pytest.mark.parametrize("error", [None, "The address answered 500."])
@pytest.mark.parametrize("event", ["started", "progress"])
def test_a_job_that_ends_during_a_try_reports_its_end_after_it(
    event: WebhookEvent,
    error: str | None,
    deliveries: Deliveries,
    receiver: Receiver,
    jobs: JobStore,
) -> None:
    fence = claimed(jobs, job_id := submitted(jobs, receiver.url, event, "finished"))
    paint(jobs, job_id, fence, 10)
    under_way = jobs.run(take_delivery(job_id, hold_seconds=60))
    assert under_way is not None
    assert under_way.event == event
    finish(jobs, job_id, fence)
    deliver_all(deliveries)
    assert receiver.got == []
    again_seconds = None if error is None else 300
    assert jobs.run(note_delivery(under_way, error=error, again_seconds=again_seconds))
    deliver_all(deliveries)
    assert types(receiver) == ["job.succeeded"]
    assert (stored_webhook(jobs, job_id).tries, stored_webhook(jobs, job_id).error) == (1, None)


def test_a_job_that_never_starts_has_nothing_to_report_of_its_start(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    job_id = submitted(jobs, receiver.url, "started", "progress")
    jobs.run(transitions.cancel(job_id, retention=RETENTION))
    assert not delivered(deliveries)
    assert stored_webhook(jobs, job_id).tries == 0


@pytest.mark.slow
def test_a_whole_service_reports_a_job_from_its_start_to_its_end(
    receiver: Receiver, tmp_path: Path
) -> None:
    with served(tmp_path, PASTICHE_WEBHOOKS_ANYWHERE="true") as stack:
        events = "started,progress,finished"
        job = stack.submit(webhook_url=receiver.url, webhook_events=events)
        until(lambda: stack.get_job(job)["webhook"]["status"] == "delivered")
        public_key = stack.http.get("/webhooks/public-key").json()["public_key"]
    first, *middle, last = (verify(public_key, *request).type for request in receiver.got)
    assert (first, last) == ("job.started", "job.succeeded")
    assert set(middle) <= {"job.progress"}
