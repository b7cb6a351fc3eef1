"""Whether Redis and the blob store accept writes, tried at most once a second."""

from time import monotonic

from anyio import Lock
from obstore.exceptions import BaseError as BlobStoreError
from redis import RedisError, ResponseError

from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore

FRESH_SECONDS = 1.0
"""How long a result is reused: anybody may ask, as often as they like."""

_TRIAL_KEY = "api:readiness"
_TRIAL_MILLISECONDS = 1


class ReadinessCheck:
    """The last state of the two stores, each `ok` or what is wrong with it."""

    def __init__(self, jobs: AsyncJobStore, blobs: BlobStore) -> None:
        self._jobs, self._blobs = jobs, blobs
        self._lock = Lock()
        self._tried_at: float | None = None
        self._states = ("ok", "ok")

    async def check(self) -> tuple[str, str]:
        """The state of Redis and of the blob store."""
        async with self._lock:
            if self._tried_at is None or monotonic() - self._tried_at > FRESH_SECONDS:
                self._states = await self._check_redis(), await self._check_blob_store()
                self._tried_at = monotonic()
            return self._states

    async def _check_redis(self) -> str:
        """A full Redis, or a replica, still answers reads: so a write is tried."""
        try:
            await self._jobs.client.set(_TRIAL_KEY, "ready", px=_TRIAL_MILLISECONDS)
        except ResponseError:
            return "cannot be written"
        except (RedisError, OSError):
            return "cannot be reached"
        return "ok"

    async def _check_blob_store(self) -> str:
        try:
            await self._blobs.check()
        except (BlobStoreError, OSError):
            return "cannot be written"
        return "ok"
