"""Claims the next job that this worker can paint."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic

from kombu.exceptions import OperationalError
from redis import RedisError
from redis.exceptions import ConnectionError, OutOfMemoryError, ResponseError, TimeoutError

from shared import transitions
from shared.celery_app import publish
from shared.job_records import read_queue
from shared.job_store import Reply, Transition
from shared.jobs import Job
from shared.workers import list_workers
from worker.capable_workers import CapableWorkers
from worker.context import WorkerContext

log = logging.getLogger(__name__)

FIRST_PAGE = 8
"""How many jobs at the head of the queue a worker reads first. It nearly always claims one."""

PAGE = 256
"""How many more it reads at a time if others claimed all of those, or it can paint none of them."""

RETRY_PAUSE_SECONDS = 0.5
"""How long a worker waits before it repeats what Redis did not answer."""

PAUSE_SECONDS = 1.0
"""How long a worker waits at least after a message for a job that it cannot paint."""

PAUSE_RATIO = 4.0
"""The same, as a multiple of the time that it took to read the queue."""


def claim_next(context: WorkerContext) -> tuple[Job, str] | None:
    """Claims the first queued job that this worker can paint and no other worker claims first.
    Returns the job and the claim's fence. If this worker's attempt at a job has failed, it leaves
    the job to the workers that have not tried it, as long as there are any."""
    began, attempts_limit = monotonic(), context.settings.attempts_limit
    own = context.capability.worker()
    workers = CapableWorkers(own.identity, partial(context.jobs.run, list_workers()))
    skipped: list[Job] = []
    try:
        for page in _read_queue(context):
            candidates = []
            for job_id, job in page.items():
                if job is not None and not workers.can_claim(own, job, attempts_limit):
                    skipped.append(job)
                elif job is not None or not _delete_unless_record(job_id, context):
                    candidates.append(job_id)
            if candidates and (claimed := _claim(candidates, context)):
                return claimed
        _announce_again(skipped, workers, context, monotonic() - began)
    except RedisError as error:
        log.warning("No job can be claimed, Redis refused or did not answer: %s", error)
    return None


def _read_queue(context: WorkerContext) -> Iterator[dict[str, Job | None]]:
    """The whole queue in pages, first to last; None in place of a job that cannot be read."""
    limit, rest = FIRST_PAGE, None
    while True:
        page = context.jobs.run(read_queue(after=rest, limit=limit))
        yield page.jobs
        if page.rest is None:
            return
        limit, rest = PAGE, page.rest


def _delete_unless_record(job_id: str, context: WorkerContext) -> bool:
    """Deletes a job that cannot be read if its key holds something other than a record. Returns
    whether it did. If the record is missing or damaged, the claim finds that out."""
    is_deleted = context.jobs.run(transitions.delete_damaged(job_id))
    if is_deleted:
        log.error("Job %s cannot be claimed: its key holds something other than a record", job_id)
    return is_deleted


def _claim(candidates: Sequence[str], context: WorkerContext) -> tuple[Job, str] | None:
    """Claims the first of these jobs that can be claimed. Returns it with its fence, or None if
    there is none. A job whose record is damaged fails, and the next one is claimed."""
    lease_seconds, identity = context.settings.lease_seconds, context.capability.identity
    while True:
        deadline = monotonic() + lease_seconds
        transition = transitions.claim(*candidates, lease_seconds=lease_seconds, worker=identity)
        try:
            claim = _run(transition, context, deadline)
        except OutOfMemoryError:
            raise
        except ResponseError as error:
            return _claim_each(candidates, context, error)
        if claim is None:
            return None
        if claim.job is not None:
            return claim.job, claim.fence
        failed = transitions.fail(
            claim.job_id, claim.fence, code="record_damaged", fields={}, retention=context.retention
        )
        _run(failed, context, deadline)


def _claim_each(
    candidates: Sequence[str], context: WorkerContext, error: ResponseError
) -> tuple[Job, str] | None:
    """Claims one job at a time, because one of these has a record that the script cannot use."""
    if len(candidates) == 1:
        log.error("Job %s cannot be claimed: %s", candidates[0], error)
        return None
    claims = (_claim([candidate], context) for candidate in candidates)
    return next((claim for claim in claims if claim), None)


def _run(transition: Transition[Reply], context: WorkerContext, deadline: float) -> Reply:
    """Runs a transition; if Redis does not answer, repeats it until a deadline. Redis may run a
    claim without answering: the claim is lost unless the same one is repeated."""
    while True:
        try:
            return context.jobs.run(transition)
        except (ConnectionError, TimeoutError) as error:
            log.warning("A claim is repeated, Redis does not answer: %s", error)
            if monotonic() > deadline or context.shutdown.wait(RETRY_PAUSE_SECONDS):
                raise


def _announce_again(
    skipped: Sequence[Job], workers: CapableWorkers, context: WorkerContext, seconds: float
) -> None:
    """Announces one of these jobs again, if another live worker can paint one: the message that
    woke this worker is used up. Then waits a moment, so that the next message goes to another.

    Args:
        seconds: how long this worker read the queue. It waits several times as long, so that many
            workers that cannot paint the jobs of a long queue do not keep Redis busy.
    """
    if not skipped:
        return
    job = next(filter(workers.another_can_paint, skipped), None)
    if job is not None:
        with suppress(OperationalError):  # the reconciler announces it again
            publish(context.queue, job.id)
    context.shutdown.wait(max(PAUSE_SECONDS, PAUSE_RATIO * seconds))
