"""What is computed once for all who ask: jobs that are polled, and results in other formats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from weakref import WeakValueDictionary

from anyio import Lock

from api.decoding.decoder import Decoder
from shared import transitions
from shared.blob_store import BlobStore, encoded_key
from shared.job_store import AsyncJobStore, record_key
from shared.jobs import Job
from shared.pictures import Format

MAX_CACHED_JOBS = 1000

_VERSION_FIELDS = ("version", "status", "fence")
"""These tell whether a record has changed. The version alone would, except after a Redis that lost
its last second and counts on from before."""


@dataclass(slots=True)
class _CachedJob:
    job: Job
    body: bytes | None = None

    def is_current(self, values: Sequence[Any]) -> bool:
        """Whether the record with these version fields is the one that was read."""
        return list(values) == [str(self.job.version), self.job.status, self.job.fence]


class JobCache:
    """The jobs that this process read last. A poll of an unchanged job costs Redis three fields; no
    record is parsed and no JSON written twice.

    Jobs that wait are read each time: they move up without a change of their records.
    """

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._cached: dict[str, _CachedJob] = {}

    async def get(self, job_id: str) -> Job | None:
        """The current job; None if there is none.

        Raises:
            DamagedRecord: its record cannot be read.
        """
        cached = self._cached.get(job_id)
        if cached is not None and cached.job.waiting is None:
            values = await self._jobs.client.hmget(record_key(job_id), _VERSION_FIELDS)
            if cached.is_current(values):
                return cached.job
        job = await self._jobs.run(transitions.read(job_id))
        self._store(job_id, job)
        return job

    def _store(self, job_id: str, job: Job | None) -> None:
        self._cached.pop(job_id, None)
        if job is not None:
            self._cached[job_id] = _CachedJob(job)
        if len(self._cached) > MAX_CACHED_JOBS:
            del self._cached[next(iter(self._cached))]

    def get_body(self, job: Job, encode: Callable[[Job], bytes]) -> bytes:
        """The job's JSON, encoded once for all who poll it."""
        cached = self._cached.get(job.id)
        if cached is None or cached.job is not job:
            return encode(job)
        if cached.body is None:
            cached.body = encode(job)
        return cached.body


class EncodedResults:
    """Results in other formats than PNG: encoded once, and stored beside the PNG for a while.

    A copy is one of its job's blobs, so every API process finds it and it is deleted with the job.
    The reconciler deletes it earlier, an hour after it was made.

    Args:
        scratch: a folder for temporary files.
    """

    def __init__(self, blobs: BlobStore, decoder: Decoder, scratch: Path) -> None:
        self._blobs, self._decoder, self._scratch = blobs, decoder, scratch
        self._locks: WeakValueDictionary[str, Lock] = WeakValueDictionary()

    async def get_key(self, result_key: str, format: Format) -> str:
        """The key of a result in this format. Concurrent requests wait for one encoding.

        Raises:
            FileNotFoundError: the result itself is lost.
            DamagedPicture: it cannot be decoded.
            DecodersBusy: too many other pictures come first.
            EncodingFailed: its encoder had too little memory, or died.
        """
        if format == "png":
            return result_key
        key = encoded_key(result_key, format)
        lock = self._locks.setdefault(key, Lock())
        async with lock:
            try:
                await self._blobs.size_bytes(key)
            except FileNotFoundError:
                await self._encode(result_key, key, format)
        return key

    async def _encode(self, result_key: str, key: str, format: Format) -> None:
        with TemporaryDirectory(dir=self._scratch) as name:
            source, target = Path(name) / "result.png", Path(name) / f"result.{format}"
            fetch = partial(self._blobs.get_file, result_key)
            await self._decoder.encode_file(fetch, source, target, format)
            await self._blobs.put_file(key, target)
