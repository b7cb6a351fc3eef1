"""`python -m worker.reconciler`: finds what was lost, and sets it right; and delivers webhooks.

Any number of them may run; one leads, under a lease. Everything it does is a transition that
compares before it sets, so two that lead for a moment do no harm. It loads no torch.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Event
from time import monotonic

from celery import Celery
from kombu.exceptions import OperationalError
from obstore.exceptions import BaseError as BlobStoreError
from redis import RedisError
from redis.exceptions import ResponseError

from shared import logs, overview, tracing, transitions
from shared.blob_store import BlobStore, folder_of, is_encoded
from shared.errors import DamagedRecord
from shared.job_store import JobStore
from shared.queue import MESSAGES_KEY, create_queue, publish
from shared.settings import Settings
from shared.transitions import Retention
from worker.blob_sweep import BlobSweep
from worker.health import ReconcilerHalf, say_alive
from worker.webhooks import Deliveries

log = logging.getLogger(__name__)

WEBHOOKS_SECONDS = 0.5
"""How often it looks for webhooks that are due."""

AT_ONCE = 200
"""How many jobs of each kind are set right in one round."""

FORGET_ANNOUNCED_SECONDS = 600.0
"""After how long it is forgotten that a job was announced, where it was not announced since."""

TIDYING_SECONDS = 1.0
"""For how long blobs are looked through in one round; the rest is for the next."""

LEADS_FOR_ROUNDS = 5
"""After how many rounds that it missed another one takes over."""

ANNOUNCE_AGAIN_SECONDS = 10.0
"""After how long a job that still waits is announced again: no worker that lives may be able to
paint it, and one that comes later is to hear of it."""

BEATS_TO_WAIT = 4
"""How many heartbeats a worker is given that could not be heard for a while."""


class Reconciler:
    """Looks again and again for what nobody else would set right."""

    def __init__(
        self, settings: Settings, jobs: JobStore, blobs: BlobStore, queue: Celery, name: str
    ) -> None:
        self._settings, self._jobs, self._blobs, self._queue = settings, jobs, blobs, queue
        self._name = name
        self._retention = Retention.from_settings(settings)
        self._sweep = BlobSweep(jobs, blobs, timedelta(hours=settings.retention_hours))
        self._unannounced = 0
        self._announced_at: dict[str, float] = {}
        self._looked = self._patient_until = monotonic()

    def round(self) -> bool:
        """Sets right what is due, if it is the one that leads; whether it does.

        Raises:
            RedisError, BlobStoreError, OSError, OperationalError: the rest is for the next round.
        """
        lease_seconds = LEADS_FOR_ROUNDS * self._settings.reconcile_seconds
        role = overview.lead("reconciler", self._name, lease_seconds=lease_seconds)
        if not self._jobs.run(role):
            return False
        due = self._jobs.run(overview.due(MESSAGES_KEY, limit=AT_ONCE))
        self._announce(due.unannounced)
        if self._was_there():
            self._set_right(due.silent, self._recover)
        self._set_right(due.late, self._expire)
        self._set_right(due.old, self._forget)
        self._tidy_up(due.unclean)
        self._sweep.step()
        self._looked = monotonic()
        return True

    def _set_right(self, job_ids: Iterable[str], action: Callable[[str], None]) -> None:
        """Does it for each job; one job's fault is no other job's."""
        for job_id in job_ids:
            try:
                action(job_id)
            except ResponseError as error:  # the script met what no record of ours has
                log.error("Job %s cannot be set right: %s", job_id, error)
                if self._jobs.run(transitions.delete_damaged(job_id)):
                    log.error("Job %s: discarded, what was there is no record", job_id)
            except (RedisError, OperationalError):
                raise
            except Exception:
                log.exception("Job %s: unforeseen", job_id)

    def _expire(self, job_id: str) -> None:
        if self._jobs.run(transitions.expire(job_id, retention=self._retention)) == "expired":
            log.info("Job %s: expired, nobody came to paint it", job_id)

    def _forget(self, job_id: str) -> None:
        if self._jobs.run(transitions.delete_past_retention(job_id)):
            log.info("Job %s: forgotten, past its retention", job_id)

    def _tidy_up(self, untidy: Iterable[tuple[str, float]]) -> None:
        """As many as there is time for: who fell silent meanwhile is not to wait for it."""
        late = monotonic() + TIDYING_SECONDS
        due_ms = dict(untidy)

        def tidy(job_id: str) -> None:
            if monotonic() < late and self._tidy(job_id):
                self._jobs.run(transitions.mark_cleaned(job_id, due_ms[job_id]))

        self._set_right(due_ms, tidy)

    def _was_there(self) -> bool:
        """Whether it has looked without a gap: after one, Redis was away, and workers that live are
        first given the time to say so."""
        now, rounds = monotonic(), LEADS_FOR_ROUNDS * self._settings.reconcile_seconds
        if now - self._looked > rounds:
            self._patient_until = now + BEATS_TO_WAIT * self._settings.heartbeat_seconds
        self._looked = now
        return now >= self._patient_until

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
        log.warning("Job %s: its worker fell silent: %s", job_id, outcome)
        if outcome == "queued":
            publish(self._queue, job_id)

    def _tidy(self, job_id: str) -> bool:
        """Erases what a job has no use for: all where it is gone, what its workers left where it
        is over, its input pictures too where it was canceled. Whether that is done."""
        try:
            job = self._jobs.run(transitions.read(job_id))
            if job is None or job.is_over:
                self._erase_unused(job_id, job.useful_blobs if job else frozenset())
        except DamagedRecord as error:
            log.error("%s", error)
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: what is left of it cannot be erased yet: %s", job_id, error)
            return False
        return True

    def _erase_unused(self, job_id: str, used: frozenset[str]) -> None:
        keys = self._blobs.keys(folder_of(job_id))
        left = [key for key in keys if key not in used and not (used and is_encoded(key))]
        self._blobs.erase_pieces(job_id)
        if left:
            self._blobs.delete(*left)
            log.info("Job %s: %d blobs erased that nobody needs", job_id, len(left))

    def _announce(self, unannounced: int) -> None:
        """Publishes again for jobs that have waited without a message for two rounds: in the
        first one a worker may be about to claim them."""
        missing = min(unannounced, self._unannounced, AT_ONCE)
        self._unannounced = unannounced
        if not missing:
            return
        now = monotonic()
        for job_id in self._jobs.run(overview.next_jobs(missing)):
            before = self._announced_at.get(job_id)
            if before is not None and now - before < ANNOUNCE_AGAIN_SECONDS:
                continue
            publish(self._queue, job_id)
            self._announced_at[job_id] = now
            if before is None:  # else it is no news: it waits for a worker that can paint it
                log.warning("Job %s: waited without a message, and was announced again", job_id)
        forgotten = now - FORGET_ANNOUNCED_SECONDS
        self._announced_at = {k: at for k, at in self._announced_at.items() if at > forgotten}


def watch(
    round_: Callable[[], bool],
    tell_alive: Callable[[], object],
    every_seconds: float,
    closing: Event,
) -> None:
    """A round again and again; what cannot be reached now can be in a later one."""
    while not closing.wait(every_seconds):
        try:
            round_()
        except (RedisError, OperationalError, BlobStoreError, OSError) as error:
            log.warning("This round was cut short: %s", error)
        try:
            tell_alive()
        except RedisError as error:
            log.warning("Redis is away: %s", error)


def run_together(halves: Sequence[Callable[[], None]], closing: Event) -> bool:
    """Runs each in a thread until all of them have ended, as they do once `closing` is set; where
    one ends by an error, so do the others. Whether none did."""

    def run(half: Callable[[], None]) -> None:
        try:
            half()
        except BaseException:
            log.exception("A part of the reconciler has ended: unforeseen")
            raise
        finally:
            closing.set()

    with ThreadPoolExecutor(len(halves), "reconciler") as threads:
        running = [threads.submit(run, half) for half in halves]
        closing.wait()  # by the main thread, which signals come to
    return all(each.exception() is None for each in running)


def main() -> int:
    settings = Settings()
    logs.configure(settings)
    tracing.begin("pastiche-reconciler")
    closing = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: closing.set())
    jobs = JobStore.connect(settings.redis_location)
    blobs = BlobStore.open(settings.blob_store_location)
    name = f"{socket.gethostname()}-{os.getpid()}"
    reconciler = Reconciler(settings, jobs, blobs, create_queue(settings), name)
    deliveries = Deliveries(jobs, allow_private=settings.webhooks_anywhere)
    halves: list[tuple[ReconcilerHalf, Callable[[], bool], float]] = [
        ("records", reconciler.round, settings.reconcile_seconds),
        ("webhooks", deliveries.round, WEBHOOKS_SECONDS),
    ]
    succeeded = run_together(
        [
            partial(watch, round_, partial(say_alive, jobs, half), every_seconds, closing)
            for half, round_, every_seconds in halves
        ],
        closing,
    )
    deliveries.close()
    tracing.end()
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
