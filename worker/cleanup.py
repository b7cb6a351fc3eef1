"""The part of the reconciler that works on the blob store: it deletes what is no longer used.

It runs in its own thread: lost jobs and deadlines do not wait for a store that does not answer.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import Any

from shared import transitions
from shared.blob_store import BLOB_STORE_ERRORS, BlobStore
from shared.job_store import JOB_KEYS, LEADER_KEY, JobStore, Transition
from shared.settings import Settings
from worker import picture_cleanup
from worker.blob_cleanup import BlobCleanup
from worker.each_job import for_each_job

log = logging.getLogger(__name__)

BATCH_SIZE = 200
"""How many jobs are cleaned up in one round."""

RETRY_SECONDS = 600.0
"""How long blobs that cannot be deleted wait for the next try: others are deleted first."""

CLEANUP_SECONDS = 1.0
"""How long jobs are cleaned up in one round; the next round continues."""


def list_due(*, limit: int) -> Transition[dict[str, float]]:
    """The jobs whose blobs are due for cleanup, and since when."""

    def read(reply: Any) -> dict[str, float]:
        return dict(zip(reply[::2], map(float, reply[1::2]), strict=True))

    return Transition("due_cleanups", {"cleanup": JOB_KEYS["cleanup"]}, {"limit": limit}, read)


class Cleanup:
    """Cleans up after jobs and pictures, and searches the whole store, round after round.

    Args:
        name: of the reconciler that it belongs to.
    """

    def __init__(self, settings: Settings, jobs: JobStore, blobs: BlobStore, name: str) -> None:
        self._jobs, self._blobs, self._name = jobs, blobs, name
        self._blob_cleanup = BlobCleanup(
            jobs,
            blobs,
            timedelta(hours=settings.retention_hours),
            timedelta(hours=settings.picture_retention_hours),
        )

    def round(self) -> bool:
        """Does what is due if this reconciler leads; returns whether it leads. Only the part that
        recovers jobs renews the lease: if that part hangs, another reconciler has to lead.

        Raises:
            RedisError: the rest is left to the next round.
        """
        if self._jobs.client.get(LEADER_KEY) != self._name:
            return False
        due = self._jobs.run(list_due(limit=BATCH_SIZE))
        self._clean_up_jobs(due)
        picture_cleanup.delete_expired(self._jobs, self._blobs, retry_seconds=RETRY_SECONDS)
        self._blob_cleanup.step()
        return True

    def _clean_up_jobs(self, due: Mapping[str, float]) -> None:
        """Cleans up after as many jobs as there is time for: pictures must not wait for them."""
        deadline = monotonic() + CLEANUP_SECONDS

        def clean_up(job_id: str) -> None:
            if monotonic() >= deadline:
                return
            try:
                is_done = self._blob_cleanup.clean_up(job_id)
            except BLOB_STORE_ERRORS as error:
                log.warning("Job %s: blobs not deleted yet: %s", job_id, error)
                self._jobs.run(
                    transitions.postpone_cleanup(job_id, due[job_id], delay_seconds=RETRY_SECONDS)
                )
                return
            if is_done:
                self._jobs.run(transitions.mark_cleaned(job_id, due[job_id]))

        for_each_job(self._jobs, due, clean_up)
