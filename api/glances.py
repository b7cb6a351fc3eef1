"""Jobs as they were last looked at: a record whose version is the same need not be read again.

A poll then costs Redis one look at three fields, and no record is read and no JSON written twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared import transitions
from shared.job_store import AsyncJobStore
from shared.jobs import Job
from shared.redis_keys import record_key

MOST_KEPT = 1000

_MARK = ("version", "status", "fence")
"""What tells a record from an earlier or later one. The version alone would, but for a Redis that
lost its last second and counts on from before."""


@dataclass(slots=True)
class _Glance:
    job: Job
    body: bytes | None = None

    def is_as(self, mark: Sequence[Any]) -> bool:
        """Whether a record of this mark is the one that was read."""
        return list(mark) == [str(self.job.version), self.job.status, self.job.fence]


class Glances:
    """Those of one process. Jobs that wait are looked at anew each time: they move up without a
    change of their records."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._kept: dict[str, _Glance] = {}

    async def job(self, job_id: str) -> Job | None:
        """The job as it stands; None where there is no such job.

        Raises:
            DamagedRecord: its record cannot be read.
        """
        kept = self._kept.get(job_id)
        if kept is not None and kept.job.waiting is None:
            mark = await self._jobs.client.hmget(record_key(job_id), _MARK)
            if kept.is_as(mark):
                return kept.job
        job = await self._jobs.run(transitions.read(job_id))
        self._keep(job_id, job)
        return job

    def _keep(self, job_id: str, job: Job | None) -> None:
        self._kept.pop(job_id, None)
        if job is not None:
            self._kept[job_id] = _Glance(job)
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    def body(self, job: Job, write: Callable[[Job], bytes]) -> bytes:
        """A job's JSON, written once for all who poll it."""
        kept = self._kept.get(job.id)
        if kept is None or kept.job is not job:
            return write(job)
        if kept.body is None:
            kept.body = write(job)
        return kept.body
