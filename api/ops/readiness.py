"""Whether Redis and the blob store take writes: tried at most once a second, whoever asks."""

from time import monotonic

from anyio import Lock
from obstore.exceptions import BaseError as BlobStoreError
from redis import RedisError, ResponseError

from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore

FRESH_SECONDS = 1.0
"""For how long an answer is given again: anybody may ask, as often as they like."""

_TRIAL_KEY = "api:readiness"
_TRIAL_MILLISECONDS = 1


class ReadinessCheck:
    """What the two stores said last, each `ok` or what is wrong with it."""

    def __init__(self, jobs: AsyncJobStore, blobs: BlobStore) -> None:
        self._jobs, self._blobs = jobs, blobs
        self._lock = Lock()
        self._tried_at: float | None = None
        self._answers = ("ok", "ok")

    async def check(self) -> tuple[str, str]:
        """How it stands with Redis and with the blob store."""
        async with self._lock:
            if self._tried_at is None or monotonic() - self._tried_at > FRESH_SECONDS:
                self._answers = await self._redis(), await self._blob_store()
                self._tried_at = monotonic()
            return self._answers

    async def _redis(self) -> str:
        """Redis that is full, or that follows another, still answers whoever reads."""
        try:
            await self._jobs.client.set(_TRIAL_KEY, "ready", px=_TRIAL_MILLISECONDS)
        except ResponseError:
            return "cannot be written"
        except (RedisError, OSError):
            return "cannot be reached"
        return "ok"

    async def _blob_store(self) -> str:
        try:
            await self._blobs.check()
        except (BlobStoreError, OSError):
            return "cannot be written"
        return "ok"
