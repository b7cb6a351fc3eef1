"""Stores the state of an attempt's work, so that the next attempt continues from there."""

import logging
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import monotonic
from typing import IO

from obstore.exceptions import BaseError as BlobStoreError

from shared.blob_store import BlobStore, checkpoint_folder, checkpoint_key

log = logging.getLogger(__name__)

MAX_TIME_SHARE = 0.02
"""Of the time, that checkpoints may take: a larger state is stored less often."""

PIECE_BYTES = 1_000_000


class Checkpoints:
    """Those of one job. An attempt writes one blob, named by its fence, again and again."""

    def __init__(self, job_id: str, fence: str, blobs: BlobStore, interval_seconds: float) -> None:
        self._job_id, self._blobs, self._interval_seconds = job_id, blobs, interval_seconds
        self._key = checkpoint_key(job_id, fence)
        self._due = monotonic() + interval_seconds

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return monotonic() >= self._due

    def load_earlier(self) -> Iterator[bytes]:
        """The checkpoints of earlier attempts, the newest first; none where the store refuses."""
        for key in self._list_keys():
            try:
                yield self._blobs.get(key)
            except (BlobStoreError, OSError) as error:
                log.warning("Job %s: checkpoint cannot be read: %s", self._job_id, error)

    def store(self, save: Callable[[IO[bytes]], None]) -> None:
        """Writes one in place of the last. A store that refuses, or memory that does not suffice,
        costs the checkpoint, not the job."""
        started, pause = monotonic(), self._interval_seconds
        try:
            with closing(stream_pieces(save)) as state:
                self._blobs.put(self._key, state)
            pause = max(pause, (monotonic() - started) / MAX_TIME_SHARE)
        except (BlobStoreError, OSError, MemoryError, RuntimeError) as error:
            log.warning("Job %s: checkpoint cannot be stored: %s", self._job_id, error)
        self._due = monotonic() + pause

    def delete_own(self) -> None:
        """Deletes the checkpoint of this attempt: the job is another worker's."""
        self._delete([self._key])

    def delete_all(self) -> None:
        """Deletes the checkpoints of all attempts: the job is over."""
        self._delete(self._list_keys())

    def _list_keys(self) -> list[str]:
        try:
            return self._blobs.keys(checkpoint_folder(self._job_id))
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: checkpoints cannot be listed: %s", self._job_id, error)
            return []

    def _delete(self, keys: list[str]) -> None:
        try:
            self._blobs.delete(*keys)
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: checkpoints not deleted yet: %s", self._job_id, error)


def stream_pieces(save: Callable[[IO[bytes]], None]) -> Generator[bytes, None, None]:
    """What `save` writes, in pieces while it writes: no more than a piece and its largest single
    write is in memory at once.

    It writes in a thread of its own, into a pipe. Where the reader closes this early it gets a
    BrokenPipeError; what it raises itself is raised here at the end.
    """
    read_end, write_end = os.pipe()
    with ThreadPoolExecutor(1, "stream") as thread, open(read_end, "rb") as pipe:
        saving = thread.submit(_save_into, write_end, save)
        try:
            while piece := pipe.read(PIECE_BYTES):
                yield piece
        finally:
            pipe.close()
        saving.result()


def _save_into(write_end: int, save: Callable[[IO[bytes]], None]) -> None:
    with open(write_end, "wb") as pipe:
        save(pipe)
