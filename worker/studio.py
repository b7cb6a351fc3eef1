"""What a painting process works with, built once in each process and handed to every task."""

from dataclasses import dataclass, field

from celery import Celery

from shared.blob_store import BlobStore
from shared.job_store import JobStore
from shared.settings import Settings
from worker.capability import Capability
from worker.closing import Closing
from worker.pace import Pace
from worker.summons import Summons


@dataclass(frozen=True, slots=True)
class Studio:
    """The parts of a painting process.

    Attributes:
        closing: is set when the worker is asked to go.
        capability: what can be painted here.
    """

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    queue: Celery
    closing: Closing
    summons: Summons
    capability: Capability
    pace: Pace = field(default_factory=Pace)

    @classmethod
    def open(
        cls, settings: Settings, queue: Celery, closing: Closing, capability: Capability
    ) -> "Studio":
        """Connections of this process's own: none may be shared across a fork."""
        jobs = JobStore.connect(settings.redis_location)
        summons = Summons(jobs)
        summons.start()
        blobs = BlobStore.open(settings.blob_store_location)
        return cls(settings, jobs, blobs, queue, closing, summons, capability)
