"""`python -m worker.reconciler`: recovers lost jobs, cleans up after jobs and pictures, and
delivers webhooks.

Any number of them may run; one leads, under a lease. Everything it does is a transition that
compares before it sets, so two that lead for a moment do no harm. It does not import torch.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event
from time import monotonic
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis import RedisError

from shared import logs, tracing, transitions
from shared.blob_store import BLOB_STORE_ERRORS, BlobStore
from shared.celery_app import MESSAGES_KEY, create_queue, publish
from shared.job_records import list_waiting
from shared.job_store import (
    JOB_KEYS,
    LEADER_KEY,
    Argument,
    JobStore,
    Transition,
    milliseconds,
)
from shared.redis_checks import check_at_start
from shared.settings import Settings
from shared.transitions import Retention
from worker.cleanup import Cleanup
from worker.each_job import for_each_job
from worker.health import ReconcilerPart, report_alive
from worker.list_repair import ListRepair
from worker.retention_limits import RetentionLimits
from worker.webhooks import Deliveries

log = logging.getLogger(__name__)

WEBHOOKS_SECONDS = 0.5
"""How often it reads which webhooks are due."""

BATCH_SIZE = 200
"""How many jobs of each kind are handled in one round."""

FORGET_ANNOUNCED_SECONDS = 600.0
"""How long it remembers that a job was announced."""

LEASE_ROUNDS = 5
"""After how many missed rounds another reconciler takes over."""

ANNOUNCE_AGAIN_SECONDS = 10.0
"""After how long a job that still waits is announced again: perhaps no live worker can paint it,
and a worker that starts later needs a message."""

HEARTBEATS_TO_WAIT = 4
"""How many heartbeats workers get after Redis was unreachable, before their jobs are recovered."""


@dataclass(frozen=True, slots=True)
class Due:
    """What the reconciler has to do.

    Attributes:
        lost: running jobs whose lease has run out.
        late: queued jobs that are past their deadline, or have timed out.
        old: jobs that are past their retention.
        unannounced: for how many queued jobs there is no message.
    """

    lost: list[str]
    late: list[str]
    old: list[str]
    unannounced: int


def find_due(*, limit: int) -> Transition[Due]:
    """What has to be done now, at most `limit` jobs of each kind."""

    def read(reply: Any) -> Due:
        lost, late, old, unannounced = reply
        return Due(lost, late, old, max(0, int(unannounced)))

    names = ("waiting", "deadlines", "running", "finished")
    keys = {name: JOB_KEYS[name] for name in names} | {"messages": MESSAGES_KEY}
    return Transition("find_due", keys, {"limit": limit}, read)


def lead(name: str, *, lease_seconds: float) -> Transition[bool]:
    """Whether the reconciler `name` leads, for the next `lease_seconds`."""
    arguments: dict[str, Argument] = {"name": name, "lease_ms": milliseconds(lease_seconds)}
    return Transition("lead", {"leader": LEADER_KEY}, arguments, bool)


class Reconciler:
    """Recovers, expires, deletes and announces jobs, round after round."""

    def __init__(self, settings: Settings, jobs: JobStore, queue: Celery, name: str) -> None:
        self._settings, self._jobs, self._queue = settings, jobs, queue
        self._name = name
        self._retention = Retention.from_settings(settings)
        self._retention_limits = RetentionLimits(jobs, self._retention)
        self._list_repair = ListRepair(jobs)
        self._unannounced = 0
        self._announced_at: dict[str, float] = {}
        self._last_round = self._recover_after = monotonic()

    def round(self) -> bool:
        """Does what is due if this reconciler leads; returns whether it leads.

        Raises:
            RedisError: the rest is left to the next round.
        """
        lease_seconds = LEASE_ROUNDS * self._settings.reconcile_seconds
        if not self._jobs.run(lead(self._name, lease_seconds=lease_seconds)):
            return False
        due = self._jobs.run(find_due(limit=BATCH_SIZE))
        # First the deletions: a full Redis may refuse everything that follows.
        for_each_job(self._jobs, due.old, self._delete)
        self._retention_limits.step()
        self._announce(due.unannounced)
        if self._may_recover():
            for_each_job(self._jobs, due.lost, self._recover)
        for_each_job(self._jobs, due.late, self._expire)
        self._list_repair.step()
        self._last_round = monotonic()
        return True

    def _expire(self, job_id: str) -> None:
        outcome = self._jobs.run(transitions.expire(job_id, retention=self._retention))
        if outcome != "unchanged":
            log.info("Job %s: %s, no worker claimed it in time", job_id, outcome)

    def _delete(self, job_id: str) -> None:
        if self._jobs.run(transitions.delete_past_retention(job_id)):
            log.info("Job %s: deleted, past its retention", job_id)

    def _may_recover(self) -> bool:
        """Whether there was no gap between rounds: after a gap, in which Redis was unreachable, the
        live workers first get time to send heartbeats."""
        now, longest_gap = monotonic(), LEASE_ROUNDS * self._settings.reconcile_seconds
        if now - self._last_round > longest_gap:
            self._recover_after = now + HEARTBEATS_TO_WAIT * self._settings.heartbeat_seconds
        self._last_round = now
        return now >= self._recover_after

    def _recover(self, job_id: str) -> None:
        recovered = transitions.recover(
            job_id,
            lost_limit=self._settings.attempts_limit,
            lease_limit_seconds=self._settings.lease_limit_seconds,
            retention=self._retention,
        )
        outcome = self._jobs.run(recovered)
        if outcome == "held":
            return
        log.warning("Job %s: its lease ran out: %s", job_id, outcome)
        if outcome == "queued":
            self._publish(job_id)

    def _announce(self, unannounced: int) -> None:
        """Announces jobs again that have waited without a message for two rounds: in the first
        round, a worker may be about to claim them."""
        missing = min(unannounced, self._unannounced, BATCH_SIZE)
        self._unannounced = unannounced
        if not missing:
            return
        now = monotonic()
        for job_id in list_waiting(self._jobs, missing):
            announced_at = self._announced_at.get(job_id)
            if announced_at is not None and now - announced_at < ANNOUNCE_AGAIN_SECONDS:
                continue
            if not self._publish(job_id):
                break
            self._announced_at[job_id] = now
            if announced_at is None:  # otherwise it waits for a worker that can paint it
                log.warning("Job %s: had no message, and was announced again", job_id)
        oldest = now - FORGET_ANNOUNCED_SECONDS
        self._announced_at = {k: at for k, at in self._announced_at.items() if at > oldest}

    def _publish(self, job_id: str) -> bool:
        """Announces a job; returns whether that was possible. If a full Redis refuses, the round
        continues: the job counts as unannounced, and a later round tries again."""
        try:
            publish(self._queue, job_id)
        except OperationalError as error:
            log.warning("Job %s: cannot be announced: %s", job_id, error)
            return False
        return True


def repeat(
    round_: Callable[[], bool],
    part: ReconcilerPart,
    every_seconds: float,
    jobs: JobStore,
    shutdown: Event,
) -> None:
    """Runs round after round of one part. A server that is unreachable may be back in the next."""
    while not shutdown.wait(every_seconds):
        try:
            round_()
        except (RedisError, *BLOB_STORE_ERRORS) as error:
            log.warning("This round was cut short: %s", error)
        try:
            report_alive(jobs, part)
        except RedisError as error:
            log.warning("Liveness not reported, Redis refused or did not answer: %s", error)


def run_together(parts: Sequence[Callable[[], None]], shutdown: Event) -> bool:
    """Runs each part in a thread until all have ended. They end once `shutdown` is set, which this
    does if one ends, also with an error. Returns whether none ended with an error."""

    def run(part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException:
            log.exception("A part of the reconciler has failed")
            raise
        finally:
            shutdown.set()

    with ThreadPoolExecutor(len(parts), "reconciler") as threads:
        running = [threads.submit(run, part) for part in parts]
        shutdown.wait()  # in the main thread, which gets the signals
    return all(each.exception() is None for each in running)


def main() -> int:
    settings = Settings()
    logs.configure(settings)
    check_at_start(settings)
    tracing.begin("pastiche-reconciler")
    shutdown = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: shutdown.set())
    jobs = JobStore.connect(settings.redis_location)
    blobs = BlobStore.open(settings.blob_store_location)
    name = f"{socket.gethostname()}-{os.getpid()}"
    reconciler = Reconciler(settings, jobs, create_queue(settings), name)
    cleanup = Cleanup(settings, jobs, blobs, name)
    deliveries = Deliveries(jobs, allow_private=settings.webhooks_anywhere)
    pause = settings.reconcile_seconds
    parts = [
        partial(repeat, reconciler.round, "records", pause, jobs, shutdown),
        partial(repeat, cleanup.round, "cleanup", pause, jobs, shutdown),
        partial(repeat, deliveries.round, "webhooks", WEBHOOKS_SECONDS, jobs, shutdown),
    ]
    succeeded = run_together(parts, shutdown)
    deliveries.close()
    tracing.end()
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
