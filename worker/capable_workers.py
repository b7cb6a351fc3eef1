"""Which live workers can paint a job."""

import json
from collections.abc import Callable, Iterator
from functools import cached_property

from shared.errors import RecordDamaged
from shared.jobs import Job
from shared.workers import Worker


class CapableWorkers:
    """Which live workers can paint which job, computed once for all jobs with the same options
    and sizes: a long queue has many of them.

    Args:
        identity: of the worker that asks.
        list_workers: every live worker.
    """

    def __init__(self, identity: str, list_workers: Callable[[], list[Worker]]) -> None:
        self._identity, self._list_workers = identity, list_workers
        self._found: dict[tuple[object, ...], bool] = {}

    def can_claim(self, own: Worker, job: Job, attempts_limit: int) -> bool:
        """Whether the worker that asks can claim a job: it can paint it, and if its own attempt at
        it has failed, there is no other worker that could try it.

        A process may be killed by chance. Its successor then tries the job again, so that the job
        does not wait for a busy worker. It does not do this for the last allowed attempt.
        """
        if not self._can_paint(own, job):
            return False
        failures = [each.code for each in job.failed_attempts if each.worker == self._identity]
        if not failures:
            return True
        tries_again = failures == ["worker_lost"] and job.lost_attempts + 1 < attempts_limit
        return not self.another_may_succeed(job, only_idle=tries_again)

    def another_can_paint(self, job: Job) -> bool:
        """Whether another live worker can paint a job."""
        return any(True for _ in self._others(job))

    def another_may_succeed(self, job: Job, *, only_idle: bool = False) -> bool:
        """Whether another live worker can paint a job, and no attempt of its has failed; if
        `only_idle`, an idle worker. Workers of version 0.2.0, which do not report whether they are
        painting, do not count: they may not know the job's options."""
        return any(
            each.identity not in job.failed_workers
            and each.is_painting is not None
            and not (only_idle and each.is_painting)
            for each in self._others(job)
        )

    def _others(self, job: Job) -> Iterator[Worker]:
        return (each for each in self._living_others if self._can_paint(each, job))

    @cached_property
    def _living_others(self) -> list[Worker]:
        return [each for each in self._list_workers() if each.identity != self._identity]

    def _can_paint(self, worker: Worker, job: Job) -> bool:
        demand = (
            worker.name,
            json.dumps(job.options),
            job.pixels,
            job.image_bytes,
            job.unknown_inputs,
            job.written_by,
        )
        if demand not in self._found:
            self._found[demand] = _can_paint(worker, job)
        return self._found[demand]


def _can_paint(worker: Worker, job: Job) -> bool:
    """Whether a worker has the backbone, memory and version for a job. If the job's options cannot
    be read, every worker can: the one that claims it then finds that it is damaged."""
    try:
        return job.is_known and worker.can_paint(job.read_options(), job.pixels, job.image_bytes)
    except RecordDamaged:
        return True
