"""Deletes uploaded pictures that have expired, and blobs that no uploaded picture uses."""

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from shared import uploaded_pictures
from shared.blob_store import BLOB_STORE_ERRORS, BlobStore
from shared.job_store import JobStore

if TYPE_CHECKING:
    from obstore import ObjectMeta

log = logging.getLogger(__name__)

BATCH_SIZE = 100
"""How many pictures and blobs are deleted in one round."""

DELETE_SECONDS = 1.0
"""How long blobs are deleted in one round: lost jobs must not wait for it."""

_BLOB = re.compile(r"pictures/(?:uploads/)?([0-9a-f]{32})(?:-[0-9a-f]{16}\.webp)?")
"""The key of a picture's blob, with its id, or of a direct upload, whose id is not a picture's."""


def delete_expired(jobs: JobStore, blobs: BlobStore, *, retry_seconds: float) -> None:
    """Deletes pictures that have expired, and as many of the due blobs as there is time for.

    Args:
        retry_seconds: after how long a blob that cannot be deleted is tried again.
    """
    deadline = monotonic() + DELETE_SECONDS
    deleted: list[str] = []
    failed: dict[str, Exception] = {}
    for key in jobs.run(uploaded_pictures.expire(limit=BATCH_SIZE)):
        try:
            blobs.delete(key)
            deleted.append(key)
        except BLOB_STORE_ERRORS as error:
            failed[key] = error
        if monotonic() > deadline:
            break
    jobs.run(uploaded_pictures.note_deletions(deleted, list(failed), retry_seconds=retry_seconds))
    for key, failure in failed.items():
        log.warning("Uploaded picture %s not deleted yet: %s", key, failure)
    if deleted:
        log.info("%d uploaded pictures deleted", len(deleted))


def find_orphans(jobs: JobStore, page: "Sequence[ObjectMeta]", before: datetime) -> list[str]:
    """The old blobs on a page of the store that no picture uses and Redis does not know."""
    old = [blob["path"] for blob in page if blob["last_modified"] < before]
    found = {key: match[1] for key in old if (match := _BLOB.fullmatch(key))}
    pipeline = jobs.client.pipeline(transaction=False)
    for key, picture_id in found.items():
        # In this order: a picture stored in between leaves the unused blobs and gets its record.
        pipeline.zscore(uploaded_pictures.UNUSED, key)
        pipeline.hget(uploaded_pictures.record_key(picture_id), "blob")
    answers = pipeline.execute()
    due_and_used = zip(found, answers[::2], answers[1::2], strict=True)
    return [key for key, due, used in due_and_used if due is None and used != key]
