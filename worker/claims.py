"""The next attempt of a worker: claimed, and seen to whichever end it comes to."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from opentelemetry.trace import SpanKind
from redis import RedisError
from redis.exceptions import ResponseError

from shared import logs, overview, tracing, transitions
from shared.errors import DamagedRecord, FailureCode
from shared.jobs import Job
from shared.transitions import Committed, Retention
from shared.workers import Worker
from worker.attempt import Attempt, CancelAsked, ClaimLost, PaintingFailed, StudioCloses
from worker.checkpoints import Checkpoints
from worker.heartbeat import Heartbeat
from worker.showing import Showing
from worker.studio import Studio

log = logging.getLogger(__name__)

Outcome = Literal["succeeded", "failed", "canceled", "given back", "lost", "left"]

CANDIDATES = 64
"""How many of the jobs that wait a worker tries to claim: others are trying too."""

MORE_CANDIDATES = 1024
"""How many it goes through where it cannot paint some of those."""


@contextmanager
def next_attempt(studio: Studio) -> Iterator[Attempt | None]:
    """Claims the job that is next and sees the attempt to its end; None where none waits."""
    found = _claimed(studio)
    if found is None:
        yield None
        return
    job, fence = found
    settings = studio.settings
    checkpoints = Checkpoints(job.id, fence, studio.blobs, settings.checkpoint_seconds)
    showing = Showing(job, fence, studio.blobs, settings.preview_seconds)
    claimed: tracing.Attributes = {"pastiche.job.id": job.id, "pastiche.attempt": job.attempt}
    with (
        tracing.span(
            "attempt",
            claimed,
            kind=SpanKind.CONSUMER,
            parent=job.traceparent,
            after=job.attempt_traceparent,
        ),
        logs.about(job_id=job.id, request_id=job.request_id, trace_id=tracing.trace_id()),
        studio.capability.free_memory.painting(),
        Heartbeat(job, fence, studio) as heartbeat,
    ):
        log.info("Job %s: attempt %d", job.id, job.attempt)
        attempt = Attempt(job, fence, studio, heartbeat, checkpoints, showing)
        attempt.tell_trace()
        try:
            with _ending(attempt):
                yield attempt
        except RedisError as error:  # the worker goes while Redis is away: the lease will run out
            log.warning("Job %s: left as it is, Redis is away: %s", job.id, error)
            _tell("left")


def _claimed(studio: Studio) -> tuple[Job, str] | None:
    """The first job in the queue that it can paint and that no other worker was faster with, and
    the claim's fence."""
    lease_seconds = studio.settings.lease_seconds
    try:
        for job_id in _candidates(studio):
            try:
                claim = studio.jobs.run(transitions.claim(job_id, lease_seconds=lease_seconds))
            except ResponseError as error:  # the script met what no record of ours has
                log.error("Job %s cannot be claimed: %s", job_id, error)
                studio.jobs.run(transitions.delete_damaged(job_id))
                continue
            job = _readable(job_id, claim.fence, studio) if claim.fence else None
            if job is not None and claim.fence is not None:
                return job, claim.fence
    except RedisError as error:
        log.warning("No job can be claimed, Redis is away: %s", error)
    return None


def _candidates(studio: Studio) -> Iterator[str]:
    """The first jobs in the queue that this worker can paint; the others wait for one that can."""
    tried: set[str] = set()
    worker = studio.capability.worker()
    for count in (CANDIDATES, MORE_CANDIDATES):
        skipped = 0
        for job_id in studio.jobs.run(overview.next_jobs(count)):
            if job_id in tried:
                continue
            tried.add(job_id)
            if _can_paint(job_id, worker, studio):
                yield job_id
            else:
                skipped += 1
        if not skipped:
            return


def _can_paint(job_id: str, worker: Worker, studio: Studio) -> bool:
    """Whether a job's backbone and the memory for its picture are here, and all of its options
    known; what is no readable job can be claimed, which finds out.

    Args:
        worker: what this one can paint now.
    """
    try:
        job = studio.jobs.run(transitions.read(job_id))
        if job is None or not job.is_known:
            return job is None
        return worker.can_paint(job.read_options(), job.pixels, job.image_bytes)
    except DamagedRecord:
        return True


def _readable(job_id: str, fence: str, studio: Studio) -> Job | None:
    """The claimed job; one whose record is damaged is over."""
    try:
        return studio.jobs.run(transitions.read(job_id))
    except DamagedRecord as error:
        log.error("%s", error)
        retention = Retention.from_settings(studio.settings)
        code: FailureCode = "record_damaged"
        studio.jobs.run(transitions.fail(job_id, fence, code=code, news={}, retention=retention))
        return None


@contextmanager
def _ending(attempt: Attempt) -> Iterator[None]:
    """Whatever ends the attempt becomes the transition that says so."""
    job_id = attempt.job.id
    kept: Committed
    try:
        yield
        log.info("Job %s: committed", job_id)
        _tell("succeeded")
    except ClaimLost:
        log.info("Job %s: the claim is lost, its work is thrown away", job_id)
        _tell("lost")
        _leave(attempt)
        return
    except StudioCloses:
        log.info("Job %s: given back", job_id)
        _tell("given back")
        attempt.give_back()
        return
    except CancelAsked:
        log.info("Job %s: canceled", job_id)
        _tell("canceled")
        kept = attempt.stop()
    except PaintingFailed as error:
        log.warning("Job %s: %s", job_id, error.code)
        _tell("failed", error.code)
        kept = attempt.fail(error.code)
    except DamagedRecord as error:
        log.error("%s", error)
        _tell("failed", "record_damaged")
        kept = attempt.fail("record_damaged")
    except RedisError:
        raise
    except Exception:  # the attempt's edge: one job's fault is no other job's
        log.exception("Job %s: unforeseen", job_id)
        _tell("failed", "internal_error")
        kept = attempt.fail("internal_error")
    else:
        kept = "ok"
    if kept == "ok":
        attempt.checkpoints.erase_all()
    else:
        _tell("lost")
        _leave(attempt)


def _tell(outcome: Outcome, code: FailureCode | None = None) -> None:
    """Lets the attempt's span say how it ended."""
    tracing.tell({"pastiche.outcome": outcome})
    if code is not None:
        tracing.fail(code)


def _leave(attempt: Attempt) -> None:
    """What was written is erased where nobody needs it: the job is gone, or over."""
    try:
        job = attempt.studio.jobs.run(transitions.read(attempt.job.id))
    except (RedisError, DamagedRecord):
        return
    if job is None or job.is_over:
        attempt.checkpoints.erase_own()
        attempt.showing.erase_but(job.blobs if job else frozenset())
