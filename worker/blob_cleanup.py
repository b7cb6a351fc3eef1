"""Deletes unused blobs: those of one job, and step by step those in the whole store.

The search of the whole store finds blobs that Redis no longer knows: if Redis was emptied, or lost
its last second, it has neither the job nor its entry in the cleanup list. Only blobs older than any
record's retention are deleted, so that a Redis that comes back late still finds its pictures.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING

from shared import transitions
from shared.blob_store import BLOB_STORE_ERRORS, BlobStore, is_encoded, is_promoted, job_folder
from shared.errors import RecordDamaged
from shared.job_store import JOB_KEYS, JobStore, record_key
from worker.picture_cleanup import find_orphans

if TYPE_CHECKING:
    from obstore import ObjectMeta

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 3600.0
"""How often the whole store is searched."""

STEP_SECONDS = 0.1
"""How long one step takes: the reconciler's other work does not wait longer than this."""

SHORT_LIVED = timedelta(hours=1)
"""How long results in other formats are retained. After the same time, the blobs of a check of the
store, and incomplete blobs, are no longer used by whoever wrote them."""

FINISHING = timedelta(minutes=1)
"""How long it may take until the record refers to a last preview that was written as the result."""

_JOB_BLOB = re.compile(r"jobs/([0-9a-f]{32})/")
_ENCODED = re.compile(r"jobs/[0-9a-f]{32}/encoded/")
_CHECK = re.compile(r"checks/")


class BlobCleanup:
    """Cleans up after jobs, and searches the whole store repeatedly.

    Args:
        retention: how long a job and its pictures are retained once it is over.
        picture_retention: how long an uploaded picture is retained after its last use.
    """

    def __init__(
        self,
        jobs: JobStore,
        blobs: BlobStore,
        retention: timedelta,
        picture_retention: timedelta,
    ) -> None:
        self._jobs, self._blobs = jobs, blobs
        self._max_age = max(retention, SHORT_LIVED)
        self._max_picture_age = max(picture_retention, SHORT_LIVED)
        self._steps: Iterator[None] | None = None
        self._next = monotonic()

    def clean_up(self, job_id: str) -> bool:
        """Deletes the blobs that a job does not use: all of them if it is gone, and what its
        workers left if it is over, with its input pictures if it was canceled. Returns whether
        that is done.

        Raises:
            one of BLOB_STORE_ERRORS: some blobs cannot be deleted.
        """
        try:
            # List before reading: the record then refers to every listed blob that is in use.
            listed = list(chain.from_iterable(self._blobs.pages(job_folder(job_id))))
            job = self._jobs.run(transitions.read(job_id))
            if job is None or job.is_over:
                before = datetime.now(UTC) - FINISHING
                # While there is a record, its result may be being copied, or its preview promoted.
                self._blobs.delete_pieces(job_id, before if job else None)
                used = job.useful_blobs if job else frozenset()
                return self._delete_unused(job_id, used, listed, before)
        except RecordDamaged as error:
            log.error("%s", error)
        return True

    def step(self) -> None:
        """Continues to search the whole store, where the last step ended.

        Raises:
            RedisError: the rest is left to the next search.
        """
        if self._steps is None:
            if monotonic() < self._next:
                return
            self._steps, self._next = self._search(), monotonic() + INTERVAL_SECONDS
        deadline = monotonic() + STEP_SECONDS
        steps, self._steps = self._steps, None
        try:
            for _ in steps:
                if monotonic() > deadline:
                    self._steps = steps
                    return
        except BLOB_STORE_ERRORS as error:
            log.warning("The blob store cannot be searched: %s", error)

    def _delete_unused(
        self,
        job_id: str,
        used: frozenset[str],
        listed: "Sequence[ObjectMeta]",
        before: datetime,
    ) -> bool:
        """Deletes a job's unused blobs, except those that may be about to be used. Returns whether
        it deleted all unused ones. A job that uses none is gone, or had no preview.

        Args:
            before: a preview that was promoted after this time may be about to be used.
        """
        written = {blob["path"]: blob["last_modified"] for blob in listed}
        keys = [key for key in written if key not in used and not (used and is_encoded(key))]
        unused = [key for key in keys if not (used and is_promoted(key)) or written[key] < before]
        if unused:
            self._blobs.delete(*unused)
            log.info("Job %s: %d unused blobs deleted", job_id, len(unused))
        return unused == keys

    def _search(self) -> Iterator[None]:
        now = datetime.now(UTC)
        for page in chain(self._blobs.pages("jobs"), self._blobs.pages("checks")):
            yield from self._delete(self._find_short_lived(page, now - SHORT_LIVED))
            yield from self._delete(self._find_job_orphans(page, now - self._max_age))
            yield
        for page in self._blobs.pages("pictures"):
            orphans = find_orphans(self._jobs, page, now - self._max_picture_age)
            yield from self._delete(orphans)
            yield
        yield from self._blobs.delete_old_pieces(now - SHORT_LIVED)

    def _find_short_lived(self, page: "Sequence[ObjectMeta]", before: datetime) -> list[str]:
        old = (blob["path"] for blob in page if blob["last_modified"] < before)
        return [key for key in old if _ENCODED.match(key) or _CHECK.match(key)]

    def _find_job_orphans(self, page: "Sequence[ObjectMeta]", before: datetime) -> list[str]:
        """Old blobs of jobs that have no record and are not about to get one. Such a new job may
        have old blobs: a copy of an earlier job's picture is as old as the original."""
        keys_by_job: dict[str, list[str]] = {}
        for blob in page:
            match = _JOB_BLOB.match(blob["path"])
            if match is not None and blob["last_modified"] < before:
                keys_by_job.setdefault(match[1], []).append(blob["path"])
        pipeline = self._jobs.client.pipeline(transaction=False)
        for job_id in keys_by_job:
            # In this order: a job submitted in between leaves the cleanup list and gets its record.
            pipeline.zscore(JOB_KEYS["cleanup"], job_id)
            pipeline.exists(record_key(job_id))
        answers = pipeline.execute()
        found = zip(keys_by_job.values(), answers[1::2], answers[::2], strict=True)
        return [
            key
            for keys, has_record, cleanup_at in found
            if not has_record and cleanup_at is None
            for key in keys
        ]

    def _delete(self, keys: Sequence[str]) -> Iterator[None]:
        """Deletes blobs one at a time, because an object store needs a request for each. A blob
        that cannot be deleted does not stop the others."""
        failures: list[Exception] = []
        for key in keys:
            try:
                self._blobs.delete(key)
            except BLOB_STORE_ERRORS as error:
                failures.append(error)
            yield
        if failures:
            log.warning("%d old blobs cannot be deleted: %s", len(failures), failures[-1])
        if len(keys) > len(failures):
            log.info("%d old unused blobs deleted", len(keys) - len(failures))
