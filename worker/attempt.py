"""One worker's attempt at one job: under its fence from claim to commit, however it ends."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from kombu.exceptions import OperationalError
from obstore.exceptions import BaseError as BlobStoreError
from redis import RedisError

from shared import transitions
from shared.blob_store import result_key
from shared.errors import FAILURES, FailureCode
from shared.jobs import BackboneUsed, Inputs, Job, Progress
from shared.queue import publish
from shared.transitions import Kept, Transition
from worker.heartbeat import Heartbeat
from worker.studio import Studio

log = logging.getLogger(__name__)


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
    fence: int
    studio: Studio
    heartbeat: Heartbeat
    _news: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=monotonic)

    def load(self) -> Inputs[bytes]:
        """The normalised pictures, as PNG files."""
        with _storage_faults():
            return self.job.inputs.mapped(self.studio.blobs.get)

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
        self._tell({"progress": progress.to_json()})
        self.check()

    def check(self) -> None:
        """Raises AttemptEnded where the attempt is to end here."""
        if self.heartbeat.heard == "lost":
            raise ClaimLost
        if self.heartbeat.heard == "cancel":
            raise CancelAsked
        if self.studio.closing.is_set():
            raise StudioCloses

    @property
    def seconds_painting(self) -> float:
        """Since the backbone was chosen."""
        return monotonic() - self._began

    def commit(self, picture: bytes) -> None:
        """Makes the picture the job's one result; a late worker's is erased unseen."""
        key = result_key(self.job.id, self.fence)
        with _storage_faults():
            self.studio.blobs.put(key, picture)
        kept = self.settle(
            transitions.succeed(
                self.job.id,
                self.fence,
                result_key=key,
                news=self._news,
                retention_hours=self.studio.settings.retention_hours,
            )
        )
        if kept == "lost":
            self.studio.blobs.delete(key)
            raise ClaimLost

    def settle(self, transition: Transition[Kept]) -> Kept:
        """Runs a last transition; while Redis is away, again and again until the worker goes."""
        while True:
            try:
                return self.studio.jobs.run(transition)
            except RedisError as error:
                log.warning("Job %s: cannot be settled, Redis is away: %s", self.job.id, error)
                if self.studio.closing.wait(self.studio.settings.heartbeat_seconds):
                    raise

    def _tell(self, news: dict[str, str]) -> None:
        self._news |= news
        self.heartbeat.tell(news)


@contextmanager
def attempt_at(job_id: str, studio: Studio) -> Iterator[Attempt | None]:
    """Claims a job and sees the attempt to its end; None where it is not ours to paint."""
    settings = studio.settings
    claim = studio.jobs.run(
        transitions.claim(
            job_id,
            lease_seconds=settings.lease_seconds,
            lost_limit=settings.attempts_limit,
            retention_hours=settings.retention_hours,
        )
    )
    job = studio.jobs.run(transitions.look(job_id))
    if claim.fence is None or job is None:
        log.info("Job %s is not ours to paint: %s", job_id, claim.refusal or "erased")
        yield None
        return
    with Heartbeat(job_id, claim.fence, studio) as heartbeat:
        attempt = Attempt(job, claim.fence, studio, heartbeat)
        with _ending(attempt):
            yield attempt


@contextmanager
def _ending(attempt: Attempt) -> Iterator[None]:
    """Whatever ends the attempt becomes the transition that says so."""
    job_id, fence, studio = attempt.job.id, attempt.fence, attempt.studio
    try:
        yield
        log.info("Job %s: committed", job_id)
    except ClaimLost:
        log.info("Job %s: the claim is lost, its work is thrown away", job_id)
    except CancelAsked:
        log.info("Job %s: canceled", job_id)
        hours = studio.settings.retention_hours
        attempt.settle(transitions.stop(job_id, fence, retention_hours=hours))
    except StudioCloses:
        log.info("Job %s: given back", job_id)
        attempt.settle(transitions.release(job_id, fence))
        _announce(job_id, studio)
    except PaintingFailed as error:
        log.warning("Job %s: %s", job_id, error.code)
        _fail(attempt, error.code)
    except Exception:  # the attempt's edge: one job's fault is no other job's
        log.exception("Job %s: unforeseen", job_id)
        _fail(attempt, "internal_error")


@contextmanager
def _storage_faults() -> Iterator[None]:
    try:
        yield
    except (BlobStoreError, OSError) as error:
        log.warning("Storage: %s", error)
        raise PaintingFailed("storage_failed") from error


def _fail(attempt: Attempt, code: FailureCode) -> None:
    attempt.settle(
        transitions.fail(
            attempt.job.id,
            attempt.fence,
            code=code,
            detail=FAILURES[code],
            retention_hours=attempt.studio.settings.retention_hours,
        )
    )


def _announce(job_id: str, studio: Studio) -> None:
    try:
        publish(studio.queue, job_id)
    except OperationalError as error:
        log.warning("Job %s waits again, but could not be announced: %s", job_id, error)
