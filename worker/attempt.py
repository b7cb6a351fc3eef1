"""One worker's attempt at one job: under its fence from claim to commit, however it ends."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, TypeVar

from kombu.exceptions import OperationalError
from obstore.exceptions import BaseError as BlobStoreError
from opentelemetry.trace import SpanKind
from redis import RedisError
from redis.exceptions import ResponseError

from shared import logs, overview, tracing, transitions
from shared.blob_store import result_key
from shared.errors import FAILURES, DamagedRecord, FailureCode
from shared.jobs import BackboneUsed, Inputs, Job, Progress
from shared.queue import publish
from shared.transitions import Keeping, Kept, Transition
from worker.checkpoints import Checkpoints
from worker.heartbeat import Heartbeat
from worker.showing import Showing
from worker.studio import Studio

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

Outcome = Literal["succeeded", "failed", "canceled", "given back", "lost", "left"]

CANDIDATES = 64
"""How many of the jobs that wait a worker tries to claim: others are trying too."""

STORAGE_PATIENCE_SECONDS = 60.0
"""For how long the blob store is tried: painting costs more than waiting for it."""

STORAGE_PAUSE_SECONDS = 1.0


class AttemptEnded(Exception):
    """The attempt ends before its picture is done."""


class ClaimLost(AttemptEnded):
    """Another worker has the job, or it was erased: whatever was painted is nobody's."""


class CancelAsked(AttemptEnded):
    """The client wants no more of it."""


class StudioCloses(AttemptEnded):
    """The worker is asked to go; the job is to be given back."""


class PaintingFailed(Exception):
    """The picture cannot be painted, for a reason that the client is told."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(FAILURES[code])
        self.code = code


@dataclass
class Attempt:
    """A claim that is held, and what its worker does with it."""

    job: Job
    fence: str
    studio: Studio
    heartbeat: Heartbeat
    checkpoints: Checkpoints
    showing: Showing
    _news: dict[str, str] = field(default_factory=dict)
    _claimed: float = field(default_factory=monotonic)
    _began: float = field(default_factory=monotonic)

    def tell_trace(self) -> None:
        """Lets the next attempt, should there be one, be linked to this."""
        traceparent = tracing.traceparent()
        if traceparent is not None:
            self._tell({"attempt_traceparent": traceparent})

    @tracing.span("load")
    def load(self) -> Inputs[bytes]:
        """The normalised pictures, as the files that `shared.pictures` writes."""
        return self._tried(lambda: self.job.inputs.mapped(self.studio.blobs.get))

    def tell_backbone(self, backbone: BackboneUsed) -> None:
        """Says which network paints, before it does."""
        news = {"backbone_name": backbone.name}
        if backbone.sha256 is not None:
            news["backbone_sha256"] = backbone.sha256
        self._tell(news)
        self._began = monotonic()

    def tell_progress(self, progress: Progress) -> None:
        """Says how far it is, and stops where nobody wants the picture from here any more.

        Raises:
            AttemptEnded: the claim is lost, the client has canceled, or the worker is to go.
        """
        self.showing.note(progress)
        left = round(self.job.work * (1 - progress.work))
        self._news["progress"] = progress.to_json()
        self.heartbeat.tell({"progress": progress.to_json()}, left, iterations=1)
        self.check()

    def show(self, preview: Callable[[], bytes]) -> None:
        """Lets clients see the picture so far, a JPEG file, and the losses so far."""
        self._tell(self.showing.show(preview))

    def check(self) -> None:
        """Raises AttemptEnded where the attempt is to end here."""
        if self.heartbeat.answer == "lost":
            raise ClaimLost
        if self.heartbeat.answer == "cancel":
            raise CancelAsked
        if self.studio.closing.is_set():
            raise StudioCloses

    @property
    def options(self) -> dict[str, Any]:
        """The job's options, with the weights that its client wants by now."""
        return self.heartbeat.options

    @property
    def seconds_painting(self) -> float:
        """Since the backbone was chosen."""
        return monotonic() - self._began

    def commit(self, picture: bytes) -> None:
        """Makes the picture the job's one result; a late worker's is erased unseen."""
        key = result_key(self.job.id, self.fence)
        with tracing.span("store"):
            self._tried(lambda: self.studio.blobs.put(key, picture))
        keeping, news = Keeping.of(self.studio.settings), self._last_news()
        succeeded = transitions.succeed(
            self.job.id, self.fence, result_key=key, news=news, keeping=keeping
        )
        with tracing.span("commit"):
            kept = self.settle(succeeded)
        if kept == "lost":
            self._drop(key)
            raise ClaimLost
        if self.job.attempt == 1:
            self.studio.pace.note(self.job.work, monotonic() - self._claimed)

    def stop(self) -> Kept:
        """Ends the job as its client asked."""
        keeping, news = Keeping.of(self.studio.settings), self._last_news()
        return self.settle(transitions.stop(self.job.id, self.fence, news=news, keeping=keeping))

    def fail(self, code: FailureCode) -> Kept:
        """Ends the job with a reason."""
        keeping, news = Keeping.of(self.studio.settings), self._last_news()
        return self.settle(
            transitions.fail(self.job.id, self.fence, code=code, news=news, keeping=keeping)
        )

    def give_back(self) -> None:
        """Lets the job wait again, and tells the other workers."""
        self.settle(transitions.release(self.job.id, self.fence))
        try:
            publish(self.studio.queue, self.job.id)
        except OperationalError as error:
            log.warning("Job %s waits again, but could not be announced: %s", self.job.id, error)

    def settle(self, transition: Transition[Kept]) -> Kept:
        """Runs a last transition; while Redis is away, again and again until the worker goes."""
        while True:
            try:
                return self.studio.jobs.run(transition)
            except RedisError as error:
                log.warning("Job %s: cannot be settled, Redis is away: %s", self.job.id, error)
                if self.studio.closing.wait(self.studio.settings.heartbeat_seconds):
                    raise

    def _last_news(self) -> dict[str, str]:
        """What the record is to say in the end, the whole curves among it."""
        return self._news | self.showing.losses()

    def _tell(self, news: dict[str, str]) -> None:
        self._news |= news
        self.heartbeat.tell(news)

    def _tried(self, action: Callable[[], Answer]) -> Answer:
        """What the blob store gives; where it refuses, again after a pause.

        Raises:
            PaintingFailed: it refused every time, or what is asked for is not there.
            AttemptEnded: the claim is lost, the client has canceled, or the worker is to go.
        """
        late = monotonic() + STORAGE_PATIENCE_SECONDS
        while True:
            try:
                return action()
            except (BlobStoreError, OSError) as error:
                log.warning("Job %s: storage refuses: %s", self.job.id, error)
                if monotonic() > late or isinstance(error, FileNotFoundError):
                    raise PaintingFailed("storage_failed") from error
            self.studio.closing.wait(STORAGE_PAUSE_SECONDS)
            self.check()

    def _drop(self, key: str) -> None:
        """Erases what nobody will see; what cannot be erased now is debris."""
        try:
            self.studio.blobs.delete(key)
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: %s is left for later: %s", self.job.id, key, error)


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
    """The first job in the queue that no other worker was faster with, and the claim's fence."""
    lease_seconds = studio.settings.lease_seconds
    try:
        for job_id in studio.jobs.run(overview.heads(CANDIDATES)):
            try:
                claim = studio.jobs.run(transitions.claim(job_id, lease_seconds=lease_seconds))
            except ResponseError as error:  # the script met what no record of ours has
                log.error("Job %s cannot be claimed: %s", job_id, error)
                continue
            job = _readable(job_id, claim.fence, studio) if claim.fence else None
            if job is not None and claim.fence is not None:
                return job, claim.fence
    except RedisError as error:
        log.warning("No job can be claimed, Redis is away: %s", error)
    return None


def _readable(job_id: str, fence: str, studio: Studio) -> Job | None:
    """The claimed job; one whose record is damaged is over."""
    try:
        return studio.jobs.run(transitions.look(job_id))
    except DamagedRecord as error:
        log.error("%s", error)
        keeping = Keeping.of(studio.settings)
        code: FailureCode = "record_damaged"
        studio.jobs.run(transitions.fail(job_id, fence, code=code, news={}, keeping=keeping))
        return None


@contextmanager
def _ending(attempt: Attempt) -> Iterator[None]:
    """Whatever ends the attempt becomes the transition that says so."""
    job_id = attempt.job.id
    kept: Kept
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
        job = attempt.studio.jobs.run(transitions.look(attempt.job.id))
    except (RedisError, DamagedRecord):
        return
    if job is None or job.is_over:
        attempt.checkpoints.erase_own()
        attempt.showing.erase_but(job.blobs if job else frozenset())
