"""Claims the next job that this worker can paint."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from time import monotonic

from kombu.exceptions import OperationalError
from redis import RedisError
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from shared import transitions
from shared.celery_app import publish
from shared.errors import RecordDamaged
from shared.job_records import list_waiting
from shared.job_store import Reply, Transition
from shared.jobs import Job
from shared.workers import Worker, list_workers
from worker.context import WorkerContext

log = logging.getLogger(__name__)

CANDIDATES = 64
"""How many of the queued jobs a worker tries to claim: others are trying too."""

MORE_CANDIDATES = 1024
"""How many it tries if it cannot paint some of those."""

RETRY_PAUSE_SECONDS = 0.5
"""How long a worker waits before it repeats what Redis did not answer."""

PAUSE_SECONDS = 1.0
"""How long a worker waits after a message for a job that only another worker can paint."""


def claim_next(context: WorkerContext) -> tuple[Job, str] | None:
    """The first queued job that this worker can paint and that no other worker claimed before, and
    the claim's fence."""
    skipped: list[Job] = []
    try:
        for job_id, unpaintable in _candidates(context):
            if unpaintable is not None:
                skipped.append(unpaintable)
            elif claimed := _claim(job_id, context):
                return claimed
        _announce_again(skipped, context)
    except RedisError as error:
        log.warning("No job can be claimed, Redis is unreachable: %s", error)
    return None


def _candidates(context: WorkerContext) -> Iterator[tuple[str, Job | None]]:
    """The first queued jobs, each with its record if this worker cannot paint it; more of them if
    there is one that it cannot paint, and those that follow if others claimed all of them."""
    tried: set[str] = set()
    worker = context.capability.worker()
    limit = CANDIDATES
    while new := [each for each in list_waiting(context.jobs, limit) if each not in tried]:
        for job_id in new:
            tried.add(job_id)
            unpaintable = _find_unpaintable(job_id, worker, context)
            if unpaintable is not None:
                limit = MORE_CANDIDATES
            yield job_id, unpaintable


def _find_unpaintable(job_id: str, worker: Worker, context: WorkerContext) -> Job | None:
    """A job whose backbone, memory or options this worker does not have; None if it can be claimed.
    That is also true of a job that cannot be read: it is then found damaged."""
    try:
        job = context.jobs.run(transitions.read(job_id))
        return None if job is None or _can_paint(worker, job) else job
    except RecordDamaged:
        return None


def _can_paint(worker: Worker, job: Job) -> bool:
    return job.is_known and worker.can_paint(job.read_options(), job.pixels, job.image_bytes)


def _claim(job_id: str, context: WorkerContext) -> tuple[Job, str] | None:
    """The claimed job and its fence; None if another worker has it, or its record is damaged."""
    lease_seconds = context.settings.lease_seconds
    deadline = monotonic() + lease_seconds
    claim = transitions.claim(job_id, lease_seconds=lease_seconds)
    try:
        fence = _run(claim, context, deadline)
    except ResponseError as error:  # the key holds something else than a record
        log.error("Job %s cannot be claimed: %s", job_id, error)
        context.jobs.run(transitions.delete_damaged(job_id))
        return None
    if fence is None:
        return None
    try:
        job = _run(transitions.read(job_id), context, deadline)
    except RecordDamaged as error:
        log.error("%s", error)
        failed = transitions.fail(
            job_id, fence, code="record_damaged", fields={}, retention=context.retention
        )
        _run(failed, context, deadline)
        return None
    return None if job is None else (job, fence)


def _run(transition: Transition[Reply], context: WorkerContext, deadline: float) -> Reply:
    """Runs a transition, again until a deadline if Redis does not answer: it may still run a claim
    then, which is lost unless the same one is repeated."""
    while True:
        try:
            return context.jobs.run(transition)
        except (ConnectionError, TimeoutError) as error:
            log.warning("A claim is repeated, Redis does not answer: %s", error)
            if monotonic() > deadline or context.shutdown.wait(RETRY_PAUSE_SECONDS):
                raise


def _announce_again(skipped: Sequence[Job], context: WorkerContext) -> None:
    """Announces a job again that another living worker can paint. The message that woke this worker
    is used up; while it waits a moment, the next message goes to another."""
    if not skipped:
        return
    own_name = context.capability.name
    others = [each for each in context.jobs.run(list_workers()) if each.name != own_name]
    for job in skipped:
        if any(_can_paint(worker, job) for worker in others):
            with suppress(OperationalError):  # the reconciler announces it again
                publish(context.queue, job.id)
            context.shutdown.wait(PAUSE_SECONDS)
            return
