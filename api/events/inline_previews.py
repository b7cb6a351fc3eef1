"""Previews inside events: read from the store once for all streams of a job that include them."""

from base64 import b64encode

from anyio import Lock, fail_after

from api.decoding.decoder import Decoder
from shared.blob_store import BLOB_STORE_ERRORS, BlobStore
from shared.errors import PasticheError
from shared.jobs import Job
from shared.pictures import DamagedPicture, reduce_preview

MAX_INLINE_BYTES = 128 * 1024
"""A larger JPEG file is reduced, and left out if it is still larger."""

REDUCED_PIXELS = 512
"""The longest side of a reduced preview."""

_TIMEOUT_SECONDS = 5.0
"""A preview that takes longer is left out: a stream must not be silent for long."""


class InlinePreview:
    """The newest preview of one job, in base64."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._source: tuple[str, int | None] | None = None
        self._jpeg: str | None = None

    async def read(self, job: Job, blobs: BlobStore, decoder: Decoder) -> str | None:
        """The JPEG file of the job's preview in base64; concurrent callers wait for one read.

        None if there is no preview, if it is too large or damaged, or if the store fails.
        """
        async with self._lock:
            if job.preview_key is None:
                return None
            source = (job.preview_key, job.preview_iteration)
            if source != self._source:
                self._jpeg = await _read(job.preview_key, blobs, decoder)
                self._source = source
            return self._jpeg


async def _read(key: str, blobs: BlobStore, decoder: Decoder) -> str | None:
    try:
        with fail_after(_TIMEOUT_SECONDS):
            preview = await blobs.get_async(key)
            if len(preview) > MAX_INLINE_BYTES:
                async with decoder.turn() as run:
                    preview = await run(reduce_preview, preview, REDUCED_PIXELS)
    except (*BLOB_STORE_ERRORS, DamagedPicture, PasticheError):  # a TimeoutError is an OSError
        return None
    return b64encode(preview).decode() if len(preview) <= MAX_INLINE_BYTES else None
