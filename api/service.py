"""What all requests share: the parts of the API, created once at start-up."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated

from anyio import Lock, fail_after
from fastapi import Depends, FastAPI, Request
from obstore.exceptions import BaseError as BlobStoreError
from prometheus_client import Histogram
from redis import RedisError, ResponseError

from api.access.quotas import Quotas
from api.decoding.decoder import Decoder, EncodedResults
from api.events.subscriptions import Subscriptions
from api.http.upload_space import UploadSpace
from api.styles.catalogue import StyleCatalogue
from api.submissions.remote_pictures import RemotePictures
from shared import transitions
from shared.blob_store import BlobStore
from shared.celery_app import create_queue
from shared.job_store import AsyncJobStore, record_key
from shared.jobs import Job
from shared.redis_checks import INFO_REFUSED, list_warnings
from shared.settings import Settings
from shared.transitions import Retention
from shared.uploaded_pictures import PictureLimits

MAX_CACHED_JOBS = 1000

_VERSION_FIELDS = ("version", "status", "fence")
"""These fields show whether a record has changed. The version alone does not: a Redis that lost its
last second may give the same version again."""

FRESH_SECONDS = 1.0
"""How long the state of the stores is reused: anybody may request it, as often as they like."""

STORE_SECONDS = 3.0
"""After how long a picture store that does not answer counts as not writable: requests for metrics
and readiness do not wait much longer."""

_TRIAL_KEY = "api:readiness"
_TRIAL_MILLISECONDS = 1


class Service:
    """The parts of a running API. All state of a job is in its record, none only here.

    Args:
        scratch: a folder for temporary files.
        request_times: by method, route and status.
    """

    def __init__(self, settings: Settings, scratch: Path, request_times: Histogram) -> None:
        self.settings, self.scratch, self.request_times = settings, scratch, request_times
        self.retention = Retention.from_settings(settings)
        self.jobs = AsyncJobStore.connect(settings.redis_location)
        self.job_cache = JobCache(self.jobs)
        self.blobs = BlobStore.open(settings.blob_store_location)
        self.queue = create_queue(settings)
        self.decoder = Decoder(settings)
        self.uploads = UploadSpace(scratch, settings.uploads_in_flight_bytes)
        self.remote_pictures = RemotePictures(settings)
        self.encoded_results = EncodedResults(self.blobs, self.decoder, scratch)
        self.subscriptions = Subscriptions(self.jobs)
        self.quotas = Quotas(settings, self.jobs)
        self.picture_limits = PictureLimits.from_settings(settings)
        self.styles = StyleCatalogue(settings, self.decoder, scratch)
        self.readiness = ReadinessCheck(self.jobs, self.blobs)


def get_service(app: FastAPI) -> Service:
    """The parts of a running application."""
    service = app.state.service
    assert isinstance(service, Service)
    return service


async def _get_request_service(request: Request) -> Service:
    return get_service(request.app)


CurrentService = Annotated[Service, Depends(_get_request_service)]
"""The parts, for an endpoint."""


@dataclass(slots=True)
class _CachedJob:
    job: Job
    body: bytes | None = None


class JobCache:
    """The jobs that this process read last. A poll of an unchanged job reads only three fields from
    Redis; no record is parsed twice, and no JSON encoded twice.

    Jobs that wait are read each time: they move up without a change of their records.
    """

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._cached: dict[str, _CachedJob] = {}

    async def get(self, job_id: str) -> Job | None:
        """The current job; None if there is none.

        Raises:
            RecordDamaged: its record cannot be read.
        """
        cached = self._cached.get(job_id)
        if cached is not None and cached.job.waiting is None:
            known = cached.job
            values = await self._jobs.client.hmget(record_key(job_id), _VERSION_FIELDS)
            if list(values) == [str(known.version), known.status, known.fence]:
                return known
        job = await self._jobs.run(transitions.read(job_id))
        self._cached.pop(job_id, None)
        if job is not None:
            self._cached[job_id] = _CachedJob(job)
        if len(self._cached) > MAX_CACHED_JOBS:
            del self._cached[next(iter(self._cached))]
        return job

    def forget(self, job_id: str) -> None:
        """Removes a job that was deleted."""
        self._cached.pop(job_id, None)

    def get_body(self, job: Job, encode: Callable[[], bytes]) -> bytes:
        """The job's JSON, encoded once for all clients that poll it."""
        cached = self._cached.get(job.id)
        if cached is None or cached.job is not job:
            return encode()
        if cached.body is None:
            cached.body = encode()
        return cached.body


@dataclass(frozen=True, slots=True)
class StoreStates:
    """The state of Redis and of the blob store, each `ok` or what is wrong with it.

    Attributes:
        warnings: how Redis may lose data.
    """

    redis: str
    blob_store: str
    warnings: tuple[str, ...] = ()


class ReadinessCheck:
    """The last state of the two stores."""

    def __init__(self, jobs: AsyncJobStore, blobs: BlobStore) -> None:
        self._jobs, self._blobs = jobs, blobs
        self._lock = Lock()
        self._tried_at: float | None = None
        self._states = StoreStates("ok", "ok")

    async def check(self) -> StoreStates:
        """The state of both stores, which may be up to FRESH_SECONDS old."""
        async with self._lock:
            if self._tried_at is None or monotonic() - self._tried_at > FRESH_SECONDS:
                redis, warnings = await self._check_redis()
                self._states = StoreStates(redis, await self._check_blob_store(), warnings)
                self._tried_at = monotonic()
            return self._states

    async def _check_redis(self) -> tuple[str, tuple[str, ...]]:
        """Tries a write, because a full Redis, or a replica, still answers reads."""
        try:
            await self._jobs.client.set(_TRIAL_KEY, "ready", px=_TRIAL_MILLISECONDS)
        except ResponseError:
            return "cannot be written", ()
        except (RedisError, OSError):
            return "cannot be reached", ()
        try:
            return "ok", tuple(list_warnings(await self._jobs.client.info()))
        except ResponseError:
            return "ok", (INFO_REFUSED,)
        except (RedisError, OSError):
            return "cannot be reached", ()

    async def _check_blob_store(self) -> str:
        try:
            with fail_after(STORE_SECONDS):
                await self._blobs.check()
        except (BlobStoreError, OSError):
            return "cannot be written"
        return "ok"
