"""What a painting process works with, built once in each process and passed to every task."""

from dataclasses import dataclass, field

from celery import Celery

from shared.blob_store import BlobStore
from shared.job_store import JobStore
from shared.settings import Settings
from shared.transitions import Retention
from worker.lease import WakeUps
from worker.registration import Capability, PaintingRate
from worker.shutdown import Shutdown


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The parts of a painting process.

    Attributes:
        shutdown: is set when the worker is to end.
        capability: what can be painted here.
    """

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    queue: Celery
    shutdown: Shutdown
    wake_ups: WakeUps
    capability: Capability
    painting_rate: PaintingRate = field(default_factory=PaintingRate)

    @classmethod
    def open(
        cls, settings: Settings, queue: Celery, shutdown: Shutdown, capability: Capability
    ) -> "WorkerContext":
        """Connections of this process's own: none may be shared across a fork."""
        jobs = JobStore.connect(settings.redis_location)
        wake_ups = WakeUps(jobs)
        wake_ups.start()
        blobs = BlobStore.open(settings.blob_store_location)
        return cls(settings, jobs, blobs, queue, shutdown, wake_ups, capability)

    @property
    def retention(self) -> Retention:
        """How long jobs are retained once they are over."""
        return Retention.from_settings(self.settings)
