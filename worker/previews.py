"""Stores what a client may see while its job is painted: the preview, and the losses so far."""

import logging
from collections.abc import Callable
from time import monotonic

from obstore.exceptions import BaseError as BlobStoreError

from shared.blob_store import BlobStore, losses_key, preview_key
from shared.jobs import Job
from shared.progress import Losses, Progress

log = logging.getLogger(__name__)

MAX_TIME_SHARE = 0.02
"""Of the time, that previews may take: one that takes long is made less often."""


class Previews:
    """Those of one attempt. It writes its preview and its losses again and again, each in place of
    the last; its losses continue those of an earlier attempt."""

    def __init__(self, job: Job, fence: str, blobs: BlobStore, interval_seconds: float) -> None:
        self._job, self._blobs, self._interval_seconds = job, blobs, interval_seconds
        self._preview_key, self._losses_key = preview_key(job.id, fence), losses_key(job.id, fence)
        self._losses = Losses()
        self._earlier: Losses | None = None
        self._due = monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next preview."""
        return monotonic() >= self._due

    def add_losses(self, progress: Progress) -> None:
        """Adds one more point to the curves."""
        if self._earlier is None:
            self._earlier = self._load_earlier_losses()
            self._losses = self._earlier.until(progress.iteration)
        self._losses.add(progress)

    def store(self, preview: Callable[[], bytes]) -> dict[str, str]:
        """Writes both; returns the fields of the record that refer to them."""
        started = monotonic()
        news = self._write(self._preview_key, preview, "preview_key") | self.store_losses()
        if "preview_key" in news:
            news["preview_iteration"] = str(self._losses.iterations[-1])
        seconds = monotonic() - started
        self._due = monotonic() + max(self._interval_seconds, seconds * (1 / MAX_TIME_SHARE - 1))
        return news

    def store_losses(self) -> dict[str, str]:
        """Writes the curves alone; returns the fields of the record that refer to them."""
        if not self._losses.iterations:
            return {}
        return self._write(self._losses_key, self._losses.to_json, "losses_key")

    def delete_unused(self, used: frozenset[str]) -> None:
        """Deletes what was written, but for the blobs that are still used."""
        try:
            self._blobs.delete(*({self._preview_key, self._losses_key} - used))
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: previews not deleted yet: %s", self._job.id, error)

    def _write(self, key: str, blob: Callable[[], bytes], field: str) -> dict[str, str]:
        """A store that refuses costs the preview, not the job."""
        try:
            self._blobs.put(key, blob())
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: %s cannot be written: %s", self._job.id, key, error)
            return {}
        return {field: key}

    def _load_earlier_losses(self) -> Losses:
        if self._job.losses_key is None:
            return Losses()
        try:
            return Losses.from_json(self._blobs.get(self._job.losses_key))
        except (BlobStoreError, OSError, ValueError) as error:
            log.warning("Job %s: its losses so far cannot be read: %s", self._job.id, error)
            return Losses()
