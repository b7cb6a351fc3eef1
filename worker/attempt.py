"""One worker's attempt at one job: what it loads, reports and commits under its fence."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from kombu.exceptions import OperationalError
from obstore.exceptions import BaseError as BlobStoreError
from redis import RedisError

from shared import tracing, transitions
from shared.blob_store import result_key
from shared.errors import FAILURES, FailureCode
from shared.inputs import Inputs
from shared.job_store import Transition
from shared.jobs import BackboneUsed, Job
from shared.progress import Progress
from shared.queue import publish
from shared.transitions import Committed
from worker.checkpoints import Checkpoints
from worker.context import WorkerContext
from worker.lease import Lease
from worker.previews import Previews

log = logging.getLogger(__name__)

Result = TypeVar("Result")

STORAGE_RETRY_SECONDS = 60.0
"""For how long the blob store is retried: painting costs more than waiting for it."""

STORAGE_PAUSE_SECONDS = 1.0


class AttemptEnded(Exception):
    """The attempt ends before its picture is done."""


class ClaimLost(AttemptEnded):
    """Another worker has the job, or it was deleted: what was painted is discarded."""


class JobCanceled(AttemptEnded):
    """The client has canceled the job."""


class WorkerShutdown(AttemptEnded):
    """The worker shuts down; the job is to be given back."""


class PaintingFailed(Exception):
    """The picture cannot be painted, for a reason that the client gets."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(FAILURES[code])
        self.code = code


@dataclass
class Attempt:
    """A claim that is held, and what its worker does with it."""

    job: Job
    fence: str
    context: WorkerContext
    lease: Lease
    checkpoints: Checkpoints
    previews: Previews
    _news: dict[str, str] = field(default_factory=dict)
    _claimed: float = field(default_factory=monotonic)
    _started_painting: float = field(default_factory=monotonic)

    def report_trace(self) -> None:
        """Lets the next attempt, if there is one, be linked to this."""
        traceparent = tracing.traceparent()
        if traceparent is not None:
            self._report({"attempt_traceparent": traceparent})

    @tracing.span("load")
    def load(self) -> Inputs[bytes]:
        """The normalised pictures, as the files that `shared.pictures` writes."""
        return self.job.inputs.mapped(self._load_blob)

    def report_backbone(self, backbone: BackboneUsed) -> None:
        """Reports which network paints, before it does."""
        news = {"backbone_name": backbone.name}
        if backbone.sha256 is not None:
            news["backbone_sha256"] = backbone.sha256
        self._report(news)
        self._started_painting = monotonic()

    def report_progress(self, progress: Progress) -> None:
        """Reports how far it is, and stops where the attempt is to end.

        Raises:
            AttemptEnded: the claim is lost, the client has canceled, or the worker shuts down.
        """
        self.previews.add_losses(progress)
        remaining = round(self.job.work * (1 - progress.work))
        self._news["progress"] = progress.to_json()
        self.lease.report({"progress": progress.to_json()}, remaining, iterations=1)
        self.check()

    @property
    def is_finish_requested(self) -> bool:
        """Whether the client requests the picture as it is."""
        return self.lease.answer == "finish"

    def report_preview(self, preview: Callable[[], bytes]) -> None:
        """Stores the picture so far, a JPEG file, and the losses so far, for clients to see."""
        self._report(self.previews.store(preview))

    def check(self) -> None:
        """Raises AttemptEnded where the attempt is to end here, PaintingFailed where it has taken
        as long as it may."""
        if self.lease.answer == "lost":
            raise ClaimLost
        if self.lease.answer == "cancel":
            raise JobCanceled
        if self.context.shutdown.is_set():
            raise WorkerShutdown
        if monotonic() - self._claimed > self.context.settings.job_time_limit_seconds:
            raise PaintingFailed("time_limit")

    @property
    def options(self) -> dict[str, Any]:
        """The job's options, with the newest weights that are known."""
        return self.lease.options

    @property
    def seconds_painting(self) -> float:
        """Since the backbone was chosen."""
        return monotonic() - self._started_painting

    def commit(self, picture: bytes) -> None:
        """Makes the picture the job's one result; a late worker's is deleted unseen."""
        key = result_key(self.job.id, self.fence)
        with tracing.span("store"):
            self._retry_storage(lambda: self.context.blobs.put(key, picture))
        news, retention = self._final_news(), self.context.retention
        transition = transitions.succeed(
            self.job.id, self.fence, result_key=key, news=news, retention=retention
        )
        with tracing.span("commit"):
            committed = self._settle(transition)
        if committed == "lost":
            self._delete(key)
            raise ClaimLost
        if self.job.attempt == 1 and not self.is_finish_requested:
            self.context.painting_rate.add(self.job.work, monotonic() - self._claimed)

    def confirm_cancel(self) -> Committed:
        """Ends the job as its client requested."""
        news, retention = self._final_news(), self.context.retention
        return self._settle(
            transitions.confirm_cancel(self.job.id, self.fence, news=news, retention=retention)
        )

    def fail(self, code: FailureCode) -> Committed:
        """Ends the job with a reason."""
        news, retention = self._final_news(), self.context.retention
        return self._settle(
            transitions.fail(self.job.id, self.fence, code=code, news=news, retention=retention)
        )

    def release(self) -> None:
        """Queues the job again, and announces it to the other workers."""
        retention = self.context.retention
        self._settle(transitions.release(self.job.id, self.fence, retention=retention))
        try:
            publish(self.context.queue, self.job.id)
        except OperationalError as error:
            log.warning("Job %s is queued again, but not announced: %s", self.job.id, error)

    def _settle(self, transition: Transition[Committed]) -> Committed:
        """Runs a last transition; while Redis is unreachable, again until the worker shuts down."""
        while True:
            try:
                return self.context.jobs.run(transition)
            except RedisError as error:
                log.warning("Job %s: not settled, Redis is unreachable: %s", self.job.id, error)
                if self.context.shutdown.wait(self.context.settings.heartbeat_seconds):
                    raise

    def _load_blob(self, key: str) -> bytes:
        self.check()
        return self._retry_storage(lambda: self.context.blobs.get(key))

    def _final_news(self) -> dict[str, str]:
        """What the record is to hold in the end, with the whole loss curves."""
        return self._news | self.previews.store_losses()

    def _report(self, news: dict[str, str]) -> None:
        self._news |= news
        self.lease.report(news)

    def _retry_storage(self, action: Callable[[], Result]) -> Result:
        """The result of `action` on the blob store; where it refuses, after another try.

        Raises:
            PaintingFailed: it refused every time, or the blob does not exist.
            AttemptEnded: the claim is lost, the client has canceled, or the worker shuts down.
        """
        deadline = monotonic() + STORAGE_RETRY_SECONDS
        while True:
            try:
                return action()
            except (BlobStoreError, OSError) as error:
                log.warning("Job %s: storage refuses: %s", self.job.id, error)
                if monotonic() > deadline or isinstance(error, FileNotFoundError):
                    raise PaintingFailed("storage_failed") from error
            self.context.shutdown.wait(STORAGE_PAUSE_SECONDS)
            self.check()

    def _delete(self, key: str) -> None:
        """Deletes what nobody will see; the reconciler deletes what cannot be deleted now."""
        try:
            self.context.blobs.delete(key)
        except (BlobStoreError, OSError) as error:
            log.warning("Job %s: %s not deleted yet: %s", self.job.id, key, error)
