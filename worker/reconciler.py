"""`python -m worker.reconciler`: finds what was lost, and sets it right; and delivers webhooks.

Any number of them may run; one leads, under a lease. Everything it does is a transition that
compares before it sets, so two that lead for a moment do no harm. It loads no torch.
"""

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterable
from datetime import timedelta
from threading import Event, Thread
from time import monotonic

from celery import Celery
from kombu.exceptions import OperationalError
from obstore.exceptions import BaseError as BlobStoreError
from redis import RedisError

from shared import logs, overview, tracing, transitions
from shared.blob_store import BlobStore, folder_of
from shared.errors import DamagedRecord
from shared.job_store import JobStore
from shared.queue import MESSAGES_KEY, create_queue, publish
from shared.settings import Settings
from shared.transitions import Keeping
from worker.blob_sweep import BlobSweep
from worker.webhooks import Deliveries

log = logging.getLogger(__name__)

WEBHOOKS_SECONDS = 0.5
"""How often it looks for webhooks that are due."""

AT_ONCE = 200
"""How many jobs of each kind are set right in one round."""

TIDYING_SECONDS = 1.0
"""For how long blobs are looked through in one round; the rest is for the next."""

LEADS_FOR_ROUNDS = 5
"""After how many rounds that it missed another one takes over."""

BEATS_TO_WAIT = 4
"""How many heartbeats a worker is given that could not be heard for a while."""


class Reconciler:
    """Looks again and again for what nobody else would set right."""

    def __init__(
        self, settings: Settings, jobs: JobStore, blobs: BlobStore, queue: Celery, name: str
    ) -> None:
        self._settings, self._jobs, self._blobs, self._queue = settings, jobs, blobs, queue
        self._name = name
        self._keeping = Keeping.of(settings)
        self._sweep = BlobSweep(jobs, blobs, timedelta(hours=settings.retention_hours))
        self._unannounced = 0
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
            for job_id in due.silent:
                self._recover(job_id)
        for job_id in due.late:
            if self._jobs.run(transitions.expire(job_id, keeping=self._keeping)) == "expired":
                log.info("Job %s: expired, nobody came to paint it", job_id)
        for job_id in due.old:
            if self._jobs.run(transitions.forget(job_id)):
                log.info("Job %s: forgotten, past its retention", job_id)
        self._tidy_up(due.untidy)
        self._sweep.step()
        self._looked = monotonic()
        return True

    def _tidy_up(self, untidy: Iterable[tuple[str, float]]) -> None:
        """As many as there is time for: who fell silent meanwhile is not to wait for it."""
        late = monotonic() + TIDYING_SECONDS
        for job_id, due_ms in untidy:
            if monotonic() > late:
                return
            if self._tidy(job_id):
                self._jobs.run(transitions.tidied(job_id, due_ms))

    def _was_there(self) -> bool:
        """Whether it has looked without a gap: after one, Redis was away, and workers that live are
        first given the time to say so."""
        now, rounds = monotonic(), LEADS_FOR_ROUNDS * self._settings.reconcile_seconds
        if now - self._looked > rounds:
            self._patient_until = now + BEATS_TO_WAIT * self._settings.heartbeat_seconds
        self._looked = now
        return now >= self._patient_until

    def _recover(self, job_id: str) -> None:
        limit = self._settings.attempts_limit
        recovered = transitions.recover(job_id, lost_limit=limit, keeping=self._keeping)
        outcome = self._jobs.run(recovered)
        if outcome == "held":
            return
        log.warning("Job %s: its worker fell silent: %s", job_id, outcome)
        if outcome == "queued":
            publish(self._queue, job_id)

    def _tidy(self, job_id: str) -> bool:
        """Erases what a job has no use for: all where it is gone, what its workers left where it
        is over. Whether that is done."""
        try:
            job = self._jobs.run(transitions.look(job_id))
            if job is None or job.is_over:
                self._erase_unused(job_id, job.blobs if job else frozenset())
        except DamagedRecord as error:
            log.error("%s", error)
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: what is left of it cannot be erased yet: %s", job_id, error)
            return False
        return True

    def _erase_unused(self, job_id: str, used: frozenset[str]) -> None:
        left = [key for key in self._blobs.keys(folder_of(job_id)) if key not in used]
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
        for job_id in self._jobs.run(overview.heads(missing)):
            publish(self._queue, job_id)
        log.warning("%d jobs waited without a message, and were announced again", missing)


def watch(round_: Callable[[], bool], every_seconds: float, closing: Event) -> None:
    """A round again and again; what cannot be reached now can be in a later one."""
    while not closing.wait(every_seconds):
        try:
            round_()
        except (RedisError, OperationalError, BlobStoreError, OSError) as error:
            log.warning("This round was cut short: %s", error)


def main() -> None:
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
    telling = Thread(target=watch, args=(deliveries.round, WEBHOOKS_SECONDS, closing))
    telling.start()
    watch(reconciler.round, settings.reconcile_seconds, closing)
    telling.join()
    deliveries.close()
    tracing.end()


if __name__ == "__main__":
    main()
