"""Delivers the webhooks of jobs, one event after the other, with retries."""

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Condition
from typing import Any
from urllib.parse import urlsplit

import httpcore
from opentelemetry.trace import SpanKind
from redis import RedisError
from redis.exceptions import ResponseError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from shared import logs, tracing, transitions
from shared.job_records import origin_from_text
from shared.job_store import (
    JOB_KEYS,
    Argument,
    JobStore,
    Transition,
    milliseconds,
    on_job,
    record_key,
)
from shared.progress import Progress
from shared.public_network import NotPublic, PublicNetwork
from shared.webhook_keys import get_private_key, get_secret
from worker.webhook_messages import Delivery, make_body, sign_headers

log = logging.getLogger(__name__)

RETRY_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The pause after each try; after the last there is none (the schedule that Standard Webhooks
recommends)."""

TIMEOUT_SECONDS = 10.0
"""The timeout of one step of a connection."""

MAX_SECONDS = 2 * TIMEOUT_SECONDS
"""How long a connection lives."""

HOLD_SECONDS = 6 * TIMEOUT_SECONDS
"""How long one process holds a try: it waits for its turn, DNS, a connection and an answer."""

MAX_CONCURRENT = 32
"""To how many hosts webhooks are delivered at once; each host gets one at a time."""

MAX_DUE = 10_000
"""How many due webhooks are read in one round: those of a host that does not answer stay due until
their turn, and must not hide those of others."""


def take_delivery(job_id: str, *, hold_seconds: float) -> Transition[Delivery | None]:
    """Takes the next try of a job's webhook, if it is due and nobody else has it."""

    def read(reply: Any) -> Delivery | None:
        if not reply:
            return None
        event, url, owner, status, tries, origin, progress = reply
        return Delivery(
            job_id,
            event,
            url,
            owner,
            status,
            int(tries) + 1,
            *origin_from_text(origin),
            Progress.from_json(progress) if event == "progress" else None,
        )

    arguments = {"hold_ms": milliseconds(hold_seconds)}
    return on_job("take_delivery", job_id, arguments, read=read)


def note_delivery(
    delivery: Delivery, *, error: str | None, again_seconds: float | None
) -> Transition[bool]:
    """Notes the outcome of a try, and when the next one is due. `progress` is not tried again, and
    `started` only while the job is not over."""
    arguments: dict[str, Argument] = {
        "event": delivery.event,
        "try": delivery.number,
        "fault": error or "",
        "again_ms": "" if again_seconds is None else milliseconds(again_seconds),
    }
    return on_job("note_delivery", delivery.job_id, arguments, read=bool)


def list_due(*, limit: int) -> Transition[list[str]]:
    """The jobs whose webhooks are due."""
    return Transition("due_webhooks", {"webhooks": JOB_KEYS["webhooks"]}, {"limit": limit}, list)


class Deliveries:
    """Delivers what is due. Each host has its own queue, so one that does not answer only delays
    its own webhooks."""

    def __init__(self, jobs: JobStore, *, allow_private: bool) -> None:
        self._jobs = jobs
        self._pool = httpcore.ConnectionPool(
            network_backend=PublicNetwork(allow_private=allow_private, max_seconds=MAX_SECONDS),
            max_connections=MAX_CONCURRENT,
            max_keepalive_connections=0,
        )
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT, "webhook")
        self._changed = Condition()
        self._is_closing = False
        self._queues: dict[str, deque[str]] = {}  # by host: the jobs whose webhooks come next

    def round(self) -> bool:
        """Puts each webhook that is due into its host's queue, and does not wait for its delivery.
        Returns whether there was one.

        Raises:
            RedisError: the rest is left to the next round.
        """
        with self._changed:
            queued = {job_id for queue in self._queues.values() for job_id in queue}
        due = self._jobs.run(list_due(limit=MAX_DUE + len(queued)))
        new = [job_id for job_id in due if job_id not in queued]
        for job_id, host in zip(new, self._read_hosts(new), strict=True):
            self._enqueue(host, job_id)
        return bool(new)

    def join(self) -> None:
        """Waits until every queue is empty."""
        with self._changed:
            self._changed.wait_for(lambda: not self._queues)

    def close(self) -> None:
        """Waits for the tries that have started. The next process that delivers does the others."""
        with self._changed:
            self._is_closing = True
        self._threads.shutdown(cancel_futures=True)

    def _read_hosts(self, job_ids: Sequence[str]) -> list[str]:
        """The host of each job's webhook; '' if its record has none."""
        pipeline = self._jobs.client.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hget(record_key(job_id), "webhook_url")
        urls = pipeline.execute(raise_on_error=False)
        return [_host(url) if isinstance(url, str) else "" for url in urls]

    def _enqueue(self, host: str, job_id: str) -> None:
        with self._changed:
            is_first = host not in self._queues
            self._queues.setdefault(host, deque()).append(job_id)
        if is_first:
            self._threads.submit(self._deliver_next, host)

    def _deliver_next(self, host: str) -> None:
        """Delivers one webhook to a host. The other hosts have their turn before its next one."""
        job_id = self._queues[host][0]
        try:
            delivery = self._take(job_id)
            if delivery is not None:
                self._deliver(delivery)
        except RedisError as error:
            log.warning(
                "Job %s: webhook postponed, Redis refused or did not answer: %s", job_id, error
            )
        except Exception:  # an error in one webhook must not stop the others
            log.exception("Job %s: unexpected error in its webhook", job_id)
        with self._changed:
            self._queues[host].popleft()
            if not self._queues[host]:
                del self._queues[host]
                self._changed.notify_all()
            elif not self._is_closing:
                self._threads.submit(self._deliver_next, host)

    def _take(self, job_id: str) -> Delivery | None:
        """The next try; None if another process has it, or the job has no record."""
        try:
            return self._jobs.run(take_delivery(job_id, hold_seconds=HOLD_SECONDS))
        except ResponseError as error:  # the key holds something other than a record
            log.error("Job %s: its webhook cannot be taken: %s", job_id, error)
            self._jobs.run(transitions.delete_damaged(job_id))
            return None

    def _deliver(self, delivery: Delivery) -> None:
        about: tracing.Attributes = {
            "pastiche.job.id": delivery.job_id,
            "pastiche.webhook.event": delivery.event,
            "pastiche.webhook.try": delivery.number,
        }
        with (
            tracing.span("webhook", about, kind=SpanKind.CLIENT, parent=delivery.traceparent),
            logs.about(request_id=delivery.request_id, trace_id=tracing.trace_id()),
        ):
            error, is_final = self._send(delivery)
            is_last = is_final or delivery.number > len(RETRY_SECONDS)
            again = None if error is None or is_last else RETRY_SECONDS[delivery.number - 1]
            if error is not None:
                tracing.fail("undelivered", error)
            self._jobs.run(note_delivery(delivery, error=error, again_seconds=again))
            outcome = error or "arrived"
            details = (delivery.job_id, delivery.event, delivery.number, outcome)
            log.info("Job %s: webhook, %s, try %d: %s", *details)

    def _send(self, delivery: Delivery) -> tuple[str | None, bool]:
        """Sends a webhook. Returns what went wrong, None if nothing did, and whether this was the
        last try in any case."""
        now = datetime.now(UTC)
        body = make_body(delivery, now)
        secret = self._jobs.run(get_secret(delivery.owner))
        private_key = self._jobs.run(get_private_key(delivery.owner))
        try:
            headers = sign_headers(delivery, secret, private_key, body, now)
        except (ValueError, EmptyWebhookSecretError):
            return "It could not be signed: the owner's secret or private key is damaged.", False
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
        try:
            with self._pool.stream(
                "POST",
                delivery.url,
                headers=list(headers.items()),
                content=body.encode(),
                extensions={"timeout": timeouts},
            ) as response:
                status = response.status
        except NotPublic:
            return "The address is not public.", True
        except (httpcore.NetworkError, httpcore.TimeoutException, OSError) as failure:
            return f"The address could not be reached ({type(failure).__name__}).", False
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError):
            return "The answer is not HTTP.", False
        if 200 <= status < 300:
            return None, False
        return f"The address answered {status}.", status == 410


def _host(url: str) -> str:
    """The host of a URL; '' if it has none, which makes the try fail."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
