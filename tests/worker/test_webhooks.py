"""Webhooks, delivered to a real server, and never to an address that is not public."""

import json
import socket
from contextlib import suppress
from threading import Thread
from time import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from shared import job_store, transitions
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore
from shared.jobs import QueueEntry, new_job_id
from shared.transitions import Retention
from shared.webhook_keys import get_secret
from tests.waiting import pause, until
from tests.worker.webhooks import Receiver, bring_forward, delivered, receiving, stored_webhook
from worker.webhooks import RETRY_SECONDS, Deliveries

RETENTION = Retention(retention_hours=1, grace_seconds=40)


def cancel_new_job(jobs: JobStore, url: str | None, owner: str = "ada") -> str:
    """Cancels a new job that has a webhook; its ID."""
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry("somebody", 100, owner=owner, webhook_url=url)
    inputs = Inputs("content", ("style",))
    submission = transitions.submit(job_id, latest_ms, {}, inputs, entry, queue_limit=9)
    assert jobs.run(submission) == "queued"
    jobs.run(transitions.cancel(job_id, retention=RETENTION))
    return job_id


def test_a_webhook_reports_how_the_job_ended(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    job_id = cancel_new_job(jobs, receiver.url)
    delivered(deliveries)
    ((_, body),) = receiver.got
    message = json.loads(body)
    assert message["type"] == "job.canceled"
    assert message["data"]["id"] == job_id
    webhook = stored_webhook(jobs, job_id)
    assert (webhook.tries, webhook.error, webhook.again_at) == (1, None, None)
    assert not delivered(deliveries)


def test_the_official_verifier_accepts_it(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    cancel_new_job(jobs, receiver.url)
    delivered(deliveries)
    ((headers, body),) = receiver.got
    assert Webhook(jobs.run(get_secret("ada"))).verify(body, headers)


def test_each_owner_has_its_own_secret(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    cancel_new_job(jobs, receiver.url, owner="ada")
    delivered(deliveries)
    ((headers, body),) = receiver.got
    with pytest.raises(WebhookVerificationError):
        Webhook(jobs.run(get_secret("bob"))).verify(body, headers)


def test_a_damaged_secret_or_record_delays_no_other_webhook(
    receiver: Receiver, deliveries: Deliveries, jobs: JobStore
) -> None:
    jobs.client.hset("api:webhook-secrets", "bob", "whsec_a")
    unsigned, no_record = (
        cancel_new_job(jobs, receiver.url, owner="bob"),
        cancel_new_job(jobs, receiver.url),
    )
    jobs.client.delete(job_store.record_key(no_record))
    jobs.client.set(job_store.record_key(no_record), "text")
    sent = cancel_new_job(jobs, receiver.url)
    assert delivered(deliveries)
    assert stored_webhook(jobs, sent).error is None
    error = stored_webhook(jobs, unsigned).error
    assert error is not None
    assert "could not be signed" in error


def test_a_job_without_a_webhook_url_has_no_webhook(deliveries: Deliveries, jobs: JobStore) -> None:
    cancel_new_job(jobs, None)
    assert not delivered(deliveries)


def test_a_webhook_that_does_not_arrive_is_retried_with_the_same_id(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [500, 503]
    job_id = cancel_new_job(jobs, receiver.url)
    for tries, error in ((1, "The address answered 500."), (2, "The address answered 503.")):
        delivered(deliveries)
        webhook = stored_webhook(jobs, job_id)
        assert (webhook.tries, webhook.error) == (tries, error)
        assert webhook.again_at is not None
        assert not delivered(deliveries)
        bring_forward(jobs)
    delivered(deliveries)
    assert (stored_webhook(jobs, job_id).tries, stored_webhook(jobs, job_id).error) == (3, None)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_the_pauses_between_webhook_retries_grow(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [500] * (len(RETRY_SECONDS) + 1)
    job_id = cancel_new_job(jobs, receiver.url)
    pauses = []
    while True:
        delivered(deliveries)
        webhook = stored_webhook(jobs, job_id)
        if webhook.again_at is None:
            break
        assert webhook.tried_at is not None
        pauses.append(round((webhook.again_at - webhook.tried_at).total_seconds()))
        bring_forward(jobs)
    assert tuple(pauses) == RETRY_SECONDS
    assert (webhook.tries, webhook.error) == (len(RETRY_SECONDS) + 1, "The address answered 500.")


def test_an_address_that_answers_410_is_not_retried(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [410]
    job_id = cancel_new_job(jobs, receiver.url)
    delivered(deliveries)
    assert stored_webhook(jobs, job_id).again_at is None


def test_a_redirect_is_not_followed(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answers = [302]
    job_id = cancel_new_job(jobs, receiver.url)
    delivered(deliveries)
    assert len(receiver.got) == 1
    assert stored_webhook(jobs, job_id).error == "The address answered 302."


def test_an_unreachable_address_is_retried(deliveries: Deliveries, jobs: JobStore) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        job_id = cancel_new_job(jobs, f"http://127.0.0.1:{unused.getsockname()[1]}/")
        delivered(deliveries)
    webhook = stored_webhook(jobs, job_id)
    assert webhook.error is not None
    assert webhook.again_at is not None


def test_an_endless_answer_times_out(jobs: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.webhooks.MAX_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=_never_ends, args=(listening,), daemon=True).start()
        job_id = cancel_new_job(jobs, f"http://127.0.0.1:{listening.getsockname()[1]}/")
        delivered(Deliveries(jobs, allow_private=True))
    assert stored_webhook(jobs, job_id).error == "The address could not be reached (ReadTimeout)."


def _never_ends(listening: socket.socket) -> None:
    """Sends interim responses again and again, and never a final one."""
    connection, _ = listening.accept()
    with connection, suppress(OSError):
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            pause(0.05)


def test_two_processes_deliver_a_webhook_once(receiver: Receiver, jobs: JobStore) -> None:
    receiver.answering.clear()
    cancel_new_job(jobs, receiver.url)
    first, second = (Deliveries(jobs, allow_private=True) for _ in range(2))
    threads = [Thread(target=delivered, args=(each,)) for each in (first, second)]
    for thread in threads:
        thread.start()
    until(lambda: receiver.got)
    # The process that has it waits for the answer; the other one is done, or delivers it as well.
    until(lambda: len(receiver.got) > 1 or not all(thread.is_alive() for thread in threads))
    receiver.answering.set()
    for thread in threads:
        thread.join()
    assert len(receiver.got) == 1


def test_a_deleted_job_has_no_webhook(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    job_id = cancel_new_job(jobs, receiver.url)
    jobs.run(transitions.delete(job_id, retention=RETENTION))
    delivered(deliveries)
    assert receiver.got == []


def test_nothing_is_sent_to_an_address_that_is_not_public(
    receiver: Receiver, jobs: JobStore
) -> None:
    job_id = cancel_new_job(jobs, receiver.url)
    delivered(Deliveries(jobs, allow_private=False))
    assert receiver.got == []
    webhook = stored_webhook(jobs, job_id)
    assert (webhook.error, webhook.again_at) == ("The address is not public.", None)


def test_a_receiver_that_never_answers_delays_no_other(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for _ in range(24):
            cancel_new_job(jobs, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        deliveries.round()
        job_id = cancel_new_job(jobs, receiver.url)
        deliveries.round()
        until(lambda: stored_webhook(jobs, job_id).tries == 1)
        silent.accept()[0].close()  # the one try that has begun
        deliveries.close()
    assert len(jobs.client.zrangebyscore(JOB_KEYS["webhooks"], 0, int(1000 * time()))) == 23


def test_an_invalid_address_in_a_record_delays_no_other_webhook(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    job_ids = [cancel_new_job(jobs, url) for url in ("https://[a/", "https://a..b/", receiver.url)]
    delivered(deliveries)
    assert [stored_webhook(jobs, job_id).tries for job_id in job_ids] == [1, 1, 1]
    assert stored_webhook(jobs, job_ids[-1]).error is None


def test_webhooks_of_one_host_are_delivered_one_after_the_other(
    deliveries: Deliveries, receiver: Receiver, jobs: JobStore
) -> None:
    receiver.answering.clear()
    for _ in range(12):
        cancel_new_job(jobs, receiver.url)
    with receiving() as other:
        cancel_new_job(jobs, other.url)
        deliveries.round()
        until(lambda: receiver.got and other.got)  # by then a second one would have been sent
        receiver.answering.set()
        deliveries.join()
    assert (len(receiver.got), receiver.most_at_once) == (12, 1)
