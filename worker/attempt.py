"""One worker's attempt at one job: what it loads, reports and commits under its fence."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic, time_ns
from typing import IO, TYPE_CHECKING, Any, TypeVar

from kombu.exceptions import OperationalError
from redis import RedisError

from pastiche.painting_clock import PaintingClock
from pastiche.sizes import Scale
from shared import tracing, transitions
from shared.blob_store import BLOB_STORE_ERRORS, result_key
from shared.celery_app import publish
from shared.errors import FAILURES, FailureCode
from shared.inputs import Inputs
from shared.job_store import Reply, Transition
from shared.jobs import BackboneUsed, Job
from shared.progress import Progress
from shared.transitions import Committed
from shared.workers import list_workers
from worker.capable_workers import CapableWorkers
from worker.context import WorkerContext
from worker.lease import Lease
from worker.measurements import Measurements
from worker.snapshots import Checkpoints, Previews, delete_blobs

if TYPE_CHECKING:
    from pastiche.engine.progress import Progress as EngineProgress

log = logging.getLogger(__name__)

Result = TypeVar("Result")

STORAGE_RETRY_SECONDS = 60.0
"""How long requests to the blob store are retried: painting costs more than waiting for it."""

STORAGE_PAUSE_SECONDS = 1.0

ITERATIONS_SPAN_SECONDS = 2.0
"""How much time one span of iterations covers: an hour of painting has at most two thousand."""


class AttemptEnded(Exception):
    """The attempt ends before its picture is done."""


class ClaimLost(AttemptEnded):
    """Another worker has the job, or it was deleted: what was painted is discarded."""


class JobCanceled(AttemptEnded):
    """The client has canceled the job."""


class WorkerShutdown(AttemptEnded):
    """The worker shuts down, and returns its job."""


class PaintingFailed(Exception):
    """The picture cannot be painted, for a reason that the client is shown."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(FAILURES[code])
        self.code = code


class PaintingSpans:
    """A painting as spans: one for its preparation, then one for every few seconds of iterations
    of the same scale."""

    def __init__(self) -> None:
        self._begun_ns = self._ended_ns = time_ns()
        self._first = 0
        self._newest: EngineProgress | None = None

    def end_preparation(self) -> None:
        """Ends the span of the preparation, when the first iteration begins."""
        self._ended_ns = time_ns()
        self._record("prepare", {})

    def add(self, progress: "EngineProgress") -> None:
        """Adds an iteration that is done."""
        if self._newest is not None and self._newest.scale != progress.scale:
            self.end()
        if self._newest is None:
            self._first = progress.iteration
        self._newest, self._ended_ns = progress, time_ns()
        if self._ended_ns - self._begun_ns >= ITERATIONS_SPAN_SECONDS * 1e9:
            self.end()

    def end(self) -> None:
        """Ends the span of the newest iterations."""
        newest, self._newest = self._newest, None
        if newest is not None:
            attributes = {
                "pastiche.scale": newest.scale,
                "pastiche.iteration.first": self._first,
                "pastiche.iteration.last": newest.iteration,
                "pastiche.objective": newest.losses["total"],
            }
            self._record("iterations", attributes)

    def _record(self, name: str, attributes: tracing.Attributes) -> None:
        span = tracing.TRACER.start_span(name, attributes=attributes, start_time=self._begun_ns)
        span.end(self._ended_ns)
        self._begun_ns = self._ended_ns


class Attempt:
    """A claim that is held, and what its worker does with it."""

    def __init__(self, job: Job, fence: str, context: WorkerContext, lease: Lease) -> None:
        self.job, self.fence, self.context, self.lease = job, fence, context, lease
        blobs, settings = context.blobs, context.settings
        self.checkpoints = Checkpoints(job.id, fence, blobs, settings.checkpoint_seconds)
        self.previews = Previews(job, fence, blobs, settings.preview_seconds)
        self._fields: dict[str, str] = {}
        self._claimed = monotonic()
        self._clock: PaintingClock | None = None
        self._measurements: Measurements | None = None

    @tracing.span("load")
    def load(self) -> Inputs[bytes]:
        """The normalised pictures, as the files that `shared.pictures` writes."""
        return self.job.inputs.mapped(self._load_blob)

    def report_trace(self) -> None:
        """Stores the trace, so that a next attempt can be linked to this one."""
        traceparent = tracing.traceparent()
        if traceparent is not None:
            self._report({"attempt_traceparent": traceparent})

    def report_backbone(self, backbone: BackboneUsed, measurements: Measurements) -> None:
        """Reports which network will paint, and what is measured from now on."""
        self._measurements = measurements
        # Also an empty hash: an earlier attempt may have reported the hash of another network.
        network = {"backbone_name": backbone.name, "backbone_sha256": backbone.sha256 or ""}
        self._report(network | measurements.fields)

    def start_clock(self, plan: Sequence[Scale]) -> None:
        """Starts the clock, when the first iteration begins."""
        self._clock = PaintingClock(plan, self.context.speed_record.speed)

    def report_progress(self, iteration: "EngineProgress", weights: Mapping[str, float]) -> None:
        """Reports an iteration that is done, and the weights that it used.

        Raises:
            AttemptEnded: the claim is lost, the client has canceled, or the worker shuts down.
        """
        progress = self._job_progress(iteration)
        self.previews.add_losses(progress, weights, self.retry_storage)
        if self._measurements is not None:
            self._measurements.add_iteration()
        remaining = round(self.job.work * (1 - progress.work))
        self._report({"progress": progress.to_json()}, remaining, iterations=1)
        self.check()

    def report_preview(self, preview: Callable[[], bytes]) -> None:
        """Stores the picture so far, a JPEG file, and the losses so far, for clients."""
        self._report(self.previews.store(preview) | self._measured_fields)

    def store_checkpoint(self, save: Callable[[IO[bytes]], None]) -> None:
        """Stores the losses so far, and then the run's state. In this order, the next attempt can
        continue the loss curves from whichever checkpoint it resumes."""
        self._report(self.previews.store_losses())
        self.checkpoints.store(save)

    @property
    def is_finish_requested(self) -> bool:
        """Whether the client has requested the picture as it is now."""
        return self.lease.answer == "finish"

    @property
    def options(self) -> dict[str, Any]:
        """The job's options with the newest weights; a new object when a client changes them."""
        return self.lease.options

    def check(self) -> None:
        """Raises AttemptEnded if the attempt has to end here, PaintingFailed if it or the job has
        reached its time limit."""
        if self.lease.answer == "lost":
            raise ClaimLost
        if self.lease.answer == "cancel":
            raise JobCanceled
        if self.lease.answer == "timed_out":
            raise PaintingFailed("timed_out")
        if self.context.shutdown.is_set():
            raise WorkerShutdown
        if monotonic() - self._claimed > self.context.settings.job_time_limit_seconds:
            raise PaintingFailed("time_limit")

    def retry_storage(self, action: Callable[[], Result]) -> Result:
        """Runs `action` on the blob store, repeats it while the store refuses, returns its result.

        Raises:
            one of BLOB_STORE_ERRORS: it refused every time, or the blob does not exist.
            AttemptEnded, PaintingFailed: as from `check`.
        """
        deadline = monotonic() + STORAGE_RETRY_SECONDS
        while True:
            try:
                return action()
            except BLOB_STORE_ERRORS as error:
                log.warning("Job %s: storage refuses: %s", self.job.id, error)
                if monotonic() > deadline or isinstance(error, FileNotFoundError):
                    raise
            self.context.shutdown.wait(STORAGE_PAUSE_SECONDS)
            self.check()

    def commit(self, picture: bytes) -> None:
        """Makes the picture the job's one result, or deletes it if the claim is lost."""
        key = result_key(self.job.id, self.fence)
        with tracing.span("store"):
            self._require_storage(lambda: self.context.blobs.put(key, picture))
        # Before the commit: a client that sees the picture may ask how long the next one takes.
        if self.job.attempt == 1 and not self.is_finish_requested:
            self._record_speed()
        with tracing.span("commit"):
            committed = self._commit(partial(transitions.succeed, result_key=key))
        if committed == "lost":
            delete_blobs(self.context.blobs, self.job.id, [key])
            raise ClaimLost

    def confirm_cancel(self) -> Committed:
        """Ends the job as its client requested."""
        return self._commit(transitions.confirm_cancel)

    def fail(self, code: FailureCode) -> Committed:
        """Ends the job as failed, with a reason."""
        return self._commit(partial(transitions.fail, code=code))

    def hand_over(self, code: FailureCode) -> bool:
        """Queues the job again, with everything that was reported, if another live worker can
        paint it and has not tried it. Returns whether it did.

        Args:
            code: why this worker cannot paint it.
        """
        identity = self.context.capability.identity
        workers = CapableWorkers(identity, partial(self._run, list_workers()))
        if not workers.another_may_succeed(self.job):
            return False
        handed_over = self._run(
            transitions.hand_over(
                self.job.id,
                self.fence,
                code=code,
                lost_limit=self.context.settings.attempts_limit,
                fields=self._fields,
            )
        )
        if handed_over:
            self._announce()
        return handed_over

    def release(self) -> None:
        """Queues the job again with everything that was reported, and announces it to the other
        workers."""
        retention = self.context.retention
        self._run(
            transitions.release(self.job.id, self.fence, fields=self._fields, retention=retention)
        )
        self._announce()

    def _announce(self) -> None:
        try:
            publish(self.context.queue, self.job.id)
        except OperationalError as error:
            log.warning("Job %s is queued again, but not announced: %s", self.job.id, error)

    def _record_speed(self) -> None:
        if self._clock is not None:
            seconds = monotonic() - self._claimed
            self.context.speed_record.add(self.job.work, seconds, self._clock.times)

    def _commit(self, transition: Callable[..., Transition[Committed]]) -> Committed:
        """Runs a transition that ends the job, with everything that was reported."""
        fields = self._fields | self.previews.store_losses() | self._measured_fields
        retention = self.context.retention
        return self._run(transition(self.job.id, self.fence, fields=fields, retention=retention))

    @property
    def _measured_fields(self) -> dict[str, str]:
        return {} if self._measurements is None else self._measurements.fields

    def _run(self, transition: Transition[Reply]) -> Reply:
        """Runs a transition; while Redis refuses it or does not answer, repeats it until the worker
        shuts down."""
        while True:
            try:
                return self.context.jobs.run(transition)
            except RedisError as error:
                job_id = self.job.id
                log.warning("Job %s: not ended, Redis refused or did not answer: %s", job_id, error)
                if self.context.shutdown.wait(self.context.settings.heartbeat_seconds):
                    raise

    def _report(
        self, fields: dict[str, str], remaining: int | None = None, *, iterations: int = 0
    ) -> None:
        self._fields |= fields
        self.lease.report(fields, remaining, iterations=iterations)

    def _job_progress(self, progress: "EngineProgress") -> Progress:
        """The progress for the job's record, with the estimated time that is left."""
        return Progress(
            iteration=progress.iteration,
            iterations=progress.iterations,
            scale=progress.scale,
            scales=progress.scales,
            work=progress.work,
            eta_seconds=self._estimate_eta(progress),
            losses=progress.losses,
        )

    def _estimate_eta(self, progress: "EngineProgress") -> float | None:
        """The seconds that are left when a client reads the estimate: on average in the middle of
        the next iteration, and between two heartbeats."""
        if self._clock is None:
            return None
        self._clock.add_iteration(progress.scale - 1)
        left = self._clock.estimate_remaining(progress.scale - 1, progress.work)
        if left is None:
            return None
        age = (self._clock.newest_seconds + self.context.settings.heartbeat_seconds) / 2
        return round(max(0.0, left - age), 1)

    def _load_blob(self, key: str) -> bytes:
        self.check()
        return self._require_storage(lambda: self.context.blobs.get(key))

    def _require_storage(self, action: Callable[[], Result]) -> Result:
        """The same as `retry_storage`, for blobs that the job cannot continue without.

        Raises:
            PaintingFailed: the store refused every time, or the blob does not exist.
            AttemptEnded: the claim is lost, the client has canceled, or the worker shuts down.
        """
        try:
            return self.retry_storage(action)
        except BLOB_STORE_ERRORS as error:
            raise PaintingFailed("storage_failed") from error
