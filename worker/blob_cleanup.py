"""Deletes the blobs that nothing needs: of one job, and bit by bit in the whole store.

In the whole store it finds what nobody else can: a Redis that was emptied, or that lost its last
second, knows neither the job nor that there is something to clean up. Only blobs older than any
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
"""After how long the whole store is searched again."""

STEP_SECONDS = 0.1
"""How long one step takes: the reconciler's other work does not wait for longer."""

SHORT_LIVED = timedelta(hours=1)
"""How long results in other formats are retained; and after which incomplete blobs of a writer, or
of a check of the store, belong to nobody any more."""

FINISHING = timedelta(minutes=1)
"""How long after the last preview of a job was written as its result the record may refer to it."""

_JOB_BLOB = re.compile(r"jobs/([0-9a-f]{32})/")
_ENCODED = re.compile(r"jobs/[0-9a-f]{32}/encoded/")
_CHECK = re.compile(r"checks/")


class BlobCleanup:
    """Cleans up after jobs, and searches the whole store again and again.

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
        """Deletes the blobs that a job does not use: all where it is gone, what its workers left
        where it is over, its input pictures too where it was canceled. Whether that is done.

        Raises:
            one of BLOB_STORE_ERRORS: some blobs cannot be deleted.
        """
        try:
            # In this order: of the blobs in the list, the record has all that were used by then.
            listed = list(chain.from_iterable(self._blobs.pages(job_folder(job_id))))
            job = self._jobs.run(transitions.read(job_id))
            if job is None or job.is_over:
                before = datetime.now(UTC) - FINISHING
                # While there is a record, its result may be copied, or its preview made the result.
                self._blobs.delete_pieces(job_id, before if job else None)
                used = job.useful_blobs if job else frozenset()
                return self._delete_unused(job_id, used, listed, before)
        except RecordDamaged as error:
            log.error("%s", error)
        return True

    def step(self) -> None:
        """Continues to search the whole store, where the last step ended.

        Raises:
            RedisError: the rest is for the next search.
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
        """Deletes those of a job's blobs that it does not use, and whose use cannot be about to
        begin; whether that is all. A job that uses none is gone, or had no preview.

        Args:
            before: a preview that was promoted later may be about to be used.
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
            yield from self._delete(self._short_lived(page, now - SHORT_LIVED))
            yield from self._delete(self._orphans(page, now - self._max_age))
            yield
        for page in self._blobs.pages("pictures"):
            orphans = find_orphans(self._jobs, page, now - self._max_picture_age)
            yield from self._delete(orphans)
            yield
        yield from self._blobs.delete_old_pieces(now - SHORT_LIVED)

    def _short_lived(self, page: "Sequence[ObjectMeta]", before: datetime) -> list[str]:
        old = (blob["path"] for blob in page if blob["last_modified"] < before)
        return [key for key in old if _ENCODED.match(key) or _CHECK.match(key)]

    def _orphans(self, page: "Sequence[ObjectMeta]", before: datetime) -> list[str]:
        """Old blobs of jobs without a record that are not about to get one: a copy of an earlier
        job's picture is as old as the original."""
        keys_by_job: dict[str, list[str]] = {}
        for blob in page:
            match = _JOB_BLOB.match(blob["path"])
            if match is not None and blob["last_modified"] < before:
                keys_by_job.setdefault(match[1], []).append(blob["path"])
        reading = self._jobs.client.pipeline(transaction=False)
        for job_id in keys_by_job:
            # In this order: a job submitted in between leaves the cleanup and gets its record.
            reading.zscore(JOB_KEYS["cleanup"], job_id)
            reading.exists(record_key(job_id))
        answers = reading.execute()
        found = zip(keys_by_job.values(), answers[1::2], answers[::2], strict=True)
        return [
            key
            for keys, has_record, cleanup_at in found
            if not has_record and cleanup_at is None
            for key in keys
        ]

    def _delete(self, keys: Sequence[str]) -> Iterator[None]:
        """One at a time: an object store takes a request for each. One that cannot be deleted does
        not stop the others."""
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
            log.info("%d old blobs deleted that nothing uses", len(keys) - len(failures))
