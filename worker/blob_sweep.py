"""Erases, bit by bit, what lies in the blob store and no job's record names.

Nobody else can find it: a Redis that was emptied, or that lost its last second, knows neither the
job nor that there is something to tidy up. Only what is older than any record would have kept it is
erased, so that a Redis that comes back late still finds its pictures.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from time import monotonic

from obstore.exceptions import BaseError as BlobStoreError

from shared.blob_store import BlobStore, StoredBlob
from shared.job_store import JobStore
from shared.redis_keys import DEBRIS, record_key

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
"""After how long the whole store is looked through again."""

STEP_SECONDS = 0.1
"""For how long one step goes on: the reconciler's other work does not wait for longer."""

SHORT_LIVED = timedelta(hours=1)
"""For how long results in other formats are kept; and after which what a writer or a check of the
store has left half done is nobody's any more."""

_OF_A_JOB = re.compile(r"jobs/([0-9a-f]{32})/")
_ENCODED = re.compile(r"jobs/[0-9a-f]{32}/encoded/")
_CHECK = re.compile(r"checks/")


class BlobSweep:
    """One look through the store after the other.

    Args:
        retention: how long a job and its pictures are kept once it is over.
    """

    def __init__(self, jobs: JobStore, blobs: BlobStore, retention: timedelta) -> None:
        self._jobs, self._blobs = jobs, blobs
        self._kept_for = max(retention, SHORT_LIVED)
        self._under_way: Iterator[None] | None = None
        self._next = monotonic()

    def step(self) -> None:
        """Goes on where the last step ended.

        Raises:
            RedisError: the rest is for the next look.
        """
        if self._under_way is None:
            if monotonic() < self._next:
                return
            self._under_way, self._next = self._look(), monotonic() + EVERY_SECONDS
        late = monotonic() + STEP_SECONDS
        under_way, self._under_way = self._under_way, None
        try:
            for _ in under_way:
                if monotonic() > late:
                    self._under_way = under_way
                    return
        except (BlobStoreError, OSError) as error:
            log.warning("The blob store cannot be looked through: %s", error)

    def _look(self) -> Iterator[None]:
        now = datetime.now(UTC)
        for page in chain(self._blobs.pages("jobs"), self._blobs.pages("checks")):
            yield from self._erase(self._short_lived(page, now - SHORT_LIVED))
            yield from self._erase(self._orphans(page, now - self._kept_for))
            yield
        yield from self._blobs.erase_old_pieces(now - SHORT_LIVED)

    def _short_lived(self, page: Sequence[StoredBlob], before: datetime) -> list[str]:
        old = (blob.key for blob in page if blob.modified_at < before)
        return [key for key in old if _ENCODED.match(key) or _CHECK.match(key)]

    def _orphans(self, page: Sequence[StoredBlob], before: datetime) -> list[str]:
        """What is older than this, of jobs without a record that are not about to get one: a copy
        of an earlier job's picture is as old as that."""
        of_jobs: dict[str, list[str]] = {}
        for blob in page:
            match = _OF_A_JOB.match(blob.key)
            if match is not None and blob.modified_at < before:
                of_jobs.setdefault(match[1], []).append(blob.key)
        reading = self._jobs.client.pipeline(transaction=False)
        for job_id in of_jobs:
            # In this order: a job that is submitted in between loses the one and gets the other.
            reading.zscore(DEBRIS, job_id)
            reading.exists(record_key(job_id))
        answers = reading.execute()
        found = zip(of_jobs.values(), answers[1::2], answers[::2], strict=True)
        return [
            key
            for keys, has_record, tidied_at in found
            if not has_record and tidied_at is None
            for key in keys
        ]

    def _erase(self, keys: Sequence[str]) -> Iterator[None]:
        """One at a time: an object store takes a request for each."""
        for key in keys:
            self._blobs.delete(key)
            yield
        if keys:
            log.info("%d old blobs erased that no job has a use for", len(keys))
