"""What an attempt stores while it paints: checkpoints, and previews for the client."""

import logging
import os
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from time import monotonic
from typing import IO, Protocol, TypeVar

from shared.blob_store import (
    BLOB_STORE_ERRORS,
    BlobStore,
    checkpoint_folder,
    checkpoint_key,
    losses_key,
    preview_key,
)
from shared.jobs import Job
from shared.progress import Losses, Progress

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_TIME_SHARE = 0.02
"""The share of the time that checkpoints may take, and that previews may take. If storing them
takes long, they are stored less often."""

MAX_FAILED_TIME_SHARE = 0.5
"""The same for those that fail. A store that does not answer must not stop the painting, but once
it is back, the next checkpoint or preview must not be far off."""

PIECE_BYTES = 1_000_000

STORING_ERRORS = (*BLOB_STORE_ERRORS, MemoryError, RuntimeError)
"""What storing a checkpoint or a preview may raise if the store refuses, or if there is not enough
memory, including the GPU's."""


class Retry(Protocol):
    """Repeats an action on the blob store for a while if it fails; then raises its error."""

    def __call__(self, action: Callable[[], Result], /) -> Result: ...


def run_once(action: Callable[[], Result]) -> Result:
    """Runs an action without repeating it."""
    return action()


def delete_blobs(blobs: BlobStore, job_id: str, keys: Collection[str]) -> None:
    """Deletes unused blobs; the reconciler later deletes those that cannot be deleted now."""
    try:
        blobs.delete(*keys)
    except BLOB_STORE_ERRORS as error:
        log.warning("Job %s: blobs not deleted yet: %s", job_id, error)


class Checkpoints:
    """The checkpoints of a job. Each attempt overwrites its own, whose key holds its fence."""

    def __init__(self, job_id: str, fence: str, blobs: BlobStore, interval_seconds: float) -> None:
        self._job_id, self._blobs, self._interval_seconds = job_id, blobs, interval_seconds
        self._key = checkpoint_key(job_id, fence)
        self._due = monotonic() + interval_seconds

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return monotonic() >= self._due

    def load_earlier(self, retry: Retry) -> Iterator[bytes]:
        """The checkpoints of earlier attempts, the newest first; none if the store refuses."""
        for key in self._list_keys(retry):
            try:
                yield retry(partial(self._blobs.get, key))
            except BLOB_STORE_ERRORS as error:
                log.warning("Job %s: checkpoint cannot be read: %s", self._job_id, error)

    def store(self, save: Callable[[IO[bytes]], None]) -> None:
        """Overwrites the last checkpoint. If the store refuses, or there is not enough memory, the
        job continues without it."""
        started, share = monotonic(), MAX_TIME_SHARE
        try:
            with closing(_stream_pieces(save)) as state:
                self._blobs.put(self._key, state)
        except STORING_ERRORS as error:
            log.warning("Job %s: checkpoint cannot be stored: %s", self._job_id, error)
            share = MAX_FAILED_TIME_SHARE
        seconds = monotonic() - started
        self._due = monotonic() + max(self._interval_seconds, seconds / share)

    def delete_own(self) -> None:
        """Deletes the checkpoint of this attempt: another worker has the job."""
        delete_blobs(self._blobs, self._job_id, [self._key])

    def delete_all(self) -> None:
        """Deletes the checkpoints of all attempts: the job is over."""
        delete_blobs(self._blobs, self._job_id, self._list_keys(run_once))

    def _list_keys(self, retry: Retry) -> list[str]:
        try:
            return retry(partial(self._blobs.keys, checkpoint_folder(self._job_id)))
        except BLOB_STORE_ERRORS as error:
            log.warning("Job %s: checkpoints cannot be listed: %s", self._job_id, error)
            return []


class Previews:
    """The preview and the loss curves of an attempt, each overwritten repeatedly. The curves
    continue those of an earlier attempt."""

    def __init__(self, job: Job, fence: str, blobs: BlobStore, interval_seconds: float) -> None:
        self._job, self._blobs, self._interval_seconds = job, blobs, interval_seconds
        self._preview_key, self._losses_key = preview_key(job.id, fence), losses_key(job.id, fence)
        self._losses: Losses | None = None
        self._due = monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next preview."""
        return monotonic() >= self._due

    def add_losses(self, progress: Progress, weights: Mapping[str, float], retry: Retry) -> None:
        """Adds a point to the curves; before the first, loads the curves of an earlier attempt."""
        if self._losses is None:
            self._losses = self._load_earlier_losses(retry).until(progress.iteration)
        self._losses.add(progress, weights)

    def store(self, preview: Callable[[], bytes]) -> dict[str, str]:
        """Writes the preview and curves; returns the fields of the record that refer to them."""
        started = monotonic()
        fields = self._write(self._preview_key, preview, "preview_key")
        if fields and self._losses is not None:
            fields["preview_iteration"] = str(self._losses.iterations[-1])
        curves = self.store_losses()
        has_failed = not fields or (self._losses is not None and not curves)
        share = MAX_FAILED_TIME_SHARE if has_failed else MAX_TIME_SHARE
        seconds = monotonic() - started
        self._due = monotonic() + max(self._interval_seconds, seconds / share)
        return fields | curves

    def store_losses(self) -> dict[str, str]:
        """Writes only the curves; returns the fields of the record that refer to them."""
        if self._losses is None:
            return {}
        return self._write(self._losses_key, self._losses.to_json, "losses_key")

    def delete_unused(self, used: Collection[str]) -> None:
        """Deletes what was written, except the blobs that are still used."""
        delete_blobs(
            self._blobs, self._job.id, {self._preview_key, self._losses_key}.difference(used)
        )

    def _write(self, key: str, blob: Callable[[], bytes], field: str) -> dict[str, str]:
        """Writes a blob. If the store refuses, or there is not enough memory, the job continues
        without it."""
        try:
            self._blobs.put(key, blob())
        except STORING_ERRORS as error:
            log.warning("Job %s: %s cannot be written: %s", self._job.id, key, error)
            return {}
        return {field: key}

    def _load_earlier_losses(self, retry: Retry) -> Losses:
        if self._job.losses_key is None:
            return Losses()
        try:
            return Losses.from_json(retry(partial(self._blobs.get, self._job.losses_key)))
        except (*BLOB_STORE_ERRORS, ValueError) as error:
            log.warning("Job %s: its losses so far cannot be read: %s", self._job.id, error)
            return Losses()


def _stream_pieces(save: Callable[[IO[bytes]], None]) -> Generator[bytes, None, None]:
    """Yields what `save` writes, in pieces, while it writes. No more than a piece and the largest
    single write of `save` is in memory at once.

    `save` writes into a pipe, in its own thread. If the reader closes this generator early, `save`
    gets a BrokenPipeError. If `save` fails, its error is raised here at the end.
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
