"""What a client may look at while its job is painted: the picture so far, and the losses so far."""

import logging
from collections.abc import Callable
from time import monotonic

from obstore.exceptions import BaseError as BlobStoreError

from shared.blob_store import BlobStore, losses_key, preview_key
from shared.jobs import Job
from shared.progress import Losses, Progress

log = logging.getLogger(__name__)

LARGEST_SHARE = 0.02
"""Of the time, that showing may take: what takes long to show is shown less often."""


class Showing:
    """That of one attempt. It writes its preview and its losses again and again, each in place of
    the last; what an earlier attempt noted of the losses is gone on with."""

    def __init__(self, job: Job, fence: str, blobs: BlobStore, every_seconds: float) -> None:
        self._job, self._blobs, self._every_seconds = job, blobs, every_seconds
        self._preview_key, self._losses_key = preview_key(job.id, fence), losses_key(job.id, fence)
        self._losses = Losses()
        self._earlier: Losses | None = None
        self._due = monotonic()

    @property
    def is_due(self) -> bool:
        """Whether there is something new to look at."""
        return monotonic() >= self._due

    def note(self, progress: Progress) -> None:
        """One more point of the curves."""
        if self._earlier is None:
            self._earlier = self._noted_before()
            self._losses = self._earlier.until(progress.iteration)
        self._losses.add(progress)

    def show(self, preview: Callable[[], bytes]) -> dict[str, str]:
        """Writes both; gives what the record is to say of them."""
        began = monotonic()
        news = self._written(self._preview_key, preview, "preview_key") | self.losses()
        if "preview_key" in news:
            news["preview_iteration"] = str(self._losses.iterations[-1])
        self._due = monotonic() + max(
            self._every_seconds, (monotonic() - began) * (1 / LARGEST_SHARE - 1)
        )
        return news

    def losses(self) -> dict[str, str]:
        """Writes the curves alone; gives what the record is to say of them."""
        if not self._losses.iterations:
            return {}
        return self._written(self._losses_key, self._losses.to_json, "losses_key")

    def erase_but(self, used: frozenset[str]) -> None:
        """Erases what was written, but for what is still to be seen."""
        try:
            self._blobs.delete(*({self._preview_key, self._losses_key} - used))
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: what it showed is left for later: %s", self._job.id, error)

    def _written(self, key: str, blob: Callable[[], bytes], field: str) -> dict[str, str]:
        """A store that refuses costs the sight of it, not the job."""
        try:
            self._blobs.put(key, blob())
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: %s cannot be written: %s", self._job.id, key, error)
            return {}
        return {field: key}

    def _noted_before(self) -> Losses:
        if self._job.losses_key is None:
            return Losses()
        try:
            return Losses.from_json(self._blobs.get(self._job.losses_key))
        except (BlobStoreError, OSError, ValueError) as error:
            log.warning("Job %s: its losses so far cannot be read: %s", self._job.id, error)
            return Losses()
