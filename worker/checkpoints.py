"""What an attempt keeps of its work, so that the next one goes on from there."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic
from typing import IO

from obstore.exceptions import BaseError as BlobStoreError

from shared.blob_store import BlobStore, checkpoint_key, checkpoints_of
from worker.streams import pieces

log = logging.getLogger(__name__)

LARGEST_SHARE = 0.02
"""Of the time, that keeping may take: a larger state is kept less often."""


class Checkpoints:
    """Those of one job. An attempt writes one blob, named by its fence, again and again."""

    def __init__(self, job_id: str, fence: str, blobs: BlobStore, every_seconds: float) -> None:
        self._job_id, self._blobs, self._every_seconds = job_id, blobs, every_seconds
        self._key = checkpoint_key(job_id, fence)
        self._due = monotonic() + every_seconds

    @property
    def is_due(self) -> bool:
        """Whether there is so much new work that it is to be kept."""
        return monotonic() >= self._due

    def earlier(self) -> Iterator[bytes]:
        """What earlier attempts kept, the newest first; nothing where the store cannot say."""
        for key in self._earlier_keys():
            try:
                yield self._blobs.get(key)
            except (BlobStoreError, OSError) as error:
                log.warning("Job %s: earlier work cannot be read: %s", self._job_id, error)

    def keep(self, save: Callable[[IO[bytes]], None]) -> None:
        """Writes one in place of the last. A store that refuses, or memory that does not suffice,
        costs no more than the safety."""
        began, pause = monotonic(), self._every_seconds
        try:
            with closing(pieces(save)) as state:
                self._blobs.put(self._key, state)
            pause = max(pause, (monotonic() - began) / LARGEST_SHARE)
        except (BlobStoreError, OSError, MemoryError, RuntimeError) as error:
            log.warning("Job %s: its work could not be kept: %s", self._job_id, error)
        self._due = monotonic() + pause

    def erase_own(self) -> None:
        """Erases what this attempt kept: the job is another's."""
        self._erase([self._key])

    def erase_all(self) -> None:
        """Erases what all attempts kept: the job is over."""
        self._erase(self._earlier_keys())

    def _earlier_keys(self) -> list[str]:
        try:
            return self._blobs.keys(checkpoints_of(self._job_id))
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: what it kept cannot be listed: %s", self._job_id, error)
            return []

    def _erase(self, keys: list[str]) -> None:
        try:
            self._blobs.delete(*keys)
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: what it kept is left for later: %s", self._job_id, error)
