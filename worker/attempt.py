"""One worker's attempt at one job: what it loads, tells, keeps and commits under its fence."""

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
from shared.transitions import Committed, Retention
from worker.checkpoints import Checkpoints
from worker.heartbeat import Heartbeat
from worker.showing import Showing
from worker.studio import Studio

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

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
        return self.job.inputs.mapped(self._loaded)

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

    @property
    def is_finish_requested(self) -> bool:
        """Whether the client wants the picture as it is."""
        return self.heartbeat.answer == "finish"

    def show(self, preview: Callable[[], bytes]) -> None:
        """Lets clients see the picture so far, a JPEG file, and the losses so far."""
        self._tell(self.showing.show(preview))

    def check(self) -> None:
        """Raises AttemptEnded where the attempt is to end here, PaintingFailed where it has taken
        as long as it may."""
        if self.heartbeat.answer == "lost":
            raise ClaimLost
        if self.heartbeat.answer == "cancel":
            raise CancelAsked
        if self.studio.closing.is_set():
            raise StudioCloses
        if monotonic() - self._claimed > self.studio.settings.job_time_limit_seconds:
            raise PaintingFailed("time_limit")

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
        retention, news = Retention.from_settings(self.studio.settings), self._last_news()
        succeeded = transitions.succeed(
            self.job.id, self.fence, result_key=key, news=news, retention=retention
        )
        with tracing.span("commit"):
            kept = self.settle(succeeded)
        if kept == "lost":
            self._drop(key)
            raise ClaimLost
        if self.job.attempt == 1 and not self.is_finish_requested:
            self.studio.pace.note(self.job.work, monotonic() - self._claimed)

    def stop(self) -> Committed:
        """Ends the job as its client asked."""
        retention, news = Retention.from_settings(self.studio.settings), self._last_news()
        return self.settle(
            transitions.confirm_cancel(self.job.id, self.fence, news=news, retention=retention)
        )

    def fail(self, code: FailureCode) -> Committed:
        """Ends the job with a reason."""
        retention, news = Retention.from_settings(self.studio.settings), self._last_news()
        return self.settle(
            transitions.fail(self.job.id, self.fence, code=code, news=news, retention=retention)
        )

    def give_back(self) -> None:
        """Lets the job wait again, and tells the other workers."""
        retention = Retention.from_settings(self.studio.settings)
        self.settle(transitions.release(self.job.id, self.fence, retention=retention))
        try:
            publish(self.studio.queue, self.job.id)
        except OperationalError as error:
            log.warning("Job %s waits again, but could not be announced: %s", self.job.id, error)

    def settle(self, transition: Transition[Committed]) -> Committed:
        """Runs a last transition; while Redis is away, again and again until the worker goes."""
        while True:
            try:
                return self.studio.jobs.run(transition)
            except RedisError as error:
                log.warning("Job %s: cannot be settled, Redis is away: %s", self.job.id, error)
                if self.studio.closing.wait(self.studio.settings.heartbeat_seconds):
                    raise

    def _loaded(self, key: str) -> bytes:
        self.check()
        return self._tried(lambda: self.studio.blobs.get(key))

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
