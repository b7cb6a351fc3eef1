"""Claims the next job that this worker can paint."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress

from kombu.exceptions import OperationalError
from redis import RedisError
from redis.exceptions import ResponseError

from shared import overview, transitions
from shared.errors import DamagedRecord
from shared.jobs import Job
from shared.queue import publish
from shared.workers import Worker, list_workers
from worker.context import WorkerContext

log = logging.getLogger(__name__)

CANDIDATES = 64
"""How many of the queued jobs a worker tries to claim: others are trying too."""

MORE_CANDIDATES = 1024
"""How many it goes through where it cannot paint some of those."""

HAND_ON_SECONDS = 1.0
"""How long a worker takes no message after one for a job that only another worker can paint."""


def claim_next(context: WorkerContext) -> tuple[Job, str] | None:
    """The first queued job that this worker can paint and that no other worker claimed before, and
    the claim's fence."""
    lease_seconds = context.settings.lease_seconds
    skipped: list[Job] = []
    try:
        for job_id in _candidates(context, skipped):
            try:
                claim = context.jobs.run(transitions.claim(job_id, lease_seconds=lease_seconds))
            except ResponseError as error:  # the key holds something else than a record
                log.error("Job %s cannot be claimed: %s", job_id, error)
                context.jobs.run(transitions.delete_damaged(job_id))
                continue
            job = _read_claimed(job_id, claim.fence, context) if claim.fence else None
            if job is not None and claim.fence is not None:
                return job, claim.fence
        if skipped:
            _hand_on(skipped, context)
    except RedisError as error:
        log.warning("No job can be claimed, Redis is unreachable: %s", error)
    return None


def _hand_on(skipped: Sequence[Job], context: WorkerContext) -> None:
    """Announces a job again that another living worker can paint. The message that woke this worker
    is used up; while it waits a moment, the next message goes to another."""
    own_name = context.capability.name
    others = [each for each in context.jobs.run(list_workers()) if each.name != own_name]
    for job in skipped:
        options = job.read_options()
        if any(each.can_paint(options, job.pixels, job.image_bytes) for each in others):
            with suppress(OperationalError):  # the reconciler announces it again
                publish(context.queue, job.id)
            context.shutdown.wait(HAND_ON_SECONDS)
            return


def _candidates(context: WorkerContext, skipped: list[Job]) -> Iterator[str]:
    """The first queued jobs that this worker can paint; the others wait for one that can.

    Args:
        skipped: receives the jobs whose backbone or memory this worker does not have.
    """
    tried: set[str] = set()
    worker = context.capability.worker()
    for limit in (CANDIDATES, MORE_CANDIDATES):
        passed_over = 0
        for job_id in context.jobs.run(overview.next_jobs(limit)):
            if job_id in tried:
                continue
            tried.add(job_id)
            if _can_paint(job_id, worker, context, skipped):
                yield job_id
            else:
                passed_over += 1
        if not passed_over:
            return


def _can_paint(job_id: str, worker: Worker, context: WorkerContext, skipped: list[Job]) -> bool:
    """Whether this worker has a job's backbone and the memory for its picture, and knows all of its
    options; a job that cannot be read can be claimed, and is then found damaged.

    Args:
        worker: what this one can paint now.
        skipped: receives the job if its backbone or memory is missing here.
    """
    try:
        job = context.jobs.run(transitions.read(job_id))
        if job is None or not job.is_known:
            return job is None
        can_paint = worker.can_paint(job.read_options(), job.pixels, job.image_bytes)
    except DamagedRecord:
        return True
    if not can_paint:
        skipped.append(job)
    return can_paint


def _read_claimed(job_id: str, fence: str, context: WorkerContext) -> Job | None:
    """The claimed job; one whose record is damaged fails."""
    try:
        return context.jobs.run(transitions.read(job_id))
    except DamagedRecord as error:
        log.error("%s", error)
        context.jobs.run(
            transitions.fail(
                job_id, fence, code="record_damaged", news={}, retention=context.retention
            )
        )
        return None
